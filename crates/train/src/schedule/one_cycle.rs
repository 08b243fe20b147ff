//! One cycle: the rate goes up and down once while the first moment decay goes down and up.

use std::f64::consts::PI;

use schema::Problem;
use serde::{Deserialize, Serialize};

use super::{Curve, Place, bad_setting, check_at_least};

/// How one value goes over into another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anneal {
    /// Half a cosine.
    #[default]
    #[serde(alias = "cos")]
    Cosine,
    /// A straight line.
    Linear,
}

/// From `1 / div_factor` of the base rate up to it, then down to `1 / (div_factor * final_div_factor)`.
///
/// The base rate is the highest one. The warm-up (15 % of all steps if nothing is said) is the rising part.
///
/// # Source
/// Smith and Topin 2018, "Super-Convergence", arXiv:1708.07120. Same numbers as PyTorch `OneCycleLR`.
/// Differs: a run of a single step uses the base rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OneCycle {
    /// Base rate over the first rate; default 25.
    pub div_factor: f64,
    /// First rate over the last one; default 10,000.
    pub final_div_factor: f64,
    /// Form of rise and fall; default `cosine`.
    pub anneal: Anneal,
    /// Falls as long as it rose, then goes on down to the last rate; default false.
    pub three_phase: bool,
    /// Whether Adam's beta1 goes the other way; default true.
    pub cycle_beta1: bool,
    /// Highest beta1, where the rate is low; default 0.95.
    pub max_beta1: f64,
    /// Lowest beta1, where the rate is highest; default 0.85.
    pub min_beta1: f64,
    /// Share of all steps that rise; set from the schedule's warm-up.
    #[serde(skip)]
    rise_fraction: f64,
}

impl Default for OneCycle {
    fn default() -> Self {
        Self {
            div_factor: 25.0,
            final_div_factor: 1e4,
            anneal: Anneal::Cosine,
            three_phase: false,
            cycle_beta1: true,
            max_beta1: 0.95,
            min_beta1: 0.85,
            rise_fraction: 0.15,
        }
    }
}

/// Values of one quantity at the corners of the phases.
struct Corners {
    first: f64,
    middle: f64,
    /// After the fall of three phases.
    again: f64,
    last: f64,
}

impl Curve for OneCycle {
    fn factor(&self, place: &Place) -> f64 {
        let first = 1.0 / self.div_factor;
        let last = first / self.final_div_factor;
        self.value(
            place,
            &Corners {
                first,
                middle: 1.0,
                again: first,
                last,
            },
        )
    }

    fn beta1(&self, place: &Place) -> Option<f64> {
        let (high, low) = (self.max_beta1, self.min_beta1);
        let corners = Corners {
            first: high,
            middle: low,
            again: high,
            last: high,
        };
        self.cycle_beta1.then(|| self.value(place, &corners))
    }

    fn default_warmup_fraction(&self) -> f64 {
        0.15
    }

    fn with_warmup(&self, fraction: f64) -> Option<Box<dyn Curve + Send + Sync>> {
        Some(Box::new(Self {
            rise_fraction: fraction.min(1.0),
            ..self.clone()
        }))
    }

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_at_least(&mut problems, "div_factor", self.div_factor, 1.0);
        check_at_least(
            &mut problems,
            "final_div_factor",
            self.final_div_factor,
            1.0,
        );
        for (key, beta) in [("max_beta1", self.max_beta1), ("min_beta1", self.min_beta1)] {
            if !(0.0..1.0).contains(&beta) {
                problems.push(bad_setting(key, "0 or more and below 1").got(beta.to_string()));
            }
        }
        problems
    }
}

impl OneCycle {
    fn value(&self, place: &Place, corners: &Corners) -> f64 {
        let Corners {
            first,
            middle,
            again,
            last,
        } = *corners;
        let total = place.total_steps as f64;
        if place.total_steps <= 1 {
            return middle;
        }
        let rise_end = self.rise_fraction * total - 1.0;
        let last_step = total - 1.0;
        let phases = if self.three_phase {
            let fall_end = 2.0 * self.rise_fraction * total - 2.0;
            vec![
                (rise_end, first, middle),
                (fall_end, middle, again),
                (last_step, again, last),
            ]
        } else {
            vec![(rise_end, first, middle), (last_step, middle, last)]
        };
        let step = place.step.min(place.total_steps - 1) as f64;
        let mut begin = 0.0;
        for (end, from, to) in phases {
            if step <= end {
                let share = if end > begin {
                    (step - begin) / (end - begin)
                } else {
                    1.0
                };
                return self.anneal.between(from, to, share);
            }
            begin = end;
        }
        last
    }
}

impl Anneal {
    fn between(self, from: f64, to: f64, share: f64) -> f64 {
        match self {
            Self::Cosine => to + (from - to) / 2.0 * (1.0 + (PI * share).cos()),
            Self::Linear => from + (to - from) * share,
        }
    }
}
