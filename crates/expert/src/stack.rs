//! The stack: a few non-negative numbers that say how much each voice counts.
//!
//! Scores of a record are the weighted sum of what its voices say (log-probabilities, logits or values). Weights are
//! fitted on held-out records, so a voice that only learned its training records by heart counts little, and a voice
//! that says nothing new drowns nobody. A missing modality is a pattern with weights of its own.
//!
//! # Source
//! Breiman 1996, "Stacked regressions"; own measurements (scalars beat a full regression over all log-probabilities
//! on a few hundred held-out records).

mod pattern;
mod terms;
mod weights;

use data::Truth;
use schema::{FittedTarget, Seed, Task};
use serde::{Deserialize, Serialize};

use crate::{Aim, ExpertError, Voice, combined::prior_scores};
use pattern::Pattern;
use terms::Terms;
use weights::WeightFit;

/// Folds of the held-out records in which weights are fitted apart, for scores that are honest.
const NUM_FOLDS: usize = 5;
/// Up to so many records of classes or labels, a modality must show that it helps.
const FEW_RECORDS: usize = 1000;
/// Pull towards the sum of crossed voices alone, for one group of held-out records: what a few patients say for a
/// network may not hold for the next.
const PULL_BESIDE: f64 = 0.25;
/// Share of held-out records that the interval of a value covers.
const COVERAGE: f64 = 0.9;

/// Fitted weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedStack {
    /// The voices that count, in the order of every list below.
    voices: Vec<String>,
    /// Weights by pattern of present voices; the first has all of them.
    patterns: Vec<PatternWeights>,
    /// Half-width of the interval of a value, in the target's scale; 0 for other tasks.
    half_width: f64,
}

/// Weights where just some voices are present.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PatternWeights {
    present: Vec<bool>,
    weights: Vec<f64>,
}

/// A fitted stack and what it says of the records that it was fitted on.
#[derive(Debug, Clone, PartialEq)]
pub struct StackFit {
    /// The stack.
    pub stack: FittedStack,
    /// Scores `[N, K]` of the held-out records by weights that were fitted on the other records.
    pub scores: Vec<f32>,
}

/// Which of the records and voices of a fit are heard how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The first so many records are held out from every voice; of the others only some voices speak.
    pub num_held_out: usize,
    /// Groups among the held-out records, such as patients: what is independent of one another.
    pub num_groups: usize,
    /// Names of the voices that speak of all records, each time without having seen them.
    pub crossed: Vec<String>,
}

/// Fits weights on what voices say of records that they did not see.
///
/// Voices that speak of every record are weighed on all of them first; then their sum is weighed beside the other
/// voices on the held-out records. `truth` belongs to the records by position; those whose truth is unknown take no
/// part. Scores are given of the held-out records.
///
/// # Errors
/// [`ExpertError::VoiceLength`] if a voice does not cover the records.
pub fn fit(
    target: &FittedTarget,
    truth: &Truth,
    voices: &[Voice],
    heard: &Heard,
    seed: Seed,
) -> Result<StackFit, ExpertError> {
    let num_records = truth.num_records(target.width());
    let num_held_out = heard.num_held_out.min(num_records);
    let terms = Terms::new(target, voices, num_records)?;
    let aim = aim_of(target, truth);
    let known = |first: usize, end: usize| (first..end).filter(|r| truth.is_known(*r)).collect();
    let mut records: Vec<usize> = known(0, num_held_out);
    seed.named("order").rng().shuffle(&mut records);
    let stacker = Stacker {
        target,
        terms: &terms,
        aim: &aim,
        num_held_out,
        num_groups: heard.num_groups,
        more: known(num_held_out, num_records),
        is_crossed: terms
            .names
            .iter()
            .map(|name| heard.crossed.contains(name))
            .collect(),
    };
    let kept = stacker.kept(&stacker.telling(&records), &records);
    let patterns = stacker.pattern_weights(&kept, &records);
    let mut scores = stacker.crossed(&kept, &records);
    scores.truncate(num_held_out * target.width());
    let half_width = stacker.half_width(&scores, &records);
    let stack = FittedStack::new(&terms.names, patterns, half_width);
    Ok(StackFit { stack, scores })
}

/// The truth as numbers; unknown ones are 0 and never used.
fn aim_of(target: &FittedTarget, truth: &Truth) -> Aim {
    match truth {
        Truth::Classes(classes) => Aim::Classes(classes.iter().map(|c| c.unwrap_or(0)).collect()),
        Truth::Labels(labels) => Aim::Labels(labels.clone()),
        Truth::Values(values) => {
            let scaled = |value: &f64| target.scale.map_or(*value, |scale| scale.apply(*value));
            Aim::Values(values.iter().map(|value| scaled(value) as f32).collect())
        }
    }
}

/// Everything that weights are fitted from, over and over with different voices and records.
struct Stacker<'a> {
    target: &'a FittedTarget,
    terms: &'a Terms,
    aim: &'a Aim,
    num_held_out: usize,
    num_groups: usize,
    /// Records behind the held-out ones, of which only crossed voices speak.
    more: Vec<usize>,
    /// By voice.
    is_crossed: Vec<bool>,
}

impl Stacker<'_> {
    /// Weights of the voices of `mask`. `like` are the records behind the held-out ones that count.
    fn weights(&self, mask: &[bool], records: &[usize], like: &[usize]) -> Vec<f64> {
        let of = |crossed: bool| -> Vec<bool> {
            let pairs = mask.iter().zip(&self.is_crossed);
            pairs
                .map(|(wanted, own)| *wanted && *own == crossed)
                .collect()
        };
        let (quick, slow) = (of(true), of(false));
        if like.is_empty() || !quick.contains(&true) {
            return self.fit(records).weights(mask);
        }
        let all: Vec<usize> = records.iter().chain(like).copied().collect();
        let mut weights = self.fit(&all).weights(&quick);
        if slow.contains(&true) {
            // What the quick voices say together is one voice beside the others.
            let terms = self.terms.with_sum(&weights);
            let beside = WeightFit {
                terms: &terms,
                beside: Some(PULL_BESIDE / self.num_groups.max(1) as f64),
                ..self.fit(records)
            };
            let mask: Vec<bool> = slow.iter().copied().chain([true]).collect();
            let mut outer = beside.weights(&mask);
            let of_quick = outer.pop().unwrap_or(1.0);
            for (weight, outer) in weights.iter_mut().zip(outer) {
                *weight = *weight * of_quick + outer;
            }
        }
        weights
    }

    fn fit<'r>(&'r self, records: &'r [usize]) -> WeightFit<'r> {
        WeightFit {
            task: self.target.task,
            terms: self.terms,
            aim: self.aim,
            records,
            beside: None,
        }
    }

    /// The voices that, each alone and at its own best scale, tell more than the prior does, by more than the noise of
    /// its held-out loss; all of them if none does. The weight of any other is an accident of the records: one that says
    /// nearly the same of each may have any weight, such as the head of a network that had no time to learn.
    fn telling(&self, records: &[usize]) -> Vec<bool> {
        let all: Vec<usize> = records.iter().chain(&self.more).copied().collect();
        let prior = prior_scores(self.target).repeat(self.terms.num_records);
        let tells = |voice: usize| {
            let records = if self.is_crossed[voice] {
                &all
            } else {
                records
            };
            let mask: Vec<bool> = (0..self.terms.num_voices()).map(|v| v == voice).collect();
            let said = self.crossed_over(&mask, records, &[]);
            is_clearly_less(&self.losses(&said, records), &self.losses(&prior, records))
        };
        let telling: Vec<bool> = (0..self.terms.num_voices()).map(tells).collect();
        if telling.contains(&true) {
            telling
        } else {
            vec![true; telling.len()]
        }
    }

    /// The voices that take part. For values, and where there are few records, a modality beyond the best one must
    /// lower the held-out error by more than its noise: with few records a further voice is otherwise more likely to
    /// hurt.
    fn kept(&self, voices: &[bool], records: &[usize]) -> Vec<bool> {
        if self.target.task != Task::Regression && records.len() + self.more.len() > FEW_RECORDS {
            return voices.to_vec();
        }
        let families = self.terms.families(voices);
        let all: Vec<usize> = records.iter().chain(&self.more).copied().collect();
        // Where every voice speaks of all records, all of them say which modality helps.
        let (records, more) = match self.is_crossed.iter().all(|crossed| *crossed) {
            true => (all.as_slice(), &[][..]),
            false => (records, self.more.as_slice()),
        };
        let loss = |mask: &[bool]| self.losses(&self.crossed_over(mask, records, more), records);
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len().max(1) as f64;
        let mut alone: Vec<(f64, &Vec<bool>)> = families
            .iter()
            .map(|family| (mean(&loss(family)), family))
            .collect();
        alone.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut kept = match alone.first() {
            Some((_, best)) => (*best).clone(),
            None => return voices.to_vec(),
        };
        let mut kept_loss = loss(&kept);
        for (_, family) in alone.iter().skip(1) {
            let wider: Vec<bool> = kept.iter().zip(*family).map(|(a, b)| *a || *b).collect();
            let wider_loss = loss(&wider);
            if is_clearly_less(&wider_loss, &kept_loss) {
                (kept, kept_loss) = (wider, wider_loss);
            }
        }
        kept
    }

    /// Weights of every pattern; with all voices, only those of `kept` count.
    fn pattern_weights(&self, kept: &[bool], records: &[usize]) -> Vec<PatternWeights> {
        let both = |a: &[bool], b: &[bool]| -> Vec<bool> {
            a.iter().zip(b).map(|(a, b)| *a && *b).collect()
        };
        let weigh = |pattern: &Pattern| {
            let wanted = both(&pattern.weighed, kept);
            let mask = if wanted.contains(&true) {
                wanted
            } else {
                // None of the kept voices is left: the others may speak if they beat silence.
                let others = self.crossed_over(&pattern.weighed, records, &self.more);
                let silence = vec![0.0; others.len()];
                let is_silent = self.target.task == Task::Regression
                    && !is_clearly_less(
                        &self.losses(&others, records),
                        &self.losses(&silence, records),
                    );
                pattern
                    .weighed
                    .iter()
                    .map(|weighed| *weighed && !is_silent)
                    .collect()
            };
            let own = |records: &[usize], is_own: &dyn Fn(&usize) -> bool| -> Vec<usize> {
                let is_own = |record: &usize| !pattern.natural || is_own(record);
                records.iter().copied().filter(is_own).collect()
            };
            let is_own = |record: &usize| self.terms.mask(*record) == pattern.heard;
            let is_like = |record: &usize| {
                let mut voices = self.is_crossed.iter().enumerate();
                voices.all(|(voice, crossed)| {
                    !crossed || self.terms.present[voice][*record] == pattern.heard[voice]
                })
            };
            let (own, like) = (own(records, &is_own), own(&self.more, &is_like));
            PatternWeights {
                present: pattern.heard.clone(),
                weights: self.weights(&mask, &own, &like),
            }
        };
        pattern::patterns(self.terms, records)
            .iter()
            .map(weigh)
            .collect()
    }

    /// Scores of every record by the stack that records of other folds give; unknown records by all of them.
    fn crossed(&self, kept: &[bool], records: &[usize]) -> Vec<f32> {
        self.by_fold(records, |fitted_on, answered| {
            let patterns = self.pattern_weights(kept, fitted_on);
            self.scores(&patterns, answered)
        })
    }

    /// Like [`Self::crossed`] with one set of weights over the voices of `mask`.
    fn crossed_over(&self, mask: &[bool], records: &[usize], more: &[usize]) -> Vec<f32> {
        self.by_fold(records, |fitted_on, answered| {
            let weights = PatternWeights {
                present: vec![true; mask.len()],
                weights: self.weights(mask, fitted_on, more),
            };
            self.scores(&[weights], answered)
        })
    }

    fn by_fold(
        &self,
        records: &[usize],
        answer: impl Fn(&[usize], &[usize]) -> Vec<f32>,
    ) -> Vec<f32> {
        let width = self.terms.width;
        let mut scores = vec![0.0; self.terms.num_records * width];
        let mut put = |answered: &[usize], answers: Vec<f32>| {
            for (record, answer) in answered.iter().zip(answers.chunks_exact(width)) {
                scores[record * width..][..width].copy_from_slice(answer);
            }
        };
        let mut is_known = vec![false; self.terms.num_records];
        records.iter().for_each(|record| is_known[*record] = true);
        let unknown: Vec<usize> = (0..self.num_held_out)
            .filter(|record| !is_known[*record])
            .collect();
        put(&unknown, answer(records, &unknown));
        let num_folds = NUM_FOLDS.min(records.len());
        for fold in 0..num_folds {
            let is_out = |place: usize| num_folds > 1 && place % num_folds == fold;
            let pick = |out: bool| -> Vec<usize> {
                let places = (0..records.len()).filter(|place| is_out(*place) == out);
                places.map(|place| records[place]).collect()
            };
            let answered = pick(true);
            put(&answered, answer(&pick(false), &answered));
        }
        scores
    }

    /// Scores of some records by given weights.
    fn scores(&self, patterns: &[PatternWeights], records: &[usize]) -> Vec<f32> {
        let prior = prior_scores(self.target);
        let mut scores = Vec::with_capacity(records.len() * self.terms.width);
        for record in records {
            let mask = self.terms.mask(*record);
            scores.extend(answer(
                self.target.task,
                patterns,
                self.terms,
                (*record, &mask),
                &prior,
            ));
        }
        scores
    }

    /// The loss of each known record.
    fn losses(&self, scores: &[f32], records: &[usize]) -> Vec<f64> {
        let fit = self.fit(records);
        let width = self.terms.width;
        let loss = |record: &usize| {
            let mut row: Vec<f64> = scores[record * width..][..width]
                .iter()
                .map(|s| f64::from(*s))
                .collect();
            fit.loss(*record, &mut row)
        };
        records.iter().map(loss).collect()
    }

    /// Half-width that covers the usual share of held-out records (split conformal prediction).
    fn half_width(&self, scores: &[f32], records: &[usize]) -> f64 {
        let Aim::Values(values) = self.aim else {
            return 0.0;
        };
        let mut off: Vec<f64> = records
            .iter()
            .map(|r| f64::from((scores[*r] - values[*r]).abs()))
            .collect();
        off.sort_by(f64::total_cmp);
        let rank = ((off.len() + 1) as f64 * COVERAGE).ceil() as usize;
        off.get(rank.min(off.len()).saturating_sub(1))
            .copied()
            .unwrap_or(0.0)
    }
}

/// Whether the mean of `a` is below that of `b` by more than a standard error of their paired difference.
fn is_clearly_less(a: &[f64], b: &[f64]) -> bool {
    let count = a.len() as f64;
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| b - a).collect();
    let mean = differences.iter().sum::<f64>() / count;
    let variance =
        differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    mean > (variance / count).sqrt()
}

/// Scores of one record: the weighted sum over its voices; the prior if it has none that counts.
fn answer(
    task: Task,
    patterns: &[PatternWeights],
    terms: &Terms,
    (record, present): (usize, &[bool]),
    prior: &[f32],
) -> Vec<f32> {
    let own = patterns.iter().find(|pattern| pattern.present == present);
    let Some(pattern) = own.or(patterns.first()) else {
        return prior.to_vec();
    };
    let mut scores = vec![0.0; prior.len()];
    let mut heard = false;
    for (voice, weight) in pattern.weights.iter().enumerate() {
        if present[voice] && *weight > 0.0 {
            terms.add(voice, record, *weight, &mut scores);
            heard = true;
        }
    }
    if !heard {
        return prior.to_vec();
    }
    if task.is_single_label() {
        let high = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let log_sum = high + scores.iter().map(|s| (s - high).exp()).sum::<f64>().ln();
        return scores
            .iter()
            .map(|score| (score - log_sum) as f32)
            .collect();
    }
    scores.iter().map(|score| *score as f32).collect()
}

impl FittedStack {
    /// Keeps the voices that count in some pattern.
    fn new(names: &[String], patterns: Vec<PatternWeights>, half_width: f64) -> Self {
        let counts = |voice: usize| patterns.iter().any(|pattern| pattern.weights[voice] > 0.0);
        let kept: Vec<usize> = (0..names.len()).filter(|voice| counts(*voice)).collect();
        let mut own: Vec<PatternWeights> = Vec::new();
        for pattern in &patterns {
            let present: Vec<bool> = kept.iter().map(|voice| pattern.present[*voice]).collect();
            if own.iter().all(|other| other.present != present) {
                let weights = kept.iter().map(|voice| pattern.weights[*voice]).collect();
                own.push(PatternWeights { present, weights });
            }
        }
        Self {
            voices: kept.iter().map(|voice| names[*voice].clone()).collect(),
            patterns: own,
            half_width,
        }
    }

    /// Whether any voice of an expert counts: the voice of its name, or one of its parts (`name/part`).
    pub fn listens_to(&self, expert: &str) -> bool {
        let is_of = |voice: &String| {
            voice
                .strip_prefix(expert)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.voices.iter().any(is_of)
    }

    /// Each voice that counts and its weight where all are present.
    pub fn weights(&self) -> impl Iterator<Item = (&str, f64)> {
        let first = self
            .patterns
            .first()
            .map_or(&[][..], |pattern| &pattern.weights);
        self.voices
            .iter()
            .map(String::as_str)
            .zip(first.iter().copied())
    }

    /// Half-width of the interval that held 90 % of held-out records, in the target's scale; 0 unless regression.
    pub fn half_width(&self) -> f64 {
        self.half_width
    }

    /// Puts together what voices say of `num_records` records: `[N, K]` log-probabilities, logits or scaled values.
    ///
    /// Voices that do not count are passed over; one that is not there counts as absent for every record. A record
    /// without any voice gets the prior.
    ///
    /// # Errors
    /// [`ExpertError::VoiceLength`] if a voice does not cover the records.
    pub fn combine(
        &self,
        target: &FittedTarget,
        voices: &[Voice],
        num_records: usize,
    ) -> Result<Vec<f32>, ExpertError> {
        let silent = |name: &String| Voice {
            name: name.clone(),
            inputs: Vec::new(),
            present: vec![false; num_records],
            scores: vec![0.0; num_records * target.width()],
        };
        let own: Vec<Voice> = self
            .voices
            .iter()
            .map(|name| {
                let said = voices.iter().find(|voice| voice.name == *name);
                said.cloned().unwrap_or_else(|| silent(name))
            })
            .collect();
        let terms = Terms::new(target, &own, num_records)?;
        let prior = prior_scores(target);
        let mut scores = Vec::with_capacity(num_records * target.width());
        for record in 0..num_records {
            let mask = terms.mask(record);
            scores.extend(answer(
                target.task,
                &self.patterns,
                &terms,
                (record, &mask),
                &prior,
            ));
        }
        Ok(scores)
    }
}

#[cfg(test)]
mod tests;
