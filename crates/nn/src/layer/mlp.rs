//! Linear layers in a row, each with activation and dropout.

use engine::{Tape, Var};

use crate::{
    NnError, Scope,
    layer::{ActivationKind, Linear},
};

/// `[linear -> activation -> dropout] * n`; the identity if there is no layer.
#[derive(Debug, Clone)]
pub struct Mlp {
    layers: Vec<Linear>,
    dropout_rate: f32,
    in_dim: usize,
}

impl Mlp {
    /// Layers of the given widths, with PyTorch's first values.
    ///
    /// # Errors
    /// [`NnError::Engine`] if the name is taken.
    pub fn build(
        scope: &mut Scope<'_>,
        name: &str,
        dims: (usize, &[usize]),
        activation: ActivationKind,
        dropout_rate: f64,
    ) -> Result<Self, NnError> {
        let (in_dim, hidden_dims) = dims;
        let mut scope = scope.child(name);
        let mut layers = Vec::with_capacity(hidden_dims.len());
        let mut width = in_dim;
        for (index, dim) in hidden_dims.iter().enumerate() {
            let layer = Linear::build(&mut scope, &index.to_string(), width, *dim)?;
            layers.push(layer.activated(activation));
            width = *dim;
        }
        Ok(Self {
            layers,
            dropout_rate: dropout_rate as f32,
            in_dim,
        })
    }

    /// Output width.
    pub fn out_dim(&self) -> usize {
        self.layers.last().map_or(self.in_dim, Linear::out_dim)
    }

    /// Floats kept a record for the backward pass, about.
    pub fn num_activations(&self) -> usize {
        self.layers.iter().map(|layer| 2 * layer.out_dim()).sum()
    }

    /// # Shapes
    /// - `x`: `[.., in_dim]`
    /// - returns: `[.., out_dim]`
    ///
    /// # Errors
    /// [`NnError::Engine`] if the last axis is not `in_dim`.
    pub fn forward(&self, tape: &mut Tape<'_>, x: &Var) -> Result<Var, NnError> {
        let mut x = x.clone();
        for layer in &self.layers {
            x = layer.forward(tape, &x)?;
            x = tape.dropout(&x, self.dropout_rate)?;
        }
        Ok(x)
    }
}
