//! One of two classes: one logit, the log-odds of the second class.

use schema::FittedTarget;

/// One logit.
pub(super) fn num_logits(_target: &FittedTarget) -> usize {
    1
}

/// One score a class.
pub(super) fn num_scores(_target: &FittedTarget) -> usize {
    2
}

/// Log-probabilities of both classes: `[ln(1 - p), ln p]` with `p` the logistic function of the logit.
pub(super) fn scores(logits: &[f32], _target: &FittedTarget) -> Vec<f32> {
    logits
        .iter()
        .flat_map(|logit| [log_sigmoid(-logit), log_sigmoid(*logit)])
        .collect()
}

/// `ln(1 / (1 + e^-x))` without overflow.
fn log_sigmoid(x: f32) -> f32 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_the_logistic_function() {
        const F32_TOL: f32 = 1e-6;
        // Python: 1 / (1 + math.exp(-2)) = 0.8807970779778823
        let p = 0.880_797_1_f32;
        let [no, yes] = [log_sigmoid(-2.0).exp(), log_sigmoid(2.0).exp()];
        assert!((yes - p).abs() < F32_TOL && (no - (1.0 - p)).abs() < F32_TOL);
    }

    #[test]
    fn extreme_logits_stay_finite() {
        assert_eq!(log_sigmoid(-1e30), -1e30);
        assert_eq!(log_sigmoid(1e30), 0.0);
    }
}
