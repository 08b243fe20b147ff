//! Lower the rate when a metric has stood still.

use schema::Problem;
use serde::{Deserialize, Serialize};

use super::{Curve, Place, bad_setting, check_at_least};

/// Whether a threshold is a share of the best value or a difference to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdMode {
    /// A share.
    #[default]
    #[serde(alias = "rel")]
    Relative,
    /// A difference.
    #[serde(alias = "abs")]
    Absolute,
}

/// Multiplies the rate by `factor` once the metric has not improved for more than `patience` evaluations.
///
/// # Source
/// PyTorch `ReduceLROnPlateau`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plateau {
    /// Factor of one reduction; default 0.5.
    pub factor: f64,
    /// Evaluations without improvement that are borne; default 3.
    pub patience: usize,
    /// Least change that counts as an improvement; default 1e-4.
    pub threshold: f64,
    /// How `threshold` is meant; default `relative`.
    pub threshold_mode: ThresholdMode,
    /// Evaluations after a reduction that count nothing; default 0.
    pub cooldown: usize,
    /// Lowest rate; default 0.
    #[serde(alias = "min_lr")]
    pub min_rate: f64,
}

impl Default for Plateau {
    fn default() -> Self {
        Self {
            factor: 0.5,
            patience: 3,
            threshold: 1e-4,
            threshold_mode: ThresholdMode::Relative,
            cooldown: 0,
            min_rate: 0.0,
        }
    }
}

/// How far the reductions have come; part of a checkpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct PlateauState {
    /// Best value seen.
    pub best: Option<f64>,
    /// Evaluations since then that count.
    pub num_bad: usize,
    /// Evaluations that still count nothing.
    pub cooldown_left: usize,
    /// Rate after the last reduction; `None` before the first.
    pub rate: Option<f64>,
}

// A reduction by less than this is not made (PyTorch's `eps`).
const LEAST_REDUCTION: f64 = 1e-8;

impl Curve for Plateau {
    fn factor(&self, _place: &Place) -> f64 {
        1.0
    }

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !(0.0..1.0).contains(&self.factor) {
            let factor = self.factor.to_string();
            problems.push(bad_setting("factor", "0 or more and below 1").got(factor));
        }
        check_at_least(&mut problems, "threshold", self.threshold, 0.0);
        check_at_least(&mut problems, "min_rate", self.min_rate, 0.0);
        problems
    }
}

impl Plateau {
    /// Factor on the base rate after the reductions so far.
    pub(super) fn factor_after(&self, state: &PlateauState, base_rate: f64) -> f64 {
        state.rate.map_or(1.0, |rate| rate / base_rate)
    }

    /// Takes one evaluation into account; true if the rate was lowered. A value that is not a number is no
    /// improvement.
    pub(super) fn observe(
        &self,
        state: &mut PlateauState,
        value: f64,
        higher_is_better: bool,
        base_rate: f64,
    ) -> bool {
        if state
            .best
            .is_none_or(|best| self.improves(value, best, higher_is_better))
        {
            state.best = value.is_finite().then_some(value).or(state.best);
            state.num_bad = 0;
        } else {
            state.num_bad += 1;
        }
        if state.cooldown_left > 0 {
            state.cooldown_left -= 1;
            state.num_bad = 0;
        }
        if state.num_bad <= self.patience {
            return false;
        }
        state.cooldown_left = self.cooldown;
        state.num_bad = 0;
        let old = state.rate.unwrap_or(base_rate);
        let new = (old * self.factor).max(self.min_rate);
        if old - new <= LEAST_REDUCTION {
            return false;
        }
        state.rate = Some(new);
        true
    }

    fn improves(&self, value: f64, best: f64, higher_is_better: bool) -> bool {
        // As PyTorch has it: the share is taken of the signed best value.
        match (self.threshold_mode, higher_is_better) {
            (ThresholdMode::Relative, true) => value > best * (1.0 + self.threshold),
            (ThresholdMode::Relative, false) => value < best * (1.0 - self.threshold),
            (ThresholdMode::Absolute, true) => value > best + self.threshold,
            (ThresholdMode::Absolute, false) => value < best - self.threshold,
        }
    }
}
