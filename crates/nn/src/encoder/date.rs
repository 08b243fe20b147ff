//! A day or a moment.

use engine::{Tape, Var};
use schema::{InputBatch, Preparation, Problem, Settings};

use super::{Encoder, EncoderConfig, number::check_hidden, registry};
use crate::{
    InputInfo, InputWidth, NnError, Scope,
    input::floats,
    layer::{ActivationKind, Mlp},
    settings::Check,
};

/// Settings of [`Date`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DateConfig {
    /// Widths of the layers, 1 to 8 of 1 to 4096, default 32.
    pub hidden_dims: Vec<usize>,
    /// Dropout behind each layer, in [0, 1), default 0.2.
    pub dropout_rate: f64,
}

impl Default for DateConfig {
    fn default() -> Self {
        Self {
            hidden_dims: vec![32],
            dropout_rate: 0.2,
        }
    }
}

/// A small network over the parts of a date: trend from the time itself, seasons from sines and cosines.
///
/// # Source
/// Own design.
pub struct Date {
    mlp: Mlp,
    width: usize,
    info: InputInfo,
}

impl EncoderConfig for DateConfig {
    fn check(&self, place: &str) -> Vec<Problem> {
        let mut check = Check::new(place);
        check.rate("dropout_rate", self.dropout_rate);
        check_hidden(&mut check, &self.hidden_dims);
        check.finish()
    }

    fn preparation(&self) -> Preparation {
        Preparation::Date
    }

    fn build(&self, info: &InputInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Encoder>, NnError> {
        Ok(Box::new(Date::build(self, info, scope)?))
    }

    fn table(&self) -> Result<Settings, Vec<Problem>> {
        registry::table(self)
    }
}

impl Date {
    /// An encoder for a column as fitted.
    ///
    /// # Errors
    /// [`NnError::Input`] if the column was not fitted as floats.
    pub fn build(
        config: &DateConfig,
        info: &InputInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        let InputWidth::Floats { width } = info.width else {
            return Err(info.mismatch(format!("{:?}", info.width), "floats"));
        };
        let dims = (width, config.hidden_dims.as_slice());
        let relu = ActivationKind::Relu;
        Ok(Self {
            mlp: Mlp::build(scope, "mlp", dims, relu, config.dropout_rate)?,
            width,
            info: info.clone(),
        })
    }
}

impl Encoder for Date {
    fn embed_dim(&self) -> usize {
        self.mlp.out_dim()
    }

    fn num_activations(&self) -> usize {
        self.mlp.num_activations() + self.width
    }

    /// # Shapes
    /// - `input`: floats `[B, 9]`
    /// - returns: `[B, D]`
    fn forward(&self, tape: &mut Tape<'_>, input: &InputBatch) -> Result<Var, NnError> {
        let x = floats(tape, input, &self.info, &[self.width])?;
        self.mlp.forward(tape, &x)
    }
}
