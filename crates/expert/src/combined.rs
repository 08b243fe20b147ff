//! What an ensemble, or one voice alone, says in the end: probabilities or values in the target's own unit.

use schema::{Answer, FittedTarget, Task};

use crate::Voice;

/// Answers about `N` records.
#[derive(Debug, Clone, PartialEq)]
pub struct Combined {
    /// Probabilities `[N, K]` (class and label tasks) or values `[N]` in the target's unit.
    pub values: Vec<f64>,
    /// For regression, the interval of each record in the target's unit; empty otherwise.
    pub intervals: Vec<(f64, f64)>,
}

impl Combined {
    /// From scores `[N, K]` on the scale of voices: log-probabilities up to a constant, logits, or scaled values.
    ///
    /// `half_width` is the half-width of the regression interval on the scale that models see.
    pub fn from_scores(target: &FittedTarget, scores: &[f32], half_width: f64) -> Self {
        let width = target.width();
        match (target.task, target.scale) {
            (Task::Regression, Some(scale)) => {
                let at = |score: &f32, shift: f64| scale.invert(f64::from(*score) + shift);
                Self {
                    values: scores.iter().map(|score| at(score, 0.0)).collect(),
                    intervals: scores
                        .iter()
                        .map(|s| (at(s, -half_width), at(s, half_width)))
                        .collect(),
                }
            }
            (Task::Multilabel, _) => Self {
                values: scores
                    .iter()
                    .map(|logit| 1.0 / (1.0 + (-f64::from(*logit)).exp()))
                    .collect(),
                intervals: Vec::new(),
            },
            _ => Self {
                values: scores.chunks(width).flat_map(softmax).collect(),
                intervals: Vec::new(),
            },
        }
    }

    /// One voice alone; records about which it has nothing to say get the prior (or the mean).
    pub fn from_voice(target: &FittedTarget, voice: &Voice) -> Self {
        let width = target.width();
        let prior = prior_scores(target);
        let mut scores = voice.scores.clone();
        for (record, present) in voice.present.iter().enumerate() {
            if !present {
                scores[record * width..(record + 1) * width].copy_from_slice(&prior);
            }
        }
        Self::from_scores(target, &scores, 0.0)
    }

    /// The prior of the training records for each of `num_records`: what one knows without looking.
    pub fn prior(target: &FittedTarget, num_records: usize) -> Self {
        let scores: Vec<f32> = prior_scores(target)
            .iter()
            .copied()
            .cycle()
            .take(num_records * target.width())
            .collect();
        Self::from_scores(target, &scores, 0.0)
    }

    /// The answers about some records only; `width` is the width of the model's output.
    #[must_use]
    pub fn select(&self, records: &[usize], width: usize) -> Self {
        let values = |record: &usize| {
            self.values[record * width..(record + 1) * width]
                .iter()
                .copied()
        };
        let intervals = if self.intervals.is_empty() {
            &[]
        } else {
            records
        };
        Self {
            values: records.iter().flat_map(values).collect(),
            intervals: intervals
                .iter()
                .map(|record| self.intervals[*record])
                .collect(),
        }
    }

    /// The named answer to one record.
    pub fn answer(&self, target: &FittedTarget, record: usize) -> Answer {
        let width = target.width();
        if target.task == Task::Regression {
            let (low, high) = self.intervals[record];
            return Answer::Value {
                value: self.values[record],
                low,
                high,
            };
        }
        let probabilities = self.values[record * width..(record + 1) * width].to_vec();
        if target.task == Task::Multilabel {
            let labels = target.classes.iter().zip(&probabilities);
            let labels = labels
                .filter(|(_, p)| **p >= 0.5)
                .map(|(label, _)| label.clone())
                .collect();
            return Answer::Labels {
                labels,
                probabilities,
            };
        }
        let best = (0..width).max_by(|a, b| {
            // The first of equal classes wins, so the order of classes decides ties, not the sort.
            probabilities[*a]
                .total_cmp(&probabilities[*b])
                .then(b.cmp(a))
        });
        let best = best.unwrap_or(0);
        Answer::Class {
            label: target.classes[best].clone(),
            probability: probabilities[best],
            probabilities,
        }
    }
}

/// The prior on the scale of voices.
pub(crate) fn prior_scores(target: &FittedTarget) -> Vec<f32> {
    /// Keeps the logarithm finite for a label that no training record has.
    const LEAST: f64 = 1e-6;
    match target.task {
        Task::Regression => vec![0.0],
        Task::Multilabel => {
            let odds = |p: &f64| {
                let p = p.clamp(LEAST, 1.0 - LEAST);
                (p / (1.0 - p)).ln() as f32
            };
            target.prior.iter().map(odds).collect()
        }
        Task::Binary | Task::Class => target
            .prior
            .iter()
            .map(|p| p.max(LEAST).ln() as f32)
            .collect(),
    }
}

fn softmax(scores: &[f32]) -> Vec<f64> {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exps: Vec<f64> = scores
        .iter()
        .map(|score| f64::from(score - most).exp())
        .collect();
    let sum: f64 = exps.iter().sum();
    exps.iter().map(|exp| exp / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Scale;

    fn classes() -> FittedTarget {
        FittedTarget {
            column: "label".into(),
            task: Task::Class,
            classes: vec!["a".into(), "b".into(), "c".into()],
            scale: None,
            prior: vec![0.5, 0.25, 0.25],
        }
    }

    #[test]
    fn a_silent_voice_gives_the_prior() {
        let voice = Voice {
            name: "v".into(),
            inputs: vec![],
            present: vec![false, true],
            scores: vec![9.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        };
        let combined = Combined::from_voice(&classes(), &voice);
        let expected = [0.5, 0.25, 0.25, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0];
        // f32 logarithms of the prior are exact to 1e-7.
        assert!(
            combined
                .values
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-6)
        );
    }

    #[test]
    fn ties_go_to_the_first_class() {
        let combined = Combined::from_scores(&classes(), &[-1.0, 0.0, 0.0], 0.0);
        match combined.answer(&classes(), 0) {
            Answer::Class { label, .. } => assert_eq!(label, "b"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_value_comes_back_in_its_own_unit_with_its_interval() {
        let target = FittedTarget {
            column: "price".into(),
            task: Task::Regression,
            classes: vec![],
            scale: Some(Scale {
                log: true,
                mean: 10.0,
                deviation: 2.0,
            }),
            prior: vec![],
        };
        let combined = Combined::from_scores(&target, &[0.0], 0.5);
        assert!((combined.values[0] - 10_f64.exp()).abs() < 1e-6);
        assert_eq!(combined.intervals, [(9_f64.exp(), 11_f64.exp())]);
    }
}
