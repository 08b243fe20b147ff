//! Every metric, one line each: what configurations, `list`, reports and the conformance tests go by.

use schema::{Code, Problem, Task, known};

use crate::metric::{
    Metric,
    accuracy::Accuracy,
    average_precision::AveragePrecision,
    balanced_accuracy::BalancedAccuracy,
    brier::Brier,
    calibration_error::CalibrationError,
    cohen_kappa::CohenKappa,
    f1::{Average, F1},
    hamming_loss::HammingLoss,
    log_loss::LogLoss,
    matthews::Matthews,
    mean_error::{MeanError, Measure},
    median_error::MedianError,
    pearson::Pearson,
    r2::R2,
    roc_auc::RocAuc,
    sentiment::{SevenClasses, Sign, SignAccuracy, SignF1},
    spearman::Spearman,
    subset_accuracy::SubsetAccuracy,
    top_3_accuracy::Top3Accuracy,
};

/// In the order in which reports show them.
static METRICS: &[&dyn Metric] = &[
    &Accuracy,
    &BalancedAccuracy,
    &SubsetAccuracy,
    &Top3Accuracy,
    &F1(Average::Macro),
    &F1(Average::Micro),
    &F1(Average::Weighted),
    &RocAuc,
    &AveragePrecision,
    &HammingLoss,
    &LogLoss,
    &Brier,
    &CalibrationError,
    &Matthews,
    &CohenKappa,
    &MeanError(Measure::Absolute),
    &MeanError(Measure::RootSquare),
    &R2,
    &MeanError(Measure::Relative),
    &MedianError { is_relative: false },
    &MedianError { is_relative: true },
    &Pearson,
    &Spearman,
    &SignAccuracy(Sign::NonNegative),
    &SignF1(Sign::NonNegative),
    &SignAccuracy(Sign::NonZero),
    &SignF1(Sign::NonZero),
    &SevenClasses,
];

/// Every metric, in the order in which reports show them.
pub fn all() -> &'static [&'static dyn Metric] {
    METRICS
}

/// The metric of a name.
///
/// # Errors
/// A problem with the nearest name if there is none.
pub fn by_name(name: &str) -> Result<&'static dyn Metric, Problem> {
    among(METRICS, name)
}

/// The metric of a name, if it can judge a task.
///
/// # Errors
/// A problem with the nearest name of that task's metrics if there is none.
pub fn find(name: &str, task: Task) -> Result<&'static dyn Metric, Problem> {
    among(&for_task(task), name).map_err(|problem| match by_name(name) {
        Ok(_) => {
            let names: Vec<_> = for_task(task).iter().map(|metric| metric.name()).collect();
            Problem::new(
                Code::Config,
                format!("metric \"{name}\" does not measure {task} predictions"),
            )
            .expected(format!("one of {}", names.join(", ")))
        }
        Err(_) => problem,
    })
}

/// The metrics that can judge a task, in the order in which reports show them.
pub fn for_task(task: Task) -> Vec<&'static dyn Metric> {
    let fits = |metric: &&&'static dyn Metric| metric.tasks().contains(&task);
    METRICS.iter().filter(fits).copied().collect()
}

/// Name of the metric that a task is judged by if nobody chose one.
pub fn default_for(task: Task) -> &'static str {
    match task {
        Task::Binary | Task::Class => "accuracy",
        // Every decision counts the same, so a rare label does not make it jump.
        Task::Multilabel => "f1_micro",
        Task::Regression => "mae",
    }
}

fn among(metrics: &[&'static dyn Metric], name: &str) -> Result<&'static dyn Metric, Problem> {
    let found = metrics.iter().find(|metric| metric.name() == name);
    found.copied().ok_or_else(|| {
        let names: Vec<_> = metrics.iter().map(|metric| metric.name()).collect();
        Problem::new(
            Code::Config,
            format!("no metric \"{name}\"{}", known(name, &names)),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_gets_the_nearest_name_and_a_wrong_task_its_own_metrics() {
        let slip = by_name("acuracy").err().unwrap();
        assert!(slip.what.contains("closest \"accuracy\""), "{slip}");
        let wrong = find("mae", Task::Binary).err().unwrap();
        assert_eq!(
            wrong.what,
            "metric \"mae\" does not measure binary predictions"
        );
        assert!(wrong.expected.unwrap().starts_with("one of accuracy, "));
    }

    #[test]
    fn every_task_has_its_default() {
        for task in Task::ALL {
            assert!(find(default_for(task), task).is_ok(), "{task}");
        }
    }
}
