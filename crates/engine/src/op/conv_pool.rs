//! A convolution and the largest values of windows behind it.

use crate::buffer::Buffer;
use crate::error::EngineError;
use crate::kernels::{ConvEnd, OutGradient, kernels};
use crate::op::activation::Activated;
use crate::op::conv::WayBack;
use crate::op::{Activation, Conv2d, ConvShape, Pool2d, PoolShape};
use crate::parameters::ParamId;
use crate::tape::{Backward, Tape, Var};

impl Tape<'_> {
    /// `max_pool(activation(conv(x, weight) + bias))`
    ///
    /// Where a convolution takes its pictures one by one, each is pooled at once: what lies between is never a tensor, in
    /// either direction. Elsewhere it is [`Tape::conv2d`] and [`Tape::max_pool2d`].
    ///
    /// # Shapes
    /// - `x`: `[B, C, H, W]`, `weight`: `[O, C / groups, KH, KW]`, `bias`: `[O]`
    /// - returns `[B, O, H', W']`, those of the pooling over those of the convolution
    ///
    /// # Errors
    /// [`EngineError::Shape`], [`EngineError::Setting`].
    pub fn conv2d_max_pool(
        &mut self,
        x: &Var,
        (weight, bias): (ParamId, Option<ParamId>),
        conv: Conv2d,
        activation: Activation,
        pool: Pool2d,
    ) -> Result<Var, EngineError> {
        let parameters = self.parameters();
        let values = parameters.get(weight);
        let shape = ConvShape::check(x.shape(), values.shape(), conv)?;
        // One whose slope follows from its output never falls, so it may come last.
        if !activation.keeps_output() || !kernels().pools_convolution(&shape) {
            let y = self.conv2d(x, weight, bias, conv, activation)?;
            return self.max_pool2d(&y, pool);
        }
        self.check_vector("conv2d_max_pool", "bias", bias, shape.out_channels)?;
        let (pool, out_shape) = PoolShape::check("conv2d_max_pool", &shape.out_shape(), pool)?;
        let mut y = Buffer::scratch(out_shape.iter().product());
        let trains = self.trains(weight) || bias.is_some_and(|bias| self.trains(bias));
        let needs = self.is_training() && (x.needs_gradient() || trains);
        let mut places = needs.then(|| vec![0_u32; y.len()]);
        let end = ConvEnd {
            offset: bias.map(|bias| parameters.get(bias).data()),
            activation,
            ..ConvEnd::default()
        };
        let out = (&mut *y, places.as_deref_mut());
        kernels().conv2d_max_pool((&shape, &pool), x.data(), values.data(), end, out);
        let activated = Activated::done(activation, &out_shape, y, needs);
        let slope = activated.slope();
        let way_back = WayBack {
            shape,
            input: x.tensor().clone(),
            slot: x.slot(),
            weight,
            bias,
        };
        let (places, len) = (places.unwrap_or_default(), pool.out_plane());
        let back = move |backward: &mut Backward<'_>, gradient| {
            let dy = slope.apply(gradient);
            let pooled = OutGradient::Pooled {
                dy: &dy,
                places: &places,
                len,
            };
            way_back.run(backward, pooled, (&dy, len));
        };
        Ok(self.record(activated.output, needs, back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::random_tensor;
    use crate::gradients::Gradients;
    use crate::parameters::{ParamKind, Parameters};

    /// Output, gradient of weight, of bias and of the input.
    fn run(together: bool, (channels, groups): (usize, usize), pool: Pool2d) -> [Vec<f32>; 4] {
        let mut parameters = Parameters::new();
        let shape = [4 * groups, channels / groups, 3, 3];
        let weight = random_tensor(&shape, 1);
        let weight = parameters.add("conv", ParamKind::Weight, weight).unwrap();
        let bias = random_tensor(&[4 * groups], 2);
        let bias = parameters.add("bias", ParamKind::Bias, bias).unwrap();
        let input = random_tensor(&[3, channels, 41, 39], 3);
        let input = parameters.add("input", ParamKind::Weight, input).unwrap();
        let mut gradients = Gradients::new(&parameters);
        let mut tape = Tape::training(&parameters, 1);
        let x = tape.param(input);
        let conv = Conv2d {
            groups,
            ..Conv2d::square(1, 1)
        };
        let relu = Activation::Relu;
        let y = if together {
            tape.conv2d_max_pool(&x, (weight, Some(bias)), conv, relu, pool)
        } else {
            let y = tape.conv2d(&x, weight, Some(bias), conv, relu).unwrap();
            tape.max_pool2d(&y, pool)
        };
        let y = y.unwrap();
        let slopes = tape.constant(random_tensor(y.shape(), 4));
        let product = tape.mul(&y, &slopes).unwrap();
        let loss = tape.sum(&product).unwrap();
        tape.backward(&loss, &mut gradients).unwrap();
        let of = |id| gradients.dense(id).unwrap().to_vec();
        [y.data().to_vec(), of(weight), of(bias), of(input)]
    }

    #[test]
    fn together_is_the_same_as_apart() {
        let overlapping = Pool2d {
            kernel: [3, 3],
            stride: [2, 2],
            padding: [1, 1],
        };
        for (channels, pool) in [
            ((3, 1), Pool2d::square(2)),
            ((3, 1), overlapping),
            ((4, 2), Pool2d::square(3)),
        ] {
            let (apart, together) = (run(false, channels, pool), run(true, channels, pool));
            for (apart, together) in apart.iter().zip(&together) {
                assert_eq!(apart.len(), together.len());
                let largest = apart.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
                assert!(largest > 0.0);
                for (a, b) in apart.iter().zip(together) {
                    // Sums of up to 5,000 products in another order.
                    assert!((a - b).abs() <= 1e-5 * largest, "{a} {b} of {largest}");
                }
            }
        }
    }
}
