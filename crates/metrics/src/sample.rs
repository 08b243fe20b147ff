//! Truth beside scores, checked once and then judged by any number of metrics.

use std::sync::OnceLock;

use schema::Task;

use crate::{MetricError, order::Order};

/// What is known about the records.
#[derive(Debug, Clone, Copy)]
pub enum Truth<'a> {
    /// One class a record (binary and class tasks).
    Classes {
        /// Class index of each record, `N` long.
        labels: &'a [usize],
        /// Number of classes, `K`.
        num_classes: usize,
    },
    /// Any set of labels a record (multilabel).
    Labels {
        /// `[N, K]` row-major; true where the label applies.
        values: &'a [bool],
        /// Number of labels, `K`.
        num_labels: usize,
    },
    /// A number a record (regression), `N` long.
    Values(&'a [f64]),
}

impl Truth<'_> {
    /// Whether this kind of truth belongs to a task. Two classes serve binary and class alike.
    pub fn fits(&self, task: Task) -> bool {
        match self {
            Self::Classes { num_classes, .. } => match task {
                Task::Binary => *num_classes == 2,
                Task::Class => true,
                Task::Multilabel | Task::Regression => false,
            },
            Self::Labels { .. } => task == Task::Multilabel,
            Self::Values(_) => task == Task::Regression,
        }
    }

    /// The kind in words.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Classes { .. } => "classes",
            Self::Labels { .. } => "label sets",
            Self::Values(_) => "values",
        }
    }
}

/// What a model said about the records.
#[derive(Debug, Clone, Copy)]
pub enum Scores<'a> {
    /// `[N, K]` row-major probabilities; `K` = 2 for binary. Rows of single-label tasks sum to 1.
    Probabilities(&'a [f64]),
    /// One estimate a record, in the target's unit, `N` long.
    Values(&'a [f64]),
}

impl<'a> Scores<'a> {
    /// The numbers, whatever they mean.
    pub(crate) fn numbers(&self) -> &'a [f64] {
        match self {
            Self::Probabilities(numbers) | Self::Values(numbers) => numbers,
        }
    }
}

/// What the records are sorted by; each order is made once and serves every resample.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key {
    /// A column of the scores.
    Score(usize),
    /// The true value.
    Truth,
    /// |truth - score|.
    AbsoluteError,
    /// |truth - score| / |truth|; infinite where the truth is 0.
    RelativeError,
}

/// Truth and scores of `N` records that have passed every check.
#[derive(Debug)]
pub struct Sample<'a> {
    truth: Truth<'a>,
    scores: &'a [f64],
    num_records: usize,
    width: usize,
    predicted: Vec<usize>,
    orders: Vec<OnceLock<Order>>,
}

/// How far probabilities may leave [0, 1], and their sum 1: models compute in `f32`, sums over 1000 classes lose digits.
const PROBABILITY_TOL: f64 = 1e-3;

impl<'a> Sample<'a> {
    /// Puts scores beside the truth.
    ///
    /// # Errors
    /// [`MetricError`] if there are no records, kinds or lengths do not fit, a class is out of range, or a number
    /// is not finite or no probability.
    pub fn new(truth: Truth<'a>, scores: Scores<'a>) -> Result<Self, MetricError> {
        let (num_records, width) = check_truth(&truth)?;
        check_scores(&truth, &scores, num_records, width)?;
        let numbers = scores.numbers();
        let predicted = match truth {
            Truth::Classes { .. } => numbers.chunks_exact(width).map(top_class).collect(),
            Truth::Labels { .. } | Truth::Values(_) => Vec::new(),
        };
        // Score columns first, then the three keys of values.
        let orders = (0..width + 3).map(|_| OnceLock::new()).collect();
        Ok(Self {
            truth,
            scores: numbers,
            num_records,
            width,
            predicted,
            orders,
        })
    }

    /// Number of records, `N`.
    pub fn num_records(&self) -> usize {
        self.num_records
    }

    /// Scores a record: classes, labels, or 1.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The truth.
    pub fn truth(&self) -> Truth<'a> {
        self.truth
    }

    /// The scores, `[N, width]`.
    pub fn scores(&self) -> &'a [f64] {
        self.scores
    }

    /// Class with the highest probability of each record, the first of equals; empty unless the truth is classes.
    pub fn predicted(&self) -> &[usize] {
        &self.predicted
    }

    /// The records from the highest to the lowest key.
    pub(crate) fn order(&self, key: Key) -> &Order {
        let slot = match key {
            Key::Score(column) => column,
            Key::Truth => self.width,
            Key::AbsoluteError => self.width + 1,
            Key::RelativeError => self.width + 2,
        };
        self.orders[slot].get_or_init(|| match key {
            Key::Score(column) => Order::descending(&self.column(column)),
            Key::Truth => Order::descending(&self.true_values()),
            Key::AbsoluteError => Order::descending(&self.errors(|error, _| error.abs())),
            Key::RelativeError => Order::descending(&self.errors(relative)),
        })
    }

    fn column(&self, column: usize) -> Vec<f64> {
        let column = self.scores.iter().skip(column).step_by(self.width);
        column.copied().collect()
    }

    fn true_values(&self) -> Vec<f64> {
        match self.truth {
            Truth::Values(values) => values.to_vec(),
            Truth::Classes { labels, .. } => labels.iter().map(|label| *label as f64).collect(),
            Truth::Labels { .. } => vec![0.0; self.num_records],
        }
    }

    fn errors(&self, measure: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        let truth = self.true_values();
        let pairs = truth.iter().zip(self.column(0));
        pairs
            .map(|(truth, score)| measure(truth - score, *truth))
            .collect()
    }
}

/// Size of an error relative to the truth; infinite for a truth of 0.
pub(crate) fn relative(error: f64, truth: f64) -> f64 {
    if truth == 0.0 {
        f64::INFINITY
    } else {
        (error / truth).abs()
    }
}

fn top_class(probabilities: &[f64]) -> usize {
    let mut top = 0;
    for (class, probability) in probabilities.iter().enumerate() {
        if *probability > probabilities[top] {
            top = class;
        }
    }
    top
}

/// Number of records and scores a record.
fn check_truth(truth: &Truth<'_>) -> Result<(usize, usize), MetricError> {
    let (num_records, width) = match truth {
        Truth::Classes {
            labels,
            num_classes,
        } => {
            let wrong = labels.iter().position(|label| label >= num_classes);
            if let Some(row) = wrong {
                return Err(MetricError::ClassIndex {
                    row,
                    got: labels[row],
                    num_classes: *num_classes,
                });
            }
            (labels.len(), *num_classes)
        }
        Truth::Labels { values, num_labels } => {
            let num_records = values.len().checked_div(*num_labels).unwrap_or(0);
            if num_records * num_labels != values.len() {
                return Err(MetricError::Length {
                    what: "truth",
                    got: values.len(),
                    expected: num_records * num_labels,
                });
            }
            (num_records, *num_labels)
        }
        Truth::Values(values) => {
            check_finite("truth", values, 1)?;
            (values.len(), 1)
        }
    };
    if num_records == 0 {
        return Err(MetricError::Empty);
    }
    Ok((num_records, width))
}

fn check_scores(
    truth: &Truth<'_>,
    scores: &Scores<'_>,
    num_records: usize,
    width: usize,
) -> Result<(), MetricError> {
    let numbers = match (truth, scores) {
        (Truth::Values(_), Scores::Values(numbers)) => numbers,
        (Truth::Classes { .. } | Truth::Labels { .. }, Scores::Probabilities(numbers)) => numbers,
        (Truth::Values(_), Scores::Probabilities(_)) => {
            return Err(MetricError::Kind {
                got: "probabilities",
                expected: "values".into(),
            });
        }
        (_, Scores::Values(_)) => {
            return Err(MetricError::Kind {
                got: "values",
                expected: "probabilities".into(),
            });
        }
    };
    if numbers.len() != num_records * width {
        return Err(MetricError::Length {
            what: "scores",
            got: numbers.len(),
            expected: num_records * width,
        });
    }
    check_finite("score", numbers, width)?;
    match truth {
        Truth::Values(_) => Ok(()),
        Truth::Labels { .. } => check_range(numbers, width),
        Truth::Classes { .. } => {
            check_range(numbers, width)?;
            check_sums(numbers, width)
        }
    }
}

fn check_finite(what: &'static str, numbers: &[f64], width: usize) -> Result<(), MetricError> {
    match numbers.iter().position(|number| !number.is_finite()) {
        Some(place) => Err(MetricError::NotFinite {
            what,
            row: place / width,
        }),
        None => Ok(()),
    }
}

fn check_range(numbers: &[f64], width: usize) -> Result<(), MetricError> {
    let allowed = -PROBABILITY_TOL..=1.0 + PROBABILITY_TOL;
    match numbers.iter().position(|number| !allowed.contains(number)) {
        Some(place) => Err(MetricError::NotProbability {
            row: place / width,
            got: numbers[place],
        }),
        None => Ok(()),
    }
}

fn check_sums(numbers: &[f64], width: usize) -> Result<(), MetricError> {
    for (row, probabilities) in numbers.chunks_exact(width).enumerate() {
        let sum: f64 = probabilities.iter().sum();
        if (sum - 1.0).abs() > PROBABILITY_TOL {
            return Err(MetricError::NotProbability { row, got: sum });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(labels: &[usize]) -> Truth<'_> {
        Truth::Classes {
            labels,
            num_classes: 2,
        }
    }

    #[test]
    fn refuses_what_does_not_fit_and_says_where() {
        let error = |truth, scores| Sample::new(truth, scores).unwrap_err().to_string();
        assert_eq!(
            error(classes(&[]), Scores::Probabilities(&[])),
            "no records to evaluate"
        );
        assert_eq!(
            error(classes(&[0, 2]), Scores::Probabilities(&[0.5; 4])),
            "record 1 has class 2 of 2"
        );
        assert_eq!(
            error(classes(&[0, 1]), Scores::Probabilities(&[0.5; 3])),
            "scores has 3 values, expected 4"
        );
        assert_eq!(
            error(classes(&[0]), Scores::Values(&[0.5])),
            "values given where probabilities are needed"
        );
        assert_eq!(
            error(
                classes(&[0, 1]),
                Scores::Probabilities(&[0.5, 0.5, 0.5, 0.1])
            ),
            "record 1 has 0.6, which is no probability distribution"
        );
        assert_eq!(
            error(Truth::Values(&[1.0, 2.0]), Scores::Values(&[1.0, f64::NAN])),
            "score of record 1 is not finite"
        );
        let ragged = Truth::Labels {
            values: &[true; 5],
            num_labels: 2,
        };
        assert_eq!(
            error(ragged, Scores::Probabilities(&[0.5; 4])),
            "truth has 5 values, expected 4"
        );
    }

    #[test]
    fn the_first_of_equal_classes_is_predicted() {
        let scores = [0.5, 0.5, 0.2, 0.8];
        let sample = Sample::new(classes(&[0, 1]), Scores::Probabilities(&scores)).unwrap();
        assert_eq!(sample.predicted(), [0, 1]);
    }
}
