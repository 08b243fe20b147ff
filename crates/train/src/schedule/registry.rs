//! Every schedule by name: a new one is its file, a variant here and a line in [`SCHEDULES`] and `Shape::curve`.

use serde::{Deserialize, Serialize};

use super::{
    Constant, Cosine, Curve, Exponential, Linear, OneCycle, Plateau, Polynomial, StepDecay,
};

/// The shape of a schedule with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Shape {
    /// The same rate throughout.
    Constant(Constant),
    /// A straight line.
    Linear(Linear),
    /// Half a cosine, once or in cycles.
    Cosine(Cosine),
    /// Up and down once, the first moment decay the other way.
    OneCycle(OneCycle),
    /// Stairs.
    Step(StepDecay),
    /// A constant factor an epoch.
    Exponential(Exponential),
    /// A power of what remains.
    Polynomial(Polynomial),
    /// Lower when a metric stands still.
    Plateau(Plateau),
}

/// Name and purpose of each schedule, in the order in which `list` shows them.
pub const SCHEDULES: [(&str, &str); 8] = [
    ("constant", "the same rate throughout"),
    ("linear", "a straight line from one factor to another"),
    (
        "cosine",
        "half a cosine, once or in cycles with hard restarts",
    ),
    (
        "one_cycle",
        "up and down once while beta1 goes down and up (the default)",
    ),
    ("step", "a factor every so many epochs or at named epochs"),
    ("exponential", "a factor every epoch"),
    ("polynomial", "a power of the share that remains"),
    ("plateau", "a factor whenever the metric has stood still"),
];

/// Every name.
pub fn names() -> [&'static str; 8] {
    SCHEDULES.map(|(name, _)| name)
}

/// Our name for a name that Hugging Face's `lr_scheduler_type` uses; others come back as they are.
pub(super) fn usual_name(name: &str) -> &str {
    match name {
        "constant_with_warmup" => "constant",
        "cosine_with_restarts" => "cosine",
        "reduce_lr_on_plateau" => "plateau",
        other => other,
    }
}

impl Shape {
    /// The shape as its trait.
    pub(super) fn curve(&self) -> &dyn Curve {
        match self {
            Self::Constant(shape) => shape,
            Self::Linear(shape) => shape,
            Self::Cosine(shape) => shape,
            Self::OneCycle(shape) => shape,
            Self::Step(shape) => shape,
            Self::Exponential(shape) => shape,
            Self::Polynomial(shape) => shape,
            Self::Plateau(shape) => shape,
        }
    }
}
