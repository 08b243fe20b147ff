//! A power of the share of steps that remains.

use schema::Problem;
use serde::{Deserialize, Serialize};

use super::{Curve, Place, check_at_least};

/// Falls from the base rate to `end_factor` of it as `(1 - progress) ^ power`, then stays there.
///
/// # Source
/// PyTorch `PolynomialLR`; transformers `get_polynomial_decay_schedule_with_warmup`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Polynomial {
    /// The power; default 2. 1 is a straight line, more falls earlier.
    pub power: f64,
    /// Factor on the base rate at the end; default 0.
    pub end_factor: f64,
    /// Steps of the fall; all that remain after the warm-up if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decay_steps: Option<usize>,
}

impl Default for Polynomial {
    fn default() -> Self {
        Self {
            power: 2.0,
            end_factor: 0.0,
            decay_steps: None,
        }
    }
}

impl Curve for Polynomial {
    fn factor(&self, place: &Place) -> f64 {
        let remaining = 1.0 - place.progress(self.decay_steps);
        self.end_factor + (1.0 - self.end_factor) * remaining.powf(self.power)
    }

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_at_least(&mut problems, "power", self.power, 0.0);
        check_at_least(&mut problems, "end_factor", self.end_factor, 0.0);
        problems
    }
}
