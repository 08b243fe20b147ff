//! Whether 80 % sure means right in 80 % of cases.

use schema::Task;

use super::{Metric, SINGLE_LABEL};
use crate::View;

/// Equal-width bins of confidence.
const NUM_BINS: usize = 15;

/// Expected calibration error: records go by the probability of their top class into 15 bins of equal width,
/// `(0, 1/15], (1/15, 2/15], ...`; the result is the mean over records of |share right - mean probability| of their bin.
///
/// # Source
/// Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599, eq. 3. scikit-learn has none.
pub(crate) struct CalibrationError;

impl Metric for CalibrationError {
    fn name(&self) -> &'static str {
        "ece"
    }

    fn about(&self) -> &'static str {
        "expected calibration error of the top class in 15 bins; 0 where 80 % sure means right in 80 % of cases"
    }

    fn tasks(&self) -> &'static [Task] {
        SINGLE_LABEL
    }

    fn higher_is_better(&self) -> bool {
        false
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        let labels = view.labels()?;
        let mut gaps = [0.0; NUM_BINS];
        for (row, (predicted, count)) in view.predicted().iter().zip(view.counts()).enumerate() {
            let confidence = view.scores()[row * view.width() + predicted];
            let right = f64::from(u8::from(*predicted == labels[row]));
            gaps[bin(confidence)] += f64::from(*count) * (right - confidence);
        }
        let sum: f64 = gaps.iter().map(|gap: &f64| gap.abs()).sum();
        (view.total() > 0).then(|| sum / view.total() as f64)
    }
}

/// Bins are open below and closed above.
fn bin(confidence: f64) -> usize {
    let above = (confidence * NUM_BINS as f64).ceil() as usize;
    above.clamp(1, NUM_BINS) - 1
}

#[cfg(test)]
mod tests {
    use super::bin;

    #[test]
    fn bins_are_closed_above() {
        assert_eq!(
            [bin(0.0), bin(0.2), bin(0.2000001), bin(1.0)],
            [0, 2, 3, 14]
        );
    }
}
