//! Named answers.

/// What a model says about one record.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// One class.
    Class {
        /// Its name.
        label: String,
        /// Its probability, in [0, 1].
        probability: f64,
        /// Probability of every class, in the order of the fitted target.
        probabilities: Vec<f64>,
    },
    /// A set of labels: those with a probability of at least 0.5.
    Labels {
        /// Their names.
        labels: Vec<String>,
        /// Probability of every label, in the order of the fitted target.
        probabilities: Vec<f64>,
    },
    /// A number.
    Value {
        /// The estimate, in the target's unit.
        value: f64,
        /// Lower end of the interval that held 90 % of held-out records.
        low: f64,
        /// Upper end of that interval.
        high: f64,
    },
}

/// The answer to one record, or why there is none.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Prediction {
    /// Row of the record in its table, from 0.
    pub row: usize,
    /// The answer, or what was wrong with the record.
    pub answer: Result<Answer, String>,
}
