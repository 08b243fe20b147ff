//! Share of wrong label decisions.

use schema::Task;

use super::Metric;
use crate::View;

/// scikit-learn `hamming_loss` of label sets.
pub(crate) struct HammingLoss;

impl Metric for HammingLoss {
    fn name(&self) -> &'static str {
        "hamming_loss"
    }

    fn about(&self) -> &'static str {
        "share of label decisions that are wrong; 0 is perfect, 1 always wrong"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Multilabel]
    }

    fn higher_is_better(&self) -> bool {
        false
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        view.label_sets()?;
        let wrong = |tally: &crate::Tally| tally.actual + tally.predicted - 2 * tally.hits;
        let sum: u64 = view.tallies().iter().map(wrong).sum();
        let decisions = view.total() * view.width() as u64;
        (decisions > 0).then(|| sum as f64 / decisions as f64)
    }
}
