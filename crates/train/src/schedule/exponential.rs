//! A constant factor every epoch.

use schema::Problem;
use serde::{Deserialize, Serialize};

use super::{Curve, Place, check_at_least};

/// Multiplies the rate by `factor` at the start of every epoch but the first.
///
/// # Source
/// PyTorch `ExponentialLR`, stepped once an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exponential {
    /// Factor an epoch; default 0.95.
    #[serde(alias = "gamma")]
    pub factor: f64,
}

impl Default for Exponential {
    fn default() -> Self {
        Self { factor: 0.95 }
    }
}

impl Curve for Exponential {
    fn factor(&self, place: &Place) -> f64 {
        self.factor.powi(place.epoch as i32)
    }

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_at_least(&mut problems, "factor", self.factor, 0.0);
        problems
    }
}
