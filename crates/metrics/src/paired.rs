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

#[cfg(test)]
mod tests {
    use schema::Seed;

    use super::*;
    use crate::by_name;

    /// Errors of two models whose mean sizes are 1 and 1 + `worse`, on the same 80 records.
    fn compare(worse: f64, seed: u64) -> PairedDifference {
        let mut rng = Seed(seed).rng();
        let truth = vec![0.0; 80];
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..80 {
            // Hard records are hard for both.
            let hard = rng.between(0.0, 1.0);
            a.push(hard + rng.uniform());
            b.push(hard + rng.uniform() + worse);
        }
        let metric = by_name("mae").unwrap();
        let options = EvaluateOptions {
            resamples: 200,
            seed,
            ..EvaluateOptions::default()
        };
        let (a, b) = (Scores::Values(&a), Scores::Values(&b));
        paired_difference(metric, Truth::Values(&truth), a, b, options).unwrap()
    }

    #[test]
    fn the_same_model_does_not_differ() {
        let truth = [1.0, 2.0, 3.0];
        let scores = Scores::Values(&[1.5, 2.0, 2.0]);
        let metric = by_name("mae").unwrap();
        let options = EvaluateOptions::default();
        let same = paired_difference(metric, Truth::Values(&truth), scores, scores, options);
        let same = same.unwrap();
        assert_eq!((same.difference, same.low, same.high), (0.0, 0.0, 0.0));
        assert_eq!(same.p_value, 1.0);
    }

    #[test]
    fn a_difference_is_found_where_there_is_one_and_rarely_where_there_is_none() {
        let found = (0..100).filter(|seed| compare(0.2, *seed).p_value < 0.05);
        // Deviation of the mean difference: sqrt(2 / 12 / 80) = 0.046; 0.2 is 4.4 of them.
        assert!(found.count() >= 95);
        let false_alarms = (0..300).filter(|seed| compare(0.0, *seed).p_value < 0.05);
        // 15 expected; three deviations of a binomial of 300 and 0.06 above.
        let false_alarms = false_alarms.count();
        assert!(false_alarms <= 30, "{false_alarms}");
        let one = compare(0.2, 0);
        assert!(one.low < one.difference && one.difference < one.high);
        assert!(one.difference < 0.0 && one.p_value > 0.0);
    }

    #[test]
    fn an_undefined_metric_is_an_error() {
        let truth = Truth::Classes {
            labels: &[0, 0],
            num_classes: 2,
        };
        let scores = Scores::Probabilities(&[0.5; 4]);
        let metric = by_name("roc_auc").unwrap();
        let options = EvaluateOptions::default();
        let error = paired_difference(metric, truth, scores, scores, options).unwrap_err();
        assert_eq!(error, MetricError::Undefined { metric: "roc_auc" });
    }
}
