//! Every loss, one line each.

use engine::{Tape, Var};
use schema::{Problem, Task};

use super::{Loss, Truth, binary_cross_entropy, cross_entropy, huber, l1, mse};
use crate::{NnError, settings};

/// One loss of the registry.
pub struct LossRow {
    /// The `type` of its settings.
    pub name: &'static str,
    /// Tasks it fits; the first row of a task is its usual one.
    pub tasks: &'static [Task],
    /// One line for `list`.
    pub about: &'static str,
    pub(super) forward: fn(&Loss, &mut Tape<'_>, &Var, Truth<'_>) -> Result<Var, NnError>,
}

#[rustfmt::skip]
/// The registry.
pub const LOSSES: &[LossRow] = &[
    LossRow { name: "cross_entropy", tasks: &[Task::Class], about: "negative log-probability of the true class", forward: cross_entropy::forward },
    LossRow { name: "binary_cross_entropy", tasks: &[Task::Binary, Task::Multilabel], about: "negative log-probability of yes or no, a label", forward: binary_cross_entropy::forward },
    LossRow { name: "l1", tasks: &[Task::Regression], about: "distance; aims at the median and shrugs at outliers", forward: l1::forward },
    LossRow { name: "huber", tasks: &[Task::Regression], about: "square for small errors, distance for large ones", forward: huber::forward },
    LossRow { name: "mse", tasks: &[Task::Regression], about: "square; aims at the mean", forward: mse::forward },
];

/// The usual loss of a task.
pub fn default_for(task: Task) -> &'static LossRow {
    LOSSES
        .iter()
        .find(|row| row.tasks.contains(&task))
        .unwrap_or(&LOSSES[0])
}

/// The loss of a name, among those that fit a task.
///
/// # Errors
/// A problem at `place` with the nearest name.
pub fn find(name: &str, task: Task, place: &str) -> Result<&'static LossRow, Vec<Problem>> {
    let fitting = || LOSSES.iter().filter(|row| row.tasks.contains(&task));
    let names: Vec<&str> = fitting().map(|row| row.name).collect();
    fitting().find(|row| row.name == name).ok_or_else(|| {
        vec![settings::unknown(
            &format!("loss for task {task}"),
            name,
            &names,
            place,
        )]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_has_a_usual_loss() {
        for task in Task::ALL {
            assert!(default_for(task).tasks.contains(&task), "{task}");
        }
    }
}
