//! Embedding -> logits, and logits -> scores.
//!
//! Every head is the same small network of another width, so a head is one row: how wide its logits are, and what
//! they say. What is minimised is the business of [`loss`](crate::loss).

mod binary;
mod class;
mod multilabel;
mod output;
mod registry;
mod regression;

pub use output::{HeadConfig, Output};
pub use registry::{HEADS, HeadRow, for_task};
