//! The same rate throughout, if wanted after a lower or higher beginning.

use schema::Problem;
use serde::{Deserialize, Serialize};

use super::{Curve, Place, check_at_least};

/// The base rate at every step.
///
/// # Source
/// PyTorch `ConstantLR`; transformers `get_constant_schedule_with_warmup`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Constant {
    /// Factor on the rate during the first `initial_steps`; default 1.
    pub initial_factor: f64,
    /// Steps that `initial_factor` lasts; default 0.
    pub initial_steps: usize,
}

impl Default for Constant {
    fn default() -> Self {
        Self {
            initial_factor: 1.0,
            initial_steps: 0,
        }
    }
}

impl Curve for Constant {
    fn factor(&self, place: &Place) -> f64 {
        if place.step < self.initial_steps {
            self.initial_factor
        } else {
            1.0
        }
    }

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_at_least(&mut problems, "initial_factor", self.initial_factor, 0.0);
        problems
    }
}
