//! Every metric of a task on a set of predictions, each with its interval.

use std::collections::BTreeMap;

use schema::Task;
use serde::{Deserialize, Serialize};

use crate::{
    Interval, Metric, MetricError, Sample, Scores, Truth, View,
    bootstrap::{Resampler, percentile_interval, share_interval},
    for_task,
};

/// How predictions are judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EvaluateOptions<'a> {
    /// Bootstrap resamples, at least 1; fewer are drawn where records times classes are very many.
    pub resamples: usize,
    /// Chance that an interval holds the value, in (0, 1).
    pub confidence: f64,
    /// Seed of the resamples.
    pub seed: u64,
    /// Group of each record, `N` long: records of one group are drawn together, since they are not independent.
    pub groups: Option<&'a [usize]>,
    /// Only these rows (a slice), `None` for all.
    pub rows: Option<&'a [usize]>,
}

impl Default for EvaluateOptions<'_> {
    fn default() -> Self {
        Self {
            resamples: 1000,
            confidence: 0.95,
            seed: 0,
            groups: None,
            rows: None,
        }
    }
}

/// How good the predictions are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Records that were judged.
    pub num_records: usize,
    /// Value and interval of each metric that is defined, by name.
    pub metrics: BTreeMap<String, Interval>,
    /// Each class or label; empty for regression.
    pub per_class: Vec<PerClass>,
    /// Records by true class (outer) and predicted class (inner); empty unless binary or class.
    pub confusion: Vec<Vec<u64>>,
}

/// How well one class or label is found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PerClass {
    /// Its name.
    pub class: String,
    /// Records that have it.
    pub support: u64,
    /// Share of the records given it that have it; 0 if none was given it.
    pub precision: f64,
    /// Share of the records that have it that were given it; 0 if none has it.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
}

/// Judges predictions by every metric of the task.
///
/// `classes` names the classes or labels in index order; empty for regression. The same options give the same bits
/// for any number of threads.
///
/// # Errors
/// [`MetricError`] if there are no records, lengths or kinds do not fit, or a number is not finite or no probability.
pub fn evaluate(
    task: Task,
    classes: &[String],
    truth: Truth<'_>,
    scores: Scores<'_>,
    options: EvaluateOptions<'_>,
) -> Result<Evaluation, MetricError> {
    check(task, classes, &truth, &options)?;
    let sample = Sample::new(truth, scores)?;
    let resampler = Resampler::new(&sample, options.rows, options.groups, options.seed)?;
    let original = resampler.original();
    let view = View::counted(&sample, &original);
    Ok(Evaluation {
        num_records: resampler.num_members(),
        metrics: intervals(&sample, &view, &for_task(task), &resampler, &options),
        per_class: per_class(&view, classes),
        confusion: confusion(&view),
    })
}

fn check(
    task: Task,
    classes: &[String],
    truth: &Truth<'_>,
    options: &EvaluateOptions<'_>,
) -> Result<(), MetricError> {
    options.check()?;
    if !truth.fits(task) {
        return Err(MetricError::Kind {
            got: truth.kind(),
            expected: format!("{task} targets"),
        });
    }
    let expected = match truth {
        Truth::Classes { num_classes, .. } => *num_classes,
        Truth::Labels { num_labels, .. } => *num_labels,
        Truth::Values(_) => return Ok(()),
    };
    if classes.len() != expected {
        return Err(MetricError::Length {
            what: "class names",
            got: classes.len(),
            expected,
        });
    }
    Ok(())
}

impl EvaluateOptions<'_> {
    pub(crate) fn check(&self) -> Result<(), MetricError> {
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return Err(MetricError::Option {
                what: "confidence",
                got: self.confidence,
                expected: "a number between 0 and 1",
            });
        }
        if self.resamples == 0 {
            return Err(MetricError::Option {
                what: "resamples",
                got: 0.0,
                expected: "at least 1",
            });
        }
        Ok(())
    }

    /// Resamples to draw: as asked, unless that would take many seconds.
    pub(crate) fn affordable_resamples(&self, sample: &Sample<'_>) -> usize {
        /// Scores looked at in all resamples together: a few seconds on two cores.
        const MOST_SCORES: usize = 500_000_000;
        /// Enough for the ends of a 95 % interval.
        const FEWEST: usize = 200;
        let scores = sample.num_records().saturating_mul(sample.width()).max(1);
        self.resamples.min((MOST_SCORES / scores).max(FEWEST))
    }
}

fn intervals(
    sample: &Sample<'_>,
    view: &View<'_>,
    metrics: &[&'static dyn Metric],
    resampler: &Resampler,
    options: &EvaluateOptions<'_>,
) -> BTreeMap<String, Interval> {
    let values: Vec<Option<f64>> = metrics.iter().map(|metric| metric.value(view)).collect();
    let resampled = resampler.map(options.affordable_resamples(sample), |counts| {
        let view = View::counted(sample, counts);
        let value = |metric: &&'static dyn Metric| metric.value(&view);
        metrics.iter().map(value).collect::<Vec<_>>()
    });
    let mut intervals = BTreeMap::new();
    for (place, (metric, value)) in metrics.iter().zip(values).enumerate() {
        let Some(value) = value else { continue };
        let defined = resampled
            .iter()
            .filter_map(|values| values[place])
            .collect();
        let mut interval = percentile_interval(value, defined, options.confidence);
        if metric.is_share_of_records() && interval.low == interval.high {
            interval = share_interval(value, resampler.num_clusters(), options.confidence);
        }
        intervals.insert(metric.name().to_owned(), interval);
    }
    intervals
}

fn per_class(view: &View<'_>, classes: &[String]) -> Vec<PerClass> {
    let tallies = view.tallies().iter().zip(classes);
    tallies
        .map(|(tally, class)| PerClass {
            class: class.clone(),
            support: tally.actual,
            precision: tally.precision(),
            recall: tally.recall(),
            f1: tally.f1(),
        })
        .collect()
}

fn confusion(view: &View<'_>) -> Vec<Vec<u64>> {
    let Some(labels) = view.labels() else {
        return Vec::new();
    };
    let mut matrix = vec![vec![0; view.width()]; view.width()];
    for ((label, predicted), count) in labels.iter().zip(view.predicted()).zip(view.counts()) {
        matrix[*label][*predicted] += u64::from(*count);
    }
    matrix
}
