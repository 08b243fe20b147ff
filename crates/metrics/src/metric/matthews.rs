//! Correlation of predicted and true classes.

use schema::Task;

use super::{Metric, SINGLE_LABEL};
use crate::View;

/// Matthews correlation, for any number of classes; scikit-learn `matthews_corrcoef`, 0 where it is 0 / 0.
///
/// # Source
/// Gorodkin 2004, "Comparing two K-category assignments by a K-category correlation coefficient",
/// doi:10.1016/j.compbiolchem.2004.09.006, from the margins of the confusion matrix.
pub(crate) struct Matthews;

impl Metric for Matthews {
    fn name(&self) -> &'static str {
        "matthews_corrcoef"
    }

    fn about(&self) -> &'static str {
        "correlation of predicted and true classes; 0 is guessing, 1 perfect, -1 always wrong"
    }

    fn tasks(&self) -> &'static [Task] {
        SINGLE_LABEL
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        view.labels()?;
        if view.total() == 0 {
            return None;
        }
        let total = view.total() as f64;
        let (mut hits, mut both, mut predicted, mut actual) = (0.0, 0.0, 0.0, 0.0);
        for tally in view.tallies() {
            let (p, t) = (tally.predicted as f64, tally.actual as f64);
            hits += tally.hits as f64;
            both += p * t;
            predicted += p * p;
            actual += t * t;
        }
        let spread = (total * total - predicted) * (total * total - actual);
        Some(if spread > 0.0 {
            (hits * total - both) / spread.sqrt()
        } else {
            0.0
        })
    }
}
