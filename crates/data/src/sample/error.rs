//! What can go wrong while a set is written.

use std::{io, path::PathBuf};

use schema::{Code, Problem};

/// Why a generated set could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// Fewer records than the set can be drawn with.
    #[error("sample \"{set}\" needs at least {least} records, got {got}")]
    TooFewRecords {
        /// Name of the set.
        set: &'static str,
        /// Records asked for.
        got: usize,
        /// Smallest number.
        least: usize,
    },
    /// The folder cannot be made: its place is a file, read-only or not there.
    #[error("cannot make the folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written, such as on a full disk.
    #[error("cannot write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A picture that was drawn cannot be encoded.
    #[error("cannot encode the picture {}", path.display())]
    Picture {
        /// Where it would lie.
        path: PathBuf,
        /// Why.
        source: image::ImageError,
    },
    /// A row of a table cannot be written.
    #[error("cannot write a row of {}", path.display())]
    Row {
        /// The table.
        path: PathBuf,
        /// Why.
        source: csv::Error,
    },
}

impl From<SampleError> for Problem {
    fn from(error: SampleError) -> Self {
        match error {
            SampleError::TooFewRecords { set, got, least } => Problem::new(
                Code::Config,
                format!("too few records for sample \"{set}\""),
            )
            .at("--records")
            .got(got.to_string())
            .expected(format!("at least {least}")),
            SampleError::Folder { path, source } => {
                Problem::new(Code::Data, "cannot make the folder")
                    .at(path.display().to_string())
                    .got(source.to_string())
                    .help("choose a folder that you may write to")
            }
            SampleError::File { path, source } => Problem::new(Code::Data, "cannot write the file")
                .at(path.display().to_string())
                .got(source.to_string())
                .help("check that the disk has room and that you may write there"),
            SampleError::Picture { path, source } => {
                Problem::new(Code::Internal, "cannot encode the picture")
                    .at(path.display().to_string())
                    .got(source.to_string())
            }
            SampleError::Row { path, source } => Problem::new(Code::Data, "cannot write a row")
                .at(path.display().to_string())
                .got(source.to_string()),
        }
    }
}
