//! Layers, encoders, fusions, heads, losses, and the network made of them.
//!
//! Fourth room of the flow. In come host batches (`schema::Batch`) and the widths that the data room fitted; out go
//! logits, one loss to minimise, and scores. It knows the engine's tape and no file, no table, no training loop.
//!
//! - [`Network`] is built from a [`NetworkConfig`]: an encoder a column, one fusion, one head.
//! - [`encoder`], [`fusion`], [`head`] and [`loss`] each have a registry: one file and one line a component.
//! - [`layer`] alone, with [`Scope`] and the engine's tape, is enough to write a network by hand; see
//!   `examples/seed_model.rs`.

#[cfg(test)]
mod conformance;
pub mod encoder;
mod error;
pub mod fusion;
pub mod head;
mod input;
pub mod layer;
pub mod loss;
mod model;
mod presence;
mod scope;
mod settings;

pub use error::NnError;
pub use input::{InputInfo, InputWidth};
pub use model::{
    AuxOutput, AuxScores, Losses, MemoryEstimate, Network, NetworkConfig, NetworkOutput,
    NetworkPlan, PartPlan, Scores, load_parameters, save_parameters,
};
pub use presence::Presence;
pub use scope::{Init, Scope, column_step};
pub use settings::{Check, Parse};
