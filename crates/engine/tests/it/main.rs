//! The engine through its public face.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod golden;
mod torch_layer;
mod torch_loss;
mod torch_optimiser;
mod gradient_check;
mod misuse;
mod determinism;
mod behaviour;
