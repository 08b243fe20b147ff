//! What every metric can do. One file a metric below; `registry.rs` lists them.

use schema::Task;

use crate::View;

pub(crate) mod accuracy;
pub(crate) mod average_precision;
pub(crate) mod balanced_accuracy;
pub(crate) mod brier;
pub(crate) mod calibration_error;
pub(crate) mod cohen_kappa;
pub(crate) mod f1;
pub(crate) mod hamming_loss;
pub(crate) mod log_loss;
pub(crate) mod matthews;
pub(crate) mod mean_error;
pub(crate) mod median_error;
pub(crate) mod pearson;
pub(crate) mod r2;
pub(crate) mod roc_auc;
pub(crate) mod sentiment;
pub(crate) mod spearman;
pub(crate) mod subset_accuracy;
pub(crate) mod top_3_accuracy;

/// A number that says how good predictions are.
pub trait Metric: Sync {
    /// Name in configurations and reports: scikit-learn's where it has one.
    fn name(&self) -> &'static str;

    /// One line for `list`: what it is, its range.
    fn about(&self) -> &'static str;

    /// Tasks whose predictions it can judge.
    fn tasks(&self) -> &'static [Task];

    /// Whether more is better.
    fn higher_is_better(&self) -> bool;

    /// Whether one value is better than another; equals are not.
    fn is_better(&self, value: f64, than: f64) -> bool {
        if self.higher_is_better() {
            value > than
        } else {
            value < than
        }
    }

    /// Whether it is the share of records that pass a test, so that an interval is known even if all pass.
    fn is_share_of_records(&self) -> bool {
        false
    }

    /// The value; `None` where it is undefined, such as ROC-AUC of one class, or if no record counts.
    fn value(&self, view: &View<'_>) -> Option<f64>;
}

/// Binary and class.
pub(crate) const SINGLE_LABEL: &[Task] = &[Task::Binary, Task::Class];
/// Binary, class and multilabel.
pub(crate) const ANY_LABEL: &[Task] = &[Task::Binary, Task::Class, Task::Multilabel];
/// Numbers.
pub(crate) const NUMBER: &[Task] = &[Task::Regression];

/// Mean of the numbers that are there; `None` if there is none.
pub(crate) fn mean(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, length) = numbers.fold((0.0, 0_usize), |(sum, n), number| (sum + number, n + 1));
    (length > 0).then(|| sum / length as f64)
}
