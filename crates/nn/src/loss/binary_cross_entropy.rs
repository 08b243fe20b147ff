//! Negative log-probability of yes or no, a label.

use engine::{Tape, Var};
use schema::{TargetBatch, Task};

use super::{Loss, Truth, kind_of, mean_one, wrong_target};
use crate::NnError;

/// As `torch.nn.functional.binary_cross_entropy_with_logits`, computed from the logits so that no logarithm of a
/// rounded 0 arises. Label smoothing moves the truth towards one half.
pub(super) fn forward(
    loss: &Loss,
    tape: &mut Tape<'_>,
    logits: &Var,
    truth: Truth<'_>,
) -> Result<Var, NnError> {
    let batch_size = logits.shape()[0];
    let smoothing = loss.config.label_smoothing as f32;
    let smooth = |yes: f32| yes * (1.0 - smoothing) + 0.5 * smoothing;
    if loss.task == Task::Multilabel {
        let labels = labels(loss, truth, batch_size)?;
        let targets: Vec<f32> = labels.iter().map(|yes| smooth(*yes)).collect();
        let weights = Loss::record_weights(truth).map(|weights| spread(&weights, loss.num_classes));
        let positive = loss.class_weights.as_deref();
        return Ok(tape.bce_with_logits(logits, &targets, positive, weights.as_deref())?);
    }
    let classes = loss.classes(truth, batch_size)?;
    let targets: Vec<f32> = classes.iter().map(|class| smooth(*class as f32)).collect();
    let weights = match &loss.class_weights {
        None => Loss::record_weights(truth),
        Some(of_class) => {
            let weight = |(record, class): (usize, &u32)| {
                of_class[*class as usize] * truth.weights.map_or(1.0, |weights| weights[record])
            };
            Some(mean_one(classes.iter().enumerate().map(weight).collect()))
        }
    };
    Ok(tape.bce_with_logits(logits, &targets, None, weights.as_deref())?)
}

/// The labels of the truth, checked.
fn labels<'a>(loss: &Loss, truth: Truth<'a>, batch_size: usize) -> Result<&'a [f32], NnError> {
    let expected = batch_size * loss.num_classes;
    match truth.target {
        TargetBatch::Labels(labels) if labels.len() == expected => Ok(labels),
        TargetBatch::Labels(labels) => Err(wrong_target(
            format!("{} labels", labels.len()),
            format!("{batch_size} x {}", loss.num_classes),
        )),
        other => Err(wrong_target(kind_of(other), "labels".to_owned())),
    }
}

/// A record's weight for each of its labels.
fn spread(weights: &[f32], num_labels: usize) -> Vec<f32> {
    weights
        .iter()
        .flat_map(|weight| std::iter::repeat_n(*weight, num_labels))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::check::{config, run, target};

    const F32_TOL: f32 = 1e-5;

    #[test]
    fn small_values_are_pytorchs() {
        let classes = TargetBatch::Classes(vec![1, 0]);
        let truth = Truth {
            target: &classes,
            weights: None,
        };
        // F.binary_cross_entropy_with_logits(torch.tensor([2., -1.]), torch.tensor([1., 0.])):
        // (ln(1 + e^-2) + ln(1 + e^-1)) / 2 = (0.12692801 + 0.31326169) / 2
        let value = run(
            &config("auto", 0.0),
            &target(Task::Binary, 2),
            &[2.0, -1.0],
            truth,
        )
        .0;
        assert!((value - 0.220_094_85).abs() < F32_TOL, "{value}");
    }

    #[test]
    fn multilabel_is_the_mean_over_records_and_labels() {
        let labels = TargetBatch::Labels(vec![1.0, 0.0]);
        let truth = Truth {
            target: &labels,
            weights: None,
        };
        let fitted = target(Task::Multilabel, 2);
        let value = run(&config("auto", 0.0), &fitted, &[2.0, -1.0], truth).0;
        assert!((value - 0.220_094_85).abs() < F32_TOL, "{value}");
    }

    #[test]
    fn extreme_logits_stay_finite_and_better_is_less() {
        let classes = TargetBatch::Classes(vec![1]);
        let truth = Truth {
            target: &classes,
            weights: None,
        };
        let value = |logit| {
            run(
                &config("auto", 0.0),
                &target(Task::Binary, 2),
                &[logit],
                truth,
            )
        };
        let (bad, gradient) = value(-1e9);
        assert!(bad.is_finite() && gradient[0].is_finite());
        assert!(value(1.0).0 < value(-1.0).0);
    }
}
