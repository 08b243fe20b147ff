//! Negative log-probability of the true class.

use engine::{CrossEntropy, Tape, Targets, Var};

use super::{Loss, Truth};
use crate::NnError;

/// As `torch.nn.functional.cross_entropy` with class weights and label smoothing; record weights multiply the class
/// weights.
pub(super) fn forward(
    loss: &Loss,
    tape: &mut Tape<'_>,
    logits: &Var,
    truth: Truth<'_>,
) -> Result<Var, NnError> {
    let classes = loss.classes(truth, logits.shape()[0])?;
    let options = CrossEntropy {
        label_smoothing: loss.config.label_smoothing as f32,
        class_weights: loss.class_weights.clone(),
        record_weights: truth.weights.map(<[f32]>::to_vec),
    };
    Ok(tape.cross_entropy(logits, Targets::Classes(classes), &options)?)
}

#[cfg(test)]
mod tests {
    use schema::{TargetBatch, Task};

    use super::*;
    use crate::loss::check::{config, run, target};

    const F32_TOL: f32 = 1e-5;

    #[test]
    fn small_values_are_pytorchs() {
        let classes = TargetBatch::Classes(vec![2, 0]);
        let truth = Truth {
            target: &classes,
            weights: None,
        };
        let logits = [1.0, 2.0, 3.0, 0.5, 0.0, -0.5];
        // l = torch.tensor([[1., 2., 3.], [.5, 0., -.5]]); t = torch.tensor([2, 0])
        // F.cross_entropy(l, t), F.cross_entropy(l, t, label_smoothing=.1)
        let plain = run(
            &config("auto", 0.0),
            &target(Task::Class, 3),
            &logits,
            truth,
        )
        .0;
        let smooth = run(
            &config("auto", 0.1),
            &target(Task::Class, 3),
            &logits,
            truth,
        )
        .0;
        // By hand: (0.40760596 + 0.68026966) / 2; the smoothed one adds .1 (x_true - mean x), so + .1 (1 + .5) / 2.
        assert!((plain - 0.543_937_8).abs() < F32_TOL, "{plain}");
        assert!((smooth - 0.618_937_8).abs() < F32_TOL, "{smooth}");
    }

    #[test]
    fn extreme_logits_stay_finite_and_better_is_less() {
        let classes = TargetBatch::Classes(vec![0]);
        let truth = Truth {
            target: &classes,
            weights: None,
        };
        let value =
            |logits: &[f32]| run(&config("auto", 0.0), &target(Task::Class, 2), logits, truth);
        let (bad, gradient) = value(&[-1e9, 1e9]);
        assert!(bad.is_finite() && gradient.iter().all(|g| g.is_finite()));
        assert!(value(&[1.0, 0.0]).0 < value(&[0.0, 1.0]).0);
        assert!(
            value(&[1.0, 0.0]).1[0] < 0.0,
            "more of the true logit is better"
        );
    }

    #[test]
    fn a_record_of_weight_zero_does_not_count() {
        let (one, two) = (
            TargetBatch::Classes(vec![1]),
            TargetBatch::Classes(vec![1, 0]),
        );
        let fitted = target(Task::Class, 2);
        let alone = Truth {
            target: &one,
            weights: None,
        };
        let both = Truth {
            target: &two,
            weights: Some(&[2.0, 0.0]),
        };
        let alone = run(&config("auto", 0.1), &fitted, &[0.3, 0.9], alone).0;
        let both = run(&config("auto", 0.1), &fitted, &[0.3, 0.9, 5.0, 7.0], both).0;
        assert!((alone - both).abs() < F32_TOL, "{alone} {both}");
    }
}
