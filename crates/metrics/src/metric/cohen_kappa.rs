//! Agreement beyond chance.

use schema::Task;

use super::{Metric, SINGLE_LABEL};
use crate::View;

/// Cohen's kappa; scikit-learn `cohen_kappa_score`. Undefined if truth and predictions are all one class.
///
/// # Source
/// Cohen 1960, "A coefficient of agreement for nominal scales", doi:10.1177/001316446002000104.
pub(crate) struct CohenKappa;

impl Metric for CohenKappa {
    fn name(&self) -> &'static str {
        "cohen_kappa"
    }

    fn about(&self) -> &'static str {
        "agreement beyond chance; 0 is chance, 1 perfect"
    }

    fn tasks(&self) -> &'static [Task] {
        SINGLE_LABEL
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        view.labels()?;
        let total = view.total() as f64;
        let (mut hits, mut chance) = (0.0, 0.0);
        for tally in view.tallies() {
            hits += tally.hits as f64;
            chance += tally.predicted as f64 * tally.actual as f64 / total;
        }
        // NaN (no records) fails the comparison, too.
        (total - chance > 0.0).then(|| (hits - chance) / (total - chance))
    }
}
