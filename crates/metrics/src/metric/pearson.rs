//! Correlation.

use schema::Task;

use super::{Metric, NUMBER};
use crate::View;

/// Pearson's correlation; SciPy `pearsonr`. Undefined if truth or estimates are constant.
pub(crate) struct Pearson;

impl Metric for Pearson {
    fn name(&self) -> &'static str {
        "pearson"
    }

    fn about(&self) -> &'static str {
        "correlation of estimates and true values; 1 is a straight line, 0 no relation, -1 reversed"
    }

    fn tasks(&self) -> &'static [Task] {
        NUMBER
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        let (truth, scores) = (view.values()?, view.scores());
        let (mean_truth, deviation_truth) = mean_and_deviation(view, truth)?;
        let (mean_scores, deviation_scores) = mean_and_deviation(view, scores)?;
        let value = view.mean(|row| {
            let truth = (truth[row] - mean_truth) / deviation_truth;
            truth * ((scores[row] - mean_scores) / deviation_scores)
        })?;
        value.is_finite().then(|| value.clamp(-1.0, 1.0))
    }
}

/// `None` for numbers that are all the same, or whose squares are too large for a float.
fn mean_and_deviation(view: &View<'_>, numbers: &[f64]) -> Option<(f64, f64)> {
    let mut counted = numbers
        .iter()
        .zip(view.counts())
        .filter(|(_, count)| **count > 0);
    let (first, _) = counted.next()?;
    // Asked for by the numbers themselves: the mean of equal ones can be a rounding error away from them.
    if counted.all(|(number, _)| number == first) {
        return None;
    }
    let mean = view.mean(|row| numbers[row])?;
    let deviation = view.mean(|row| (numbers[row] - mean).powi(2))?.sqrt();
    (deviation > 0.0 && deviation.is_finite()).then_some((mean, deviation))
}
