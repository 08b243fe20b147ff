//! Harmonic mean of precision and recall, averaged in three ways.

use schema::Task;

use super::{ANY_LABEL, Metric, mean};
use crate::{Tally, View};

/// How the classes are averaged.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Average {
    /// Every class counts the same.
    Macro,
    /// Every decision counts the same.
    Micro,
    /// Every class counts by its records.
    Weighted,
}

/// F1; scikit-learn `f1_score` with its `average` and `zero_division=0`.
///
/// A class that is neither there nor predicted is left out of a single-label macro average, as scikit-learn does
/// without `labels`; in a multilabel one it counts as 0.
pub(crate) struct F1(pub(crate) Average);

impl Metric for F1 {
    fn name(&self) -> &'static str {
        match self.0 {
            Average::Macro => "f1_macro",
            Average::Micro => "f1_micro",
            Average::Weighted => "f1_weighted",
        }
    }

    fn about(&self) -> &'static str {
        match self.0 {
            Average::Macro => "F1 averaged over the classes, 0 to 1",
            Average::Micro => {
                "F1 of all decisions together, 0 to 1; equals accuracy unless multilabel"
            }
            Average::Weighted => "F1 averaged over the classes by their records, 0 to 1",
        }
    }

    fn tasks(&self) -> &'static [Task] {
        ANY_LABEL
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        let tallies = view.tallies();
        if view.total() == 0 || tallies.is_empty() {
            return None;
        }
        match self.0 {
            Average::Macro => {
                let all = view.label_sets().is_some();
                let there = |tally: &&Tally| all || tally.actual + tally.predicted > 0;
                mean(tallies.iter().filter(there).map(Tally::f1))
            }
            Average::Micro => Some(sum(tallies).f1()),
            Average::Weighted => {
                let records = sum(tallies).actual;
                let weighted = tallies.iter().map(|tally| tally.f1() * tally.actual as f64);
                Some(weighted.sum::<f64>() / records.max(1) as f64)
            }
        }
    }
}

fn sum(tallies: &[Tally]) -> Tally {
    tallies.iter().fold(Tally::default(), |sum, tally| Tally {
        hits: sum.hits + tally.hits,
        predicted: sum.predicted + tally.predicted,
        actual: sum.actual + tally.actual,
    })
}
