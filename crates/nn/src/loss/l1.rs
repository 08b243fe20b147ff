//! Distance between value and truth.

use engine::{Tape, Var};

use super::{Loss, Truth};
use crate::NnError;

/// Mean of the distance, as `torch.nn.functional.l1_loss`.
pub(super) fn forward(
    loss: &Loss,
    tape: &mut Tape<'_>,
    logits: &Var,
    truth: Truth<'_>,
) -> Result<Var, NnError> {
    let values = loss.values(truth, logits.shape()[0])?;
    let weights = Loss::record_weights(truth);
    Ok(tape.l1(logits, values, weights.as_deref())?)
}

#[cfg(test)]
mod tests {
    use schema::{TargetBatch, Task};

    use super::*;
    use crate::loss::check::{config, run, target};

    #[test]
    fn small_and_extreme_values_are_right() {
        const F32_TOL: f32 = 1e-6;
        let values = TargetBatch::Values(vec![0.0, 1.0]);
        let truth = Truth {
            target: &values,
            weights: None,
        };
        let fitted = target(Task::Regression, 0);
        let value = |logits: &[f32]| run(&config("l1", 0.0), &fitted, logits, truth);
        // By hand, errors 0.5 and -2: (0.5 + 2) / 2.
        assert!((value(&[0.5, -1.0]).0 - 1.25).abs() < F32_TOL);
        assert!(value(&[1e9, -1e9]).0.is_finite());
        assert!(value(&[0.5, 1.0]).1[0] > 0.0, "too much is pulled down");
    }
    #[test]
    fn record_weights_make_a_weighted_mean() {
        const F32_TOL: f32 = 1e-6;
        let values = TargetBatch::Values(vec![0.0, 0.0]);
        let truth = Truth {
            target: &values,
            weights: Some(&[3.0, 1.0]),
        };
        let fitted = target(Task::Regression, 0);
        let value = run(&config("l1", 0.0), &fitted, &[1.0, 5.0], truth).0;
        // By hand: (3 * 1 + 1 * 5) / 4.
        assert!((value - 2.0).abs() < F32_TOL, "{value}");
    }
}
