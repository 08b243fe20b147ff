//! Recall averaged over the classes.

use schema::Task;

use super::{Metric, SINGLE_LABEL, mean};
use crate::View;

/// Mean recall of the classes that the truth has; scikit-learn `balanced_accuracy_score`.
pub(crate) struct BalancedAccuracy;

impl Metric for BalancedAccuracy {
    fn name(&self) -> &'static str {
        "balanced_accuracy"
    }

    fn about(&self) -> &'static str {
        "recall averaged over the classes, so that a rare class counts as much as a common one, 0 to 1"
    }

    fn tasks(&self) -> &'static [Task] {
        SINGLE_LABEL
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        view.labels()?;
        let there = view.tallies().iter().filter(|tally| tally.actual > 0);
        mean(there.map(|tally| tally.recall()))
    }
}
