//! A learned weight a modality and record.

use engine::{ParamId, ParamKind, Tape, Tensor, Var};
use schema::{Problem, Settings};

use super::{Fusion, FusionConfig, FusionInfo};
use crate::{
    Init, NnError, Presence, Scope,
    layer::{ActivationKind, LayerNorm, Linear},
    settings::{self, Check},
};

/// Settings of [`Gated`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GatedConfig {
    /// Width of the fused embedding, 1 to 65536, default 128.
    pub hidden_dim: usize,
    /// Dropout of the fused embedding, in [0, 1), default 0.3.
    pub dropout_rate: f64,
}

impl Default for GatedConfig {
    fn default() -> Self {
        Self {
            hidden_dim: 128,
            dropout_rate: 0.3,
        }
    }
}

/// Fuses the embeddings that are present by a learned gate a modality.
///
/// `sum over present m of softmax_m(V [x_1 .. x_M]) tanh(W_m x_m)`, each `x` layer-normalised first. A record that
/// has nothing gets the learned empty vector. Choose it when modalities are often missing.
///
/// # Source
/// Arevalo et al. 2017, "Gated Multimodal Units for Information Fusion", arXiv:1702.01992, section 3.1.
/// Differs: softmax over present modalities instead of independent sigmoids, and the layer norms.
pub struct Gated {
    norms: Vec<LayerNorm>,
    candidates: Vec<Linear>,
    gate: Linear,
    empty: ParamId,
    dropout_rate: f32,
    in_dim: usize,
}

/// A gate's score of an absent modality: its softmax is exactly 0 beside any present one.
const ABSENT_SCORE: f32 = -1e9;

impl FusionConfig for GatedConfig {
    fn check(&self, place: &str, _embed_dim: usize) -> Vec<Problem> {
        Check::new(place)
            .count("hidden_dim", self.hidden_dim, 1, 65_536)
            .rate("dropout_rate", self.dropout_rate)
            .finish()
    }

    fn build(&self, info: &FusionInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Fusion>, NnError> {
        Ok(Box::new(Gated::build(self, info, scope)?))
    }

    fn table(&self) -> Result<Settings, Vec<Problem>> {
        settings::table(self)
    }
}

impl Gated {
    /// A fusion of the given embeddings.
    ///
    /// # Errors
    /// [`NnError::Engine`] if a name is taken.
    pub fn build(
        config: &GatedConfig,
        info: &FusionInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        let (mut norms, mut candidates) = (Vec::new(), Vec::new());
        for (input, dim) in &info.inputs {
            norms.push(LayerNorm::build(
                &mut scope.child("norms"),
                input,
                *dim,
                LayerNorm::EPS,
            )?);
            let mut place = scope.child("candidates");
            let linear = Linear::build(&mut place, input, *dim, config.hidden_dim)?;
            candidates.push(linear.activated(ActivationKind::Tanh));
        }
        let in_dim = info.inputs.iter().map(|(_, dim)| dim).sum();
        let empty = [config.hidden_dim];
        Ok(Self {
            norms,
            candidates,
            gate: Linear::build(scope, "gate", in_dim, info.inputs.len())?,
            empty: scope.parameter("empty", ParamKind::Bias, &empty, Init::ZEROS)?,
            dropout_rate: config.dropout_rate as f32,
            in_dim,
        })
    }
}

impl Fusion for Gated {
    fn out_dim(&self) -> usize {
        self.candidates.first().map_or(0, Linear::out_dim)
    }

    fn reads_absent(&self) -> bool {
        false
    }

    fn num_activations(&self) -> usize {
        3 * self.in_dim + 3 * self.candidates.len() * self.out_dim()
    }

    fn forward(
        &self,
        tape: &mut Tape<'_>,
        embeddings: &[Var],
        presence: &Presence,
    ) -> Result<Var, NnError> {
        let (batch_size, num_inputs) = (presence.batch_size(), presence.num_inputs());
        let present = tape.constant(Tensor::from_vec(
            &[batch_size, num_inputs],
            presence.as_floats(),
        )?);
        let (mut seen, mut candidates) = (Vec::new(), Vec::new());
        for (index, embedding) in embeddings.iter().enumerate() {
            let normed = self.norms[index].forward(tape, embedding)?;
            candidates.push(self.candidates[index].forward(tape, &normed)?);
            // The norm's offset must not reach the gate for a modality that is not there.
            let column = column_of(tape, &present, index)?;
            seen.push(tape.mul_column(&normed, &column)?);
        }
        let all = tape.concat(&seen, 1)?;
        let scores = self.gate.forward(tape, &all)?;
        let absent = presence
            .flags()
            .iter()
            .map(|has| if *has { 0.0 } else { ABSENT_SCORE });
        let absent = Tensor::from_vec(&[batch_size, num_inputs], absent.collect())?;
        let absent = tape.constant(absent);
        let masked = tape.add(&scores, &absent)?;
        let gates = tape.softmax(&masked)?;
        let mut fused = tape.constant(Tensor::zeros(&[batch_size, self.out_dim()]));
        for (index, candidate) in candidates.iter().enumerate() {
            let column = column_of(tape, &gates, index)?;
            let part = tape.mul_column(candidate, &column)?;
            fused = tape.add(&fused, &part)?;
        }
        let shown = presence.any();
        let fused = crate::presence::hide(tape, &fused, &shown, Some(self.empty))?;
        Ok(tape.dropout(&fused, self.dropout_rate)?)
    }
}

/// Column `index` of `[B, M]`, as `[B]`.
pub(super) fn column_of(tape: &mut Tape<'_>, x: &Var, index: usize) -> Result<Var, NnError> {
    let column = tape.slice(x, 1, index, 1)?;
    let batch_size = x.shape()[0];
    Ok(tape.reshape(&column, &[batch_size])?)
}
