//! Convolutions: which algorithm computes which, by shape.

use super::parallel::map;
use super::winograd::{self, TileSize};
use super::{activation, conv_single, conv_unfolded, math, simd};
use crate::kernels::{ChannelShape, ConvEnd, ConvGradient, OutGradient, Weight};
use crate::op::{Activation, ConvShape};

/// How the three products of a convolution are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// The picture is unfolded and multiplied.
    Unfolded,
    /// Winograd's tiles.
    Winograd(TileSize),
}

/// Fewest channels on each side for which the transforms pay.
const FEWEST_CHANNELS: usize = 16;

/// Fewest tiles of 4 x 4 outputs for which transformed kernels pay.
const FEWEST_TILES: usize = 6;

impl Algorithm {
    /// The fastest for a shape, as measured (ADR 6).
    pub(crate) fn choose(shape: &ConvShape) -> Self {
        let channels = shape.in_channels.min(shape.out_channels);
        let tiles = shape.batch * shape.out_plane().div_ceil(16);
        if winograd::fits(shape) && channels >= FEWEST_CHANNELS && tiles >= FEWEST_TILES {
            Self::Winograd(TileSize::Four)
        } else {
            Self::Unfolded
        }
    }
}

/// Whether the pictures of a convolution are taken one by one, so that each can be pooled while it is in the cache.
pub(crate) fn pools(shape: &ConvShape) -> bool {
    Algorithm::choose(shape) == Algorithm::Unfolded && !conv_single::fits(shape)
}

/// `y = conv(x, weight)` with its end.
pub(crate) fn forward(
    shape: &ConvShape,
    x: &[f32],
    weight: Weight<'_>,
    end: ConvEnd<'_>,
    y: &mut [f32],
) {
    match Algorithm::choose(shape) {
        Algorithm::Unfolded => conv_unfolded::forward(shape, x, weight.values, end, y),
        Algorithm::Winograd(size) => {
            let finish = |at: usize, y: &mut [f32]| finish(end, at, y);
            let affine = (end.scale, end.offset);
            winograd::forward(size, shape, x, (weight, affine), &finish, y);
        }
    }
}

/// Adds the residual to values that begin at place `at` of the output, and applies the activation.
pub(super) fn finish(end: ConvEnd<'_>, at: usize, y: &mut [f32]) {
    let floor = match end.activation {
        Activation::Relu => 0.0,
        _ => f32::NEG_INFINITY,
    };
    if let Some(residual) = end.residual {
        simd::run(
            #[inline(always)]
            || {
                for (y, residual) in y.iter_mut().zip(&residual[at..]) {
                    *y = math::max(floor, *y + residual);
                }
            },
        );
        if end.activation == Activation::Relu {
            return;
        }
    }
    activation::forward_in_place(end.activation, y);
}

/// Writes the gradient of the input, and writes or adds to that of the weight.
pub(crate) fn backward(
    gradient: &ConvGradient<'_>,
    dx: Option<&mut [f32]>,
    dw: Option<(&mut [f32], bool)>,
) {
    let shape = gradient.shape;
    let (Algorithm::Winograd(size), OutGradient::Whole(dy)) =
        (Algorithm::choose(shape), gradient.dy)
    else {
        conv_unfolded::backward(gradient, dx, dw);
        return;
    };
    if let Some((dw, accumulate)) = dw {
        winograd::backward_weight(size, shape, (gradient.x, dy), dw, accumulate);
    }
    if let Some(dx) = dx {
        winograd::backward_input(size, shape, dy, gradient.weight, dx);
    }
}

/// Gradient of the bias: the sum over pictures and pixels.
pub(crate) fn backward_bias(shape: ChannelShape, dy: &[f32], db: &mut [f32], accumulate: bool) {
    let cost = shape.plane * shape.batch;
    let sums = map(shape.channels, cost, |channel| {
        let planes = (0..shape.batch).map(|picture| {
            let dy = &dy[shape.at(picture, channel)..][..shape.plane];
            simd::run(
                #[inline(always)]
                || {
                    math::sum(
                        dy,
                        #[inline(always)]
                        |x| x,
                    )
                },
            )
        });
        planes.sum::<f32>()
    });
    for (db, sum) in db.iter_mut().zip(sums) {
        *db = if accumulate { *db + sum } else { sum };
    }
}
