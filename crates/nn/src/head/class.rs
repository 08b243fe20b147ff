//! One of several classes: a logit each.

use schema::FittedTarget;

/// One logit and one score a class.
pub(super) fn width(target: &FittedTarget) -> usize {
    target.width()
}

/// Log-probabilities: the logits less the logarithm of the sum of their exponentials.
pub(super) fn scores(logits: &[f32], target: &FittedTarget) -> Vec<f32> {
    let mut scores = Vec::with_capacity(logits.len());
    for record in logits.chunks(width(target)) {
        let most = record.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = record.iter().map(|logit| (logit - most).exp()).sum();
        scores.extend(record.iter().map(|logit| logit - most - sum.ln()));
    }
    scores
}

#[cfg(test)]
mod tests {
    use schema::Task;

    use super::*;

    #[test]
    fn scores_are_log_softmax_even_for_extreme_logits() {
        const F32_TOL: f32 = 1e-5;
        let target = FittedTarget {
            column: "label".into(),
            task: Task::Class,
            classes: vec!["a".into(), "b".into(), "c".into()],
            scale: None,
            prior: vec![],
        };
        // torch.log_softmax(torch.tensor([1., 2., 3.]), 0)
        let expected = [-2.407_606, -1.407_606, -0.407_606];
        for (got, want) in scores(&[1.0, 2.0, 3.0], &target).iter().zip(expected) {
            assert!((got - want).abs() < F32_TOL, "{got} {want}");
        }
        assert_eq!(scores(&[1e30, 0.0, -1e30], &target)[0], 0.0);
    }
}
