//! What can go wrong in this room.

use engine::EngineError;
use schema::{Code, Modality, Problem, Problems};

/// An error of layers, encoders, fusions, heads or the network.
#[derive(Debug, thiserror::Error)]
pub enum NnError {
    /// The engine refused an operation.
    #[error("{0}")]
    Engine(#[from] EngineError),
    /// An operation of the engine failed inside a named part.
    #[error("{part}: {source}")]
    Part {
        /// Part of the network, such as `encoder.photo`.
        part: String,
        /// What the engine said.
        source: EngineError,
    },
    /// Settings that cannot be built, all that were found.
    #[error("{}", list(.0))]
    Settings(Vec<Problem>),
    /// An encoder was given numbers of another kind or width than it was built for.
    #[error("input \"{column}\": got {got}, expected {expected}")]
    Input {
        /// Column of the input.
        column: String,
        /// What came.
        got: String,
        /// What the encoder was built for.
        expected: String,
    },
    /// A batch has another number of inputs or records than the network needs.
    #[error("batch: got {got}, expected {expected}")]
    Batch {
        /// What came.
        got: String,
        /// What was needed.
        expected: String,
    },
    /// A column was given to an encoder that cannot read its modality.
    #[error("encoder \"{encoder}\" does not read {modality} (column \"{column}\")")]
    Modality {
        /// Column of the input.
        column: String,
        /// The encoder's name.
        encoder: &'static str,
        /// What the column holds.
        modality: Modality,
    },
    /// Embeddings of unlike widths reached a fusion that needs one width.
    #[error("fusion {fusion}: embedding \"{input}\" is [B, D={got}], expected D={expected}")]
    EmbedDim {
        /// The fusion's name.
        fusion: &'static str,
        /// Input whose embedding has another width.
        input: String,
        /// Its width.
        got: usize,
        /// The width of the plan.
        expected: usize,
    },
    /// The truth of a batch is missing or of another kind than the task.
    #[error("target: got {got}, expected {expected}")]
    Target {
        /// What came.
        got: String,
        /// What the task needs.
        expected: String,
    },
    /// A saved network lacks a tensor or holds one of another size.
    #[error("weight `{name}`: got {got}, expected {expected}")]
    Weight {
        /// Name of the parameter.
        name: String,
        /// What was found.
        got: String,
        /// What the network needs.
        expected: String,
    },
    /// The description of a saved network does not parse.
    #[error("description of a saved network: {0}")]
    Description(#[from] serde_json::Error),
}

fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

impl NnError {
    /// Names the part of the network in which an engine error arose; other errors already say where.
    #[must_use]
    pub(crate) fn in_part(self, part: &str) -> Self {
        match self {
            Self::Engine(source) => Self::Part {
                part: part.to_owned(),
                source,
            },
            other => other,
        }
    }
}

impl From<NnError> for Problem {
    fn from(error: NnError) -> Self {
        let what = error.to_string();
        match error {
            NnError::Engine(_) | NnError::Part { .. } => Self::new(Code::Internal, what),
            NnError::Settings(problems) => match Problems::check("the network", problems) {
                Err(problem) => problem,
                Ok(()) => Self::new(Code::Internal, "settings were refused without a reason"),
            },
            NnError::Input {
                column,
                got,
                expected,
            } => Self::new(Code::Internal, "input of another kind than the network's")
                .at(format!("column \"{column}\""))
                .got(got)
                .expected(expected),
            NnError::Batch { got, expected } => Self::new(Code::Internal, "batch does not fit")
                .got(got)
                .expected(expected),
            NnError::Modality { ref column, .. } => {
                Self::new(Code::Config, what.clone()).at(format!("encoders.{column}.type"))
            }
            NnError::EmbedDim { .. } => Self::new(Code::Config, what)
                .help("leave `project` of the encoders at true, or use fusion \"concat\""),
            NnError::Target { got, expected } => {
                Self::new(Code::Internal, "target of another kind than the task's")
                    .got(got)
                    .expected(expected)
            }
            NnError::Weight {
                name,
                got,
                expected,
            } => Self::new(Code::Artifact, "weight does not fit the network")
                .at(format!("`{name}`"))
                .got(got)
                .expected(expected)
                .help("train again, or use the model with the version that wrote it"),
            NnError::Description(_) => Self::new(Code::Artifact, what),
        }
    }
}
