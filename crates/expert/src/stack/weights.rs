//! One non-negative weight a voice, fitted on records that no voice saw in training.

use rayon::prelude::*;
use schema::Task;

use super::terms::Terms;
use crate::{Aim, lbfgs::Lbfgs};

/// Weight that a voice has before anything speaks for or against it.
const START: f64 = 0.5;
/// Pull towards [`START`] in the loss of classes and labels.
const PULL: f64 = 1e-3;
/// Further pull that matters only where records are few, times 1 / N.
const PULL_FEW: f64 = 0.1;
/// Pull towards equal means in the loss of values, times 1 / N: a hundred records move the weights half way.
const PULL_MEANS: f64 = 10.0;
/// Width of the rounded tip of the absolute error, in deviations of the target.
const TIP: f64 = 0.02;
/// Below this a weight is 0.
pub(super) const LEAST_WEIGHT: f64 = 1e-3;
/// Records a piece of a sum covers; fixed, so that sums do not depend on the number of threads.
const PIECE: usize = 256;
/// Numbers a voice may bring to a fit; a few weights need no more records.
const MAX_TERMS: usize = 4_000_000;
/// But at least this many records.
const MIN_RECORDS: usize = 2_000;

/// What weights are fitted on.
#[derive(Clone, Copy)]
pub(super) struct WeightFit<'a> {
    pub(super) task: Task,
    pub(super) terms: &'a Terms,
    pub(super) aim: &'a Aim,
    /// Records with a known truth, shuffled.
    pub(super) records: &'a [usize],
    /// How strongly the last voice is pulled towards 1 and the others towards 0, where the last is the sum of voices
    /// that were weighed before; `None` where all voices are weighed alike.
    pub(super) beside: Option<f64>,
}

impl WeightFit<'_> {
    /// Weights of the voices of `mask`, 0 for the others.
    pub(super) fn weights(&self, mask: &[bool]) -> Vec<f64> {
        let voices: Vec<usize> = (0..mask.len()).filter(|voice| mask[*voice]).collect();
        let hears = |record: &&usize| voices.iter().any(|v| self.terms.present[*v][**record]);
        let most = (MAX_TERMS / self.terms.width).max(MIN_RECORDS);
        let records: Vec<usize> = self
            .records
            .iter()
            .filter(hears)
            .take(most)
            .copied()
            .collect();
        let fitted = match (voices.len(), records.len()) {
            (0, _) => Vec::new(),
            (count, 0) => vec![self.start(count); count],
            _ => self.squares(&voices, &records),
        };
        let mut weights = vec![0.0; mask.len()];
        for (voice, weight) in voices.into_iter().zip(fitted) {
            weights[voice] = if weight < LEAST_WEIGHT { 0.0 } else { weight };
        }
        weights
    }

    /// Weights are squares, so that they stay non-negative without bounds.
    ///
    /// They need not sum to 1 for values either: two inputs that tell of the target apart from one another each say
    /// less than both together, so estimates that lean to the mean, each for lack of the other, must add up to more.
    fn squares(&self, voices: &[usize], records: &[usize]) -> Vec<f64> {
        let (anchors, pull) = self.anchors(voices, records.len());
        let start = self.start(voices.len());
        let mut roots = vec![start.sqrt(); voices.len()];
        minimiser().minimise(&mut roots, |roots, slopes| {
            let weights: Vec<f64> = roots.iter().map(|root| root * root).collect();
            let (mut loss, by_weight) = self.mean_loss(voices, records, &weights);
            let offs = weights
                .iter()
                .zip(&anchors)
                .map(|(weight, anchor)| weight - anchor);
            for ((slope, root), (off, by)) in slopes.iter_mut().zip(roots).zip(offs.zip(by_weight))
            {
                loss += pull * off.powi(2);
                *slope = (by + 2.0 * pull * off) * 2.0 * root;
            }
            loss
        });
        roots.into_iter().map(|root| root * root).collect()
    }

    /// Weight of each of so many voices before anything speaks for or against them.
    fn start(&self, count: usize) -> f64 {
        if self.task == Task::Regression {
            1.0 / count as f64
        } else {
            START
        }
    }

    /// Where weights are pulled to, and how strongly.
    fn anchors(&self, voices: &[usize], num_records: usize) -> (Vec<f64>, f64) {
        let is_sum = |voice: usize| voice + 1 == self.terms.num_voices();
        let start = self.start(voices.len());
        if self.task == Task::Regression {
            return (vec![start; voices.len()], PULL_MEANS / num_records as f64);
        }
        let anchor = |voice: &usize| match self.beside {
            Some(_) => f64::from(u8::from(is_sum(*voice))),
            None => start,
        };
        let pull = PULL + PULL_FEW / num_records as f64 + self.beside.unwrap_or(0.0);
        (voices.iter().map(anchor).collect(), pull)
    }

    /// Mean loss over records and its slope by the weight of each of `voices`.
    fn mean_loss(&self, voices: &[usize], records: &[usize], weights: &[f64]) -> (f64, Vec<f64>) {
        let share = 1.0 / records.len() as f64;
        let pieces: Vec<(f64, Vec<f64>)> = records
            .par_chunks(PIECE)
            .map(|records| {
                let mut slopes = vec![0.0; voices.len()];
                let mut scores = vec![0.0; self.terms.width];
                let mut loss = 0.0;
                for record in records {
                    scores.fill(0.0);
                    for (voice, weight) in voices.iter().zip(weights) {
                        self.terms.add(*voice, *record, *weight, &mut scores);
                    }
                    loss += self.loss(*record, &mut scores);
                    for (slope, voice) in slopes.iter_mut().zip(voices) {
                        let row = self.terms.row(*voice, *record);
                        *slope += row
                            .iter()
                            .zip(&scores)
                            .map(|(t, s)| f64::from(*t) * s)
                            .sum::<f64>();
                    }
                }
                (loss, slopes)
            })
            .collect();
        let mut total = (0.0, vec![0.0; voices.len()]);
        for (loss, slopes) in pieces {
            total.0 += loss * share;
            for (total, slope) in total.1.iter_mut().zip(slopes) {
                *total += slope * share;
            }
        }
        total
    }

    /// Loss of one record; its slope by the scores takes their place.
    pub(super) fn loss(&self, record: usize, scores: &mut [f64]) -> f64 {
        match self.aim {
            Aim::Classes(classes) => cross_entropy(scores, classes[record] as usize),
            Aim::Labels(labels) => {
                let width = scores.len();
                binary(scores, &labels[record * width..][..width])
            }
            Aim::Values(values) => {
                let off = scores[0] - f64::from(values[record]);
                let rounded = (off * off + TIP * TIP).sqrt();
                scores[0] = off / rounded;
                rounded - TIP
            }
        }
    }
}

fn minimiser() -> Lbfgs {
    Lbfgs {
        gradient_tolerance: 1e-7,
        value_tolerance: 1e-10,
        ..Lbfgs::default()
    }
}

fn cross_entropy(scores: &mut [f64], class: usize) -> f64 {
    let high = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|score| (score - high).exp()).sum();
    let loss = high + sum.ln() - scores[class];
    for score in scores.iter_mut() {
        *score = (*score - high).exp() / sum;
    }
    scores[class] -= 1.0;
    loss
}

/// Mean over labels, so that the pull means the same for any number of them.
fn binary(scores: &mut [f64], labels: &[f32]) -> f64 {
    let share = 1.0 / scores.len() as f64;
    let mut loss = 0.0;
    for (score, label) in scores.iter_mut().zip(labels) {
        let label = f64::from(*label);
        let tail = (-score.abs()).exp();
        loss += score.max(0.0) + tail.ln_1p() - label * *score;
        let probability = if *score >= 0.0 { 1.0 } else { tail } / (1.0 + tail);
        *score = (probability - label) * share;
    }
    loss * share
}
