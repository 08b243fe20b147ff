//! Squared distance of probabilities from the truth.

use schema::Task;

use super::{Metric, SINGLE_LABEL};
use crate::View;

/// Brier score; scikit-learn `brier_score_loss`: for two classes (p - y)^2 of the second, range 0 to 1; for more
/// the sum over all classes, range 0 to 2.
///
/// # Source
/// Brier 1950, "Verification of forecasts expressed in terms of probability".
pub(crate) struct Brier;

impl Metric for Brier {
    fn name(&self) -> &'static str {
        "brier"
    }

    fn about(&self) -> &'static str {
        "squared distance of the probabilities from the truth; 0 is perfect, at most 1 (two classes) or 2"
    }

    fn tasks(&self) -> &'static [Task] {
        SINGLE_LABEL
    }

    fn higher_is_better(&self) -> bool {
        false
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        let labels = view.labels()?;
        let width = view.width();
        let columns = if width == 2 { 1..2 } else { 0..width };
        view.mean(|row| {
            let scores = &view.scores()[row * width..(row + 1) * width];
            let distance = |column: usize| {
                let truth = f64::from(u8::from(labels[row] == column));
                (scores[column] - truth).powi(2)
            };
            columns.clone().map(distance).sum()
        })
    }
}
