//! Losses of linear models: what a record's logits cost and the slope of that.

use rayon::prelude::*;

use super::{Goal, LinearFit};

/// How logits turn into what a model says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Classes: log-softmax; cross-entropy.
    Softmax,
    /// Labels: logits; binary cross-entropy summed over labels.
    Logistic,
    /// Values as they are; half the squared error.
    Identity,
}

impl Link {
    /// Turns a row of logits into scores, in place.
    pub fn finish(self, row: &mut [f32]) {
        if self == Self::Softmax {
            let log_sum = log_sum_exp(row);
            for value in row {
                *value -= log_sum;
            }
        }
    }

    /// Averages scores with those of the mirrored view, in place: in probability for classes.
    pub fn average(self, scores: &mut [f32], mirrored: &[f32]) {
        for (score, other) in scores.iter_mut().zip(mirrored) {
            *score = match self {
                Self::Softmax => {
                    let high = score.max(*other);
                    high + (0.5 * ((*score - high).exp() + (*other - high).exp())).ln()
                }
                Self::Logistic | Self::Identity => 0.5 * (*score + *other),
            };
        }
    }
}

/// Records per piece of a sum: fixed, so that sums do not depend on the number of threads.
const PIECE: usize = 64;

/// The truth, the record weights and their sum.
pub(super) struct Scoring<'a> {
    goal: Goal<'a>,
    num_outputs: usize,
    record_weights: Option<&'a [f32]>,
    total_weight: f64,
}

impl<'a> Scoring<'a> {
    pub(super) fn new(goal: Goal<'a>, fit: &LinearFit<'a>, num_records: usize) -> Self {
        let total: f64 = match fit.record_weights {
            Some(weights) => weights.iter().map(|w| f64::from(*w)).sum(),
            None => num_records as f64,
        };
        Self {
            goal,
            num_outputs: fit.num_outputs,
            record_weights: fit.record_weights,
            total_weight: total.max(f64::MIN_POSITIVE),
        }
    }

    pub(super) fn total_weight(&self) -> f64 {
        self.total_weight
    }

    pub(super) fn num_outputs(&self) -> usize {
        self.num_outputs
    }

    /// Turns the logits of record `record` into their slope and gives the loss, both over `share` of the total.
    pub(super) fn loss(&self, record: usize, logits: &mut [f32], share: f64) -> f64 {
        let weight = self
            .record_weights
            .map_or(1.0, |weights| f64::from(weights[record]));
        let scale = share * weight / self.total_weight;
        let loss = match self.goal {
            Goal::Classes(classes) => cross_entropy(logits, classes[record] as usize),
            Goal::Labels(labels) => binary(logits, row(labels, record, self.num_outputs)),
            Goal::Values(values) => squared(logits, row(values, record, self.num_outputs)),
        };
        for slope in logits {
            *slope *= scale as f32;
        }
        loss * scale
    }

    /// [`Self::loss`] of every record at once, in parallel.
    pub(super) fn losses(&self, logits: &mut [f32]) -> f64 {
        let pieces: Vec<f64> = logits
            .par_chunks_mut(PIECE * self.num_outputs)
            .enumerate()
            .map(|(piece, rows)| {
                rows.chunks_exact_mut(self.num_outputs)
                    .enumerate()
                    .map(|(r, row)| self.loss(piece * PIECE + r, row, 1.0))
                    .sum::<f64>()
            })
            .collect();
        pieces.iter().sum()
    }
}

fn row(values: &[f32], record: usize, width: usize) -> &[f32] {
    &values[record * width..][..width]
}

/// `ln sum exp`, safe for any finite logits.
fn log_sum_exp(row: &[f32]) -> f32 {
    let high = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    high + row.iter().map(|z| (z - high).exp()).sum::<f32>().ln()
}

fn cross_entropy(logits: &mut [f32], class: usize) -> f64 {
    let log_sum = log_sum_exp(logits);
    let loss = f64::from(log_sum - logits[class]);
    for value in logits.iter_mut() {
        *value = (*value - log_sum).exp();
    }
    logits[class] -= 1.0;
    loss
}

fn binary(logits: &mut [f32], labels: &[f32]) -> f64 {
    let mut loss = 0.0;
    for (z, label) in logits.iter_mut().zip(labels) {
        // ln(1 + e^z) - label z, written so that neither end overflows
        let tail = (-z.abs()).exp();
        loss += f64::from(z.max(0.0) + tail.ln_1p() - *label * *z);
        let probability = if *z >= 0.0 {
            1.0 / (1.0 + tail)
        } else {
            tail / (1.0 + tail)
        };
        *z = probability - *label;
    }
    loss
}

fn squared(predicted: &mut [f32], values: &[f32]) -> f64 {
    let mut loss = 0.0;
    for (z, value) in predicted.iter_mut().zip(values) {
        *z -= *value;
        loss += 0.5 * f64::from(*z * *z);
    }
    loss
}

/// Mean loss of scores (as [`super::LinearModel::scores`] gives them), every record alike; lower is better.
pub(super) fn mean_loss(scores: &[f32], goal: Goal<'_>, num_outputs: usize) -> f64 {
    let fit = LinearFit {
        num_outputs,
        record_weights: None,
        l2: 0.0,
        max_iterations: 0,
    };
    let num_records = goal.num_records(num_outputs);
    Scoring::new(goal, &fit, num_records).losses(&mut scores.to_vec())
}
