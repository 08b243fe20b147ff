//! What can go wrong around a report.

use std::{io, path::PathBuf};

use schema::{Code, Problem};

/// Why a report could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The summary of a run cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The summary of a run is not what this version writes.
    #[error("{} is no summary of a run", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A picture's bytes do not fit its size, or it cannot be encoded.
    #[error("cannot encode a picture for the report")]
    Picture {
        /// Why.
        source: image::ImageError,
    },
}

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Self {
        let what = error.to_string();
        match error {
            ReportError::Read { path, source } => {
                Problem::new(Code::Artifact, "cannot read the file")
                    .at(path.display().to_string())
                    .got(source.to_string())
                    .help("is this the folder of a finished run?")
            }
            ReportError::Parse { path, source } => Problem::new(
                Code::Artifact,
                "this is no summary of a run that this version can read",
            )
            .at(path.display().to_string())
            .got(source.to_string())
            .help("train again, or use the version that wrote it"),
            ReportError::Write { path, source } => {
                Problem::new(Code::Data, "cannot write the file")
                    .at(path.display().to_string())
                    .got(source.to_string())
                    .help("check that the disk has room and that you may write there")
            }
            ReportError::Picture { source } => {
                Problem::new(Code::Internal, what).got(source.to_string())
            }
        }
    }
}
