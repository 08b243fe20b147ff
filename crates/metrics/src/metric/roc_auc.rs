//! Chance that a record of the class is scored above one without it.

use schema::Task;

use super::{ANY_LABEL, Metric, mean};
use crate::{View, sample::Key};

/// Area under the ROC curve; scikit-learn `roc_auc_score`.
///
/// Binary: of the second class. Class: one against the rest. Multilabel: of each label. The last two are averaged
/// over the columns where it is defined; scikit-learn refuses if it is undefined in one, but a bootstrap resample
/// may well miss a rare class.
pub(crate) struct RocAuc;

impl Metric for RocAuc {
    fn name(&self) -> &'static str {
        "roc_auc"
    }

    fn about(&self) -> &'static str {
        "chance that a record of a class is scored above one of the rest, averaged over classes; 0.5 is guessing, \
         1 perfect"
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

/// The score columns that ranking metrics average over.
pub(crate) fn ranked_columns(view: &View<'_>) -> std::ops::Range<usize> {
    match (view.labels(), view.label_sets(), view.width()) {
        // Of two classes that sum to 1 one column says everything.
        (Some(_), _, 2) => 1..2,
        (Some(_), _, width) | (_, Some(_), width) => 0..width,
        (None, None, _) => 0..0,
    }
}

/// Mann and Whitney's statistic, equals counting half; in whole numbers, so exact.
fn area(view: &View<'_>, column: usize) -> Option<f64> {
    let order = view.order(Key::Score(column));
    let counts = view.counts();
    let (mut positive, mut negative, mut twice_area) = (0_u64, 0_u64, 0_u64);
    let (mut tie_positive, mut tie_negative) = (0_u64, 0_u64);
    for (row, ends_tie) in order.rows.iter().zip(&order.ends_tie) {
        let row = *row as usize;
        let count = u64::from(counts[row]);
        let has = u64::from(view.has(row, column));
        tie_positive += count * has;
        tie_negative += count * (1 - has);
        if *ends_tie {
            twice_area += tie_negative * (2 * positive + tie_positive);
            positive += tie_positive;
            negative += tie_negative;
            (tie_positive, tie_negative) = (0, 0);
        }
    }
    let pairs = positive * negative;
    (pairs > 0).then(|| twice_area as f64 / (2 * pairs) as f64)
}
