//! The device seam: everything that tapes, gradients and optimisers ask of a device.
//!
//! A device is one implementation of [`Kernels`]; [`crate::cpu`] is the only one today. Every function is about as
//! large as a layer and works on whole buffers, row-major and without gaps. Outputs are written in full (what stood
//! there before is unspecified) unless the function adds. Shapes are checked before: a kernel may rely on them.
//! Sums must not depend on the number of threads.

pub(crate) mod describe;
mod kept;

pub(crate) use describe::*;
pub(crate) use kept::{Kept, Weight};

use crate::op::{Activation, ConvShape, PoolShape};

/// The device that all tensors live on.
pub(crate) fn kernels() -> &'static dyn Kernels {
    &crate::cpu::Cpu
}

/// What a device can do.
pub(crate) trait Kernels: Sync {
    // Numbers one by one
    /// `out = f(x)`
    fn unary(&self, f: Unary, x: &[f32], out: &mut [f32]);
    /// `gradient *= f'(x)`
    fn unary_backward(&self, f: Unary, x: &[f32], gradient: &mut [f32]);
    /// `out = f(x, y)`
    fn binary(&self, f: Binary, x: &[f32], y: &[f32], out: &mut [f32]);
    /// `x += y`
    fn add_in_place(&self, x: &mut [f32], y: &[f32]);
    /// `x *= factor`
    fn scale_in_place(&self, x: &mut [f32], factor: f32);
    /// Limits every value to `-max..=max`.
    fn limit_in_place(&self, x: &mut [f32], max: f32);
    /// `out = x * keep`, where `keep` is 0 with probability `rate` and else `1 / (1 - rate)`, drawn for each place.
    fn dropout(&self, x: &[f32], rate: f32, draw: u64, out: &mut [f32]);
    /// `out = activation(x)`
    fn activation(&self, activation: Activation, x: &[f32], out: &mut [f32]);
    /// `x = activation(x)`
    fn activation_in_place(&self, activation: Activation, x: &mut [f32]);
    /// `gradient *= activation'`, from the output or the input, as `Activation::keeps_output` says.
    fn activation_backward(&self, activation: Activation, kept: &[f32], gradient: &mut [f32]);

    // Rows
    /// Every row of `out` = the row of `x` + `row`.
    fn add_row(&self, x: &[f32], row: &[f32], out: &mut [f32]);
    /// Every row of `out` = the row of `x` times its factor.
    fn scale_rows(&self, x: &[f32], factors: &[f32], dim: usize, out: &mut [f32]);
    /// For each row the sum of `x * y`.
    fn row_dots(&self, x: &[f32], y: &[f32], dim: usize, out: &mut [f32]);
    /// One over the length of every row, the length being at least `eps`.
    fn inverse_lengths(&self, x: &[f32], dim: usize, eps: f32) -> Vec<f32>;
    /// The way back through rows of unit length `y`, each scaled by its factor.
    fn unit_rows_backward(&self, y: &[f32], dy: &[f32], factors: &[f32], dx: &mut [f32]);
    /// `out[i, :] = table[ids[i], :]`
    fn gather_rows(&self, table: &[f32], dim: usize, ids: &[u32], out: &mut [f32]);
    /// `out[ids[i], :] += x[i, :]`, in order.
    fn add_to_rows(&self, x: &[f32], dim: usize, ids: &[u32], out: &mut [f32]);
    /// Rows of `a` where `mask` is true, elsewhere of `b`, which is one row or as many as `a`.
    fn choose_rows(&self, mask: &[bool], a: &[f32], b: &[f32], out: &mut [f32]);
    /// Rows of `x` where `mask` equals `keeps`, zeros elsewhere.
    fn mask_rows(&self, mask: &[bool], keeps: bool, x: &[f32], out: &mut [f32]);
    /// `out[i] = x[i, columns[i]]`
    fn gather_columns(&self, x: &[f32], columns: &[u32], out: &mut [f32]);
    /// Zeros but for `out[i, columns[i]] = x[i]`.
    fn spread_columns(&self, x: &[f32], columns: &[u32], out: &mut [f32]);
    /// `out[b, :] = sum_j weights[j] * table[ids[j], :]` for `j` from `offsets[b]` up to the next offset.
    fn bag(
        &self,
        table: &[f32],
        dim: usize,
        offsets: &[usize],
        uses: (&[u32], &[f32]),
        out: &mut [f32],
    );
    /// Sums `weight * dy[row, :]` by id: the ids in ascending order, and one row for each.
    fn scatter(&self, uses: Vec<Use>, dim: usize, dy: &[f32]) -> (Vec<u32>, Vec<f32>);

    // Products
    /// A product of whole matrices.
    fn matmul(&self, c: &mut [f32], a: &[f32], b: &[f32], product: Product);
    /// As many products as `c` has room for.
    fn matmul_batched(&self, c: &mut [f32], a: &[f32], b: &[f32], product: Product);
    /// `y = activation(x weight^T + bias)` for rows of `x`.
    fn linear(
        &self,
        shape: LinearShape,
        x: &[f32],
        weight: Weight<'_>,
        end: LinearEnd<'_>,
        y: &mut [f32],
    );
    /// `dx = dy weight` for rows of `dy`.
    fn linear_backward_input(&self, shape: LinearShape, dy: &[f32], weight: &[f32], dx: &mut [f32]);
    /// `dw (+)= dy^T x`, summed over rows.
    fn linear_backward_weight(
        &self,
        shape: LinearShape,
        dy: &[f32],
        x: &[f32],
        dw: &mut [f32],
        accumulate: bool,
    );

    // Convolutions
    /// `y = conv(x, weight)` with its end.
    fn conv2d(
        &self,
        shape: &ConvShape,
        x: &[f32],
        weight: Weight<'_>,
        end: ConvEnd<'_>,
        y: &mut [f32],
    );
    /// Whether [`Kernels::conv2d_max_pool`] is the way for a shape; if not, both are done apart.
    fn pools_convolution(&self, shape: &ConvShape) -> bool;
    /// The largest values of the windows of `conv(x, weight)`, with its end, and their places where they are wanted.
    /// The end has no scale and no residual.
    fn conv2d_max_pool(
        &self,
        shapes: (&ConvShape, &PoolShape),
        x: &[f32],
        weight: &[f32],
        end: ConvEnd<'_>,
        out: (&mut [f32], Option<&mut [u32]>),
    );
    /// Writes the gradient of the input, and writes or adds to that of the weight.
    fn conv2d_backward(
        &self,
        gradient: &ConvGradient<'_>,
        dx: Option<&mut [f32]>,
        dw: Option<(&mut [f32], bool)>,
    );
    /// Gradient of the bias: the sum over pictures and pixels.
    fn conv2d_backward_bias(
        &self,
        shape: ChannelShape,
        dy: &[f32],
        db: &mut [f32],
        accumulate: bool,
    );

    // Norms
    /// `y = (x - mean) / deviation * weight + bias` for every row.
    fn row_norm(
        &self,
        norm: RowNorm,
        x: &[f32],
        parameters: (&[f32], Option<&[f32]>),
        eps: f32,
        y: &mut [f32],
    );
    /// Writes `dx` and gives the gradients of weight and bias.
    fn row_norm_backward(
        &self,
        gradient: &RowNormGradient<'_>,
        dx: &mut [f32],
    ) -> (Vec<f32>, Vec<f32>);
    /// The same for every group of neighbouring channels of every record.
    fn group_norm(
        &self,
        shape: GroupShape,
        x: &[f32],
        parameters: (&[f32], &[f32]),
        eps: f32,
        y: &mut [f32],
    );
    /// Writes `dx` and gives the gradients of weight and bias.
    fn group_norm_backward(
        &self,
        gradient: &GroupNormGradient<'_>,
        dx: &mut [f32],
    ) -> (Vec<f32>, Vec<f32>);
    /// Mean and biased variance of every channel.
    fn channel_stats(&self, shape: ChannelShape, x: &[f32]) -> Vec<(f32, f32)>;
    /// `y = x * factor + offset (+ residual)`, cut below at zero if it says so.
    fn batch_norm(&self, norm: &BatchNormed<'_>, x: &[f32], y: &mut [f32]);
    /// Takes `dy` back through the ReLU in place, writes `dx`, gives the gradients of weight and bias by channel.
    fn batch_norm_backward(
        &self,
        gradient: &BatchNormGradient<'_>,
        dy: &mut [f32],
        dx: &mut [f32],
    ) -> Vec<(f32, f32)>;

    // Attention
    /// Writes `out[B, Tq, heads * D]` and, for the way back, `log_sums[B, heads, Tq]`.
    fn attention(
        &self,
        attention: &Attention,
        inputs: AttentionInputs<'_>,
        out: &mut [f32],
        log_sums: &mut [f32],
    );
    /// Writes the gradients of three separate inputs.
    fn attention_backward(
        &self,
        gradient: &AttentionGradient<'_>,
        dq: &mut [f32],
        dk: &mut [f32],
        dv: &mut [f32],
    );
    /// Writes the gradient of packed inputs of `dim` values each.
    fn attention_packed_backward(
        &self,
        gradient: &AttentionGradient<'_>,
        dim: usize,
        dqkv: &mut [f32],
    );
    /// Softmax of every row.
    fn softmax(&self, x: &[f32], dim: usize, y: &mut [f32]);
    /// `dx = y * (dy - sum(dy * y))` for every row.
    fn softmax_backward(&self, y: &[f32], dy: &[f32], dim: usize, dx: &mut [f32]);
    /// Logarithm of the softmax of every row.
    fn log_softmax(&self, x: &[f32], dim: usize, y: &mut [f32]);
    /// `dx = dy - e^y * sum(dy)` for every row.
    fn log_softmax_backward(&self, y: &[f32], dy: &[f32], dim: usize, dx: &mut [f32]);

    // Pools, sums, and moving of axes
    /// Largest value of every window and its place in the plane.
    fn max_pool2d(&self, shape: &PoolShape, x: &[f32], y: &mut [f32], places: &mut [u32]);
    /// The same without the places, which only the way back needs.
    fn max_pool2d_values(&self, shape: &PoolShape, x: &[f32], y: &mut [f32]);
    /// Sends every gradient to the place that was largest.
    fn max_pool2d_backward(&self, shape: &PoolShape, dy: &[f32], places: &[u32], dx: &mut [f32]);
    /// Mean of every window; padding counts as zeros.
    fn avg_pool2d(&self, shape: &PoolShape, x: &[f32], y: &mut [f32]);
    /// Spreads every gradient over its window.
    fn avg_pool2d_backward(&self, shape: &PoolShape, dy: &[f32], dx: &mut [f32]);
    /// Sum of all values.
    fn sum(&self, x: &[f32]) -> f64;
    /// Sum of all squares.
    fn sum_of_squares(&self, x: &[f32]) -> f64;
    /// Whether every value is finite.
    fn all_finite(&self, x: &[f32]) -> bool;
    /// `out (+)= sum_r x[r, :]`
    fn sum_rows(&self, x: &[f32], dim: usize, out: &mut [f32], accumulate: bool);
    /// `factor *` the sum over the middle axis of `[outer, len, inner]`.
    fn sum_middle(&self, x: &[f32], axes: (usize, usize), factor: f32, out: &mut [f32]);
    /// The other way of `sum_middle`.
    fn spread_middle(&self, x: &[f32], axes: (usize, usize), factor: f32, out: &mut [f32]);
    /// `y[b, :] = sum_t factors[b, t] * x[b, t, :]`
    fn weighted_tokens(&self, x: &[f32], axes: (usize, usize), factors: &[f32], y: &mut [f32]);
    /// The other way of `weighted_tokens`.
    fn spread_tokens(&self, dy: &[f32], axes: (usize, usize), factors: &[f32], dx: &mut [f32]);
    /// Copies stretches of one buffer into another.
    fn copy(&self, source: &[f32], target: &mut [f32], stretches: Stretches);
    /// `[outer, a, middle, b, inner]` to `[outer, b, middle, a, inner]`; `axes` are `(a, middle, b, inner)`.
    fn swap_axes(&self, x: &[f32], axes: (usize, usize, usize, usize), out: &mut [f32]);

    // Losses
    /// Sum of the losses of all records and of their weights; the gradient is that of the sum.
    fn cross_entropy(
        &self,
        rows: &CrossEntropyRows<'_>,
        logits: &[f32],
        gradient: &mut [f32],
    ) -> (f64, f64);
    /// Sum of the weighted losses of all values; the gradient is that of their mean.
    fn pointwise_loss(
        &self,
        loss: &PointwiseLoss<'_>,
        x: &[f32],
        targets: &[f32],
        gradient: &mut [f32],
    ) -> f64;

    // Optimisers
    /// Adam over a whole parameter.
    fn adam(&self, step: AdamStep, w: &mut [f32], g: &[f32], moments: Moments<'_>);
    /// Adam over some rows of a table; `rows` are ascending, each once.
    fn adam_rows(
        &self,
        step: AdamStep,
        w: &mut [f32],
        gradient: (&[u32], &[f32]),
        moments: Moments<'_>,
    );
    /// Gradient descent over a whole parameter; `velocity` is `None` without momentum.
    fn sgd(&self, step: SgdStep, w: &mut [f32], g: &[f32], velocity: Option<&mut [f32]>);
    /// Gradient descent over some rows of a table.
    fn sgd_rows(
        &self,
        step: SgdStep,
        w: &mut [f32],
        gradient: (&[u32], &[f32]),
        velocity: Option<&mut [f32]>,
    );
}
