//! Activations, alone or as the last part of a layer.

use std::sync::Arc;

use crate::buffer::Buffer;
use crate::error::EngineError;
use crate::kernels::kernels;
use crate::tape::{Backward, Tape, Var, owned};
use crate::tensor::Tensor;

/// A function of one number, applied to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// The number itself.
    #[default]
    None,
    /// `max(x, 0)`
    Relu,
    /// `x * normal_cdf(x)`, the exact form.
    Gelu,
    /// GELU in its tanh form (GPT-2).
    GeluTanh,
    /// `x * sigmoid(x)`, also called swish.
    Silu,
    /// `1 / (1 + e^-x)`
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
}

impl Activation {
    /// Whether its slope follows from its output; otherwise the input must be kept.
    pub(crate) fn keeps_output(self) -> bool {
        matches!(self, Self::None | Self::Relu | Self::Sigmoid | Self::Tanh)
    }
}

/// The end of a layer: its output after the activation, and what the way back needs of it.
pub(crate) struct Activated {
    pub(crate) output: Tensor,
    activation: Activation,
    kept: Option<Tensor>,
}

impl Activated {
    /// Applies `activation` to the result of a layer. What its slope needs is kept if `needs_gradient`.
    pub(crate) fn new(
        activation: Activation,
        shape: &[usize],
        mut result: Buffer,
        needs_gradient: bool,
    ) -> Self {
        if needs_gradient && !activation.keeps_output() {
            let mut output = Buffer::scratch(result.len());
            kernels().activation(activation, &result, &mut output);
            return Self {
                output: Tensor::from_buffer(shape, output),
                activation,
                kept: Some(Tensor::from_buffer(shape, result)),
            };
        }
        kernels().activation_in_place(activation, &mut result);
        Self::done(activation, shape, result, needs_gradient)
    }

    /// The same if `result` went through `activation` already, which must be one that keeps its output.
    pub(crate) fn done(
        activation: Activation,
        shape: &[usize],
        result: Buffer,
        needs_gradient: bool,
    ) -> Self {
        let output = Tensor::from_buffer(shape, result);
        let keeps = needs_gradient && activation != Activation::None;
        Self {
            kept: keeps.then(|| output.clone()),
            output,
            activation,
        }
    }

    /// The same if the layer kept `input` as well, from before `activation`, for its slope.
    pub(crate) fn with_input(
        activation: Activation,
        shape: &[usize],
        result: Buffer,
        input: Buffer,
    ) -> Self {
        Self {
            output: Tensor::from_buffer(shape, result),
            activation,
            kept: Some(Tensor::from_buffer(shape, input)),
        }
    }

    /// The slope, to be taken into the way back.
    pub(crate) fn slope(&self) -> Slope {
        Slope {
            activation: self.activation,
            kept: self.kept.clone(),
        }
    }
}

/// Turns the gradient of an activated output into that of the layer before it.
pub(crate) struct Slope {
    activation: Activation,
    kept: Option<Tensor>,
}

impl Slope {
    pub(crate) fn apply(&self, gradient: Arc<Buffer>) -> Arc<Buffer> {
        let Some(kept) = &self.kept else {
            return gradient;
        };
        let mut gradient = owned(gradient);
        kernels().activation_backward(self.activation, kept.data(), &mut gradient);
        Arc::new(gradient)
    }
}

impl Tape<'_> {
    /// `activation(x)`, of the shape of `x`.
    ///
    /// # Errors
    /// None today; layers share the signature.
    pub fn activation(&mut self, x: &Var, activation: Activation) -> Result<Var, EngineError> {
        if activation == Activation::None {
            return Ok(x.clone());
        }
        let mut out = Buffer::scratch(x.data().len());
        kernels().activation(activation, x.data(), &mut out);
        let out = Tensor::from_buffer(x.shape(), out);
        let kept = if activation.keeps_output() {
            &out
        } else {
            x.tensor()
        };
        let slope = Slope {
            activation,
            kept: Some(kept.clone()),
        };
        let input = x.slot();
        let back = move |backward: &mut Backward<'_>, gradient| {
            backward.add_shared(input, slope.apply(gradient));
        };
        Ok(self.record(out, x.needs_gradient(), back))
    }
}
