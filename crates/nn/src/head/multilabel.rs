//! Any subset of several labels: a logit each, independent of the others.

use schema::FittedTarget;

/// One logit and one score a label.
pub(super) fn width(target: &FittedTarget) -> usize {
    target.width()
}

/// The logits themselves: log-odds of each label.
pub(super) fn scores(logits: &[f32], _target: &FittedTarget) -> Vec<f32> {
    logits.to_vec()
}
