//! Text as a sequence of tokens through a transformer.

use engine::{ParamId, ParamKind, Tape, Tensor, Var};
use schema::{InputBatch, Preparation, Problem, Settings, Tokenizer};

use super::{Encoder, EncoderConfig, registry};
use crate::{
    Init, InputInfo, InputWidth, NnError, Scope,
    input::codes,
    layer::{
        Embedding, LayerNorm, NormPlace, Position, PositionKind, TransformerBlock,
        TransformerBlockConfig, stack_of,
    },
    settings::Check,
};

/// How the tokens of a text become one embedding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextPooling {
    /// Mean over real tokens.
    #[default]
    Mean,
    /// A learned token in front, read at the end.
    Cls,
}

/// Settings of [`TextTransformer`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextTransformerConfig {
    /// How text is cut, default `word`.
    pub tokenizer: Tokenizer,
    /// Most distinct tokens, 3 to 1000000, default 10000.
    pub vocab_size: usize,
    /// Longest sequence in tokens, 1 to 8192, default 128; memory grows with its square.
    pub max_len: usize,
    /// Width of tokens and embedding, 1 to 4096, default 128.
    pub embed_dim: usize,
    /// Transformer blocks, 0 to 48, default 2.
    pub num_blocks: usize,
    /// Settings of each block.
    pub block: TransformerBlockConfig,
    /// How positions are told apart, default `learned`.
    pub position: PositionKind,
    /// How tokens become one embedding, default `mean`.
    pub pooling: TextPooling,
    /// Dropout of the embedded tokens, in [0, 1), default 0.1.
    pub dropout_rate: f64,
}

impl Default for TextTransformerConfig {
    fn default() -> Self {
        Self {
            tokenizer: Tokenizer::Word,
            vocab_size: 10_000,
            max_len: 128,
            embed_dim: 128,
            num_blocks: 2,
            block: TransformerBlockConfig::default(),
            position: PositionKind::Learned,
            pooling: TextPooling::Mean,
            dropout_rate: 0.1,
        }
    }
}

/// Token embedding + position -> blocks -> pooled embedding.
///
/// Choose it where word order matters and there are tens of thousands of texts.
/// Token vectors start uniform within 0.05, as in Keras; the `cls` token normal with deviation 0.02.
///
/// # Source
/// Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762 (encoder half).
pub struct TextTransformer {
    tokens: Embedding,
    position: Position,
    cls: Option<ParamId>,
    blocks: Vec<TransformerBlock>,
    /// Pre-norm blocks leave their sum unnormalised.
    norm: Option<LayerNorm>,
    info: InputInfo,
    dropout_rate: f32,
    num_activations: usize,
}

impl EncoderConfig for TextTransformerConfig {
    fn check(&self, place: &str) -> Vec<Problem> {
        Check::new(place)
            .count("vocab_size", self.vocab_size, 3, 1_000_000)
            .count("max_len", self.max_len, 1, 8192)
            .count("embed_dim", self.embed_dim, 1, 4096)
            .count("num_blocks", self.num_blocks, 0, 48)
            .rate("dropout_rate", self.dropout_rate)
            .extend(self.block.check(&format!("{place}.block"), self.embed_dim))
            .finish()
    }

    fn preparation(&self) -> Preparation {
        Preparation::Tokens {
            tokenizer: self.tokenizer,
            vocab_size: self.vocab_size,
            max_len: self.max_len,
        }
    }

    fn build(&self, info: &InputInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Encoder>, NnError> {
        Ok(Box::new(TextTransformer::build(self, info, scope)?))
    }

    fn table(&self) -> Result<Settings, Vec<Problem>> {
        registry::table(self)
    }
}

impl TextTransformer {
    /// An encoder for a column as fitted.
    ///
    /// # Errors
    /// [`NnError::Input`] if the column was not fitted as tokens.
    pub fn build(
        config: &TextTransformerConfig,
        info: &InputInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        let InputWidth::Tokens {
            vocab_size,
            max_len,
        } = info.width
        else {
            return Err(info.mismatch(format!("{:?}", info.width), "tokens"));
        };
        let dim = config.embed_dim;
        let has_cls = config.pooling == TextPooling::Cls;
        let seq_len = max_len + usize::from(has_cls);
        let cls =
            has_cls.then(|| scope.parameter("cls", ParamKind::Bias, &[dim], Init::Normal(0.02)));
        let norm = (config.block.norm == NormPlace::Pre && config.num_blocks > 0)
            .then(|| LayerNorm::build(scope, "norm", dim, config.block.norm_eps));
        Ok(Self {
            tokens: Embedding::build(scope, "tokens", vocab_size, dim, Init::Uniform(0.05))?,
            position: Position::build(scope, "position", config.position, max_len, dim)?,
            cls: cls.transpose()?,
            blocks: stack_of(scope, config.num_blocks, &config.block, dim)?,
            norm: norm.transpose()?,
            info: info.clone(),
            dropout_rate: config.dropout_rate as f32,
            num_activations: 3 * seq_len * dim
                + config.num_blocks * config.block.num_activations(seq_len, dim),
        })
    }

    /// Puts the `cls` token in front of `x` `[B, T, D]` and marks it as real.
    fn with_cls(
        tape: &mut Tape<'_>,
        cls: ParamId,
        x: &Var,
        valid: &[bool],
    ) -> Result<(Var, Vec<bool>), NnError> {
        let (batch_size, seq_len, dim) = (x.shape()[0], x.shape()[1], x.shape()[2]);
        let zeros = tape.constant(Tensor::zeros(&[batch_size, 1, dim]));
        let cls = tape.param(cls);
        let front = tape.add_row(&zeros, &cls)?;
        let longer = tape.concat(&[front, x.clone()], 1)?;
        let mut marks = Vec::with_capacity(batch_size * (seq_len + 1));
        for record in 0..batch_size {
            marks.push(true);
            marks.extend_from_slice(&valid[record * seq_len..(record + 1) * seq_len]);
        }
        Ok((longer, marks))
    }
}

impl Encoder for TextTransformer {
    fn embed_dim(&self) -> usize {
        self.tokens.dim()
    }

    fn num_activations(&self) -> usize {
        self.num_activations
    }

    /// # Shapes
    /// - `input`: token numbers `[B, T]` with their valid mask
    /// - returns: `[B, D]`; a text without a real token gives zeros under mean pooling
    fn forward(&self, tape: &mut Tape<'_>, input: &InputBatch) -> Result<Var, NnError> {
        let (ids, shape, valid) = codes(input, &self.info, self.tokens.num_rows())?;
        let (batch_size, dim) = (shape[0], self.tokens.dim());
        if shape[1] == 0 && self.cls.is_none() {
            return Ok(tape.constant(Tensor::zeros(&[batch_size, dim])));
        }
        let embedded = self.tokens.forward(tape, ids, shape)?;
        let placed = self.position.forward(tape, &embedded)?;
        let (mut x, valid) = match self.cls {
            Some(cls) => Self::with_cls(tape, cls, &placed, valid)?,
            None => (placed, valid.to_vec()),
        };
        x = tape.dropout(&x, self.dropout_rate)?;
        // Without padding there is no mask to carry through every block.
        let mask = valid.contains(&false).then_some(valid.as_slice());
        for block in &self.blocks {
            x = block.forward(tape, &x, mask)?;
        }
        if let Some(norm) = &self.norm {
            x = norm.forward(tape, &x)?;
        }
        if self.cls.is_some() {
            let first = tape.slice(&x, 1, 0, 1)?;
            return Ok(tape.reshape(&first, &[batch_size, dim])?);
        }
        Ok(tape.mean_tokens(&x, mask)?)
    }
}
