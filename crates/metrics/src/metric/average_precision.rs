//! Precision averaged over the recall levels.

use schema::Task;

use super::{ANY_LABEL, Metric, mean, roc_auc::ranked_columns};
use crate::{View, sample::Key};

/// Area under the precision-recall curve as a step function; scikit-learn `average_precision_score`.
///
/// Columns are chosen and averaged as in `roc_auc`; a column without a positive record is left out, where
/// scikit-learn counts it as 0.
pub(crate) struct AveragePrecision;

impl Metric for AveragePrecision {
    fn name(&self) -> &'static str {
        "average_precision"
    }

    fn about(&self) -> &'static str {
        "area under the precision-recall curve, averaged over classes; the share of the class is guessing, 1 perfect"
    }

    fn tasks(&self) -> &'static [Task] {
        ANY_LABEL
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn value(&self, view: &View<'_>) -> Option<f64> {
        mean(ranked_columns(view).filter_map(|column| area(view, column)))
    }
}

fn area(view: &View<'_>, column: usize) -> Option<f64> {
    let order = view.order(Key::Score(column));
    let counts = view.counts();
    let (mut found, mut taken, mut area) = (0_u64, 0_u64, 0.0);
    let mut tie_found = 0_u64;
    for (row, ends_tie) in order.rows.iter().zip(&order.ends_tie) {
        let row = *row as usize;
        let count = u64::from(counts[row]);
        taken += count;
        tie_found += count * u64::from(view.has(row, column));
        if *ends_tie {
            if tie_found > 0 {
                found += tie_found;
                area += tie_found as f64 * found as f64 / taken as f64;
            }
            tie_found = 0;
        }
    }
    (found > 0).then(|| area / found as f64)
}
