//! Half a cosine from the base rate down, once or in cycles.

use std::f64::consts::PI;

use schema::Problem;
use serde::{Deserialize, Serialize};

use super::{Curve, Place, bad_setting, check_at_least};

/// Falls along half a cosine to `end_factor`; with several cycles it jumps back up at the start of each.
///
/// # Source
/// Loshchilov and Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", arXiv:1608.03983.
/// Same rates as transformers `get_cosine_schedule_with_warmup`, `get_cosine_with_hard_restarts_schedule_with_warmup`
/// and PyTorch `CosineAnnealingWarmRestarts`; `CosineAnnealingLR` up to its `T_max`, beyond which it rises again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cosine {
    /// Factor on the base rate at the end of a cycle; default 0.
    pub end_factor: f64,
    /// Cycles of equal length over the run; default 1. Ignored if `cycle_steps` is given.
    pub num_cycles: usize,
    /// Steps of the first cycle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycle_steps: Option<usize>,
    /// How many times longer each cycle is than the one before, with `cycle_steps`; default 1.
    pub cycle_growth: usize,
}

impl Default for Cosine {
    fn default() -> Self {
        Self {
            end_factor: 0.0,
            num_cycles: 1,
            cycle_steps: None,
            cycle_growth: 1,
        }
    }
}

impl Curve for Cosine {
    fn factor(&self, place: &Place) -> f64 {
        let progress = match self.cycle_steps {
            Some(first) => self.place_in_growing_cycle(place.step, first.max(1)),
            None => {
                let progress = place.progress(None);
                // The very end belongs to the last cycle, not to a next one that would start at the top.
                if progress >= 1.0 {
                    1.0
                } else {
                    (progress * self.num_cycles as f64).fract()
                }
            }
        };
        self.end_factor + (1.0 - self.end_factor) * 0.5 * (1.0 + (PI * progress).cos())
    }

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_at_least(&mut problems, "end_factor", self.end_factor, 0.0);
        let counts = [
            ("num_cycles", self.num_cycles),
            ("cycle_steps", self.cycle_steps.unwrap_or(1)),
            ("cycle_growth", self.cycle_growth),
        ];
        for (key, _) in counts.into_iter().filter(|(_, count)| *count == 0) {
            problems.push(bad_setting(key, "at least 1").got("0"));
        }
        problems
    }
}

impl Cosine {
    fn place_in_growing_cycle(&self, step: usize, first: usize) -> f64 {
        let (mut begin, mut length) = (0, first);
        while step - begin >= length {
            begin += length;
            length = length.saturating_mul(self.cycle_growth.max(1));
        }
        (step - begin) as f64 / length as f64
    }
}
