//! Fits one network: the loop, step, schedule, stop, evaluate, checkpoint, resume.
//!
//! Comes in: an untrained `nn::Network`, loaders of batches, a [`TrainerConfig`]. Goes out: the trained weights in
//! place, a history of the epochs, and events for whoever watches. It must not know what the inputs are, which
//! experts stand beside the network, or how a terminal looks.

mod checkpoint;
mod config;
mod control;
mod ema;
mod error;
mod evaluate;
mod events;
mod fit;
mod history;
mod log;
mod measure;
mod named;
mod observer;
mod optimizer;
mod reporter;
mod resume;
mod run;
mod saver;
pub mod schedule;
mod stop;
mod update;

pub use checkpoint::Checkpoint;
pub use config::{PrecisionConfig, TrainerConfig};
pub use control::{Control, StoppedBy};
pub use ema::Ema;
pub use error::TrainError;
pub use evaluate::{Evaluated, evaluate};
pub use events::EventWriter;
pub use fit::{FitContext, fit};
pub use history::{EpochRecord, FitResult, History};
pub use log::EpochLog;
pub use measure::measure_step_secs;
pub use observer::{Event, NoObserver, Observer};
pub use optimizer::{AdamConfig, OPTIMIZERS, OptimizerConfig, SgdConfig};
pub use schedule::{SCHEDULES, Schedule, ScheduleConfig, Warmup};
pub use stop::{EarlyStop, EarlyStopConfig, LOSS, Verdict, Watched};
