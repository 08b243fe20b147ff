//! Whether one model is really better than another: both judged on the same resamples.

use serde::{Deserialize, Serialize};

use crate::{
    EvaluateOptions, Metric, MetricError, Sample, Scores, Truth, View,
    bootstrap::{Resampler, percentile_interval},
};

/// How far two models differ in one metric on the same records.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedDifference {
    /// Value of `a` minus value of `b`; for a metric where less is better, negative means that `a` is better.
    pub difference: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end of its interval.
    pub high: f64,
    /// Two-sided: how often resamples would put the difference on the other side of 0; 1 for models that are the same.
    pub p_value: f64,
}

/// Compares two models on the same records by a paired bootstrap.
///
/// # Errors
/// [`MetricError`] as in [`crate::evaluate`]; [`MetricError::Undefined`] if the metric has no value for one of them.
///
/// # Source
/// Efron and Tibshirani 1993, "An Introduction to the Bootstrap", ch. 16; Davison and Hinkley 1997, "Bootstrap
/// Methods and their Application", ch. 4 (one is added to both counts, so that no p-value is 0).
pub fn paired_difference(
    metric: &dyn Metric,
    truth: Truth<'_>,
    scores_a: Scores<'_>,
    scores_b: Scores<'_>,
    options: EvaluateOptions<'_>,
) -> Result<PairedDifference, MetricError> {
    options.check()?;
    let a = Sample::new(truth, scores_a)?;
    let b = Sample::new(truth, scores_b)?;
    let resampler = Resampler::new(&a, options.rows, options.groups, options.seed)?;
    let difference = |counts: &[u32]| {
        let of_a = metric.value(&View::counted(&a, counts))?;
        let of_b = metric.value(&View::counted(&b, counts))?;
        Some(of_a - of_b)
    };
    let value = difference(&resampler.original()).ok_or(MetricError::Undefined {
        metric: metric.name(),
    })?;
    let resampled = resampler.map(options.affordable_resamples(&a), difference);
    let resampled: Vec<f64> = resampled.into_iter().flatten().collect();
    let p_value = p_value(&resampled);
    let interval = percentile_interval(value, resampled, options.confidence);
    Ok(PairedDifference {
        difference: value,
        low: interval.low,
        high: interval.high,
        p_value,
    })
}

fn p_value(differences: &[f64]) -> f64 {
    let not_above = differences.iter().filter(|value| **value <= 0.0).count();
    let not_below = differences.iter().filter(|value| **value >= 0.0).count();
    let rarer = not_above.min(not_below);
    (2.0 * (rarer + 1) as f64 / (differences.len() + 1) as f64).min(1.0)
}
