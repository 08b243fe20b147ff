//! What was learned about the target from the training split.

use crate::Task;

/// How a numeric target is scaled for training.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Scale {
    /// Whether the logarithm is taken first (positive, skewed targets).
    pub log: bool,
    /// Mean of the (logged) training values.
    pub mean: f64,
    /// Deviation of the (logged) training values; never 0.
    pub deviation: f64,
}

impl Scale {
    /// From the target's unit to the scale that models see.
    pub fn apply(&self, value: f64) -> f64 {
        let value = if self.log {
            value.max(f64::MIN_POSITIVE).ln()
        } else {
            value
        };
        (value - self.mean) / self.deviation
    }

    /// From the scale that models see back to the target's unit.
    pub fn invert(&self, scaled: f64) -> f64 {
        let value = scaled * self.deviation + self.mean;
        if self.log { value.exp() } else { value }
    }
}

/// The target as fitted on the training split: task, class order, scale.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FittedTarget {
    /// Name of the target column.
    pub column: String,
    /// What is predicted.
    pub task: Task,
    /// Class or label names in index order; empty for regression.
    pub classes: Vec<String>,
    /// Scale of a regression target.
    pub scale: Option<Scale>,
    /// Share of each class among the training records (class tasks), of each label (multilabel); the prediction
    /// when a record has nothing to go by. Empty for regression.
    pub prior: Vec<f64>,
}

impl FittedTarget {
    /// Width of a model's output: classes, labels, or 1.
    pub fn width(&self) -> usize {
        self.classes.len().max(1)
    }

    /// Index of a class by name.
    pub fn class_index(&self, name: &str) -> Option<usize> {
        self.classes.iter().position(|class| class == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_inverts_itself() {
        for log in [false, true] {
            let scale = Scale {
                log,
                mean: 2.0,
                deviation: 3.0,
            };
            assert!((scale.invert(scale.apply(17.5)) - 17.5).abs() < 1e-9);
        }
    }
}
