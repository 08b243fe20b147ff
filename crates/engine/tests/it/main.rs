//! The engine through its public face.

mod golden;
mod torch_layer;
mod torch_loss;
mod torch_optimiser;
mod gradient_check;
mod misuse;
mod determinism;
mod behaviour;
