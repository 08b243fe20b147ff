//! Embeddings side by side.

use engine::{Tape, Var};
use schema::{Problem, Settings};

use super::{Fusion, FusionConfig, FusionInfo};
use crate::{
    NnError, Presence, Scope,
    layer::{ActivationKind, LayerNorm, Mlp, TransformerBlock, TransformerBlockConfig, stack_of},
    settings::{self, Check},
};

/// What stands in the place of an absent embedding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// A learned vector an input.
    #[default]
    Learned,
    /// Zeros.
    Zero,
}

/// Settings of [`Concat`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConcatConfig {
    /// Whether each embedding is layer-normalised first, so that no modality is louder, default true.
    pub layer_norm: bool,
    /// Widths of the hidden layers, 0 to 8 of 1 to 65536, default 128.
    pub hidden_dims: Vec<usize>,
    /// Activation of the hidden layers, default `relu`.
    pub activation: ActivationKind,
    /// Dropout before the hidden layers and behind each, in [0, 1), default 0.3.
    pub dropout_rate: f64,
    /// Transformer blocks over the fused embedding as one token, 0 to 48, default 0.
    pub num_blocks: usize,
    /// Settings of each block.
    pub block: TransformerBlockConfig,
    /// What stands for an absent embedding, default `learned`.
    pub missing: Missing,
}

impl Default for ConcatConfig {
    fn default() -> Self {
        Self {
            layer_norm: true,
            hidden_dims: vec![128],
            activation: ActivationKind::Relu,
            dropout_rate: 0.3,
            num_blocks: 0,
            block: TransformerBlockConfig::default(),
            missing: Missing::Learned,
        }
    }
}

/// Layer norm of each embedding -> side by side -> hidden layers -> transformer blocks on the one token.
///
/// Choose it when all modalities are usually there. Widths of the embeddings may differ.
///
/// # Source
/// Ngiam et al. 2011, "Multimodal Deep Learning"; norm, dropout and width are the recipe's own.
pub struct Concat {
    norms: Vec<LayerNorm>,
    hidden: Mlp,
    blocks: Vec<TransformerBlock>,
    dropout_rate: f32,
    missing: Missing,
    num_activations: usize,
}

impl FusionConfig for ConcatConfig {
    fn check(&self, place: &str, _embed_dim: usize) -> Vec<Problem> {
        let mut check = Check::new(place);
        check
            .count("hidden_dims", self.hidden_dims.len(), 0, 8)
            .rate("dropout_rate", self.dropout_rate)
            .count("num_blocks", self.num_blocks, 0, 48);
        for (index, dim) in self.hidden_dims.iter().enumerate() {
            check.count(&format!("hidden_dims.{index}"), *dim, 1, 65_536);
        }
        // Without hidden layers the width is known only when the fusion is built, which checks it then.
        if let Some(dim) = self.hidden_dims.last()
            && self.num_blocks > 0
        {
            check.extend(self.block.check(&format!("{place}.block"), *dim));
        }
        check.finish()
    }

    fn build(&self, info: &FusionInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Fusion>, NnError> {
        Ok(Box::new(Concat::build(self, info, scope)?))
    }

    fn table(&self) -> Result<Settings, Vec<Problem>> {
        settings::table(self)
    }
}

impl Concat {
    /// A fusion of the given embeddings.
    ///
    /// # Errors
    /// [`NnError::Settings`] if the blocks cannot be built at the fused width.
    pub fn build(
        config: &ConcatConfig,
        info: &FusionInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        let width: usize = info.inputs.iter().map(|(_, dim)| dim).sum();
        let mut norms = Vec::new();
        if config.layer_norm {
            let mut scope = scope.child("norms");
            for (input, dim) in &info.inputs {
                norms.push(LayerNorm::build(&mut scope, input, *dim, LayerNorm::EPS)?);
            }
        }
        let hidden = Mlp::build(
            scope,
            "hidden",
            (width, &config.hidden_dims),
            config.activation,
            config.dropout_rate,
        )?;
        let out_dim = hidden.out_dim();
        let num_activations = 3 * width
            + hidden.num_activations()
            + config.num_blocks * config.block.num_activations(1, out_dim);
        Ok(Self {
            norms,
            hidden,
            blocks: stack_of(scope, config.num_blocks, &config.block, out_dim)?,
            dropout_rate: config.dropout_rate as f32,
            missing: config.missing,
            num_activations,
        })
    }
}

impl Fusion for Concat {
    fn out_dim(&self) -> usize {
        self.hidden.out_dim()
    }

    fn reads_absent(&self) -> bool {
        self.missing == Missing::Learned
    }

    fn num_activations(&self) -> usize {
        self.num_activations
    }

    fn forward(
        &self,
        tape: &mut Tape<'_>,
        embeddings: &[Var],
        _presence: &Presence,
    ) -> Result<Var, NnError> {
        let mut parts = Vec::with_capacity(embeddings.len());
        for (index, embedding) in embeddings.iter().enumerate() {
            parts.push(match self.norms.get(index) {
                Some(norm) => norm.forward(tape, embedding)?,
                None => embedding.clone(),
            });
        }
        let side_by_side = tape.concat(&parts, 1)?;
        let kept = tape.dropout(&side_by_side, self.dropout_rate)?;
        let fused = self.hidden.forward(tape, &kept)?;
        if self.blocks.is_empty() {
            return Ok(fused);
        }
        let (batch_size, dim) = (fused.shape()[0], fused.shape()[1]);
        let mut token = tape.reshape(&fused, &[batch_size, 1, dim])?;
        for block in &self.blocks {
            token = block.forward(tape, &token, None)?;
        }
        Ok(tape.reshape(&token, &[batch_size, dim])?)
    }
}
