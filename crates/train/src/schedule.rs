//! Learning-rate schedules: which rate is in force at a step.
//!
//! A shape (one file each, listed in [`registry`]) gives a factor on the base rate; the warm-up before it is
//! common to all. Steps count from 0; the rate of step `i` is the one its update uses, as in PyTorch when the
//! rate is read before the update.

mod constant;
mod cosine;
mod exponential;
mod linear;
mod one_cycle;
mod plateau;
mod polynomial;
pub mod registry;
mod step;

use schema::{Code, Problem};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

use crate::named;

pub use constant::Constant;
pub use cosine::Cosine;
pub use exponential::Exponential;
pub use linear::Linear;
pub use one_cycle::{Anneal, OneCycle};
pub use plateau::{Plateau, PlateauState, ThresholdMode};
pub use polynomial::Polynomial;
pub use registry::{SCHEDULES, Shape};
pub use step::StepDecay;

/// Where in a run a rate is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Optimiser steps since the warm-up ended (since the start for shapes that warm up themselves).
    pub step: usize,
    /// Steps that the shape has; at least 1. A run may go on beyond them.
    pub total_steps: usize,
    /// Whole epochs done, warm-up included.
    pub epoch: usize,
}

impl Place {
    /// How far the shape has come after `decay_steps` (or all its steps), in [0, 1].
    fn progress(&self, decay_steps: Option<usize>) -> f64 {
        let total = decay_steps.unwrap_or(self.total_steps).max(1);
        (self.step as f64 / total as f64).min(1.0)
    }
}

/// The form of a schedule, without warm-up.
pub trait Curve {
    /// Factor on the base rate at a place.
    fn factor(&self, place: &Place) -> f64;

    /// First moment decay of Adam at a place, for shapes that cycle it.
    fn beta1(&self, _place: &Place) -> Option<f64> {
        None
    }

    /// The share of all steps that warm up if nothing is said.
    fn default_warmup_fraction(&self) -> f64 {
        0.0
    }

    /// The same shape with its own warm-up of a share of all steps, for shapes whose warm-up is part of them.
    fn with_warmup(&self, _fraction: f64) -> Option<Box<dyn Curve + Send + Sync>> {
        None
    }

    /// What is wrong with its settings.
    fn check(&self) -> Vec<Problem>;
}

/// How long the rate rises from (nearly) 0 before the shape begins.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Warmup {
    /// What the shape does by itself: 15 % for `one_cycle`, none for the others.
    #[default]
    Usual,
    /// A share of all steps, in [0, 1).
    Fraction(f64),
    /// A number of steps.
    Steps(usize),
}

/// A schedule as it stands in a configuration: `"cosine"`, or `{ type = "cosine", warmup_steps = 100, .. }`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleConfig {
    /// The rise before the shape.
    pub warmup: Warmup,
    /// The shape.
    pub shape: Shape,
}

impl Default for ScheduleConfig {
    /// `one_cycle` with 15 % warm-up, the measured default for networks trained from scratch.
    fn default() -> Self {
        Self {
            warmup: Warmup::Usual,
            shape: Shape::OneCycle(OneCycle::default()),
        }
    }
}

impl ScheduleConfig {
    /// What is wrong with the settings; empty if nothing is.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = self.shape.curve().check();
        if let Warmup::Fraction(fraction) = self.warmup
            && !(0.0..1.0).contains(&fraction)
        {
            problems.push(
                bad_setting("warmup_fraction", "0 or more and below 1").got(fraction.to_string()),
            );
        }
        problems
    }

    /// Whether the shape goes by a metric of the held-out records.
    pub fn follows_metric(&self) -> bool {
        matches!(self.shape, Shape::Plateau(_))
    }

    fn warmup_steps(&self, total_steps: usize) -> f64 {
        let total = total_steps as f64;
        match self.warmup {
            Warmup::Usual => self.shape.curve().default_warmup_fraction() * total,
            Warmup::Fraction(fraction) => fraction * total,
            Warmup::Steps(steps) => steps as f64,
        }
    }
}

impl Serialize for ScheduleConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Flat<'a> {
            #[serde(flatten)]
            shape: &'a Shape,
            #[serde(skip_serializing_if = "Option::is_none")]
            warmup_fraction: Option<f64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            warmup_steps: Option<usize>,
        }
        let (warmup_fraction, warmup_steps) = match self.warmup {
            Warmup::Usual => (None, None),
            Warmup::Fraction(fraction) => (Some(fraction), None),
            Warmup::Steps(steps) => (None, Some(steps)),
        };
        Flat {
            shape: &self.shape,
            warmup_fraction,
            warmup_steps,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ScheduleConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Read by hand: the warm-up keys stand beside those of the shape, and a flattened struct cannot refuse
        // unknown keys.
        let names = registry::names();
        let mut table = named::read(deserializer, "schedule", &names, registry::usual_name)?;
        let warmup = take_warmup(&mut table).map_err(D::Error::custom)?;
        let shape = named::parse("schedule", table)?;
        Ok(Self { warmup, shape })
    }
}

fn take_warmup(keys: &mut serde_json::Map<String, Value>) -> Result<Warmup, String> {
    let fraction = keys
        .remove("warmup_fraction")
        .or_else(|| keys.remove("warmup_ratio"));
    let steps = keys
        .remove("warmup_steps")
        .or_else(|| keys.remove("num_warmup_steps"));
    match (fraction, steps) {
        (None, None) => Ok(Warmup::Usual),
        (Some(value), None) => value
            .as_f64()
            .map(Warmup::Fraction)
            .ok_or_else(|| format!("warmup_fraction: expected a number, got {value}")),
        (None, Some(value)) => value
            .as_u64()
            .map(|steps| Warmup::Steps(steps as usize))
            .ok_or_else(|| format!("warmup_steps: expected a whole number, got {value}")),
        (Some(_), Some(_)) => Err("give warmup_fraction or warmup_steps, not both".to_owned()),
    }
}

/// A problem with one setting, named by its key below `schedule`.
fn bad_setting(key: &str, expected: &str) -> Problem {
    Problem::new(Code::Config, "value out of range")
        .at(format!("schedule.{key}"))
        .expected(expected.to_owned())
}

/// Adds a problem if a setting is not a finite number of at least `low`.
fn check_at_least(problems: &mut Vec<Problem>, key: &str, value: f64, low: f64) {
    if !(value.is_finite() && value >= low) {
        problems.push(bad_setting(key, &format!("at least {low}")).got(value.to_string()));
    }
}

/// A schedule over a run of known length.
pub struct Schedule {
    config: ScheduleConfig,
    /// The shape with its own warm-up, where it has one.
    own_warmup: Option<Box<dyn Curve + Send + Sync>>,
    base_rate: f64,
    /// Steps of the common warm-up; 0 for shapes that warm up themselves.
    warmup_steps: usize,
    total_steps: usize,
    epoch_steps: usize,
    plateau: PlateauState,
}

impl Schedule {
    /// Lays a schedule over `total_steps` optimiser steps, `epoch_steps` of them an epoch.
    pub fn new(
        config: &ScheduleConfig,
        base_rate: f64,
        total_steps: usize,
        epoch_steps: usize,
    ) -> Self {
        let warmup_steps = config.warmup_steps(total_steps);
        let own_warmup = config
            .shape
            .curve()
            .with_warmup(warmup_steps / total_steps.max(1) as f64);
        Self {
            warmup_steps: if own_warmup.is_some() {
                0
            } else {
                warmup_steps.ceil() as usize
            },
            own_warmup,
            config: config.clone(),
            base_rate,
            total_steps,
            epoch_steps: epoch_steps.max(1),
            plateau: PlateauState::default(),
        }
    }

    /// Learning rate in force at a step.
    pub fn rate(&self, step: usize) -> f64 {
        if step < self.warmup_steps {
            return self.base_rate * (step as f64 / self.warmup_steps as f64);
        }
        let reductions = match &self.config.shape {
            Shape::Plateau(plateau) => plateau.factor_after(&self.plateau, self.base_rate),
            _ => 1.0,
        };
        self.base_rate * self.curve().factor(&self.place(step)) * reductions
    }

    /// First moment decay of Adam at a step, if the shape cycles it.
    pub fn beta1(&self, step: usize) -> Option<f64> {
        self.curve().beta1(&self.place(step))
    }

    /// Tells the `plateau` shape how an epoch went. True if the rate was lowered.
    pub fn observe(&mut self, value: f64, higher_is_better: bool) -> bool {
        match &self.config.shape {
            Shape::Plateau(plateau) => {
                plateau.observe(&mut self.plateau, value, higher_is_better, self.base_rate)
            }
            _ => false,
        }
    }

    /// What a resumed run has to know.
    pub fn state(&self) -> PlateauState {
        self.plateau
    }

    /// Goes on from a saved state.
    pub fn restore(&mut self, state: PlateauState) {
        self.plateau = state;
    }

    fn curve(&self) -> &dyn Curve {
        match &self.own_warmup {
            Some(curve) => curve.as_ref(),
            None => self.config.shape.curve(),
        }
    }

    fn place(&self, step: usize) -> Place {
        Place {
            step: step.saturating_sub(self.warmup_steps),
            total_steps: self.total_steps.saturating_sub(self.warmup_steps).max(1),
            epoch: step / self.epoch_steps,
        }
    }
}

#[cfg(test)]
mod tests;
