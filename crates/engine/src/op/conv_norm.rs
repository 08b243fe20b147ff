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
        let parameters = self.parameters();
        let shape = ConvShape::check(x.shape(), parameters.get(weight).shape(), conv)?;
        let weight = parameters.weight(weight, false);
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
        kernels().conv2d(&shape, x.data(), weight, end, &mut y);
        Ok(self.constant(Tensor::from_buffer(&out_shape, y)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::random_tensor;
    use crate::parameters::{ParamKind, Parameters};

    #[test]
    fn one_pass_of_inference_is_convolution_norm_sum_and_relu() {
        // The first is unfolded, the second goes through tiles.
        for (channels, size) in [(3, 5), (32, 12)] {
            let mut parameters = Parameters::new();
            let mut vector = |name: &str, seed: u64| {
                let mut value = random_tensor(&[channels], seed);
                value.data_mut().iter_mut().for_each(|x| *x += 1.5);
                parameters.add(name, ParamKind::Bias, value).unwrap()
            };
            let norm = BatchNorm {
                weight: vector("weight", 1),
                bias: vector("bias", 2),
                mean: vector("mean", 3),
                variance: vector("variance", 4),
                eps: 1e-5,
                momentum: 0.1,
            };
            let weight = random_tensor(&[channels, channels, 3, 3], 5);
            let weight = parameters.add("conv", ParamKind::Weight, weight).unwrap();
            let mut tape = Tape::inference(&parameters);
            let x = tape.constant(random_tensor(&[2, channels, size, size], 6));
            let conv = Conv2d::square(1, 1);
            for residual in [None, Some(&x)] {
                let sums = tape
                    .conv2d(&x, weight, None, conv, Activation::None)
                    .unwrap();
                let apart = tape.batch_norm(&sums, norm, residual, true).unwrap();
                let once = tape
                    .conv2d_norm(&x, (weight, conv), norm, residual, true)
                    .unwrap();
                let both = apart.data().iter().zip(once.data());
                // Rounding of sums of up to 288 products.
                assert!(both.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) < 1e-3);
            }
        }
    }
}
