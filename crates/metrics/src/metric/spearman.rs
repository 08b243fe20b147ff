//! Correlation of ranks.

use schema::Task;

use super::{Metric, NUMBER};
use crate::{View, sample::Key};

/// Spearman's rank correlation, equals sharing their mean rank; SciPy `spearmanr`. Undefined if truth or estimates
/// are constant.
pub(crate) struct Spearman;

impl Metric for Spearman {
    fn name(&self) -> &'static str {
        "spearman"
    }

    fn about(&self) -> &'static str {
        "correlation of the ranks of estimates and true values; 1 is the right order, 0 no relation, -1 reversed"
    }

    fn tasks(&self) -> &'static [Task] {
        NUMBER
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        view.values()?;
        let truth = view.order(Key::Truth).ranks(view.counts());
        let scores = view.order(Key::Score(0)).ranks(view.counts());
        // The mean of the ranks 1 to N, with or without ties.
        let middle = (view.total() as f64 + 1.0) / 2.0;
        let both = view.mean(|row| (truth[row] - middle) * (scores[row] - middle))?;
        let spread = view.mean(|row| (truth[row] - middle).powi(2))?
            * view.mean(|row| (scores[row] - middle).powi(2))?;
        (spread > 0.0).then(|| both / spread.sqrt())
    }
}
