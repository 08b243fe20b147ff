//! What the field of multimodal sentiment reports about scores in [-3, 3] (CMU-MOSI, CMU-MOSEI).
//!
//! Sources: Zadeh et al. 2016, "MOSI: Multimodal Corpus of Sentiment Intensity and Subjectivity Analysis in Online
//! Opinion Videos" (the scale); Tsai et al. 2019, "Multimodal Transformer for Unaligned Multimodal Language
//! Sequences" (seven classes by rounding; positive against negative without zeros); Yu et al. 2021, "Learning
//! Modality-Specific Representations with Self-Supervised Multi-Task Learning for Multimodal Sentiment Analysis"
//! (both views of the sign side by side, F1 weighted by class).
//!
//! Only defined where the true values are on that scale: all within [-3, 3], some below -1 and some above 1. So they
//! say nothing about prices, shares or correlations.

use schema::Task;

use super::{Metric, NUMBER};
use crate::{Tally, View};

/// Which records and which classes of sign count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Negative against the rest, every record: a zero is not negative. "Has0".
    NonNegative,
    /// Negative against positive, records whose true value is not zero; an estimate of zero counts as negative.
    /// "Non0".
    NonZero,
}

impl Sign {
    /// Whether a record takes part.
    fn counts(self, truth: f64) -> bool {
        self == Self::NonNegative || truth != 0.0
    }

    /// The class of a value: 1 for the upper one.
    fn class(self, value: f64) -> usize {
        usize::from(match self {
            Self::NonNegative => value >= 0.0,
            Self::NonZero => value > 0.0,
        })
    }

    /// Decisions by class, the lower one first; `None` off the scale.
    fn tallies(self, view: &View<'_>) -> Option<[Tally; 2]> {
        let truth = on_scale(view)?;
        let mut tallies = [Tally::default(); 2];
        let records = truth.iter().zip(view.scores()).zip(view.counts());
        for ((truth, score), count) in records.filter(|((truth, _), _)| self.counts(**truth)) {
            let (actual, predicted) = (self.class(*truth), self.class(*score));
            let count = u64::from(*count);
            tallies[actual].actual += count;
            tallies[predicted].predicted += count;
            tallies[actual].hits += if actual == predicted { count } else { 0 };
        }
        Some(tallies)
    }
}

/// The true values, if they are on the scale; of all records, so that a slice is judged as the whole is.
fn on_scale<'s>(view: &View<'s>) -> Option<&'s [f64]> {
    let truth = view.values()?;
    let is_within = truth.iter().all(|value| value.abs() <= 3.0);
    let has_both =
        truth.iter().any(|value| *value < -1.0) && truth.iter().any(|value| *value > 1.0);
    (is_within && has_both).then_some(truth)
}

/// Share of records whose sign is right; scikit-learn `accuracy_score` of the two classes.
pub(crate) struct SignAccuracy(pub(crate) Sign);

impl Metric for SignAccuracy {
    fn name(&self) -> &'static str {
        match self.0 {
            Sign::NonNegative => "acc_2",
            Sign::NonZero => "acc_2_non0",
        }
    }

    fn about(&self) -> &'static str {
        match self.0 {
            Sign::NonNegative => {
                "scores in [-3, 3]: share of records rightly called negative or not (zero is not), 0 to 1"
            }
            Sign::NonZero => {
                "scores in [-3, 3]: share of records whose sign is right, without those of a true zero, 0 to 1"
            }
        }
    }

    fn tasks(&self) -> &'static [Task] {
        NUMBER
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn is_share_of_records(&self) -> bool {
        self.0 == Sign::NonNegative
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        let tallies = self.0.tallies(view)?;
        let total: u64 = tallies.iter().map(|tally| tally.actual).sum();
        let hits: u64 = tallies.iter().map(|tally| tally.hits).sum();
        (total > 0).then(|| hits as f64 / total as f64)
    }
}

/// F1 of the two classes of sign, weighted by their records; scikit-learn `f1_score` with `average="weighted"`.
pub(crate) struct SignF1(pub(crate) Sign);

impl Metric for SignF1 {
    fn name(&self) -> &'static str {
        match self.0 {
            Sign::NonNegative => "f1_2",
            Sign::NonZero => "f1_2_non0",
        }
    }

    fn about(&self) -> &'static str {
        match self.0 {
            Sign::NonNegative => {
                "scores in [-3, 3]: F1 of negative or not (zero is not), averaged by records, 0 to 1"
            }
            Sign::NonZero => {
                "scores in [-3, 3]: F1 of the sign without true zeros, averaged by records, 0 to 1"
            }
        }
    }

    fn tasks(&self) -> &'static [Task] {
        NUMBER
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        let tallies = self.0.tallies(view)?;
        let total: u64 = tallies.iter().map(|tally| tally.actual).sum();
        let weighted: f64 = tallies
            .iter()
            .map(|tally| tally.f1() * tally.actual as f64)
            .sum();
        (total > 0).then(|| weighted / total as f64)
    }
}

/// Share of records whose score rounds to the right one of seven whole numbers; halves go to the even one, as numpy
/// rounds, and estimates beyond [-3, 3] are cut first.
pub(crate) struct SevenClasses;

impl Metric for SevenClasses {
    fn name(&self) -> &'static str {
        "acc_7"
    }

    fn about(&self) -> &'static str {
        "scores in [-3, 3]: share of records that round to the right whole number, 0 to 1"
    }

    fn tasks(&self) -> &'static [Task] {
        NUMBER
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn is_share_of_records(&self) -> bool {
        true
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        let (truth, scores) = (on_scale(view)?, view.scores());
        let class = |value: f64| value.clamp(-3.0, 3.0).round_ties_even();
        view.mean(|row| f64::from(u8::from(class(truth[row]) == class(scores[row]))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scores, Truth, measure};

    fn value(metric: &dyn Metric, truth: &[f64], scores: &[f64]) -> Option<f64> {
        measure(metric, Truth::Values(truth), Scores::Values(scores)).unwrap()
    }

    #[test]
    fn zeros_count_as_the_two_conventions_say() {
        let truth = [-2.0, 0.0, 0.0, 2.0];
        let scores = [-1.0, 0.1, -0.1, 0.0];
        // By hand. Has0: right, right, wrong, right (0 is not negative). Non0: right; the estimate 0 is not positive.
        assert_eq!(
            value(&SignAccuracy(Sign::NonNegative), &truth, &scores),
            Some(0.75)
        );
        assert_eq!(
            value(&SignAccuracy(Sign::NonZero), &truth, &scores),
            Some(0.5)
        );
        // Rounded: -1 for -2, 0, -0 (which equals 0), 0 for 2.
        assert_eq!(value(&SevenClasses, &truth, &scores), Some(0.5));
    }

    #[test]
    fn prices_shares_and_one_sided_values_get_no_such_number() {
        let metrics: [&dyn Metric; 3] = [
            &SignAccuracy(Sign::NonNegative),
            &SignF1(Sign::NonZero),
            &SevenClasses,
        ];
        for truth in [[250_000.0, 310_000.0], [-0.4, 0.9], [1.5, 2.5], [-2.0, 3.5]] {
            for metric in metrics {
                assert_eq!(value(metric, &truth, &[0.0, 1.0]), None, "{truth:?}");
            }
        }
    }
}
