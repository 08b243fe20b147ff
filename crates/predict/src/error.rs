//! What can go wrong between an artifact and an answer.

use std::path::PathBuf;

use artifact::ArtifactError;
use data::DataError;
use expert::ExpertError;
use schema::{Code, Problem, closest};

/// What can go wrong between an artifact and an answer.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// The folder holds neither a run nor an artifact.
    #[error("{} holds no trained model", .0.display())]
    NoModel(PathBuf),
    /// The artifact cannot be opened.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The table cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// An expert cannot speak.
    #[error(transparent)]
    Expert(#[from] ExpertError),
    /// None of the input columns is in the table.
    #[error("the table has none of the model's input columns")]
    NoInput {
        /// Input columns of the model.
        inputs: Vec<String>,
        /// Columns of the table.
        columns: Vec<String>,
    },
    /// A name that is no input column of the model.
    #[error("no input column \"{name}\"")]
    NotAnInput {
        /// What was asked for.
        name: String,
        /// Input columns of the model.
        inputs: Vec<String>,
    },
    /// A single record cannot be read.
    #[error("the record cannot be read: {0}")]
    BadRecord(String),
    /// No record is left to judge.
    #[error("no record is left to judge")]
    NothingToJudge {
        /// How many records were left out by reason.
        skipped: Vec<(String, usize)>,
    },
    /// Answers cannot be written.
    #[error("answers cannot be written to {}: {reason}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file ending that stands for no format of answers.
    #[error("no format for answers ends in {got:?}")]
    Format {
        /// The file.
        path: PathBuf,
        /// Its ending.
        got: String,
    },
}

impl From<PredictError> for Problem {
    fn from(error: PredictError) -> Self {
        let what = error.to_string();
        match error {
            PredictError::NoModel(_) => Self::new(Code::Artifact, what)
                .expected("a run folder, or the artifact folder in it")
                .help("`multifuse train` writes one"),
            PredictError::Artifact(error) => error.into(),
            PredictError::Data(error) => error.into(),
            PredictError::Expert(error) => error.into(),
            PredictError::NoInput { inputs, columns } => Self::new(Code::Data, what)
                .expected(format!("at least one of {}", inputs.join(", ")))
                .got(columns.join(", ")),
            PredictError::NotAnInput { name, inputs } => {
                let problem =
                    Self::new(Code::Config, what).expected(format!("one of {}", inputs.join(", ")));
                match closest(&name, &inputs) {
                    Some(near) => problem.help(format!("did you mean \"{near}\"?")),
                    None => problem,
                }
            }
            PredictError::BadRecord(_) => Self::new(Code::Data, what),
            PredictError::NothingToJudge { skipped } => {
                let reasons: Vec<String> = skipped
                    .iter()
                    .map(|(reason, count)| format!("{count} {reason}"))
                    .collect();
                let got = if reasons.is_empty() {
                    "an empty table".to_owned()
                } else {
                    reasons.join(", ")
                };
                Self::new(Code::Data, what).got(got)
            }
            PredictError::Write { .. } => Self::new(Code::Data, what)
                .help("choose another place with --out, or make room on the disk"),
            PredictError::Format { .. } => {
                Self::new(Code::Config, what).expected(".csv, .jsonl or .parquet")
            }
        }
    }
}
