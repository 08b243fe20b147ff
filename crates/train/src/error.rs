//! What can go wrong while a network is fitted.

use std::path::{Path, PathBuf};

use schema::{Code, Problem};

/// An error of this room.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Settings that cannot be used, all of them in one problem.
    #[error("{0}")]
    Config(Box<Problem>),
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
