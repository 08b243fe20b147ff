//! Mean size of the error, measured in three ways.

use schema::Task;

use super::{Metric, NUMBER};
use crate::{View, sample::relative};

/// How an error is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Measure {
    /// |error|.
    Absolute,
    /// Root of the mean square.
    RootSquare,
    /// |error| / |truth|.
    Relative,
}

/// scikit-learn `mean_absolute_error`, `root_mean_squared_error` and `mean_absolute_percentage_error`; the last is
/// a fraction, not percent, and undefined if a true value is 0, where scikit-learn divides by 2e-16.
pub(crate) struct MeanError(pub(crate) Measure);

impl Metric for MeanError {
    fn name(&self) -> &'static str {
        match self.0 {
            Measure::Absolute => "mae",
            Measure::RootSquare => "rmse",
            Measure::Relative => "mape",
        }
    }

    fn about(&self) -> &'static str {
        match self.0 {
            Measure::Absolute => "mean absolute error, in the target's unit",
            Measure::RootSquare => {
                "root of the mean squared error, in the target's unit; large errors weigh more"
            }
            Measure::Relative => {
                "mean absolute error as a fraction of the true value; undefined if one is 0"
            }
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
        let value = match self.0 {
            Measure::Absolute => view.mean(|row| error(row).abs())?,
            Measure::RootSquare => root_mean_square(view, error)?,
            Measure::Relative => view.mean(|row| relative(error(row), truth[row]))?,
        };
        value.is_finite().then_some(value)
    }
}

/// Scaled by the largest error first, so that squares neither overflow nor vanish.
fn root_mean_square(view: &View<'_>, error: impl Fn(usize) -> f64) -> Option<f64> {
    let counts = view.counts().iter().enumerate();
    let largest = counts
        .filter(|(_, count)| **count > 0)
        .map(|(row, _)| error(row).abs())
        .fold(0.0, f64::max);
    if largest == 0.0 || !largest.is_finite() {
        return (view.total() > 0).then_some(largest);
    }
    let mean = view.mean(|row| (error(row) / largest).powi(2))?;
    Some(mean.sqrt() * largest)
}
