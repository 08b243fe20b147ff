//! From a sequence of tokens to one embedding.

use engine::{Tape, Var};

use crate::{
    NnError, Scope,
    layer::{
        LayerNorm, Position, PositionKind, TransformerBlock, TransformerBlockConfig, stack_of,
    },
};

/// How many blocks of which kind, and the dropout before them.
#[derive(Debug, Clone, Copy)]
pub struct TokenStackConfig<'a> {
    /// Transformer blocks.
    pub num_blocks: usize,
    /// Settings of each.
    pub block: &'a TransformerBlockConfig,
    /// Dropout of the placed tokens, in [0, 1).
    pub dropout_rate: f64,
}

/// Learned positions -> dropout -> transformer blocks -> norm -> mean over the tokens.
#[derive(Debug, Clone)]
pub struct TokenStack {
    position: Position,
    blocks: Vec<TransformerBlock>,
    norm: LayerNorm,
    dropout_rate: f32,
    num_activations: usize,
}

impl TokenStack {
    /// A stack for `num_tokens` tokens of width `dim`; its parts are named `position`, `blocks` and `norm`.
    ///
    /// # Errors
    /// [`NnError::Engine`] if one of the names is taken.
    pub fn build(
        scope: &mut Scope<'_>,
        (num_tokens, dim): (usize, usize),
        config: TokenStackConfig<'_>,
    ) -> Result<Self, NnError> {
        let TokenStackConfig {
            num_blocks,
            block,
            dropout_rate,
        } = config;
        let learned = PositionKind::Learned;
        Ok(Self {
            position: Position::build(scope, "position", learned, num_tokens, dim)?,
            blocks: stack_of(scope, num_blocks, block, dim)?,
            norm: LayerNorm::build(scope, "norm", dim, block.norm_eps)?,
            dropout_rate: dropout_rate as f32,
            num_activations: 4 * num_tokens * dim
                + num_blocks * block.num_activations(num_tokens, dim),
        })
    }

    /// Floats kept a record for the backward pass, about.
    pub fn num_activations(&self) -> usize {
        self.num_activations
    }

    /// # Shapes
    /// - `tokens`: `[B, T, D]`
    /// - returns: `[B, D]`
    ///
    /// # Errors
    /// [`NnError::Engine`] if the axes are others than it was built for.
    pub fn forward(&self, tape: &mut Tape<'_>, tokens: &Var) -> Result<Var, NnError> {
        let placed = self.position.forward(tape, tokens)?;
        let mut x = tape.dropout(&placed, self.dropout_rate)?;
        for block in &self.blocks {
            x = block.forward(tape, &x, None)?;
        }
        let normed = self.norm.forward(tape, &x)?;
        Ok(tape.mean_tokens(&normed, None)?)
    }
}
