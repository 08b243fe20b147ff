//! Layer normalisation with scale and offset.

use engine::{ParamId, ParamKind, Tape, Var};

use crate::{Init, NnError, Scope};

/// Normalises the last axis to mean 0 and deviation 1, then scales and shifts.
///
/// # Source
/// Ba, Kiros, Hinton 2016, "Layer Normalization", arXiv:1607.06450.
#[derive(Debug, Clone)]
pub struct LayerNorm {
    weight: ParamId,
    bias: ParamId,
    eps: f32,
}

impl LayerNorm {
    /// What PyTorch adds to the variance.
    pub const EPS: f64 = 1e-5;

    /// Scale 1, offset 0.
    ///
    /// # Errors
    /// [`NnError::Engine`] if the name is taken.
    pub fn build(scope: &mut Scope<'_>, name: &str, dim: usize, eps: f64) -> Result<Self, NnError> {
        let mut scope = scope.child(name);
        Ok(Self {
            weight: scope.parameter("weight", ParamKind::Bias, &[dim], Init::ONES)?,
            bias: scope.parameter("bias", ParamKind::Bias, &[dim], Init::ZEROS)?,
            eps: eps as f32,
        })
    }

    /// # Shapes
    /// - `x`, returns: `[.., D]`
    ///
    /// # Errors
    /// [`NnError::Engine`] if the last axis is not D.
    pub fn forward(&self, tape: &mut Tape<'_>, x: &Var) -> Result<Var, NnError> {
        Ok(tape.layer_norm(x, self.weight, Some(self.bias), self.eps)?)
    }

    /// `norm(x + residual)` in one pass, with the sum.
    ///
    /// # Shapes
    /// - `x`, `residual`, both results: `[.., D]`
    ///
    /// # Errors
    /// [`NnError::Engine`] if the shapes differ.
    pub fn forward_added(
        &self,
        tape: &mut Tape<'_>,
        x: &Var,
        residual: &Var,
    ) -> Result<(Var, Var), NnError> {
        Ok(tape.add_layer_norm(x, residual, self.weight, Some(self.bias), self.eps)?)
    }
}
