//! A convolution and the batch norm behind it.

use crate::buffer::Buffer;
use crate::error::EngineError;
use crate::kernels::{ConvEnd, kernels};
use crate::op::{Activation, BatchNorm, Conv2d, ConvShape};
use crate::parameters::ParamId;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

impl Tape<'_> {
    /// `relu(batch_norm(conv(x, weight)) + residual)`
    ///
    /// On an inference tape this is one pass: the running statistics become a scale and an offset of the sums. On a
    /// training tape it is [`Tape::conv2d`] and [`Tape::batch_norm`].
    ///
    /// # Shapes
    /// - `x`: `[B, C, H, W]`, `weight`: `[O, C / groups, KH, KW]`
    /// - `residual`, returns: `[B, O, H', W']` as in [`Tape::conv2d`]
    ///
    /// # Errors
    /// [`EngineError::Shape`], [`EngineError::Setting`]; in training also if there is only one value a channel.
    pub fn conv2d_norm(
        &mut self,
        x: &Var,
        (weight, conv): (ParamId, Conv2d),
        norm: BatchNorm,
        residual: Option<&Var>,
        relu: bool,
    ) -> Result<Var, EngineError> {
        if self.is_training() {
            let sums = self.conv2d(x, weight, None, conv, Activation::None)?;
            return self.batch_norm(&sums, norm, residual, relu);
        }
        let weight = self.parameters().get(weight);
        let shape = ConvShape::check(x.shape(), weight.shape(), conv)?;
        let out_shape = shape.out_shape();
        self.check_batch_norm(&out_shape, norm, residual)?;
        let (scale, offset) = self.running_factors(norm);
        let end = ConvEnd {
            scale: Some(&scale),
            offset: Some(&offset),
            residual: residual.map(Var::data),
            activation: if relu {
                Activation::Relu
            } else {
                Activation::None
            },
        };
        let mut y = Buffer::scratch(out_shape.iter().product());
        kernels().conv2d(&shape, x.data(), weight.data(), end, &mut y);
        Ok(self.constant(Tensor::from_buffer(&out_shape, y)))
    }
}
