//! Fits one network: the loop, step, schedule, stop, evaluate, checkpoint, resume.
//!
//! Comes in: an untrained `nn::Network`, loaders of batches, a [`TrainerConfig`]. Goes out: the trained weights in
//! place, a history of the epochs, and events for whoever watches. It must not know what the inputs are, which
//! experts stand beside the network, or how a terminal looks.

pub mod schedule;

pub use schedule::{Schedule, ScheduleConfig, Warmup};
