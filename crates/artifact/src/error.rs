//! What can be wrong with a saved model, or with saving one.

use std::{io, path::PathBuf};

use safetensors::SafeTensorError;
use schema::{Code, Problem};

/// Why a model could not be saved or opened.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The disk refuses.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was tried, such as "write".
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the disk says.
        source: io::Error,
    },
    /// The folder has no manifest.
    #[error("{path} holds no saved model")]
    NotThere {
        /// The folder.
        path: PathBuf,
    },
    /// Saving would delete files that no saved model has.
    #[error("{path} holds other files and is not replaced")]
    Occupied {
        /// The first such file or folder.
        path: PathBuf,
    },
    /// A file that the manifest lists is gone.
    #[error("{file} is missing")]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// A link, a folder or a device stands where a file should.
    #[error("{file} is no regular file")]
    NotRegular {
        /// The file.
        file: PathBuf,
    },
    /// More or fewer bytes than were saved.
    #[error("{file} has another size than when it was saved")]
    Size {
        /// The file.
        file: PathBuf,
        /// Bytes that it has.
        got: u64,
        /// Bytes that were saved.
        expected: u64,
    },
    /// Bytes differ from those that were saved.
    #[error("{file} has changed since it was saved")]
    Changed {
        /// The file.
        file: PathBuf,
        /// SHA-256 of its bytes.
        got: String,
        /// SHA-256 of the bytes that were saved.
        expected: String,
    },
    /// Something is beyond what is safe to read.
    #[error("{file} has too many {what}")]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// What there is too much of, such as "bytes".
        what: &'static str,
        /// How many there are.
        got: u64,
        /// The most that is read.
        limit: u64,
    },
    /// Not JSON, or JSON of another shape.
    #[error("{file} is no valid description")]
    Json {
        /// The file.
        file: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The manifest carries no digest of its own.
    #[error("{file} is no complete manifest")]
    NoDigest {
        /// The manifest.
        file: PathBuf,
    },
    /// Written by a later multifuse.
    #[error("{file} is of a newer format")]
    Newer {
        /// The manifest.
        file: PathBuf,
        /// Its format version.
        got: u64,
        /// The version that this program writes.
        supported: u32,
    },
    /// The manifest lists a file outside the folder, or one twice.
    #[error("{file} lists a file with the name {name:?}")]
    FileName {
        /// The manifest.
        file: PathBuf,
        /// The name.
        name: String,
    },
    /// A part has not exactly one description and one tensor file, or shares its name.
    #[error("{file} does not describe the part {part:?} rightly")]
    Part {
        /// The manifest.
        file: PathBuf,
        /// The part.
        part: String,
    },
    /// Not safetensors, or sizes that do not add up.
    #[error("{file} is no valid tensor file")]
    Tensors {
        /// The file.
        file: PathBuf,
        /// Why.
        source: SafeTensorError,
    },
    /// A tensor of a kind that multifuse does not use.
    #[error("{file} holds a tensor of a kind that is not used")]
    TensorKind {
        /// The file.
        file: PathBuf,
        /// Name and kind.
        got: String,
    },
    /// A part name that is empty, too long, or there twice, when saving.
    #[error("no part can be named {name:?}")]
    PartName {
        /// The name.
        name: String,
    },
    /// A tensor whose shape does not give its number of values, when saving.
    #[error("tensor {tensor:?} of part {part:?} has shape {shape:?} but {got} values")]
    Shape {
        /// The part.
        part: String,
        /// The tensor.
        tensor: String,
        /// Its axis lengths.
        shape: Vec<usize>,
        /// Its number of values.
        got: usize,
    },
}

impl From<ArtifactError> for Problem {
    fn from(error: ArtifactError) -> Self {
        use ArtifactError as E;
        let problem = Self::new(Code::Artifact, error.to_string());
        match error {
            E::Io { doing, source, .. } => io_problem(problem, doing, &source),
            E::NotThere { .. } => problem
                .expected("a folder with a manifest.json")
                .help("`multifuse train` saves a model in the artifact folder of its run"),
            E::Occupied { .. } => problem.help("choose an empty or a new folder"),
            E::Missing { .. } | E::NotRegular { .. } => problem.help(COPY_AGAIN),
            E::Size { got, expected, .. } => problem
                .expected(format!("{expected} bytes"))
                .got(format!("{got} bytes"))
                .help(COPY_AGAIN),
            E::Changed { got, expected, .. } => problem
                .expected(format!("SHA-256 {expected}"))
                .got(got)
                .help(COPY_AGAIN),
            E::TooLarge {
                what, got, limit, ..
            } => problem
                .expected(format!("at most {limit} {what}"))
                .got(format!("{got} {what}")),
            E::Json { source, .. } => problem.got(source.to_string()).help(COPY_AGAIN),
            E::NoDigest { .. } => problem.help(COPY_AGAIN),
            E::Newer { got, supported, .. } => problem
                .expected(format!("format version {supported} or older"))
                .got(format!("format version {got}"))
                .help("upgrade multifuse to use this model"),
            E::FileName { .. } => problem
                .expected("plain names within the folder, each once")
                .help(NOT_OURS),
            E::Part { .. } => problem
                .expected("one .json and one .safetensors file, and a name of its own")
                .help(NOT_OURS),
            E::Tensors { source, .. } => problem.got(source.to_string()).help(NOT_OURS),
            E::TensorKind { got, .. } => problem
                .expected("tensors of F32, F64 or U32")
                .got(got)
                .help(NOT_OURS),
            E::PartName { .. } => problem.expected("1 to 200 bytes, each name once"),
            E::Shape { .. } => Self {
                code: Code::Internal,
                ..problem
            },
        }
    }
}

const COPY_AGAIN: &str = "copy the whole folder again, or train again";
const NOT_OURS: &str =
    "multifuse does not write such files; do not trust where this one comes from";

/// A full disk or a missing right while saving is no fault of the model.
fn io_problem(problem: Problem, doing: &str, source: &io::Error) -> Problem {
    let problem = problem.got(source.to_string());
    match (doing, source.kind()) {
        (_, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => Problem {
            code: Code::Internal,
            ..problem
        }
        .help("make room on the disk; an earlier model in that folder is as it was"),
        ("read", _) => problem,
        _ => problem.help("choose a folder that can be written"),
    }
}
