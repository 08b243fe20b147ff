//! Size of the error that half of the records stay below.

use schema::Task;

use super::{Metric, NUMBER};
use crate::{
    View,
    sample::{Key, relative},
};

/// scikit-learn `median_absolute_error`, or the median of |error| / |truth| (which scikit-learn lacks): as a
/// fraction, and undefined if half of the true values are 0.
pub(crate) struct MedianError {
    /// Whether errors are divided by the true value.
    pub(crate) is_relative: bool,
}

impl Metric for MedianError {
    fn name(&self) -> &'static str {
        if self.is_relative {
            "median_absolute_percentage_error"
        } else {
            "median_absolute_error"
        }
    }

    fn about(&self) -> &'static str {
        if self.is_relative {
            "absolute error as a fraction of the true value that half of the records stay below"
        } else {
            "absolute error that half of the records stay below, in the target's unit"
        }
    }

    fn tasks(&self) -> &'static [Task] {
        NUMBER
    }

    fn higher_is_better(&self) -> bool {
        false
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        let (truth, scores) = (view.values()?, view.scores());
        let error = |row: usize| truth[row] - scores[row];
        let counts = view.counts();
        let value = if self.is_relative {
            let order = view.order(Key::RelativeError);
            order.median(counts, |row| relative(error(row), truth[row]))?
        } else {
            let order = view.order(Key::AbsoluteError);
            order.median(counts, |row| error(row).abs())?
        };
        value.is_finite().then_some(value)
    }
}
