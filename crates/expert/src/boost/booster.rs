//! Rounds of trees on the slopes of a loss.

use rayon::prelude::*;
use schema::{Rng, Seed};

use super::{
    bins::Binned,
    tree::{Grower, Growth, Tree},
};
use crate::Aim;

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Two classes: one tree a round, logistic loss.
    Binary,
    /// Several classes: one tree a class and round, cross-entropy.
    Class,
    /// Labels: one tree a label and round, logistic loss each.
    Multilabel,
    /// Values: squared error.
    Squared,
    /// Values: absolute error; leaves are medians.
    Absolute,
}

/// How boosting runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BoostFit {
    pub(super) objective: Objective,
    pub(super) max_rounds: usize,
    pub(super) learning_rate: f64,
    pub(super) growth: Growth,
    pub(super) max_bins: usize,
    /// Share of records that a round sees.
    pub(super) subsample: f64,
    /// Share of features that a round sees.
    pub(super) feature_share: f64,
    /// Rounds without a better loss on watched records after which it ends.
    pub(super) patience: usize,
}

/// Records as features `[N, F]` with their truth.
#[derive(Clone, Copy)]
pub(super) struct Sample<'a> {
    pub(super) features: &'a [f32],
    pub(super) width: usize,
    pub(super) aim: &'a Aim,
    pub(super) weights: Option<&'a [f32]>,
}

impl Sample<'_> {
    fn num_records(&self) -> usize {
        self.features.len() / self.width.max(1)
    }
}

/// Fitted rounds of trees.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Booster {
    pub(super) objective: Objective,
    /// What is said before the first tree, by output.
    pub(super) base: Vec<f32>,
    /// Round after round, one tree an output; leaf values include the learning rate.
    pub(super) trees: Vec<Tree>,
}

/// Records scored by one task of a thread.
const PIECE: usize = 256;

impl Booster {
    /// Fits on a sample; stops early by the loss on watched records, if there are any, and keeps the best round.
    pub(super) fn fit(
        sample: Sample<'_>,
        num_outputs: usize,
        watched: Option<Sample<'_>>,
        fit: BoostFit,
        seed: Seed,
    ) -> Self {
        let num_outputs = if fit.objective == Objective::Binary {
            1
        } else {
            num_outputs
        };
        let binned = Binned::new(sample.features, sample.width, fit.max_bins);
        let mut booster = Self {
            objective: fit.objective,
            base: base(fit.objective, sample, num_outputs),
            trees: Vec::new(),
        };
        let mut scores = booster.base.repeat(sample.num_records());
        let mut watched = watched
            .filter(|watched| watched.num_records() > 0)
            .map(|sample| Watch {
                sample,
                scores: booster.base.repeat(sample.num_records()),
                best: (f64::INFINITY, 0),
            });
        if let Some(watched) = &mut watched {
            watched.best.0 = loss(fit.objective, watched.sample, &watched.scores);
        }
        for round in 0..fit.max_rounds {
            let mut rng = seed.named("round").at(round as u64).rng();
            let trees = booster.round(&binned, sample, &scores, fit, &mut rng);
            add(&trees, sample, &mut scores);
            if let Some(watched) = &mut watched {
                add(&trees, watched.sample, &mut watched.scores);
            }
            booster.trees.extend(trees);
            if watched
                .as_mut()
                .is_some_and(|watched| watched.is_over(fit, round + 1))
            {
                break;
            }
        }
        if let Some(watched) = watched {
            booster.trees.truncate(watched.best.1 * num_outputs);
        }
        booster
    }

    /// Number of rounds kept.
    pub(super) fn num_rounds(&self) -> usize {
        self.trees.len() / self.base.len()
    }

    fn round(
        &self,
        binned: &Binned,
        sample: Sample<'_>,
        scores: &[f32],
        fit: BoostFit,
        rng: &mut Rng,
    ) -> Vec<Tree> {
        let records = drawn(sample.num_records(), fit.subsample, rng);
        let features = drawn(sample.width, fit.feature_share, rng);
        let features: Vec<usize> = features
            .into_iter()
            .map(|feature| feature as usize)
            .collect();
        let slopes = slopes(fit.objective, sample, scores, self.base.len());
        slopes
            .iter()
            .enumerate()
            .map(|(output, slopes)| {
                let mut records = records.clone();
                let grower = Grower {
                    binned,
                    slopes,
                    features: &features,
                    growth: fit.growth,
                };
                let (mut tree, leaves) = grower.grow(&mut records);
                if let (Objective::Absolute, Aim::Values(values)) = (fit.objective, sample.aim) {
                    for (node, start, end) in leaves {
                        let off = records[start..end].iter().map(|record| {
                            let place = *record as usize * self.base.len() + output;
                            values[place] - scores[place]
                        });
                        tree.nodes[node].value = median(off.collect());
                    }
                }
                for node in &mut tree.nodes {
                    node.value *= fit.learning_rate as f32;
                }
                tree
            })
            .collect()
    }

    /// Scores `[N, K]` of features `[N, F]`: log-odds, logits or values; see [`Objective`].
    pub(super) fn scores(&self, features: &[f32], width: usize) -> Vec<f32> {
        let num_records = features.len() / width.max(1);
        let mut scores = self.base.repeat(num_records);
        let rows = features.par_chunks(PIECE * width.max(1));
        scores
            .par_chunks_mut(PIECE * self.base.len())
            .zip(rows)
            .for_each(|(scores, rows)| {
                for (scores, row) in scores
                    .chunks_exact_mut(self.base.len())
                    .zip(rows.chunks_exact(width))
                {
                    for (place, tree) in self.trees.iter().enumerate() {
                        scores[place % self.base.len()] += tree.nodes[tree.leaf(row)].value;
                    }
                }
            });
        scores
    }
}

struct Watch<'a> {
    sample: Sample<'a>,
    scores: Vec<f32>,
    /// Least loss, and after how many rounds.
    best: (f64, usize),
}

impl Watch<'_> {
    fn is_over(&mut self, fit: BoostFit, num_rounds: usize) -> bool {
        let loss = loss(fit.objective, self.sample, &self.scores);
        if loss < self.best.0 {
            self.best = (loss, num_rounds);
        }
        num_rounds - self.best.1 >= fit.patience
    }
}

fn add(trees: &[Tree], sample: Sample<'_>, scores: &mut [f32]) {
    let rows = sample.features.chunks_exact(sample.width);
    for (scores, row) in scores.chunks_exact_mut(trees.len()).zip(rows) {
        for (score, tree) in scores.iter_mut().zip(trees) {
            *score += tree.nodes[tree.leaf(row)].value;
        }
    }
}

/// A share of `0..count`, ascending; at least one.
fn drawn(count: usize, share: f64, rng: &mut Rng) -> Vec<u32> {
    let mut all: Vec<u32> = (0..count as u32).collect();
    let wanted = ((count as f64 * share).round() as usize).clamp(1.min(count), count);
    if wanted < count {
        rng.shuffle(&mut all);
        all.truncate(wanted);
        all.sort_unstable();
    }
    all
}

/// The constant that fits best: log-odds, centred log-shares, mean or median.
fn base(objective: Objective, sample: Sample<'_>, num_outputs: usize) -> Vec<f32> {
    let weight = |record: usize| {
        sample
            .weights
            .map_or(1.0, |weights| f64::from(weights[record]))
    };
    let total: f64 = (0..sample.num_records()).map(weight).sum();
    let share = |sum: f64| (sum / total.max(f64::MIN_POSITIVE)).clamp(1e-6, 1.0 - 1e-6);
    let odds = |share: f64| (share / (1.0 - share)).ln() as f32;
    match sample.aim {
        Aim::Classes(classes) => {
            let mut sums = vec![0.0; num_outputs.max(2)];
            for (record, class) in classes.iter().enumerate() {
                sums[*class as usize] += weight(record);
            }
            if objective == Objective::Binary {
                return vec![odds(share(sums[1]))];
            }
            let logs: Vec<f64> = sums.into_iter().map(|sum| share(sum).ln()).collect();
            let mean = logs.iter().sum::<f64>() / logs.len() as f64;
            logs.into_iter().map(|log| (log - mean) as f32).collect()
        }
        Aim::Labels(labels) => (0..num_outputs)
            .map(|label| {
                let own = labels.iter().skip(label).step_by(num_outputs).enumerate();
                odds(share(
                    own.map(|(record, label)| weight(record) * f64::from(*label))
                        .sum(),
                ))
            })
            .collect(),
        Aim::Values(values) if objective == Objective::Absolute => vec![median(values.clone())],
        Aim::Values(values) => {
            let sum: f64 = values
                .iter()
                .enumerate()
                .map(|(r, v)| weight(r) * f64::from(*v))
                .sum();
            vec![(sum / total.max(f64::MIN_POSITIVE)) as f32]
        }
    }
}

fn median(mut values: Vec<f32>) -> f32 {
    values.sort_by(f32::total_cmp);
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[count / 2],
        count => 0.5 * (values[count / 2 - 1] + values[count / 2]),
    }
}

fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + (-z).exp())
}

/// Slope and curvature of every record's loss, by output.
fn slopes(
    objective: Objective,
    sample: Sample<'_>,
    scores: &[f32],
    num_outputs: usize,
) -> Vec<Vec<(f32, f32)>> {
    let num_records = sample.num_records();
    let mut slopes = vec![Vec::with_capacity(num_records); num_outputs];
    for (record, row) in scores.chunks_exact(num_outputs).enumerate() {
        let weight = sample.weights.map_or(1.0, |weights| weights[record]);
        let high = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = row.iter().map(|score| (score - high).exp()).sum();
        for (output, score) in row.iter().enumerate() {
            let truth = match sample.aim {
                Aim::Classes(classes) if objective == Objective::Binary => classes[record] as f32,
                Aim::Classes(classes) => f32::from(u8::from(classes[record] as usize == output)),
                Aim::Labels(values) | Aim::Values(values) => values[record * num_outputs + output],
            };
            let (slope, curvature) = match objective {
                Objective::Squared => (score - truth, 1.0),
                Objective::Absolute => ((score - truth).signum(), 1.0),
                Objective::Class => {
                    let share = (score - high).exp() / sum;
                    (share - truth, share * (1.0 - share))
                }
                Objective::Binary | Objective::Multilabel => {
                    let share = sigmoid(*score);
                    (share - truth, share * (1.0 - share))
                }
            };
            slopes[output].push((weight * slope, weight * curvature));
        }
    }
    slopes
}

/// Mean loss of scores; lower is better.
fn loss(objective: Objective, sample: Sample<'_>, scores: &[f32]) -> f64 {
    let num_outputs = scores.len() / sample.num_records().max(1);
    let binary = |score: f32, truth: f32| {
        f64::from(score.max(0.0) + (-score.abs()).exp().ln_1p() - truth * score)
    };
    let total: f64 = scores
        .chunks_exact(num_outputs.max(1))
        .enumerate()
        .map(|(record, row)| match sample.aim {
            Aim::Classes(classes) if objective == Objective::Binary => {
                binary(row[0], classes[record] as f32)
            }
            Aim::Classes(classes) => {
                let high = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let sum: f32 = row.iter().map(|score| (score - high).exp()).sum();
                f64::from(high + sum.ln() - row[classes[record] as usize])
            }
            Aim::Labels(labels) => {
                let labels = &labels[record * num_outputs..][..num_outputs];
                row.iter()
                    .zip(labels)
                    .map(|(score, label)| binary(*score, *label))
                    .sum()
            }
            Aim::Values(values) => {
                let off = f64::from(row[0] - values[record]);
                if objective == Objective::Absolute {
                    off.abs()
                } else {
                    0.5 * off * off
                }
            }
        })
        .sum();
    total / sample.num_records().max(1) as f64
}
