//! Activations and their slopes.

use super::elementwise::{map, map_in_place, map2_in_place};
use super::math::{exp, normal_cdf, sigmoid, tanh};
use crate::op::Activation;

/// `sqrt(2 / pi)`
const GELU_SCALE: f32 = 0.797_884_6;
/// Source: Hendrycks and Gimpel 2016, "Gaussian Error Linear Units", arXiv:1606.08415.
const GELU_CUBE: f32 = 0.044_715;
/// `1 / sqrt(2 pi)`
const NORMAL_PEAK: f32 = 0.398_942_3;

/// `out = activation(x)`.
pub(crate) fn forward(activation: Activation, x: &[f32], out: &mut [f32]) {
    match activation {
        Activation::None => out.copy_from_slice(x),
        Activation::Relu => map(x, out, relu),
        Activation::Gelu => map(x, out, gelu),
        Activation::GeluTanh => map(x, out, gelu_tanh),
        Activation::Silu => map(x, out, silu),
        Activation::Sigmoid => map(x, out, sigmoid),
        Activation::Tanh => map(x, out, tanh),
    }
}

/// `x = activation(x)`.
pub(crate) fn forward_in_place(activation: Activation, x: &mut [f32]) {
    match activation {
        Activation::None => {}
        Activation::Relu => map_in_place(x, relu),
        Activation::Gelu => map_in_place(x, gelu),
        Activation::GeluTanh => map_in_place(x, gelu_tanh),
        Activation::Silu => map_in_place(x, silu),
        Activation::Sigmoid => map_in_place(x, sigmoid),
        Activation::Tanh => map_in_place(x, tanh),
    }
}

/// `gradient *= activation'`, from what [`Activation::keeps_output`] says is kept: the output or the input.
pub(crate) fn backward(activation: Activation, kept: &[f32], gradient: &mut [f32]) {
    match activation {
        Activation::None => {}
        Activation::Relu => {
            map2_in_place(
                gradient,
                kept,
                #[inline(always)]
                |g, y| if y > 0.0 { g } else { 0.0 },
            );
        }
        Activation::Sigmoid => {
            map2_in_place(
                gradient,
                kept,
                #[inline(always)]
                |g, y| g * y * (1.0 - y),
            );
        }
        Activation::Tanh => {
            map2_in_place(
                gradient,
                kept,
                #[inline(always)]
                |g, y| g * (1.0 - y * y),
            );
        }
        Activation::Gelu => map2_in_place(
            gradient,
            kept,
            #[inline(always)]
            |g, x| g * gelu_slope(x),
        ),
        Activation::GeluTanh => {
            map2_in_place(
                gradient,
                kept,
                #[inline(always)]
                |g, x| g * gelu_tanh_slope(x),
            );
        }
        Activation::Silu => map2_in_place(
            gradient,
            kept,
            #[inline(always)]
            |g, x| g * silu_slope(x),
        ),
    }
}

/// `x = activation(x)` for a few numbers in registers, inlined into a loop of [`super::simd`] or a microkernel.
#[inline(always)]
pub(crate) fn activate<const LEN: usize>(activation: Activation, x: &mut [f32; LEN]) {
    match activation {
        Activation::None => {}
        Activation::Relu => x.iter_mut().for_each(
            #[inline(always)]
            |x| *x = relu(*x),
        ),
        Activation::Gelu => x.iter_mut().for_each(
            #[inline(always)]
            |x| *x = gelu(*x),
        ),
        Activation::GeluTanh => x.iter_mut().for_each(
            #[inline(always)]
            |x| *x = gelu_tanh(*x),
        ),
        Activation::Silu => x.iter_mut().for_each(
            #[inline(always)]
            |x| *x = silu(*x),
        ),
        Activation::Sigmoid => x.iter_mut().for_each(
            #[inline(always)]
            |x| *x = sigmoid(*x),
        ),
        Activation::Tanh => x.iter_mut().for_each(
            #[inline(always)]
            |x| *x = tanh(*x),
        ),
    }
}

/// Keeps a number that is none, unlike `f32::max`.
#[inline(always)]
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

#[inline(always)]
fn gelu(x: f32) -> f32 {
    x * normal_cdf(x).0
}

#[inline(always)]
fn gelu_slope(x: f32) -> f32 {
    let (cdf, e) = normal_cdf(x);
    cdf + x * e * NORMAL_PEAK
}

#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    0.5 * x * (1.0 + tanh(GELU_SCALE * (x + GELU_CUBE * x * x * x)))
}

#[inline(always)]
fn gelu_tanh_slope(x: f32) -> f32 {
    let t = tanh(GELU_SCALE * (x + GELU_CUBE * x * x * x));
    0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * GELU_SCALE * (1.0 + 3.0 * GELU_CUBE * x * x)
}

#[inline(always)]
fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

#[inline(always)]
fn silu_slope(x: f32) -> f32 {
    let s = sigmoid(x);
    s * (1.0 + x * (1.0 - s))
}
