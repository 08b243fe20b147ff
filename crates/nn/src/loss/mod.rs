//! What is minimised: logits and truth -> one number.
//!
//! A loss is one file with one function over raw logits, finite for any finite logits.

mod binary_cross_entropy;
mod cross_entropy;
mod huber;
mod l1;
mod mse;
mod registry;

use engine::{Tape, Var};
use schema::{FittedTarget, Problem, Settings, TargetBatch, Task};

use crate::{
    NnError,
    settings::{self, Check},
};

pub use registry::{LOSSES, LossRow, default_for, find};

/// Settings of the loss, `[loss]`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LossConfig {
    /// Name of a loss that fits the task, or `auto` (default) for the task's usual one.
    #[serde(rename = "type")]
    pub kind: String,
    /// Share of the truth spread over all classes (binary, class, multilabel), in [0, 1), default 0.1.
    pub label_smoothing: f64,
    /// Whether classes weigh by the inverse of their frequency, default false.
    pub balance_classes: bool,
    /// `huber`: error at which squares turn into distances, 1e-6 to 1e6, in deviations of the target, default 1.
    pub beta: f64,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            kind: "auto".to_owned(),
            label_smoothing: 0.1,
            balance_classes: false,
            beta: 1.0,
        }
    }
}

impl LossConfig {
    /// Reads `[loss]`.
    ///
    /// # Errors
    /// One problem a wrong key, placed below `place`.
    pub fn parse(table: &Settings, place: &str) -> Result<Self, Vec<Problem>> {
        settings::parse(table, place)
    }

    /// What lies outside its range or does not fit the task, placed below `place`.
    pub fn check(&self, place: &str, task: Task) -> Vec<Problem> {
        let mut problems = Check::new(place)
            .rate("label_smoothing", self.label_smoothing)
            .number("beta", self.beta, 1e-6, 1e6)
            .finish();
        if self.kind != "auto" {
            let found = find(&self.kind, task, &format!("{place}.type"));
            problems.extend(found.err().unwrap_or_default());
        }
        problems
    }
}

/// A loss with everything it needs but logits and truth.
pub struct Loss {
    row: &'static LossRow,
    config: LossConfig,
    task: Task,
    num_classes: usize,
    /// Weight of each class or label, mean 1 over the training records; `None` for all 1.
    class_weights: Option<Vec<f32>>,
}

/// The truth of some records and how much each counts.
#[derive(Debug, Clone, Copy)]
pub struct Truth<'a> {
    /// The truth as numbers.
    pub target: &'a TargetBatch,
    /// Weight of each record; `None` for all 1.
    pub weights: Option<&'a [f32]>,
}

impl Loss {
    /// The loss of a target as fitted.
    ///
    /// # Errors
    /// [`NnError::Settings`] if the loss does not fit the task.
    pub fn build(config: &LossConfig, target: &FittedTarget) -> Result<Self, NnError> {
        let row = match config.kind.as_str() {
            "auto" => Ok(default_for(target.task)),
            name => find(name, target.task, "loss.type"),
        };
        let row = row.map_err(NnError::Settings)?;
        let balances = config.balance_classes && target.task != Task::Regression;
        Ok(Self {
            row,
            config: config.clone(),
            task: target.task,
            num_classes: target.width(),
            class_weights: balances.then(|| balanced(target)),
        })
    }

    /// Name of the loss in the registry.
    pub fn name(&self) -> &'static str {
        self.row.name
    }

    /// The weighted mean over the records.
    ///
    /// # Shapes
    /// - `logits`: `[B, num_logits]`
    /// - returns: `[1]`
    ///
    /// # Errors
    /// [`NnError::Target`] if the truth is of another kind or size, or a class is not below K.
    pub fn forward(
        &self,
        tape: &mut Tape<'_>,
        logits: &Var,
        truth: Truth<'_>,
    ) -> Result<Var, NnError> {
        let batch_size = logits.shape()[0];
        if let Some(weights) = truth.weights
            && weights.len() != batch_size
        {
            return Err(wrong_target(
                format!("{} record weights", weights.len()),
                format!("{batch_size}"),
            ));
        }
        (self.row.forward)(self, tape, logits, truth)
    }

    /// The classes of the truth, checked.
    fn classes<'a>(&self, truth: Truth<'a>, batch_size: usize) -> Result<&'a [u32], NnError> {
        let TargetBatch::Classes(classes) = truth.target else {
            return Err(wrong_target(kind_of(truth.target), "classes".to_owned()));
        };
        if classes.len() != batch_size {
            let got = format!("{} classes", classes.len());
            return Err(wrong_target(got, format!("{batch_size}")));
        }
        match classes
            .iter()
            .find(|class| **class as usize >= self.num_classes)
        {
            None => Ok(classes),
            Some(class) => Err(wrong_target(
                format!("class {class}"),
                format!("a class below {}", self.num_classes),
            )),
        }
    }

    /// Weights of the records with mean 1; `None` for all 1.
    fn record_weights(truth: Truth<'_>) -> Option<Vec<f32>> {
        truth.weights.map(|weights| mean_one(weights.to_vec()))
    }

    /// The values of the truth, checked.
    fn values<'a>(&self, truth: Truth<'a>, batch_size: usize) -> Result<&'a [f32], NnError> {
        match truth.target {
            TargetBatch::Values(values) if values.len() == batch_size => Ok(values),
            TargetBatch::Values(values) => Err(wrong_target(
                format!("{} values", values.len()),
                format!("{batch_size}"),
            )),
            other => Err(wrong_target(kind_of(other), "values".to_owned())),
        }
    }
}

/// Weights scaled to mean 1, so that a weighted sum over B records divided by B is the weighted mean (the engine
/// divides by the number of values, as PyTorch does).
fn mean_one(mut weights: Vec<f32>) -> Vec<f32> {
    let sum: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    if sum > 0.0 {
        let factor = weights.len() as f64 / sum;
        for weight in &mut weights {
            *weight = (f64::from(*weight) * factor) as f32;
        }
    }
    weights
}

fn wrong_target(got: String, expected: String) -> NnError {
    NnError::Target { got, expected }
}

fn kind_of(target: &TargetBatch) -> String {
    match target {
        TargetBatch::Classes(_) => "classes",
        TargetBatch::Labels(_) => "labels",
        TargetBatch::Values(_) => "values",
    }
    .to_owned()
}

/// `1 / (K prior)` for classes, so that every class weighs the same; `(1 - prior) / prior` for the positives of
/// labels. A class that was never seen weighs 1.
fn balanced(target: &FittedTarget) -> Vec<f32> {
    let count = target.width() as f64;
    let weight = |prior: &f64| match target.task {
        Task::Multilabel => (1.0 - prior) / prior,
        _ => 1.0 / (count * prior),
    };
    let mut weights: Vec<f32> = target
        .prior
        .iter()
        .map(|prior| {
            if *prior > 0.0 {
                weight(prior) as f32
            } else {
                1.0
            }
        })
        .collect();
    weights.resize(target.width(), 1.0);
    weights
}

#[cfg(test)]
pub(crate) mod check {
    //! What the tests of every loss share.

    use engine::{Parameters, Tensor};

    use super::*;

    pub(crate) fn target(task: Task, num_classes: usize) -> FittedTarget {
        FittedTarget {
            column: "label".to_owned(),
            task,
            classes: (0..num_classes).map(|class| class.to_string()).collect(),
            scale: None,
            prior: vec![1.0 / num_classes.max(1) as f64; num_classes],
        }
    }

    /// The loss of logits `[B, num_logits]` and the gradient that reaches them.
    pub(crate) fn run(
        config: &LossConfig,
        target: &FittedTarget,
        logits: &[f32],
        truth: Truth<'_>,
    ) -> (f32, Vec<f32>) {
        let loss = Loss::build(config, target).unwrap();
        let width = match target.task {
            Task::Binary | Task::Regression => 1,
            Task::Class | Task::Multilabel => target.width(),
        };
        let parameters = Parameters::new();
        let mut gradients = engine::Gradients::new(&parameters);
        let mut tape = Tape::training(&parameters, 0);
        let shape = [logits.len() / width, width];
        let logits = tape.input(Tensor::from_slice(&shape, logits).unwrap());
        let value = loss.forward(&mut tape, &logits, truth).unwrap();
        let item = tape.value(&value).item();
        tape.backward(&value, &mut gradients).unwrap();
        let gradient = tape.input_gradient(&logits).unwrap().data().to_vec();
        (item, gradient)
    }

    pub(crate) fn config(kind: &str, label_smoothing: f64) -> LossConfig {
        LossConfig {
            kind: kind.to_owned(),
            label_smoothing,
            ..LossConfig::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_classes_weigh_the_same_in_sum() {
        let mut target = check::target(Task::Class, 2);
        target.prior = vec![0.75, 0.25];
        let weights = balanced(&target);
        // By hand: 1 / (2 * 0.75), 1 / (2 * 0.25).
        assert_eq!(weights, [2.0 / 3.0, 2.0]);
    }

    #[test]
    fn a_loss_of_another_task_is_refused_with_those_that_fit() {
        let found = check::config("mse", 0.0).check("loss", Task::Class);
        assert_eq!(
            found[0].to_string(),
            "loss.type: no loss for task class \"mse\" (known: cross_entropy)"
        );
    }

    #[test]
    fn truth_of_another_kind_is_refused() {
        let loss = Loss::build(&LossConfig::default(), &check::target(Task::Class, 3)).unwrap();
        let parameters = engine::Parameters::new();
        let mut tape = Tape::inference(&parameters);
        let logits = tape.constant(engine::Tensor::zeros(&[1, 3]));
        for target in [
            TargetBatch::Values(vec![0.0]),
            TargetBatch::Classes(vec![3]),
            TargetBatch::Classes(vec![0, 1]),
        ] {
            let truth = Truth {
                target: &target,
                weights: None,
            };
            assert!(
                loss.forward(&mut tape, &logits, truth).is_err(),
                "{target:?}"
            );
        }
    }
}
