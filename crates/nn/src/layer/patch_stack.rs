//! From a grid of values to one embedding, patch by patch.

use engine::{Tape, Var};

use crate::{
    NnError, Scope,
    layer::{ActivationKind, Conv, ConvConfig, TokenStack, TokenStackConfig},
};

/// Square patches side by side -> one token each -> [`TokenStack`].
#[derive(Debug, Clone)]
pub struct PatchStack {
    patches: Conv,
    stack: TokenStack,
    num_tokens: usize,
    dim: usize,
}

impl PatchStack {
    /// A stack for grids of `shape` `[H, W]` whose `patches` end in tokens; a rest that fills no patch is left out. Its
    /// parts are named `patches` and as those of [`TokenStack`].
    ///
    /// # Errors
    /// [`NnError::Engine`] if one of the names is taken.
    pub fn build(
        scope: &mut Scope<'_>,
        shape: [usize; 2],
        patches: &ConvConfig,
        tokens: TokenStackConfig<'_>,
    ) -> Result<Self, NnError> {
        let along = shape.map(|len| patches.out_size(len).unwrap_or(0));
        let (num_tokens, dim) = (along[0] * along[1], patches.out_channels);
        Ok(Self {
            patches: Conv::build(scope, "patches", patches, ActivationKind::None)?,
            stack: TokenStack::build(scope, (num_tokens, dim), tokens)?,
            num_tokens,
            dim,
        })
    }

    /// Width of tokens and embedding, D.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Floats kept a record for the backward pass, about, the grid apart.
    pub fn num_activations(&self) -> usize {
        self.stack.num_activations()
    }

    /// # Shapes
    /// - `x`: `[B, C, H, W]`
    /// - returns: `[B, D]`
    ///
    /// # Errors
    /// [`NnError::Engine`] if the axes are others than it was built for.
    pub fn forward(&self, tape: &mut Tape<'_>, x: &Var) -> Result<Var, NnError> {
        let grid = self.patches.forward(tape, x)?; // [B, D, H', W']
        let flat = [grid.shape()[0], self.dim, self.num_tokens];
        let columns = tape.reshape(&grid, &flat)?;
        let tokens = tape.transpose(&columns, 1, 2)?; // [B, T, D]
        self.stack.forward(tape, &tokens)
    }
}
