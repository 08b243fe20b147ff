//! Which optimiser turns gradients into steps, as it stands in a configuration.

use schema::{Code, Problem};
use serde::{Deserialize, Deserializer, Serialize};

use crate::named;

/// An optimiser with its settings: `"adamw"`, or `{ type = "sgd", momentum = 0.9, .. }`.
///
/// The learning rate and the weight decay stand beside it in the trainer's configuration, since every optimiser has
/// them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OptimizerConfig {
    /// Adam with decoupled weight decay; the measured default.
    Adamw(AdamConfig),
    /// Adam with weight decay as an L2 term of the gradient.
    Adam(AdamConfig),
    /// Gradient descent with momentum.
    Sgd(SgdConfig),
}

/// Settings of Adam and AdamW.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamConfig {
    /// Decay of the first moment, in [0, 1); default 0.9. The `one_cycle` schedule cycles it instead.
    #[serde(alias = "adam_beta1")]
    pub beta1: f64,
    /// Decay of the second moment, in [0, 1); default 0.999.
    #[serde(alias = "adam_beta2")]
    pub beta2: f64,
    /// Added to the root of the second moment, above 0; default 1e-8.
    #[serde(alias = "adam_epsilon")]
    pub eps: f64,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
        }
    }
}

/// Settings of gradient descent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SgdConfig {
    /// Share of the last step that is kept, in [0, 1); default 0.9.
    pub momentum: f64,
    /// Share of the gradient that is held back from the momentum, in [0, 1]; default 0.
    pub dampening: f64,
    /// Whether the momentum looks ahead; default false. Needs momentum and no dampening.
    pub nesterov: bool,
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self {
            momentum: 0.9,
            dampening: 0.0,
            nesterov: false,
        }
    }
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::Adamw(AdamConfig::default())
    }
}

/// Name and purpose of each optimiser, in the order in which `list` shows them.
pub const OPTIMIZERS: [(&str, &str); 3] = [
    ("adamw", "Adam with decoupled weight decay (the default)"),
    ("adam", "Adam with weight decay as an L2 term"),
    ("sgd", "gradient descent with momentum"),
];

/// Our name for a name of Hugging Face's `optim`; others come back as they are.
fn usual_name(name: &str) -> &str {
    match name {
        "adamw_torch" | "adamw_torch_fused" | "adamw_hf" => "adamw",
        other => other,
    }
}

impl<'de> Deserialize<'de> for OptimizerConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        enum Table {
            Adamw(AdamConfig),
            Adam(AdamConfig),
            Sgd(SgdConfig),
        }
        let names = OPTIMIZERS.map(|(name, _)| name);
        let table = named::read(deserializer, "optimizer", &names, usual_name)?;
        Ok(match named::parse("optimizer", table)? {
            Table::Adamw(adam) => Self::Adamw(adam),
            Table::Adam(adam) => Self::Adam(adam),
            Table::Sgd(sgd) => Self::Sgd(sgd),
        })
    }
}

impl OptimizerConfig {
    /// The same in the engine's words.
    pub fn for_engine(&self, weight_decay: f64) -> engine::OptimizerConfig {
        let weight_decay = weight_decay as f32;
        match *self {
            Self::Adamw(AdamConfig { beta1, beta2, eps }) => engine::OptimizerConfig::AdamW {
                beta1: beta1 as f32,
                beta2: beta2 as f32,
                eps: eps as f32,
                weight_decay,
            },
            Self::Adam(AdamConfig { beta1, beta2, eps }) => engine::OptimizerConfig::Adam {
                beta1: beta1 as f32,
                beta2: beta2 as f32,
                eps: eps as f32,
                weight_decay,
            },
            Self::Sgd(SgdConfig {
                momentum,
                dampening,
                nesterov,
            }) => engine::OptimizerConfig::Sgd {
                momentum: momentum as f32,
                dampening: dampening as f32,
                nesterov,
                weight_decay,
            },
        }
    }

    /// What is wrong with the settings; empty if nothing is.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut claim = |key: &str, holds: bool, expected: &str, got: f64| {
            if !holds {
                let problem = Problem::new(Code::Config, "value out of range")
                    .at(format!("optimizer.{key}"))
                    .expected(expected)
                    .got(got.to_string());
                problems.push(problem);
            }
        };
        match self {
            Self::Adamw(adam) | Self::Adam(adam) => {
                claim(
                    "beta1",
                    is_decay(adam.beta1),
                    "0 or more and below 1",
                    adam.beta1,
                );
                claim(
                    "beta2",
                    is_decay(adam.beta2),
                    "0 or more and below 1",
                    adam.beta2,
                );
                let is_positive = adam.eps > 0.0 && adam.eps.is_finite();
                claim("eps", is_positive, "more than 0", adam.eps);
            }
            Self::Sgd(sgd) => {
                claim(
                    "momentum",
                    is_decay(sgd.momentum),
                    "0 or more and below 1",
                    sgd.momentum,
                );
                let is_share = (0.0..=1.0).contains(&sgd.dampening);
                claim("dampening", is_share, "0 to 1", sgd.dampening);
                let can_look_ahead = !sgd.nesterov || (sgd.momentum > 0.0 && sgd.dampening == 0.0);
                let expected = "false, or momentum above 0 and dampening 0";
                claim(
                    "nesterov",
                    can_look_ahead,
                    expected,
                    f64::from(u8::from(sgd.nesterov)),
                );
            }
        }
        problems
    }
}

fn is_decay(value: f64) -> bool {
    (0.0..1.0).contains(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<OptimizerConfig, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_a_table_and_a_hugging_face_name_are_read() {
        assert_eq!(parse("\"adamw\""), Ok(OptimizerConfig::default()));
        assert_eq!(parse("\"adamw_torch\""), Ok(OptimizerConfig::default()));
        let sgd = SgdConfig {
            nesterov: true,
            ..SgdConfig::default()
        };
        let read = parse(r#"{"type":"sgd","nesterov":true}"#);
        assert_eq!(read, Ok(OptimizerConfig::Sgd(sgd)));
        let written = serde_json::to_string(&OptimizerConfig::Sgd(sgd)).unwrap();
        assert_eq!(parse(&written), Ok(OptimizerConfig::Sgd(sgd)));
    }

    #[test]
    fn a_wrong_name_and_wrong_values_are_named() {
        let error = parse("\"adamww\"").unwrap_err();
        assert!(
            error.starts_with("no optimizer \"adamww\"; closest \"adamw\""),
            "{error}"
        );
        assert!(
            parse(r#"{"type":"sgd","beta1":0.9}"#)
                .unwrap_err()
                .contains("beta1")
        );
        let bad = AdamConfig {
            beta1: 1.0,
            beta2: f64::NAN,
            eps: 0.0,
        };
        assert_eq!(OptimizerConfig::Adam(bad).check().len(), 3);
    }
}
