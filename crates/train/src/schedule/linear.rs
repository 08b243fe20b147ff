//! A straight line from one factor to another.

use schema::Problem;
use serde::{Deserialize, Serialize};

use super::{Curve, Place, check_at_least};

/// Goes from `start_factor` to `end_factor` of the base rate in a straight line, then stays there.
///
/// # Source
/// PyTorch `LinearLR`; transformers `get_linear_schedule_with_warmup`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Linear {
    /// Factor where it begins; default 1.
    pub start_factor: f64,
    /// Factor where it ends; default 0.
    pub end_factor: f64,
    /// Steps of the line; all that remain after the warm-up if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decay_steps: Option<usize>,
}

impl Default for Linear {
    fn default() -> Self {
        Self {
            start_factor: 1.0,
            end_factor: 0.0,
            decay_steps: None,
        }
    }
}

impl Curve for Linear {
    fn factor(&self, place: &Place) -> f64 {
        let progress = place.progress(self.decay_steps);
        self.start_factor + (self.end_factor - self.start_factor) * progress
    }

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_at_least(&mut problems, "start_factor", self.start_factor, 0.0);
        check_at_least(&mut problems, "end_factor", self.end_factor, 0.0);
        problems
    }
}
