//! A number.

use std::f32::consts::TAU;

use engine::{Tape, Tensor, Var};
use schema::{InputBatch, Payload, Preparation, Problem, Settings};

use super::{Encoder, EncoderConfig, registry};
use crate::{
    Init, InputInfo, InputWidth, NnError, Scope,
    input::describe,
    layer::{ActivationKind, Linear, Mlp},
    settings::Check,
};

/// What the small network is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberStyle {
    /// The standardised value. Won on the recipe's few hundred records.
    #[default]
    Plain,
    /// The value and its piecewise-linear place among quantile bins: steps and humps are easy.
    Piecewise,
    /// The value and sines and cosines of it: fine detail is easy.
    Periodic,
}

/// Settings of [`Number`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NumberConfig {
    /// `plain` (default), `piecewise` or `periodic`.
    pub style: NumberStyle,
    /// `piecewise`: quantile bins, 2 to 256, default 12.
    pub num_bins: usize,
    /// `periodic`: frequencies, 1 to 256, default 16.
    pub num_frequencies: usize,
    /// `periodic`: deviation of the drawn frequencies, 0.001 to 100, default 0.5; larger for finer detail.
    pub frequency_scale: f64,
    /// Widths of the layers, 1 to 8 of 1 to 4096, default 64, 64.
    pub hidden_dims: Vec<usize>,
    /// Dropout behind each layer, in [0, 1), default 0.2.
    pub dropout_rate: f64,
}

impl Default for NumberConfig {
    fn default() -> Self {
        Self {
            style: NumberStyle::Plain,
            num_bins: 12,
            num_frequencies: 16,
            frequency_scale: 0.5,
            hidden_dims: vec![64, 64],
            dropout_rate: 0.2,
        }
    }
}

/// A small network over a number.
///
/// # Source
/// Gorishniy et al. 2022, "On Embeddings for Numerical Features", arXiv:2203.05556, sections 3.2 and 3.3.
/// Differs: the value itself always stands beside its bins or waves.
pub struct Number {
    mlp: Mlp,
    style: NumberStyle,
    /// Trained frequencies, without bias or activation; `periodic` only.
    frequencies: Option<Linear>,
    width: usize,
    info: InputInfo,
}

/// Deviations from the mean beyond which a value is cut: no measurement lies there, and products stay finite.
const MOST: f32 = 1e6;

/// Checks a list of layer widths.
pub(super) fn check_hidden(check: &mut Check, hidden_dims: &[usize]) {
    let count = hidden_dims.len();
    check.claim(
        "hidden_dims",
        (1..=8).contains(&count),
        "1 to 8 widths",
        count,
    );
    for (index, width) in hidden_dims.iter().enumerate() {
        check.count(&format!("hidden_dims.{index}"), *width, 1, 4096);
    }
}

impl EncoderConfig for NumberConfig {
    fn check(&self, place: &str) -> Vec<Problem> {
        let mut check = Check::new(place);
        check
            .count("num_bins", self.num_bins, 2, 256)
            .count("num_frequencies", self.num_frequencies, 1, 256)
            .number("frequency_scale", self.frequency_scale, 0.001, 100.0)
            .rate("dropout_rate", self.dropout_rate);
        check_hidden(&mut check, &self.hidden_dims);
        check.finish()
    }

    fn preparation(&self) -> Preparation {
        let num_bins = match self.style {
            NumberStyle::Piecewise => self.num_bins,
            NumberStyle::Plain | NumberStyle::Periodic => 0,
        };
        Preparation::Number { num_bins }
    }

    fn build(&self, info: &InputInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Encoder>, NnError> {
        Ok(Box::new(Number::build(self, info, scope)?))
    }

    fn table(&self) -> Result<Settings, Vec<Problem>> {
        registry::table(self)
    }
}

impl Number {
    /// An encoder for a column as fitted.
    ///
    /// # Errors
    /// [`NnError::Input`] if the column was not fitted as a number.
    pub fn build(
        config: &NumberConfig,
        info: &InputInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        let InputWidth::Floats { width } = info.width else {
            return Err(info.mismatch(format!("{:?}", info.width), "floats"));
        };
        let frequencies = (config.style == NumberStyle::Periodic).then(|| {
            let dims = [1, config.num_frequencies];
            let init = Init::Normal(config.frequency_scale);
            Linear::with_init(scope, "frequencies", dims, init, None)
        });
        let read = match config.style {
            NumberStyle::Plain => 1,
            NumberStyle::Piecewise => width,
            NumberStyle::Periodic => 1 + 2 * config.num_frequencies,
        };
        Ok(Self {
            mlp: Mlp::build(
                scope,
                "mlp",
                (read, &config.hidden_dims),
                ActivationKind::Relu,
                config.dropout_rate,
            )?,
            style: config.style,
            frequencies: frequencies.transpose()?,
            width,
            info: info.clone(),
        })
    }

    /// Numbers `[B, width]`, the value first -> what the network reads.
    fn features(&self, tape: &mut Tape<'_>, data: &[f32]) -> Result<Var, NnError> {
        let cut = |value: &f32| value.clamp(-MOST, MOST);
        let batch_size = data.len() / self.width.max(1);
        if self.style == NumberStyle::Piecewise {
            let values = data.iter().map(cut).collect();
            return Ok(tape.constant(Tensor::from_vec(&[batch_size, self.width], values)?));
        }
        let values = data.iter().step_by(self.width.max(1)).map(cut).collect();
        let value = tape.constant(Tensor::from_vec(&[batch_size, 1], values)?);
        let Some(frequencies) = &self.frequencies else {
            return Ok(value);
        };
        let turns = frequencies.forward(tape, &value)?;
        let angles = tape.scale(&turns, TAU)?;
        let (sines, cosines) = (tape.sin(&angles)?, tape.cos(&angles)?);
        Ok(tape.concat(&[value, sines, cosines], 1)?)
    }
}

impl Encoder for Number {
    fn embed_dim(&self) -> usize {
        self.mlp.out_dim()
    }

    fn num_activations(&self) -> usize {
        self.mlp.num_activations()
            + self.width
            + 2 * self.frequencies.as_ref().map_or(0, Linear::out_dim)
    }

    /// # Shapes
    /// - `input`: floats `[B, 1 + num_bins]`, the value first
    /// - returns: `[B, D]`
    fn forward(&self, tape: &mut Tape<'_>, input: &InputBatch) -> Result<Var, NnError> {
        let data = match &input.payload {
            Payload::Floats { shape, data } if shape.len() == 2 && shape[1] == self.width => data,
            other => {
                let expected = format!("floats [B, {}]", self.width);
                return Err(self.info.mismatch(describe(other), &expected));
            }
        };
        let x = self.features(tape, data)?;
        self.mlp.forward(tape, &x)
    }
}

#[cfg(test)]
mod tests {
    use engine::Parameters;
    use schema::{Modality, Seed};

    use super::*;

    #[test]
    fn periodic_features_are_the_value_and_its_waves() {
        let config = NumberConfig {
            style: NumberStyle::Periodic,
            num_frequencies: 1,
            ..NumberConfig::default()
        };
        let info = InputInfo::new("age", Modality::Number, InputWidth::Floats { width: 1 });
        let mut parameters = Parameters::new();
        let mut scope = Scope::new(&mut parameters, Seed(0));
        let number = Number::build(&config, &info, &mut scope).unwrap();
        let id = parameters.by_name("frequencies.weight").unwrap();
        parameters.set(id, Tensor::full(&[1, 1], 0.25)).unwrap();
        let mut tape = Tape::inference(&parameters);
        let features = number.features(&mut tape, &[1.0, 2.0]).unwrap();
        // By hand: sin(2 pi 0.25 x 1) = 1, cos = 0; at 2: sin(pi) = 0, cos(pi) = -1.
        const F32_TOL: f32 = 1e-6;
        let expected = [1.0, 1.0, 0.0, 2.0, 0.0, -1.0];
        for (got, want) in tape.value(&features).data().iter().zip(expected) {
            assert!((got - want).abs() < F32_TOL, "{got} {want}");
        }
    }
}
