//! Share of records whose top class is right.

use schema::Task;

use super::{Metric, SINGLE_LABEL};
use crate::View;

/// Share of records whose top class is the true one; scikit-learn `accuracy_score`.
pub(crate) struct Accuracy;

impl Metric for Accuracy {
    fn name(&self) -> &'static str {
        "accuracy"
    }

    fn about(&self) -> &'static str {
        "share of records whose top class is right, 0 to 1"
    }

    fn tasks(&self) -> &'static [Task] {
        SINGLE_LABEL
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn is_share_of_records(&self) -> bool {
        true
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        view.labels()?;
        let hits: u64 = view.tallies().iter().map(|tally| tally.hits).sum();
        (view.total() > 0).then(|| hits as f64 / view.total() as f64)
    }
}
