//! What kernels are told: shapes, settings, and the inputs of the larger ones.

use crate::op::{Activation, ConvShape, Targets};
use crate::precision::Precision;

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Unary {
    Scale(f32),
    AddScalar(f32),
    Exp,
    Ln,
    Square,
    Sqrt,
    Abs,
    Softplus,
    Sin,
    Cos,
}

/// A function of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Sub,
    Mul,
}

/// Rows and columns of a product `c[m, n] (+)= a[m, k] b[k, n]`, all row-major.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Product {
    /// Rows of the result.
    pub m: usize,
    /// Columns of the result.
    pub n: usize,
    /// Length of the sums.
    pub k: usize,
    /// `a` is stored as `[k, m]`.
    pub transpose_a: bool,
    /// `b` is stored as `[n, k]`.
    pub transpose_b: bool,
    /// Adds to what stands in `c` instead of replacing it.
    pub accumulate: bool,
    /// How exactly the factors enter.
    pub precision: Precision,
}

/// A linear layer: its weight is `[out_dim, in_dim]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinearShape {
    pub(crate) in_dim: usize,
    pub(crate) out_dim: usize,
    pub(crate) precision: Precision,
}

/// What a linear layer does with its product.
pub(crate) struct LinearEnd<'a> {
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) activation: Activation,
    /// Takes the values before the activation, which some slopes need.
    pub(crate) kept: Option<&'a mut [f32]>,
}

/// Copies `rows` stretches of `len` values: from `from + i * from_stride` to `to + i * to_stride`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretches {
    pub(crate) rows: usize,
    pub(crate) len: usize,
    pub(crate) from: usize,
    pub(crate) from_stride: usize,
    pub(crate) to: usize,
    pub(crate) to_stride: usize,
}

impl Stretches {
    /// The same stretches copied back.
    pub(crate) fn reversed(self) -> Self {
        Self {
            from: self.to,
            from_stride: self.to_stride,
            to: self.from,
            to_stride: self.from_stride,
            ..self
        }
    }
}

/// Where the gradient of one place of a bag or sequence comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Use {
    pub(crate) id: u32,
    /// Row of `dy`.
    pub(crate) row: u32,
    pub(crate) weight: f32,
}

/// What a convolution ends with: `activation(sum * scale + offset + residual)`, without the parts that are not there.
#[derive(Clone, Copy, Default)]
pub(crate) struct ConvEnd<'a> {
    /// By output channel.
    pub(crate) scale: Option<&'a [f32]>,
    /// By output channel.
    pub(crate) offset: Option<&'a [f32]>,
    /// Of the shape of the output.
    pub(crate) residual: Option<&'a [f32]>,
    /// One that keeps its output.
    pub(crate) activation: Activation,
}

/// The gradient of the output of a convolution; it has passed the activation already.
#[derive(Clone, Copy)]
pub(crate) enum OutGradient<'a> {
    /// `[B, O, H', W']`
    Whole(&'a [f32]),
    /// That of the largest value of every window behind the convolution, and the place of that value in its plane.
    Pooled {
        /// `[B, O, PH, PW]`
        dy: &'a [f32],
        places: &'a [u32],
        /// Windows of a plane.
        len: usize,
    },
}

/// What the way back of a convolution reads.
pub(crate) struct ConvGradient<'a> {
    pub(crate) shape: &'a ConvShape,
    pub(crate) x: &'a [f32],
    pub(crate) weight: &'a [f32],
    pub(crate) dy: OutGradient<'a>,
}

/// Which statistics a row is normalised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowNorm {
    /// Mean and deviation.
    Layer,
    /// Root of the mean square; no mean is taken away.
    Rms,
}

/// What the way back of a row norm reads.
pub(crate) struct RowNormGradient<'a> {
    pub(crate) norm: RowNorm,
    pub(crate) x: &'a [f32],
    pub(crate) weight: &'a [f32],
    pub(crate) dy: &'a [f32],
    pub(crate) eps: f32,
}

/// Axes of a group norm over `[batch, channels, plane]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupShape {
    pub(crate) channels: usize,
    pub(crate) plane: usize,
    pub(crate) groups: usize,
}

impl GroupShape {
    /// Channels of one group.
    pub(crate) fn group_channels(self) -> usize {
        self.channels / self.groups
    }

    /// Values of one group.
    pub(crate) fn group_len(self) -> usize {
        self.group_channels() * self.plane
    }
}

/// What the way back of a group norm reads.
pub(crate) struct GroupNormGradient<'a> {
    pub(crate) shape: GroupShape,
    pub(crate) x: &'a [f32],
    pub(crate) weight: &'a [f32],
    pub(crate) dy: &'a [f32],
    pub(crate) eps: f32,
}

/// Axes of the input of a batch norm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChannelShape {
    pub(crate) batch: usize,
    pub(crate) channels: usize,
    pub(crate) plane: usize,
}

impl ChannelShape {
    /// Start of one plane.
    pub(crate) fn at(self, record: usize, channel: usize) -> usize {
        (record * self.channels + channel) * self.plane
    }

    /// Values of one channel.
    pub(crate) fn count(self) -> usize {
        self.batch * self.plane
    }
}

/// A batch norm whose statistics are known.
pub(crate) struct BatchNormed<'a> {
    pub(crate) shape: ChannelShape,
    /// Factor and offset of every channel.
    pub(crate) factors: &'a [(f32, f32)],
    pub(crate) residual: Option<&'a [f32]>,
    /// Whether a ReLU follows.
    pub(crate) relu: bool,
}

/// What the way back of a batch norm in training reads.
pub(crate) struct BatchNormGradient<'a> {
    pub(crate) shape: ChannelShape,
    pub(crate) x: &'a [f32],
    pub(crate) weight: &'a [f32],
    /// The output, if it went through a ReLU.
    pub(crate) output: Option<&'a [f32]>,
    /// Mean and one over the deviation of every channel.
    pub(crate) stats: &'a [(f32, f32)],
}

/// Axes, strides and masks of one attention.
#[derive(Debug, Clone)]
pub(crate) struct Attention {
    pub(crate) batch: usize,
    pub(crate) heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) num_queries: usize,
    pub(crate) num_keys: usize,
    /// Distance between tokens of the queries and of their gradient.
    pub(crate) q_stride: usize,
    /// Distance between tokens of keys and values and of their gradients.
    pub(crate) kv_stride: usize,
    /// `[batch, num_keys]`, true for a real key.
    pub(crate) keys_valid: Option<Vec<bool>>,
    /// A query sees the keys up to its own place.
    pub(crate) causal: bool,
    /// What its products multiply, on the way back too.
    pub(crate) precision: Precision,
}

/// The three inputs; slices that begin at the first value of the first record.
#[derive(Clone, Copy)]
pub(crate) struct AttentionInputs<'a> {
    pub(crate) q: &'a [f32],
    pub(crate) k: &'a [f32],
    pub(crate) v: &'a [f32],
}

impl<'a> AttentionInputs<'a> {
    /// Queries, keys and values of `dim` values each, side by side in every token.
    pub(crate) fn packed(qkv: &'a [f32], dim: usize) -> Self {
        // An empty input has no second or third part.
        let part = |index: usize| &qkv[(index * dim).min(qkv.len())..];
        Self {
            q: qkv,
            k: part(1),
            v: part(2),
        }
    }
}

/// What the way back of an attention reads.
pub(crate) struct AttentionGradient<'a> {
    pub(crate) attention: &'a Attention,
    pub(crate) inputs: AttentionInputs<'a>,
    pub(crate) out: &'a [f32],
    pub(crate) log_sums: &'a [f32],
    pub(crate) dy: &'a [f32],
}

/// What a cross-entropy compares with, and how much everything counts.
pub(crate) struct CrossEntropyRows<'a> {
    pub(crate) num_classes: usize,
    pub(crate) targets: Targets<'a>,
    pub(crate) smoothing: f32,
    pub(crate) class_weights: Option<&'a [f32]>,
    pub(crate) record_weights: Option<&'a [f32]>,
}

/// A loss of each value alone.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pointwise<'a> {
    /// Binary cross-entropy of logits, with how much a positive counts over the last axis.
    Bce(Option<&'a [f32]>),
    Mse,
    L1,
    /// Quadratic below this error, linear above.
    Huber(f32),
}

/// A [`Pointwise`] loss with how much each value counts.
pub(crate) struct PointwiseLoss<'a> {
    pub(crate) kind: Pointwise<'a>,
    /// One weight for each value, or one for several neighbours.
    pub(crate) weights: Option<&'a [f32]>,
}

/// Numbers of one Adam update.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdamStep {
    pub(crate) beta1: f32,
    pub(crate) beta2: f32,
    pub(crate) eps: f32,
    /// Learning rate over the bias correction of the first moment.
    pub(crate) rate: f32,
    /// One over the root of the bias correction of the second moment.
    pub(crate) root_correction: f32,
    /// What the parameter is multiplied by before: `1 - lr * weight_decay`.
    pub(crate) decay: f32,
    /// What is added to the gradient: `l2 * parameter`.
    pub(crate) l2: f32,
}

/// Means of gradients and of their squares.
pub(crate) struct Moments<'a> {
    pub(crate) first: &'a mut [f32],
    pub(crate) second: &'a mut [f32],
}

/// Numbers of one update by stochastic gradient descent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SgdStep {
    pub(crate) rate: f32,
    pub(crate) momentum: f32,
    /// What the gradient is multiplied by as it enters the momentum: `1 - dampening`, or 1 the first time.
    pub(crate) entering: f32,
    pub(crate) nesterov: bool,
    pub(crate) l2: f32,
}
