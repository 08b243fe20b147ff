//! Convolutions over pictures; over series with a height of 1.

use crate::buffer::Buffer;
use crate::error::{EngineError, named_shape, require_setting};
use crate::kernels::{ChannelShape, ConvEnd, ConvGradient, OutGradient, kernels};
use crate::op::Activation;
use crate::op::activation::Activated;
use crate::parameters::ParamId;
use crate::tape::{Backward, Slot, Tape, Var};
use crate::tensor::Tensor;

/// How a kernel moves over a picture; `[vertical, horizontal]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2d {
    /// Pixels from one place to the next.
    pub stride: [usize; 2],
    /// Zeros on each side.
    pub padding: [usize; 2],
    /// Pixels between neighbours of the kernel.
    pub dilation: [usize; 2],
    /// Parts of the channels that do not see each other; as many as channels for a depthwise convolution.
    pub groups: usize,
}

impl Default for Conv2d {
    /// Stride 1, no padding, dilation 1, one group.
    fn default() -> Self {
        Self {
            stride: [1, 1],
            padding: [0, 0],
            dilation: [1, 1],
            groups: 1,
        }
    }
}

impl Conv2d {
    /// The same stride and padding both ways.
    pub fn square(stride: usize, padding: usize) -> Self {
        Self {
            stride: [stride; 2],
            padding: [padding; 2],
            ..Self::default()
        }
    }
}

/// All axes of one convolution, checked.
#[derive(Debug, Clone)]
pub(crate) struct ConvShape {
    pub(crate) batch: usize,
    pub(crate) in_channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) out_channels: usize,
    pub(crate) out_height: usize,
    pub(crate) out_width: usize,
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) padding: [usize; 2],
    pub(crate) dilation: [usize; 2],
    pub(crate) groups: usize,
}

impl ConvShape {
    pub(crate) fn check(x: &[usize], weight: &[usize], conv: Conv2d) -> Result<Self, EngineError> {
        const OP: &str = "conv2d";
        require_setting(conv.groups > 0, OP, "groups", conv.groups, "at least 1")?;
        let steps = [conv.stride, conv.dilation].concat();
        let moves = !steps.contains(&0);
        require_setting(moves, OP, "stride and dilation", steps, "at least 1")?;
        let (&[batch, in_channels, height, width], &[out_channels, group_in, kh, kw]) = (x, weight)
        else {
            return Err(Self::misfit(x, weight));
        };
        let groups = conv.groups;
        let divides = out_channels % groups == 0 && in_channels == group_in * groups;
        let is_empty = [out_channels, in_channels, kh, kw].contains(&0);
        if !divides || is_empty {
            return Err(Self::misfit(x, weight));
        }
        let out = |axis: usize, len: usize, kernel: usize| {
            let reach = conv.dilation[axis] * (kernel - 1) + 1;
            let room = (len + 2 * conv.padding[axis]).checked_sub(reach);
            room.map(|room| room / conv.stride[axis] + 1)
        };
        let (Some(out_height), Some(out_width)) = (out(0, height, kh), out(1, width, kw)) else {
            return Err(EngineError::Shape {
                op: OP,
                got: format!("x {}", named_shape(&["B", "C", "H", "W"], x)),
                expected: format!("pictures at least as large as the kernel {kh} x {kw}"),
            });
        };
        Ok(Self {
            batch,
            in_channels,
            height,
            width,
            out_channels,
            out_height,
            out_width,
            kernel: [kh, kw],
            stride: conv.stride,
            padding: conv.padding,
            dilation: conv.dilation,
            groups,
        })
    }

    fn misfit(x: &[usize], weight: &[usize]) -> EngineError {
        EngineError::Shape {
            op: "conv2d",
            got: format!(
                "x {} and weight {}",
                named_shape(&["B", "C", "H", "W"], x),
                named_shape(&["O", "C/G", "KH", "KW"], weight)
            ),
            expected: "x [B, C, H, W] and weight [O, C/G, KH, KW], G a divisor of O".to_owned(),
        }
    }

    /// Lengths of the axes of the output.
    pub(crate) fn out_shape(&self) -> [usize; 4] {
        let Self {
            batch,
            out_channels,
            out_height,
            out_width,
            ..
        } = *self;
        [batch, out_channels, out_height, out_width]
    }

    /// Values of one input picture.
    pub(crate) fn in_picture(&self) -> usize {
        self.in_channels * self.height * self.width
    }

    /// Values of one group of one input picture.
    pub(crate) fn in_group(&self) -> usize {
        self.in_picture() / self.groups
    }

    /// Pixels of one output channel.
    pub(crate) fn out_plane(&self) -> usize {
        self.out_height * self.out_width
    }

    /// Values of one group of one output picture.
    pub(crate) fn out_group(&self) -> usize {
        self.out_channels / self.groups * self.out_plane()
    }

    /// Rows of the unfolded picture of one group: values that one output value sums.
    pub(crate) fn rows(&self) -> usize {
        self.in_channels / self.groups * self.kernel[0] * self.kernel[1]
    }

    /// Weights of one group.
    pub(crate) fn weight_group(&self) -> usize {
        self.out_channels / self.groups * self.rows()
    }

    /// Whether the picture itself is the unfolded matrix.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0]
    }
}

/// The way back of a convolution.
pub(super) struct WayBack {
    pub(super) shape: ConvShape,
    pub(super) input: Tensor,
    pub(super) slot: Option<Slot>,
    pub(super) weight: ParamId,
    pub(super) bias: Option<ParamId>,
}

impl WayBack {
    /// `sums` has the same sum as the gradient in every plane of so many values.
    pub(super) fn run(
        &self,
        backward: &mut Backward<'_>,
        dy: OutGradient<'_>,
        (sums, plane): (&[f32], usize),
    ) {
        let shape = &self.shape;
        if let Some(bias) = self.bias {
            let planes = ChannelShape {
                batch: shape.batch,
                channels: shape.out_channels,
                plane,
            };
            backward.weight(bias, |db, accumulate| {
                kernels().conv2d_backward_bias(planes, sums, db, accumulate);
            });
        }
        let mut dx = self.slot.map(|_| Buffer::scratch(self.input.len()));
        let gradient = ConvGradient {
            shape,
            x: self.input.data(),
            weight: backward.parameters.get(self.weight).data(),
            dy,
        };
        if backward.parameters.kind(self.weight).is_trained() {
            let (dw, accumulate) = backward.gradients.dense_mut(self.weight);
            kernels().conv2d_backward(&gradient, dx.as_deref_mut(), Some((dw, accumulate)));
        } else {
            kernels().conv2d_backward(&gradient, dx.as_deref_mut(), None);
        }
        if let Some(dx) = dx {
            backward.add(self.slot, dx);
        }
    }
}

impl Tape<'_> {
    /// `activation(conv(x, weight) + bias)`
    ///
    /// # Shapes
    /// - `x`: `[B, C, H, W]`, `weight`: `[O, C / groups, KH, KW]`, `bias`: `[O]`
    /// - returns `[B, O, H', W']`, `H' = (H + 2 padding - dilation (KH - 1) - 1) / stride + 1`
    ///
    /// # Errors
    /// [`EngineError::Shape`], [`EngineError::Setting`].
    pub fn conv2d(
        &mut self,
        x: &Var,
        weight: ParamId,
        bias: Option<ParamId>,
        conv: Conv2d,
        activation: Activation,
    ) -> Result<Var, EngineError> {
        let parameters = self.parameters();
        let values = parameters.get(weight);
        let shape = ConvShape::check(x.shape(), values.shape(), conv)?;
        self.check_vector("conv2d", "bias", bias, shape.out_channels)?;
        let out_shape = shape.out_shape();
        let mut result = Buffer::scratch(out_shape.iter().product());
        let trains = self.trains(weight) || bias.is_some_and(|bias| self.trains(bias));
        let needs = self.is_training() && (x.needs_gradient() || trains);
        let bias_values = bias.map(|bias| parameters.get(bias).data());
        // An activation whose slope follows from its output is applied while a picture is in the cache.
        let at_once = activation.keeps_output();
        let inner = if at_once {
            activation
        } else {
            Activation::None
        };
        let end = ConvEnd {
            offset: bias_values,
            activation: inner,
            ..ConvEnd::default()
        };
        let values = parameters.weight(weight, self.is_training());
        kernels().conv2d(&shape, x.data(), values, end, &mut result);
        let activated = if at_once {
            Activated::done(activation, &out_shape, result, needs)
        } else {
            Activated::new(activation, &out_shape, result, needs)
        };
        let way_back = WayBack {
            shape,
            input: x.tensor().clone(),
            slot: x.slot(),
            weight,
            bias,
        };
        let slope = activated.slope();
        let back = move |backward: &mut Backward<'_>, gradient| {
            let dy = slope.apply(gradient);
            let plane = way_back.shape.out_plane();
            way_back.run(backward, OutGradient::Whole(&dy), (&dy, plane));
        };
        Ok(self.record(activated.output, needs, back))
    }
}
