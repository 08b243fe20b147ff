//! What can go wrong while a network is fitted.

use std::path::{Path, PathBuf};

use engine::EngineError;
use metrics::MetricError;
use nn::NnError;
use schema::{Code, Problem};

/// An error of this room.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Settings that cannot be used, all of them in one problem.
    #[error("{0}")]
    Config(Box<Problem>),
    /// The engine refused an operation.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The network refused a batch.
    #[error(transparent)]
    Network(#[from] NnError),
    /// The held-out predictions could not be judged.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// There is nothing to learn from.
    #[error("no training records")]
    NoRecords,
    /// Early stopping or the schedule goes by held-out records, and there are none.
    #[error("{what} needs held-out records")]
    NoValidation {
        /// The setting.
        what: &'static str,
    },
    /// The loss or a gradient was infinite or not a number in several steps after one another.
    #[error("{part} is not finite at step {step}, last finite loss {last_loss}")]
    NotFinite {
        /// The loss, or the weight whose gradient it was.
        part: String,
        /// Optimiser step.
        step: usize,
        /// The last loss that was finite; not a number if none was.
        last_loss: f64,
        /// Learning rate of that step.
        learning_rate: f64,
    },
    /// A file or folder of the run could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A checkpoint could not be read or is not what it should be.
    #[error("checkpoint {}: {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl TrainError {
    pub(crate) fn write(path: &Path, source: std::io::Error) -> Self {
        Self::Write {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn checkpoint(path: &Path, reason: impl Into<String>) -> Self {
        Self::Checkpoint {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}

impl From<Problem> for TrainError {
    fn from(problem: Problem) -> Self {
        Self::Config(Box::new(problem))
    }
}

impl From<TrainError> for Problem {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Config(problem) => *problem,
            TrainError::Engine(error) => error.into(),
            TrainError::Network(error) => error.into(),
            TrainError::Metric(error) => error.into(),
            TrainError::NoRecords => Problem::new(Code::Data, "no training records")
                .help("give a table with records whose target is known"),
            TrainError::NoValidation { what } => {
                Problem::new(Code::Config, "needs held-out records, and there are none")
                    .at(what)
                    .help("hold out a fraction with data.validation, or leave it out")
            }
            TrainError::NotFinite {
                part,
                step,
                last_loss,
                learning_rate,
            } => Problem::new(Code::Data, format!("{part} is not finite"))
                .at(format!("step {step}"))
                .got(format!(
                    "last finite loss {last_loss}, learning rate {learning_rate:.3e}"
                ))
                .help("lower `lr`, set `clip_norm`, or look for extreme numbers in the data"),
            TrainError::Write { path, source } => {
                Problem::new(Code::Config, format!("cannot write: {source}"))
                    .at(path.display().to_string())
                    .help("choose a folder that can be written, with --out")
            }
            TrainError::Checkpoint { path, reason } => Problem::new(Code::Artifact, reason)
                .at(path.display().to_string())
                .help("delete it and train without --resume"),
        }
    }
}
