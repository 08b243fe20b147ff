//! Experts, the stack over them, and the automatic recipe.
//!
//! Comes in: a decoded data set with its truth, and which rows to fit on. Goes out: fitted [`Expert`]s that say
//! scores ([`Voice`]) of any rows, and the stack that weighs voices. It must not know how results are shown, stored
//! on disk or served.

pub mod auto;
pub mod boost;
mod combined;
#[cfg(test)]
mod conformance;
mod ensemble;
mod error;
mod expert;
pub mod image_feature;
mod judge;
mod kernel;
pub mod lbfgs;
pub mod media_feature;
mod network;
mod pack;
pub mod registry;
mod sample;
pub mod softmax_regression;
pub mod stack;
pub mod table;
mod tabular;
pub mod text_ngram;

pub use combined::Combined;
pub use ensemble::{Ensemble, EnsembleFit, EnsemblePlan, Hiding, Part, PartTime, fit};
pub use error::ExpertError;
pub use expert::{Aim, Context, Expert, Kind, Size, Voice};
pub use judge::Judged;
pub use registry::{by_name, forms};
pub use stack::{FittedStack, StackFit};
