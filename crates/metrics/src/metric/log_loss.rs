//! Mean negative logarithm of the true class's probability.

use schema::Task;

use super::{Metric, SINGLE_LABEL};
use crate::View;

/// Cross-entropy in nats; scikit-learn `log_loss`.
///
/// Probabilities are kept the machine's precision of an `f64` away from 0 and 1, as scikit-learn does, so that one
/// confident mistake costs 36 nats and not infinitely many.
pub(crate) struct LogLoss;

impl Metric for LogLoss {
    fn name(&self) -> &'static str {
        "log_loss"
    }

    fn about(&self) -> &'static str {
        "mean negative log-probability of the true class in nats; 0 is perfect, ln K guessing"
    }

    fn tasks(&self) -> &'static [Task] {
        SINGLE_LABEL
    }

    fn higher_is_better(&self) -> bool {
        false
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        let labels = view.labels()?;
        let (scores, width) = (view.scores(), view.width());
        view.mean(|row| {
            let probability = scores[row * width + labels[row]];
            -probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
        })
    }
}
