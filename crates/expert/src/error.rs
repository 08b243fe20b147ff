//! What can go wrong with experts.

use schema::{Code, Problem, Problems, closest};

/// What can go wrong with experts.
#[derive(Debug, thiserror::Error)]
pub enum ExpertError {
    /// A problem that is already in the form for people.
    #[error("{0}")]
    Problem(#[from] Problem),
    /// The configuration of an expert is wrong.
    #[error("expert \"{expert}\" is misconfigured")]
    Config {
        /// Name of the expert.
        expert: String,
        /// Everything that is wrong.
        problems: Vec<Problem>,
    },
    /// Records cannot be read.
    #[error(transparent)]
    Data(#[from] data::DataError),
    /// A tensor operation does not fit.
    #[error(transparent)]
    Engine(#[from] engine::EngineError),
    /// A network cannot be built or run.
    #[error(transparent)]
    Network(#[from] nn::NnError),
    /// A network cannot be fitted.
    #[error(transparent)]
    Train(#[from] train::TrainError),
    /// Answers cannot be judged.
    #[error(transparent)]
    Metric(#[from] metrics::MetricError),
    /// An expert reads a column that the data set lacks.
    #[error("expert \"{expert}\" reads column \"{column}\", which is not there")]
    NoColumn {
        /// Name of the expert.
        expert: String,
        /// Name of the column.
        column: String,
        /// Columns that are there.
        known: Vec<String>,
    },
    /// No kind of expert has this name.
    #[error("no kind of expert \"{name}\"")]
    NoKind {
        /// The name.
        name: String,
        /// Kinds that there are.
        known: Vec<String>,
    },
    /// A setting of an expert cannot be read or is out of range.
    #[error("expert \"{expert}\": {what}")]
    Setting {
        /// Name of the expert.
        expert: String,
        /// What is wrong, with the key.
        what: String,
    },
    /// Too few records have what an expert reads.
    #[error("expert \"{expert}\" has nothing to learn from")]
    NothingToLearn {
        /// Name of the expert.
        expert: String,
        /// Records that have one of its inputs and a known target.
        num_records: usize,
        /// Records in all.
        num_rows: usize,
    },
    /// A saved expert lacks a part or holds something else.
    #[error("saved expert \"{expert}\" has a missing or wrong part \"{part}\"")]
    BadPack {
        /// Name of the expert.
        expert: String,
        /// Name of the part.
        part: String,
    },
    /// The description of a saved part cannot be read or written.
    #[error("saved part \"{part}\" has a wrong description")]
    Description {
        /// Name of the part.
        part: String,
        /// Why.
        source: serde_json::Error,
    },
    /// Numbers grew without bound while fitting.
    #[error("expert \"{expert}\" does not converge: its loss is not finite")]
    NotFinite {
        /// Name of the expert.
        expert: String,
    },
    /// What voices say does not cover the records.
    #[error("voice \"{voice}\" speaks about {got} values, expected {expected}")]
    VoiceLength {
        /// Name of the voice.
        voice: String,
        /// Values it gave.
        got: usize,
        /// Values that the records need.
        expected: usize,
    },
    /// What an interrupted run needs cannot be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No expert fits the data or the time limit.
    #[error("no expert is left to train")]
    NoExpert,
    /// A saved ensemble has no stack.
    #[error("the saved ensemble has no stack")]
    NoStack,
    /// A person ended the run; what was done so far is kept in the run folder.
    #[error("the run was interrupted")]
    Interrupted,
}

impl From<ExpertError> for Problem {
    fn from(error: ExpertError) -> Self {
        let what = error.to_string();
        match error {
            ExpertError::Problem(problem) => problem,
            ExpertError::Config { expert, problems } => {
                let place = format!("expert \"{expert}\"");
                Problems::check(&place, problems)
                    .err()
                    .unwrap_or_else(|| Self::new(Code::Config, what))
            }
            ExpertError::Data(error) => error.into(),
            ExpertError::Engine(error) => error.into(),
            ExpertError::Network(error) => error.into(),
            ExpertError::Train(error) => error.into(),
            ExpertError::Metric(error) => error.into(),
            ExpertError::NoColumn {
                ref column,
                ref known,
                ..
            } => {
                let problem = Self::new(Code::Data, what.clone())
                    .expected(format!("one of {}", known.join(", ")));
                match closest(column, known) {
                    Some(near) => problem.help(format!("did you mean \"{near}\"?")),
                    None => problem,
                }
            }
            ExpertError::NoKind {
                ref name,
                ref known,
            } => Self::new(
                Code::Config,
                format!("{what}{}", schema::known(name, known)),
            ),
            ExpertError::Setting { .. } => Self::new(Code::Config, what)
                .help("`multifuse init` prints every setting with its default"),
            ExpertError::NothingToLearn {
                num_records,
                num_rows,
                ..
            } => Self::new(Code::Data, what)
                .expected("at least 2 records that have one of its inputs and a target")
                .got(format!("{num_records} of {num_rows}")),
            ExpertError::BadPack { .. } | ExpertError::NoStack => {
                Self::new(Code::Artifact, what).help("train the model again with this version")
            }
            ExpertError::Description { ref source, .. } => {
                Self::new(Code::Artifact, what.clone()).got(source.to_string())
            }
            ExpertError::NotFinite { .. } => Self::new(Code::Data, what)
                .help("lower its trainer.lr, or look for extreme numbers with `multifuse inspect`"),
            ExpertError::VoiceLength { .. } => Self::new(Code::Internal, what),
            ExpertError::Write { ref source, .. } => Self::new(Code::Data, what.clone())
                .got(source.to_string())
                .help("choose another --out, or make room on the disk"),
            ExpertError::NoExpert => Self::new(Code::Config, what)
                .help("raise --time-limit, or name experts in a configuration (`multifuse init`)"),
            ExpertError::Interrupted => {
                Self::new(Code::Config, what).help("go on with `--resume` and the same --out")
            }
        }
    }
}
