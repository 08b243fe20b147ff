//! Fits one network: the loop, step, schedule, stop, evaluate, checkpoint, resume.
//!
//! Comes in: an untrained `nn::Network`, loaders of batches, a [`TrainerConfig`]. Goes out: the trained weights in
//! place, a history of the epochs, and events for whoever watches. It must not know what the inputs are, which
//! experts stand beside the network, or how a terminal looks.

//WAIT mod config;
mod control;
mod error;
mod events;
mod history;
mod log;
mod named;
mod observer;
mod optimizer;
pub mod schedule;
mod stop;

//WAIT pub use config::TrainerConfig;
pub use control::{Control, StoppedBy};
pub use error::TrainError;
pub use events::EventWriter;
pub use history::{EpochRecord, FitResult, History};
pub use log::EpochLog;
pub use observer::{Event, NoObserver, Observer};
pub use optimizer::{AdamConfig, OPTIMIZERS, OptimizerConfig, SgdConfig};
pub use schedule::{Schedule, ScheduleConfig, Warmup};
pub use stop::{EarlyStop, EarlyStopConfig, LOSS, Verdict, Watched};
