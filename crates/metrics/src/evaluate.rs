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

/// One metric without its interval, for choices such as early stopping; `None` where it is undefined.
///
/// # Errors
/// [`MetricError`] if there are no records, lengths or kinds do not fit, or a number is not finite or no probability.
pub fn measure(
    metric: &dyn Metric,
    truth: Truth<'_>,
    scores: Scores<'_>,
) -> Result<Option<f64>, MetricError> {
    let sample = Sample::new(truth, scores)?;
    Ok(metric.value(&View::whole(&sample)))
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
        const MOST_SCORES: usize = 300_000_000;
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

#[cfg(test)]
mod tests {
    use schema::Seed;

    use super::*;
    use crate::by_name;

    fn named(num_classes: usize) -> Vec<String> {
        (0..num_classes).map(|class| format!("c{class}")).collect()
    }

    /// `[N, 2]` probabilities whose top class is right where `right` says so, and the true classes.
    fn decisions(right: &[bool]) -> (Vec<usize>, Vec<f64>) {
        let labels: Vec<usize> = (0..right.len()).map(|row| row % 2).collect();
        let scores = labels.iter().zip(right).flat_map(|(label, right)| {
            let second = f64::from(u8::from((*label == 1) == *right));
            [1.0 - second, second]
        });
        let scores = scores.collect();
        (labels, scores)
    }

    fn interval(
        metric: &str,
        truth: Truth<'_>,
        scores: Scores<'_>,
        options: EvaluateOptions<'_>,
    ) -> Interval {
        let sample = Sample::new(truth, scores).unwrap();
        let resampler =
            Resampler::new(&sample, options.rows, options.groups, options.seed).unwrap();
        let counts = resampler.original();
        let view = View::counted(&sample, &counts);
        let metrics = [by_name(metric).unwrap()];
        intervals(&sample, &view, &metrics, &resampler, &options)[metric]
    }

    /// Share of 400 experiments whose 95 % interval holds the true value.
    fn coverage(experiment: impl Fn(u64) -> bool) -> f64 {
        (0..400).filter(|number| experiment(*number)).count() as f64 / 400.0
    }

    /// Three standard errors of 400 experiments, and the two points that a percentile interval of 100 records lacks.
    const COVERAGE: std::ops::RangeInclusive<f64> = 0.90..=0.985;

    #[test]
    fn intervals_of_accuracy_cover() {
        let share = coverage(|number| {
            let mut rng = Seed(number).named("accuracy").rng();
            let right: Vec<bool> = (0..100).map(|_| rng.chance(0.8)).collect();
            let (labels, scores) = decisions(&right);
            let truth = Truth::Classes {
                labels: &labels,
                num_classes: 2,
            };
            let options = EvaluateOptions {
                resamples: 300,
                seed: number,
                ..EvaluateOptions::default()
            };
            let interval = interval("accuracy", truth, Scores::Probabilities(&scores), options);
            (interval.low..=interval.high).contains(&0.8)
        });
        assert!(COVERAGE.contains(&share), "{share}");
    }

    #[test]
    fn intervals_of_mean_error_cover() {
        let share = coverage(|number| {
            let mut rng = Seed(number).named("mae").rng();
            let truth = [0.0; 100];
            // Uniform errors between 0 and 2: their mean size is 1.
            let values: Vec<f64> = truth.iter().map(|_| rng.between(0.0, 2.0)).collect();
            let options = EvaluateOptions {
                resamples: 300,
                seed: number,
                ..EvaluateOptions::default()
            };
            let interval = interval(
                "mae",
                Truth::Values(&truth),
                Scores::Values(&values),
                options,
            );
            (interval.low..=interval.high).contains(&1.0)
        });
        assert!(COVERAGE.contains(&share), "{share}");
    }

    #[test]
    fn records_of_one_group_do_not_count_as_independent() {
        let mut rng = Seed(3).rng();
        // Forty groups of ten records that are all right or all wrong.
        let right: Vec<bool> = (0..40).flat_map(|_| [rng.chance(0.7); 10]).collect();
        let groups: Vec<usize> = (0..400).map(|row| row / 10).collect();
        let (labels, scores) = decisions(&right);
        let width = |groups| {
            let truth = Truth::Classes {
                labels: &labels,
                num_classes: 2,
            };
            let options = EvaluateOptions {
                groups,
                ..EvaluateOptions::default()
            };
            let interval = interval("accuracy", truth, Scores::Probabilities(&scores), options);
            interval.high - interval.low
        };
        // The deviation of the mean of 40 instead of 400 independent decisions: sqrt(10) times as wide.
        let ratio = width(Some(&groups[..])) / width(None);
        assert!((2.6..3.8).contains(&ratio), "{ratio}");
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_on_one_thread_and_on_eight() {
        let mut rng = Seed(5).rng();
        let right: Vec<bool> = (0..200).map(|_| rng.chance(0.8)).collect();
        let (labels, scores) = decisions(&right);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.unwrap().install(|| {
                let truth = Truth::Classes {
                    labels: &labels,
                    num_classes: 2,
                };
                let options = EvaluateOptions {
                    resamples: 50,
                    ..EvaluateOptions::default()
                };
                let scores = Scores::Probabilities(&scores);
                evaluate(Task::Binary, &named(2), truth, scores, options).unwrap()
            })
        };
        let alone = run(1);
        assert_eq!(alone, run(8));
        let text = serde_json::to_string(&alone).unwrap();
        let back: Evaluation = serde_json::from_str(&text).unwrap();
        assert_eq!(back.per_class, alone.per_class);
    }

    #[test]
    fn counts_by_class_and_confusion_are_those_counted_by_hand() {
        // Truth 0 0 1 1 1, predicted 0 1 1 1 0.
        let labels = [0, 0, 1, 1, 1];
        let scores = [0.9, 0.1, 0.2, 0.8, 0.3, 0.7, 0.4, 0.6, 0.9, 0.1];
        let truth = Truth::Classes {
            labels: &labels,
            num_classes: 2,
        };
        let scores = Scores::Probabilities(&scores);
        let options = EvaluateOptions::default();
        let evaluation = evaluate(Task::Binary, &named(2), truth, scores, options).unwrap();
        assert_eq!(evaluation.confusion, [[1, 1], [1, 2]]);
        let second = &evaluation.per_class[1];
        assert_eq!((second.class.as_str(), second.support), ("c1", 3));
        assert_eq!((second.precision, second.recall), (2.0 / 3.0, 2.0 / 3.0));
        assert_eq!(evaluation.metrics["accuracy"].value, 0.6);
        let rows = [0, 2];
        let options = EvaluateOptions {
            rows: Some(&rows),
            ..options
        };
        let slice = evaluate(Task::Binary, &named(2), truth, scores, options).unwrap();
        assert_eq!(slice.num_records, 2);
        // Both right: the resamples are all 1, but two records prove little.
        let accuracy = slice.metrics["accuracy"];
        assert_eq!((accuracy.value, accuracy.high), (1.0, 1.0));
        assert!(accuracy.low < 0.5, "{accuracy:?}");
    }

    #[test]
    fn wrong_options_and_tasks_are_refused() {
        let (labels, scores) = decisions(&[true, false]);
        let truth = Truth::Classes {
            labels: &labels,
            num_classes: 2,
        };
        let run = |task, classes: usize, options| {
            let scores = Scores::Probabilities(&scores);
            evaluate(task, &named(classes), truth, scores, options)
                .unwrap_err()
                .to_string()
        };
        let options = EvaluateOptions::default();
        assert_eq!(
            run(Task::Regression, 0, options),
            "classes given where regression targets are needed"
        );
        assert_eq!(
            run(Task::Binary, 3, options),
            "class names has 3 values, expected 2"
        );
        let wrong = EvaluateOptions {
            confidence: 1.0,
            ..options
        };
        assert_eq!(
            run(Task::Binary, 2, wrong),
            "confidence is 1, expected a number between 0 and 1"
        );
        let rows = [7];
        let wrong = EvaluateOptions {
            rows: Some(&rows),
            ..options
        };
        assert_eq!(run(Task::Binary, 2, wrong), "row 7 asked for, of 2 records");
    }

    #[test]
    #[ignore = "slow: measures speed, run in release with --nocapture"]
    fn ten_thousand_records_take_less_than_two_seconds() {
        for num_classes in [2, 10] {
            let mut rng = Seed(1).rng();
            let labels: Vec<usize> = (0..10_000).map(|_| rng.below(num_classes)).collect();
            let scores: Vec<f64> = labels
                .iter()
                .flat_map(|label| {
                    let mut row: Vec<f64> = (0..num_classes).map(|_| rng.uniform()).collect();
                    row[*label] += 0.3;
                    let sum: f64 = row.iter().sum();
                    row.into_iter().map(move |score| score / sum)
                })
                .collect();
            let truth = Truth::Classes {
                labels: &labels,
                num_classes,
            };
            let start = std::time::Instant::now();
            let options = EvaluateOptions::default();
            let scores = Scores::Probabilities(&scores);
            let classes = named(num_classes);
            let evaluation = evaluate(Task::Class, &classes, truth, scores, options).unwrap();
            let taken = start.elapsed().as_secs_f64();
            println!(
                "{num_classes} classes: {taken:.2} s, {:?}",
                evaluation.metrics["accuracy"]
            );
            assert!(taken < 2.0);
        }
        let mut rng = Seed(1).rng();
        let truth: Vec<f64> = (0..10_000).map(|_| rng.normal()).collect();
        let values: Vec<f64> = truth.iter().map(|value| value + rng.normal()).collect();
        let start = std::time::Instant::now();
        let (truth, scores) = (Truth::Values(&truth), Scores::Values(&values));
        evaluate(
            Task::Regression,
            &[],
            truth,
            scores,
            EvaluateOptions::default(),
        )
        .unwrap();
        println!("regression: {:.2} s", start.elapsed().as_secs_f64());
    }
}
