//! Stairs: a factor every so many epochs, or at named epochs.

use schema::Problem;
use serde::{Deserialize, Serialize};

use super::{Curve, Place, bad_setting, check_at_least};

/// Multiplies the rate by `factor` every `every_epochs` epochs, or at the epochs of `at_epochs` if any are named.
///
/// # Source
/// PyTorch `StepLR` and `MultiStepLR`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StepDecay {
    /// Factor of one stair; default 0.1.
    #[serde(alias = "gamma")]
    pub factor: f64,
    /// Epochs of one stair; default 10.
    #[serde(alias = "step_size")]
    pub every_epochs: usize,
    /// Epochs (from 0) at whose start a stair goes down; default none.
    #[serde(alias = "milestones")]
    pub at_epochs: Vec<usize>,
}

impl Default for StepDecay {
    fn default() -> Self {
        Self {
            factor: 0.1,
            every_epochs: 10,
            at_epochs: Vec::new(),
        }
    }
}

impl Curve for StepDecay {
    fn factor(&self, place: &Place) -> f64 {
        let stairs = if self.at_epochs.is_empty() {
            place.epoch / self.every_epochs.max(1)
        } else {
            self.at_epochs
                .iter()
                .filter(|epoch| **epoch <= place.epoch)
                .count()
        };
        self.factor.powi(stairs as i32)
    }

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_at_least(&mut problems, "factor", self.factor, 0.0);
        if self.every_epochs == 0 {
            problems.push(bad_setting("every_epochs", "at least 1").got("0"));
        }
        problems
    }
}
