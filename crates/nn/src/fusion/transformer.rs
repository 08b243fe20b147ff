//! Modality tokens through a transformer.

use engine::{ParamId, ParamKind, Tape, Tensor, Var};
use schema::{Problem, Settings};

use super::{Fusion, FusionConfig, FusionInfo};
use crate::{
    Init, NnError, Presence, Scope,
    layer::{LayerNorm, TransformerBlock, TransformerBlockConfig, stack_of},
    settings::{self, Check},
};

/// Settings of [`Transformer`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransformerConfig {
    /// Transformer blocks, 1 to 48, default 2.
    pub num_blocks: usize,
    /// Settings of each block.
    pub block: TransformerBlockConfig,
    /// Dropout of the fused embedding, in [0, 1), default 0.1.
    pub dropout_rate: f64,
}

impl Default for TransformerConfig {
    fn default() -> Self {
        Self {
            num_blocks: 2,
            block: TransformerBlockConfig::default(),
            dropout_rate: 0.1,
        }
    }
}

/// A `cls` token and one token a present modality -> blocks -> the `cls` token.
///
/// A token is the layer-normalised embedding plus a learned vector that says which modality it is; absent ones are
/// masked. The order of the modalities changes nothing. `cls` and the type vectors start normal, deviation 0.02.
///
/// # Source
/// Devlin et al. 2019, "BERT", arXiv:1810.04805, section 3 (class token and type embeddings), over modalities.
pub struct Transformer {
    cls: ParamId,
    inputs: Vec<(LayerNorm, ParamId)>,
    blocks: Vec<TransformerBlock>,
    norm: LayerNorm,
    dim: usize,
    dropout_rate: f32,
    num_activations: usize,
}

impl FusionConfig for TransformerConfig {
    fn check(&self, place: &str, embed_dim: usize) -> Vec<Problem> {
        Check::new(place)
            .count("num_blocks", self.num_blocks, 1, 48)
            .rate("dropout_rate", self.dropout_rate)
            .extend(self.block.check(&format!("{place}.block"), embed_dim))
            .finish()
    }

    fn build(&self, info: &FusionInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Fusion>, NnError> {
        Ok(Box::new(Transformer::build(self, info, scope)?))
    }

    fn table(&self) -> Result<Settings, Vec<Problem>> {
        settings::table(self)
    }
}

impl Transformer {
    /// A fusion of the given embeddings.
    ///
    /// # Errors
    /// [`NnError::EmbedDim`] if their widths differ.
    pub fn build(
        config: &TransformerConfig,
        info: &FusionInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        let dim = info.common_dim("transformer")?;
        let init = Init::Normal(0.02);
        let mut inputs = Vec::new();
        for (input, _) in &info.inputs {
            let norm = LayerNorm::build(&mut scope.child("norms"), input, dim, LayerNorm::EPS)?;
            let mut types = scope.child("types");
            inputs.push((norm, types.parameter(input, ParamKind::Bias, &[dim], init)?));
        }
        let num_tokens = 1 + inputs.len();
        Ok(Self {
            cls: scope.parameter("cls", ParamKind::Bias, &[dim], init)?,
            inputs,
            blocks: stack_of(scope, config.num_blocks, &config.block, dim)?,
            norm: LayerNorm::build(scope, "norm", dim, config.block.norm_eps)?,
            dim,
            dropout_rate: config.dropout_rate as f32,
            num_activations: 4 * num_tokens * dim
                + config.num_blocks * config.block.num_activations(num_tokens, dim),
        })
    }
}

impl Fusion for Transformer {
    fn out_dim(&self) -> usize {
        self.dim
    }

    fn reads_absent(&self) -> bool {
        false
    }

    fn num_activations(&self) -> usize {
        self.num_activations
    }

    fn forward(
        &self,
        tape: &mut Tape<'_>,
        embeddings: &[Var],
        presence: &Presence,
    ) -> Result<Var, NnError> {
        let (batch_size, dim) = (presence.batch_size(), self.dim);
        let token = [batch_size, 1, dim];
        let zeros = tape.constant(Tensor::zeros(&token));
        let cls = tape.param(self.cls);
        let mut tokens = vec![tape.add_row(&zeros, &cls)?];
        for (embedding, (norm, of_type)) in embeddings.iter().zip(&self.inputs) {
            let normed = norm.forward(tape, embedding)?;
            let of_type = tape.param(*of_type);
            let typed = tape.add_row(&normed, &of_type)?;
            tokens.push(tape.reshape(&typed, &token)?);
        }
        let mut x = tape.concat(&tokens, 1)?; // [B, 1 + M, D]
        let mut valid = Vec::with_capacity(batch_size * tokens.len());
        for record in presence.flags().chunks(embeddings.len().max(1)) {
            valid.push(true);
            valid.extend_from_slice(record);
        }
        let mask = valid.contains(&false).then_some(valid.as_slice());
        for block in &self.blocks {
            x = block.forward(tape, &x, mask)?;
        }
        let first = tape.slice(&x, 1, 0, 1)?;
        let first = tape.reshape(&first, &[batch_size, dim])?;
        let fused = self.norm.forward(tape, &first)?;
        Ok(tape.dropout(&fused, self.dropout_rate)?)
    }
}
