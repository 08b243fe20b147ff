//! What can be wrong with the numbers that are to be judged.

use schema::{Code, Problem, Task};

/// Why predictions could not be judged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricError {
    /// There is no record to judge.
    #[error("no records to evaluate")]
    Empty,
    /// Two lists that belong together differ in length.
    #[error("{what} has {got} values, expected {expected}")]
    Length {
        /// Which list.
        what: &'static str,
        /// Its length.
        got: usize,
        /// The length that fits the truth.
        expected: usize,
    },
    /// Truth and scores, or the task, are of different kinds.
    #[error("{got} given where {expected} are needed")]
    Kind {
        /// What was given.
        got: &'static str,
        /// What is needed.
        expected: String,
    },
    /// A class index beyond the classes.
    #[error("record {row} has class {got} of {num_classes}")]
    ClassIndex {
        /// Position of the record.
        row: usize,
        /// Its class index.
        got: usize,
        /// How many classes there are.
        num_classes: usize,
    },
    /// A row number beyond the records.
    #[error("row {got} asked for, of {num_records} records")]
    RowIndex {
        /// The row number.
        got: usize,
        /// How many records there are.
        num_records: usize,
    },
    /// Infinity or not-a-number.
    #[error("{what} of record {row} is not finite")]
    NotFinite {
        /// Which list.
        what: &'static str,
        /// Position of the record.
        row: usize,
    },
    /// A number outside [0, 1], or probabilities of a record that do not sum to 1.
    #[error("record {row} has {got}, which is no probability distribution")]
    NotProbability {
        /// Position of the record.
        row: usize,
        /// The number outside [0, 1], or the sum.
        got: f64,
    },
    /// A confidence outside (0, 1) or no resamples.
    #[error("{what} is {got}, expected {expected}")]
    Option {
        /// Name of the option.
        what: &'static str,
        /// Its value.
        got: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// The metric has no value on these records.
    #[error("\"{metric}\" is undefined on these records")]
    Undefined {
        /// Name of the metric.
        metric: &'static str,
    },
    /// The metric is for other tasks.
    #[error("\"{metric}\" does not measure {task} predictions")]
    Task {
        /// Name of the metric.
        metric: &'static str,
        /// The task that was asked for.
        task: Task,
    },
}

impl From<MetricError> for Problem {
    fn from(error: MetricError) -> Self {
        let what = error.to_string();
        match error {
            MetricError::Empty => Self::new(Code::Data, what)
                .help("give a table with at least one record whose target is known"),
            MetricError::Undefined { .. } => Self::new(Code::Data, what)
                .help("give records of at least two classes, or choose another metric"),
            MetricError::Option { .. } | MetricError::Task { .. } => Self::new(Code::Config, what),
            _ => Self::new(Code::Internal, what),
        }
    }
}
