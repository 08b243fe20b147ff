//! What every metric of the registry must do, and that its values are scikit-learn's.

use std::collections::BTreeMap;

use schema::{Seed, Task};

use crate::{
    EvaluateOptions, Metric, MetricError, Sample, Scores, Truth, View, all, evaluate, for_task,
    measure,
};

/// Relative: sums are taken in another order than numpy's, and JSON numbers may be read one step off.
const GOLDEN_TOL: f64 = 1e-9;

/// One set of predictions of `golden/make.py`.
#[derive(serde::Deserialize)]
struct Case {
    name: String,
    task: Task,
    width: usize,
    truth: Vec<f64>,
    scores: Vec<f64>,
    counts: Vec<u32>,
    expected: BTreeMap<String, Option<f64>>,
}

/// Predictions that own their numbers.
struct Owned {
    task: Task,
    width: usize,
    labels: Vec<usize>,
    sets: Vec<bool>,
    values: Vec<f64>,
    scores: Vec<f64>,
}

impl Owned {
    fn new(task: Task, width: usize, truth: &[f64], scores: Vec<f64>) -> Self {
        Self {
            task,
            width,
            labels: truth.iter().map(|number| *number as usize).collect(),
            sets: truth.iter().map(|number| *number != 0.0).collect(),
            values: truth.to_vec(),
            scores,
        }
    }

    fn truth(&self) -> Truth<'_> {
        match self.task {
            Task::Binary | Task::Class => Truth::Classes {
                labels: &self.labels,
                num_classes: self.width,
            },
            Task::Multilabel => Truth::Labels {
                values: &self.sets,
                num_labels: self.width,
            },
            Task::Regression => Truth::Values(&self.values),
        }
    }

    fn scores(&self) -> Scores<'_> {
        match self.task {
            Task::Regression => Scores::Values(&self.scores),
            _ => Scores::Probabilities(&self.scores),
        }
    }

    fn sample(&self) -> Sample<'_> {
        Sample::new(self.truth(), self.scores()).unwrap()
    }

    fn value(&self, metric: &dyn Metric) -> Option<f64> {
        measure(metric, self.truth(), self.scores()).unwrap()
    }

    fn classes(&self) -> Vec<String> {
        match self.task {
            Task::Regression => Vec::new(),
            _ => (0..self.width).map(|class| format!("c{class}")).collect(),
        }
    }
}

/// `num_records` random records of a task; `skill` in [0, 1] draws the scores towards the truth.
fn predictions(task: Task, num_records: usize, skill: f64, seed: u64) -> Owned {
    let mut rng = Seed(seed).rng();
    let width = match task {
        Task::Binary => 2,
        Task::Class => 5,
        Task::Multilabel => 3,
        Task::Regression => 1,
    };
    let (mut truth, mut scores) = (Vec::new(), Vec::new());
    for _ in 0..num_records {
        match task {
            Task::Binary | Task::Class => {
                let label = rng.below(width);
                let mut row: Vec<f64> = (0..width).map(|_| rng.uniform() * (1.0 - skill)).collect();
                row[label] += skill;
                let sum: f64 = row.iter().sum();
                truth.push(label as f64);
                scores.extend(row.iter().map(|score| score / sum));
            }
            Task::Multilabel => {
                for _ in 0..width {
                    let label = f64::from(u8::from(rng.chance(0.4)));
                    truth.push(label);
                    scores.push(skill * label + (1.0 - skill) * rng.uniform());
                }
            }
            Task::Regression => {
                // On the scale of sentiment scores, which some metrics ask for.
                let mut number = || (1.2 * rng.normal()).clamp(-3.0, 3.0);
                let (value, guess) = (number(), number());
                truth.push(value);
                scores.push(skill * value + (1.0 - skill) * guess);
            }
        }
    }
    Owned::new(task, width, &truth, scores)
}

#[test]
fn values_are_scikit_learns() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../golden/cases.json")).unwrap();
    for case in cases {
        let owned = Owned::new(case.task, case.width, &case.truth, case.scores);
        let sample = owned.sample();
        let view = View::counted(&sample, &case.counts);
        for metric in for_task(case.task) {
            let name = metric.name();
            let expected = case.expected[name];
            let got = metric.value(&view);
            let agree = match (got, expected) {
                (Some(got), Some(expected)) => {
                    (got - expected).abs() <= GOLDEN_TOL * expected.abs().max(1.0)
                }
                (got, expected) => got == expected,
            };
            assert!(
                agree,
                "{}, {name}: expected {expected:?}, got {got:?}",
                case.name
            );
        }
    }
}

#[test]
fn names_are_unique_and_every_metric_has_a_task_and_a_line() {
    let mut names: Vec<_> = all().iter().map(|metric| metric.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all().len());
    for metric in all() {
        assert!(!metric.tasks().is_empty());
        assert!(!metric.about().is_empty() && !metric.about().contains('\n'));
    }
}

#[test]
fn the_direction_agrees_with_better() {
    for metric in all() {
        for task in metric.tasks() {
            let value = |skill| predictions(*task, 300, skill, 4).value(*metric).unwrap();
            let (guessing, good) = (value(0.0), value(0.45));
            let is_better = metric.is_better(good, guessing);
            // A calibrated guess is calibrated: skill says nothing about it.
            if metric.name() == "ece" {
                continue;
            }
            assert!(is_better, "{} {task}: {guessing} to {good}", metric.name());
        }
    }
}

#[test]
fn perfect_predictions_have_the_best_value() {
    for metric in all() {
        for task in metric.tasks() {
            let value = predictions(*task, 50, 1.0, 5).value(*metric).unwrap();
            let best = if metric.higher_is_better() { 1.0 } else { 0.0 };
            assert!(
                (value - best).abs() < 1e-12,
                "{} {task}: {value}",
                metric.name()
            );
        }
    }
}

#[test]
fn extreme_numbers_give_a_finite_value_or_none() {
    let huge = f64::MAX;
    let sets = [
        Owned::new(
            Task::Regression,
            1,
            &[huge, -huge, 0.0],
            vec![-huge, huge, 1.0],
        ),
        Owned::new(Task::Regression, 1, &[1e-308, 2e-308], vec![0.0, 1e-308]),
        Owned::new(Task::Regression, 1, &[1e200, -1e200], vec![0.0, 1.0]),
        Owned::new(Task::Binary, 2, &[0.0, 1.0], vec![0.0, 1.0, 1.0, 0.0]),
        Owned::new(Task::Binary, 2, &[0.0, 0.0], vec![1.0, 0.0, 1.0, 0.0]),
        Owned::new(
            Task::Class,
            3,
            &[1.0, 1.0],
            vec![0.0, 1.0, 0.0, 1.0, 0.0, 0.0],
        ),
        Owned::new(Task::Class, 1, &[0.0], vec![1.0]),
        Owned::new(Task::Multilabel, 1, &[1.0, 1.0], vec![0.0, 1.0]),
        Owned::new(Task::Multilabel, 2, &[0.0; 4], vec![1.0; 4]),
    ];
    for set in &sets {
        for metric in for_task(set.task) {
            let value = set.value(metric);
            assert!(
                value.is_none_or(f64::is_finite),
                "{}: {value:?}",
                metric.name()
            );
        }
        let classes = set.classes();
        let options = EvaluateOptions::default();
        let evaluation = evaluate(set.task, &classes, set.truth(), set.scores(), options).unwrap();
        for (name, interval) in evaluation.metrics {
            let numbers = [interval.value, interval.low, interval.high];
            assert!(
                numbers.iter().all(|number| number.is_finite()),
                "{name}: {interval:?}"
            );
        }
    }
}

#[test]
fn no_records_are_an_error_and_no_counts_are_undefined() {
    for task in Task::ALL {
        let none = predictions(task, 0, 0.0, 0);
        let error = Sample::new(none.truth(), none.scores()).unwrap_err();
        assert_eq!(error, MetricError::Empty);
        let some = predictions(task, 3, 0.0, 0);
        let sample = some.sample();
        let view = View::counted(&sample, &[0; 3]);
        for metric in for_task(task) {
            assert_eq!(metric.value(&view), None, "{} {task}", metric.name());
        }
    }
}

#[test]
fn a_metric_of_another_task_is_undefined_and_does_not_panic() {
    for task in Task::ALL {
        let set = predictions(task, 20, 0.3, 0);
        for metric in all()
            .iter()
            .filter(|metric| !metric.tasks().contains(&task))
        {
            if *metric.tasks() == [Task::Class] && task == Task::Binary {
                continue;
            }
            assert_eq!(set.value(*metric), None, "{} {task}", metric.name());
        }
    }
}

#[test]
fn a_slice_equals_the_records_alone() {
    for task in Task::ALL {
        let set = predictions(task, 60, 0.4, 6);
        let rows: Vec<usize> = (0..60).step_by(3).collect();
        let width = set.width;
        let of_truth = if task == Task::Multilabel { width } else { 1 };
        let take = |numbers: &[f64], width: usize| -> Vec<f64> {
            let row = |row: &usize| numbers[row * width..(row + 1) * width].to_vec();
            rows.iter().flat_map(row).collect()
        };
        let truth: Vec<f64> = match task {
            Task::Binary | Task::Class => set.labels.iter().map(|label| *label as f64).collect(),
            Task::Multilabel | Task::Regression => set.values.clone(),
        };
        let alone = Owned::new(
            task,
            width,
            &take(&truth, of_truth),
            take(&set.scores, width),
        );
        let mut counts = vec![0; 60];
        rows.iter().for_each(|row| counts[*row] = 1);
        let sample = set.sample();
        for metric in for_task(task) {
            let slice = metric.value(&View::counted(&sample, &counts)).unwrap();
            let expected = alone.value(metric).unwrap();
            assert!(
                (slice - expected).abs() < GOLDEN_TOL,
                "{} {task}",
                metric.name()
            );
        }
    }
}
