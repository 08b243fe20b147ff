//! Every head, one line each.

use schema::{FittedTarget, Task};

use super::{binary, class, multilabel, regression};

/// One head of the registry; its name is its task's.
pub struct HeadRow {
    /// What it predicts.
    pub task: Task,
    /// One line for `list`.
    pub about: &'static str,
    /// Logits a record.
    pub num_logits: fn(&FittedTarget) -> usize,
    /// Scores a record.
    pub num_scores: fn(&FittedTarget) -> usize,
    /// Logits `[B, num_logits]` to scores `[B, num_scores]`.
    pub scores: fn(&[f32], &FittedTarget) -> Vec<f32>,
}

impl HeadRow {
    /// The `type` of its settings.
    pub fn name(&self) -> &'static str {
        self.task.name()
    }
}

#[rustfmt::skip]
/// The registry.
pub const HEADS: &[HeadRow] = &[
    HeadRow { task: Task::Binary, about: "one of two classes, from one logit", num_logits: binary::num_logits, num_scores: binary::num_scores, scores: binary::scores },
    HeadRow { task: Task::Class, about: "one of several classes", num_logits: class::width, num_scores: class::width, scores: class::scores },
    HeadRow { task: Task::Multilabel, about: "any subset of several labels", num_logits: multilabel::width, num_scores: multilabel::width, scores: multilabel::scores },
    HeadRow { task: Task::Regression, about: "a number, in the scale of the fitted target", num_logits: regression::width, num_scores: regression::width, scores: regression::scores },
];

/// The head of a task.
pub fn for_task(task: Task) -> Option<&'static HeadRow> {
    HEADS.iter().find(|row| row.task == task)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_has_a_head() {
        assert!(Task::ALL.iter().all(|task| for_task(*task).is_some()));
    }
}
