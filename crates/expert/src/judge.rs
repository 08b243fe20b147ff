//! Holds answers against the truth: the bridge from this room's numbers to the metrics room.

use data::Truth;
use metrics::{EvaluateOptions, Evaluation, PairedDifference};
use schema::{FittedTarget, Task};

use crate::{Combined, ExpertError};

/// Truth and answers of the records whose truth is known, in the form that metrics take.
pub struct Judged<'a> {
    target: &'a FittedTarget,
    known: Vec<usize>,
    truth: OwnedTruth,
}

enum OwnedTruth {
    Classes(Vec<usize>),
    Labels(Vec<bool>),
    Values(Vec<f64>),
}

impl<'a> Judged<'a> {
    /// Keeps the records whose truth is known.
    pub fn new(target: &'a FittedTarget, truth: &Truth) -> Self {
        let width = target.width();
        let known: Vec<usize> = (0..truth.num_records(width))
            .filter(|record| truth.is_known(*record))
            .collect();
        let truth = match truth.select(&known, width) {
            Truth::Classes(classes) => OwnedTruth::Classes(
                classes
                    .iter()
                    .flatten()
                    .map(|class| *class as usize)
                    .collect(),
            ),
            Truth::Labels(labels) => {
                OwnedTruth::Labels(labels.iter().map(|label| *label > 0.5).collect())
            }
            Truth::Values(values) => OwnedTruth::Values(values),
        };
        Self {
            target,
            known,
            truth,
        }
    }

    /// Positions of the records that are judged.
    pub fn known(&self) -> &[usize] {
        &self.known
    }

    /// Every metric of the task with its interval. `answers` are about all records, known or not.
    ///
    /// # Errors
    /// [`ExpertError::Metric`] if no record is left or a number is not finite.
    pub fn evaluate(
        &self,
        answers: &Combined,
        options: EvaluateOptions<'_>,
    ) -> Result<Evaluation, ExpertError> {
        let values = self.values(answers);
        let scores = self.scores(&values);
        Ok(metrics::evaluate(
            self.target.task,
            &self.target.classes,
            self.truth(),
            scores,
            options,
        )?)
    }

    /// One metric without interval.
    ///
    /// # Errors
    /// [`ExpertError::Metric`] if no record is left or the metric is undefined.
    pub fn value(&self, answers: &Combined, metric: &str) -> Result<f64, ExpertError> {
        let values = self.values(answers);
        let sample = metrics::Sample::new(self.truth(), self.scores(&values))?;
        let metric = metrics::by_name(metric).map_err(ExpertError::Problem)?;
        let view = metrics::View::whole(&sample);
        metric
            .value(&view)
            .ok_or(ExpertError::Metric(metrics::MetricError::Undefined {
                metric: metric.name(),
            }))
    }

    /// How much better `a` is than `b` on the same records.
    ///
    /// # Errors
    /// As [`Judged::value`].
    pub fn compare(
        &self,
        metric: &str,
        a: &Combined,
        b: &Combined,
        options: EvaluateOptions<'_>,
    ) -> Result<PairedDifference, ExpertError> {
        let metric = metrics::by_name(metric).map_err(ExpertError::Problem)?;
        let (a, b) = (self.values(a), self.values(b));
        Ok(metrics::paired_difference(
            metric,
            self.truth(),
            self.scores(&a),
            self.scores(&b),
            options,
        )?)
    }

    fn truth(&self) -> metrics::Truth<'_> {
        match &self.truth {
            OwnedTruth::Classes(labels) => metrics::Truth::Classes {
                labels,
                num_classes: self.target.width(),
            },
            OwnedTruth::Labels(values) => metrics::Truth::Labels {
                values,
                num_labels: self.target.width(),
            },
            OwnedTruth::Values(values) => metrics::Truth::Values(values),
        }
    }

    fn values(&self, answers: &Combined) -> Vec<f64> {
        let width = self.target.width();
        let of = |record: &usize| {
            answers.values[record * width..(record + 1) * width]
                .iter()
                .copied()
        };
        self.known.iter().flat_map(of).collect()
    }

    fn scores<'v>(&self, values: &'v [f64]) -> metrics::Scores<'v> {
        if self.target.task == Task::Regression {
            metrics::Scores::Values(values)
        } else {
            metrics::Scores::Probabilities(values)
        }
    }
}
