//! Share of the target's variance that is explained.

use schema::Task;

use super::{Metric, NUMBER};
use crate::View;

/// scikit-learn `r2_score`: of a constant truth 1 if it is met exactly and 0 otherwise; `None` below two records.
pub(crate) struct R2;

impl Metric for R2 {
    fn name(&self) -> &'static str {
        "r2"
    }

    fn about(&self) -> &'static str {
        "share of the target's variance that is explained; 0 is the mean, 1 perfect, below 0 worse than the mean"
    }

    fn tasks(&self) -> &'static [Task] {
        NUMBER
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        let (truth, scores) = (view.values()?, view.scores());
        if view.total() < 2 {
            return None;
        }
        let mean = view.mean(|row| truth[row])?;
        let residual = view.mean(|row| (truth[row] - scores[row]).powi(2))?;
        let variance = view.mean(|row| (truth[row] - mean).powi(2))?;
        let value = match (residual == 0.0, variance == 0.0) {
            (true, _) => 1.0,
            (false, true) => 0.0,
            (false, false) => 1.0 - residual / variance,
        };
        value.is_finite().then_some(value)
    }
}
