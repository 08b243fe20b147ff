//! Self-attention and a feed-forward network, with their residual connections and norms.

use engine::{AttentionMask, ParamId, ParamKind, Tape, Var};
use schema::Problem;

use crate::{
    Init, NnError, Scope,
    layer::{ActivationKind, LayerNorm, Linear},
    settings::Check,
};

/// Where a block normalises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormPlace {
    /// Before attention and feed-forward; deep stacks train without warm-up (Xiong et al. 2020, arXiv:2002.04745).
    #[default]
    Pre,
    /// After each residual sum, as in the first paper.
    Post,
}

/// Settings of a transformer block.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransformerBlockConfig {
    /// Attention heads; must divide the width. 1 to 64, default 4.
    pub num_heads: usize,
    /// Width of the feed-forward layer, 1 to 65536, default 256.
    pub feed_forward_dim: usize,
    /// Activation of the feed-forward layer, default `gelu`.
    pub activation: ActivationKind,
    /// Dropout of both residual branches, in [0, 1), default 0.1.
    pub dropout_rate: f64,
    /// Where the block normalises, default `pre`.
    pub norm: NormPlace,
    /// Added to the variance by the norms, 1e-12 to 0.1, default 1e-5.
    pub norm_eps: f64,
}

impl Default for TransformerBlockConfig {
    fn default() -> Self {
        Self {
            num_heads: 4,
            feed_forward_dim: 256,
            activation: ActivationKind::Gelu,
            dropout_rate: 0.1,
            norm: NormPlace::Pre,
            norm_eps: LayerNorm::EPS,
        }
    }
}

impl TransformerBlockConfig {
    /// The block that users of Keras write with `MultiHeadAttention`, `LayerNormalization` and `Dense`: norm after
    /// each sum, eps 1e-6, ReLU, no dropout.
    pub fn keras(num_heads: usize, feed_forward_dim: usize) -> Self {
        Self {
            num_heads,
            feed_forward_dim,
            activation: ActivationKind::Relu,
            dropout_rate: 0.0,
            norm: NormPlace::Post,
            norm_eps: 1e-6,
        }
    }

    /// What cannot be built at width `dim`, placed below `place`.
    pub fn check(&self, place: &str, dim: usize) -> Vec<Problem> {
        let heads = self.num_heads;
        Check::new(place)
            .count("num_heads", heads, 1, 64)
            .claim(
                "num_heads",
                heads == 0 || dim.is_multiple_of(heads),
                &format!("a divisor of the width {dim}"),
                heads,
            )
            .count("feed_forward_dim", self.feed_forward_dim, 1, 65_536)
            .rate("dropout_rate", self.dropout_rate)
            .number("norm_eps", self.norm_eps, 1e-12, 0.1)
            .finish()
    }

    /// Floats that one block keeps a record for the backward pass, about, for `num_tokens` tokens of width `dim`.
    pub fn num_activations(&self, num_tokens: usize, dim: usize) -> usize {
        num_tokens * (8 * dim + 2 * self.feed_forward_dim)
            + self.num_heads * num_tokens * num_tokens
    }
}

/// A transformer encoder block.
///
/// Queries, keys and values come from one packed projection; projections start Glorot uniform with bias 0, each as a
/// matrix of its own (as in Keras; PyTorch counts the packed one as a whole).
///
/// # Source
/// Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762.
#[derive(Debug, Clone)]
pub struct TransformerBlock {
    packed_weight: ParamId,
    packed_bias: ParamId,
    output: Linear,
    attention_norm: LayerNorm,
    widen: Linear,
    narrow: Linear,
    feed_forward_norm: LayerNorm,
    num_heads: usize,
    dropout_rate: f32,
    norm: NormPlace,
}

impl TransformerBlock {
    /// A block for tokens of width `dim`.
    ///
    /// # Errors
    /// [`NnError::Settings`] if `config` cannot be built at this width.
    pub fn build(
        scope: &mut Scope<'_>,
        name: &str,
        config: &TransformerBlockConfig,
        dim: usize,
    ) -> Result<Self, NnError> {
        let problems = config.check(name, dim);
        if !problems.is_empty() {
            return Err(NnError::Settings(problems));
        }
        let mut scope = scope.child(name);
        let mut attention = scope.child("attention");
        let packed_weight = attention.stacked(
            "packed.weight",
            ParamKind::Weight,
            &[3 * dim, dim],
            &[(3 * dim, Init::glorot(dim, dim))],
        )?;
        let packed_bias =
            attention.parameter("packed.bias", ParamKind::Bias, &[3 * dim], Init::ZEROS)?;
        let output = Linear::glorot(&mut attention, "output", dim, dim)?;
        let wide = config.feed_forward_dim;
        Ok(Self {
            packed_weight,
            packed_bias,
            output,
            attention_norm: LayerNorm::build(&mut scope, "attention_norm", dim, config.norm_eps)?,
            widen: Linear::glorot(&mut scope, "widen", dim, wide)?.activated(config.activation),
            narrow: Linear::glorot(&mut scope, "narrow", wide, dim)?,
            feed_forward_norm: LayerNorm::build(
                &mut scope,
                "feed_forward_norm",
                dim,
                config.norm_eps,
            )?,
            num_heads: config.num_heads,
            dropout_rate: config.dropout_rate as f32,
            norm: config.norm,
        })
    }

    /// # Shapes
    /// - `x`, returns: `[B, T, D]`
    /// - `valid`: `B * T`, true marks a token that may be looked at; `None` for all
    ///
    /// # Errors
    /// [`NnError::Engine`] if the shapes do not fit.
    pub fn forward(
        &self,
        tape: &mut Tape<'_>,
        x: &Var,
        valid: Option<&[bool]>,
    ) -> Result<Var, NnError> {
        match self.norm {
            NormPlace::Post => {
                let looked = self.attend(tape, x, valid)?;
                let (x, _) = self.attention_norm.forward_added(tape, &looked, x)?;
                let thought = self.feed_forward(tape, &x)?;
                let (x, _) = self.feed_forward_norm.forward_added(tape, &thought, &x)?;
                Ok(x)
            }
            NormPlace::Pre => {
                let normed = self.attention_norm.forward(tape, x)?;
                let looked = self.attend(tape, &normed, valid)?;
                let (normed, sum) = self.feed_forward_norm.forward_added(tape, &looked, x)?;
                let thought = self.feed_forward(tape, &normed)?;
                Ok(tape.add(&sum, &thought)?)
            }
        }
    }

    fn attend(&self, tape: &mut Tape<'_>, x: &Var, valid: Option<&[bool]>) -> Result<Var, NnError> {
        let none = engine::Activation::None;
        let packed = tape.linear(x, self.packed_weight, Some(self.packed_bias), none)?;
        let mask = AttentionMask {
            keys_valid: valid.map(<[bool]>::to_vec),
            causal: false,
        };
        let looked = tape.attention_packed(&packed, self.num_heads, mask)?;
        let y = self.output.forward(tape, &looked)?;
        Ok(tape.dropout(&y, self.dropout_rate)?)
    }

    fn feed_forward(&self, tape: &mut Tape<'_>, x: &Var) -> Result<Var, NnError> {
        let wide = self.widen.forward(tape, x)?;
        let y = self.narrow.forward(tape, &wide)?;
        Ok(tape.dropout(&y, self.dropout_rate)?)
    }
}

/// `num_blocks` equal blocks below one name.
///
/// # Errors
/// As [`TransformerBlock::build`].
pub fn stack_of(
    scope: &mut Scope<'_>,
    num_blocks: usize,
    config: &TransformerBlockConfig,
    dim: usize,
) -> Result<Vec<TransformerBlock>, NnError> {
    let mut scope = scope.child("blocks");
    (0..num_blocks)
        .map(|index| TransformerBlock::build(&mut scope, &index.to_string(), config, dim))
        .collect()
}
