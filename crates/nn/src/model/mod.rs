//! Encoders, fusion and head as one network.

mod body;
mod config;
mod network;
mod pack;
mod plan;
mod template;

pub use config::NetworkConfig;
pub use network::{AuxOutput, AuxScores, Losses, Network, NetworkOutput, Scores};
pub use pack::{load_parameters, save_parameters};
pub use plan::{MemoryEstimate, NetworkPlan, PartPlan};
