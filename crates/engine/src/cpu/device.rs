//! The CPU as a device.

use super::{
    activation, attention, batch_norm, conv, conv_unfolded, elementwise, embedding, linear, loss,
    norm, optimiser, pool, product, reduce, shape, softmax,
};
use crate::kernels::*;
use crate::op::{Activation, ConvShape, PoolShape};

/// All threads of the current rayon pool.
pub(crate) struct Cpu;

impl Kernels for Cpu {
    fn unary(&self, f: Unary, x: &[f32], out: &mut [f32]) {
        elementwise::unary(f, x, out);
    }

    fn unary_backward(&self, f: Unary, x: &[f32], gradient: &mut [f32]) {
        elementwise::unary_backward(f, x, gradient);
    }

    fn binary(&self, f: Binary, x: &[f32], y: &[f32], out: &mut [f32]) {
        elementwise::binary(f, x, y, out);
    }

    fn add_in_place(&self, x: &mut [f32], y: &[f32]) {
        elementwise::add_in_place(x, y);
    }

    fn scale_in_place(&self, x: &mut [f32], factor: f32) {
        elementwise::scale_in_place(x, factor);
    }

    fn limit_in_place(&self, x: &mut [f32], max: f32) {
        elementwise::limit_in_place(x, max);
    }

    fn dropout(&self, x: &[f32], rate: f32, draw: u64, out: &mut [f32]) {
        elementwise::dropout(x, rate, draw, out);
    }

    fn activation(&self, activation: Activation, x: &[f32], out: &mut [f32]) {
        activation::forward(activation, x, out);
    }

    fn activation_in_place(&self, activation: Activation, x: &mut [f32]) {
        activation::forward_in_place(activation, x);
    }

    fn activation_backward(&self, activation: Activation, kept: &[f32], gradient: &mut [f32]) {
        activation::backward(activation, kept, gradient);
    }

    fn add_row(&self, x: &[f32], row: &[f32], out: &mut [f32]) {
        elementwise::add_row(x, row, out);
    }

    fn scale_rows(&self, x: &[f32], factors: &[f32], dim: usize, out: &mut [f32]) {
        elementwise::scale_rows(x, factors, dim, out);
    }

    fn row_dots(&self, x: &[f32], y: &[f32], dim: usize, out: &mut [f32]) {
        elementwise::row_dots(x, y, dim, out);
    }

    fn inverse_lengths(&self, x: &[f32], dim: usize, eps: f32) -> Vec<f32> {
        norm::inverse_lengths(x, dim, eps)
    }

    fn unit_rows_backward(&self, y: &[f32], dy: &[f32], factors: &[f32], dx: &mut [f32]) {
        norm::unit_rows_backward(y, dy, factors, dx);
    }

    fn gather_rows(&self, table: &[f32], dim: usize, ids: &[u32], out: &mut [f32]) {
        embedding::gather(table, dim, ids, out);
    }

    fn add_to_rows(&self, x: &[f32], dim: usize, ids: &[u32], out: &mut [f32]) {
        embedding::add_to_rows(x, dim, ids, out);
    }

    fn choose_rows(&self, mask: &[bool], a: &[f32], b: &[f32], out: &mut [f32]) {
        embedding::choose_rows(mask, a, b, out);
    }

    fn mask_rows(&self, mask: &[bool], keeps: bool, x: &[f32], out: &mut [f32]) {
        embedding::mask_rows(mask, keeps, x, out);
    }

    fn gather_columns(&self, x: &[f32], columns: &[u32], out: &mut [f32]) {
        embedding::gather_columns(x, columns, out);
    }

    fn spread_columns(&self, x: &[f32], columns: &[u32], out: &mut [f32]) {
        embedding::spread_columns(x, columns, out);
    }

    fn bag(
        &self,
        table: &[f32],
        dim: usize,
        offsets: &[usize],
        uses: (&[u32], &[f32]),
        out: &mut [f32],
    ) {
        embedding::bag(table, dim, offsets, uses, out);
    }

    fn scatter(&self, uses: Vec<Use>, dim: usize, dy: &[f32]) -> (Vec<u32>, Vec<f32>) {
        embedding::scatter(uses, dim, dy)
    }

    fn matmul(&self, c: &mut [f32], a: &[f32], b: &[f32], product: Product) {
        product::matmul(c, a, b, product);
    }

    fn matmul_batched(&self, c: &mut [f32], a: &[f32], b: &[f32], product: Product) {
        product::batched(c, a, b, product);
    }

    fn linear(
        &self,
        shape: LinearShape,
        x: &[f32],
        weight: Weight<'_>,
        end: LinearEnd<'_>,
        y: &mut [f32],
    ) {
        linear::forward(shape, x, weight, end, y);
    }

    fn linear_backward_input(
        &self,
        shape: LinearShape,
        dy: &[f32],
        weight: &[f32],
        dx: &mut [f32],
    ) {
        linear::backward_input(shape, dy, weight, dx);
    }

    fn linear_backward_weight(
        &self,
        shape: LinearShape,
        dy: &[f32],
        x: &[f32],
        dw: &mut [f32],
        accumulate: bool,
    ) {
        linear::backward_weight(shape, dy, x, dw, accumulate);
    }

    fn conv2d(
        &self,
        shape: &ConvShape,
        x: &[f32],
        weight: Weight<'_>,
        end: ConvEnd<'_>,
        y: &mut [f32],
    ) {
        conv::forward(shape, x, weight, end, y);
    }

    fn pools_convolution(&self, shape: &ConvShape) -> bool {
        conv::pools(shape)
    }

    fn conv2d_max_pool(
        &self,
        shapes: (&ConvShape, &PoolShape),
        x: &[f32],
        weight: &[f32],
        end: ConvEnd<'_>,
        out: (&mut [f32], Option<&mut [u32]>),
    ) {
        conv_unfolded::forward_pooled(shapes, x, weight, end, out);
    }

    fn conv2d_backward(
        &self,
        gradient: &ConvGradient<'_>,
        dx: Option<&mut [f32]>,
        dw: Option<(&mut [f32], bool)>,
    ) {
        conv::backward(gradient, dx, dw);
    }

    fn conv2d_backward_bias(
        &self,
        shape: ChannelShape,
        dy: &[f32],
        db: &mut [f32],
        accumulate: bool,
    ) {
        conv::backward_bias(shape, dy, db, accumulate);
    }

    fn row_norm(
        &self,
        norm: RowNorm,
        x: &[f32],
        parameters: (&[f32], Option<&[f32]>),
        eps: f32,
        y: &mut [f32],
    ) {
        norm::forward(norm, x, parameters, eps, y);
    }

    fn row_norm_backward(
        &self,
        gradient: &RowNormGradient<'_>,
        dx: &mut [f32],
    ) -> (Vec<f32>, Vec<f32>) {
        norm::backward(gradient, dx)
    }

    fn group_norm(
        &self,
        shape: GroupShape,
        x: &[f32],
        parameters: (&[f32], &[f32]),
        eps: f32,
        y: &mut [f32],
    ) {
        norm::group_forward(shape, x, parameters, eps, y);
    }

    fn group_norm_backward(
        &self,
        gradient: &GroupNormGradient<'_>,
        dx: &mut [f32],
    ) -> (Vec<f32>, Vec<f32>) {
        norm::group_backward(gradient, dx)
    }

    fn channel_stats(&self, shape: ChannelShape, x: &[f32]) -> Vec<(f32, f32)> {
        batch_norm::channel_stats(shape, x)
    }

    fn batch_norm(&self, norm: &BatchNormed<'_>, x: &[f32], y: &mut [f32]) {
        batch_norm::apply(norm, x, y);
    }

    fn batch_norm_backward(
        &self,
        gradient: &BatchNormGradient<'_>,
        dy: &mut [f32],
        dx: &mut [f32],
    ) -> Vec<(f32, f32)> {
        batch_norm::backward(gradient, dy, dx)
    }

    fn attention(
        &self,
        attention: &Attention,
        inputs: AttentionInputs<'_>,
        out: &mut [f32],
        log_sums: &mut [f32],
    ) {
        attention::forward(attention, inputs, out, log_sums);
    }

    fn attention_backward(
        &self,
        gradient: &AttentionGradient<'_>,
        dq: &mut [f32],
        dk: &mut [f32],
        dv: &mut [f32],
    ) {
        attention::backward(gradient, dq, dk, dv);
    }

    fn attention_packed_backward(
        &self,
        gradient: &AttentionGradient<'_>,
        dim: usize,
        dqkv: &mut [f32],
    ) {
        attention::packed_backward(gradient, dim, dqkv);
    }

    fn softmax(&self, x: &[f32], dim: usize, y: &mut [f32]) {
        softmax::forward(x, dim, y);
    }

    fn softmax_backward(&self, y: &[f32], dy: &[f32], dim: usize, dx: &mut [f32]) {
        softmax::backward(y, dy, dim, dx);
    }

    fn log_softmax(&self, x: &[f32], dim: usize, y: &mut [f32]) {
        softmax::log_forward(x, dim, y);
    }

    fn log_softmax_backward(&self, y: &[f32], dy: &[f32], dim: usize, dx: &mut [f32]) {
        softmax::log_backward(y, dy, dim, dx);
    }

    fn max_pool2d(&self, shape: &PoolShape, x: &[f32], y: &mut [f32], places: &mut [u32]) {
        pool::max_forward(shape, x, y, places);
    }

    fn max_pool2d_values(&self, shape: &PoolShape, x: &[f32], y: &mut [f32]) {
        pool::max_values(shape, x, y);
    }

    fn max_pool2d_backward(&self, shape: &PoolShape, dy: &[f32], places: &[u32], dx: &mut [f32]) {
        pool::max_backward(shape, dy, places, dx);
    }

    fn avg_pool2d(&self, shape: &PoolShape, x: &[f32], y: &mut [f32]) {
        pool::mean_forward(shape, x, y);
    }

    fn avg_pool2d_backward(&self, shape: &PoolShape, dy: &[f32], dx: &mut [f32]) {
        pool::mean_backward(shape, dy, dx);
    }

    fn sum(&self, x: &[f32]) -> f64 {
        reduce::total(x)
    }

    fn sum_of_squares(&self, x: &[f32]) -> f64 {
        reduce::sum_of_squares(x)
    }

    fn all_finite(&self, x: &[f32]) -> bool {
        reduce::all_finite(x)
    }

    fn sum_rows(&self, x: &[f32], dim: usize, out: &mut [f32], accumulate: bool) {
        reduce::sum_rows(x, dim, out, accumulate);
    }

    fn sum_middle(&self, x: &[f32], axes: (usize, usize), factor: f32, out: &mut [f32]) {
        reduce::sum_middle(x, axes, factor, out);
    }

    fn spread_middle(&self, x: &[f32], axes: (usize, usize), factor: f32, out: &mut [f32]) {
        reduce::spread_middle(x, axes, factor, out);
    }

    fn weighted_tokens(&self, x: &[f32], axes: (usize, usize), factors: &[f32], y: &mut [f32]) {
        reduce::weighted_tokens(x, axes, factors, y);
    }

    fn spread_tokens(&self, dy: &[f32], axes: (usize, usize), factors: &[f32], dx: &mut [f32]) {
        reduce::spread_tokens(dy, axes, factors, dx);
    }

    fn copy(&self, source: &[f32], target: &mut [f32], stretches: Stretches) {
        shape::copy(source, target, stretches);
    }

    fn swap_axes(&self, x: &[f32], axes: (usize, usize, usize, usize), out: &mut [f32]) {
        shape::swap(x, axes, out);
    }

    fn cross_entropy(
        &self,
        rows: &CrossEntropyRows<'_>,
        logits: &[f32],
        gradient: &mut [f32],
    ) -> (f64, f64) {
        loss::cross_entropy(rows, logits, gradient)
    }

    fn pointwise_loss(
        &self,
        loss: &PointwiseLoss<'_>,
        x: &[f32],
        targets: &[f32],
        gradient: &mut [f32],
    ) -> f64 {
        loss::pointwise(loss, x, targets, gradient)
    }

    fn adam(&self, step: AdamStep, w: &mut [f32], g: &[f32], moments: Moments<'_>) {
        optimiser::adam(step, w, g, moments);
    }

    fn adam_rows(
        &self,
        step: AdamStep,
        w: &mut [f32],
        gradient: (&[u32], &[f32]),
        moments: Moments<'_>,
    ) {
        optimiser::adam_rows(step, w, gradient, moments);
    }

    fn sgd(&self, step: SgdStep, w: &mut [f32], g: &[f32], velocity: Option<&mut [f32]>) {
        optimiser::sgd(step, w, g, velocity);
    }

    fn sgd_rows(
        &self,
        step: SgdStep,
        w: &mut [f32],
        gradient: (&[u32], &[f32]),
        velocity: Option<&mut [f32]>,
    ) {
        optimiser::sgd_rows(step, w, gradient, velocity);
    }
}
