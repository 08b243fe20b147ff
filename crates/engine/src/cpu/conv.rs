//! Convolutions: one picture after the other is unfolded and multiplied, pictures in parallel.
#![allow(unsafe_code, reason = "pictures write disjoint places of one buffer")]

use super::im2col::{fold, unfold};
use super::parallel::{Shared, for_each, map};
use super::product::{Product, matmul_serial};
use super::{activation, simd};
use crate::buffer::Buffer;
use crate::op::{Activation, ConvShape};

/// Most pieces of the sum of weight gradients over the pictures of a batch.
const MOST_PIECES: usize = 8;

/// Values of one unfolded picture of one group; none if the picture already is the matrix.
fn columns_len(shape: &ConvShape) -> usize {
    if shape.is_pointwise() {
        0
    } else {
        shape.rows() * shape.out_plane()
    }
}

/// `y = conv(x, weight) + bias`.
pub(crate) fn forward(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    act: Activation,
    y: &mut [f32],
) {
    let out_picture = shape.out_channels * shape.out_plane();
    let y = Shared::new(y);
    let cost = out_picture * shape.rows();
    for_each(shape.batch, cost, |picture| {
        // SAFETY: each picture has its own places of `y`, which is borrowed until all are done.
        let y = unsafe { y.range(picture * out_picture, out_picture) };
        let x = &x[picture * shape.in_picture()..][..shape.in_picture()];
        forward_picture(shape, x, weight, bias, y);
        activation::forward_in_place(act, y);
    });
}

fn forward_picture(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
) {
    if let Some(bias) = bias {
        for (y, bias) in y.chunks_exact_mut(shape.out_plane()).zip(bias) {
            y.fill(*bias);
        }
    }
    let mut columns = Buffer::scratch(columns_len(shape));
    for group in 0..shape.groups {
        let x = &x[group * shape.in_group()..][..shape.in_group()];
        let columns = unfolded(shape, x, &mut columns);
        let weight = &weight[group * shape.weight_group()..][..shape.weight_group()];
        let y = &mut y[group * shape.out_group()..][..shape.out_group()];
        let product = Product {
            m: shape.out_channels / shape.groups,
            n: shape.out_plane(),
            k: shape.rows(),
            transpose_a: false,
            transpose_b: false,
            accumulate: bias.is_some(),
        };
        matmul_serial(y, weight, columns, product);
    }
}

fn unfolded<'c>(shape: &ConvShape, x: &'c [f32], columns: &'c mut [f32]) -> &'c [f32] {
    if shape.is_pointwise() {
        return x;
    }
    simd::run(
        #[inline(always)]
        || unfold(shape, x, columns),
    );
    columns
}

/// Gradients of a convolution from `dy`, which has passed the activation already.
pub(crate) struct Backward<'a> {
    pub(crate) shape: &'a ConvShape,
    pub(crate) x: &'a [f32],
    pub(crate) weight: &'a [f32],
    pub(crate) dy: &'a [f32],
}

impl Backward<'_> {
    /// Writes the gradient of the input, and adds up that of the weight over pieces of the batch in a fixed order.
    pub(crate) fn run(&self, dx: Option<&mut [f32]>, dw: Option<(&mut [f32], bool)>) {
        let shape = self.shape;
        let dx = dx.map(Shared::new);
        let wants_weight = dw.is_some();
        let piece = shape.batch.div_ceil(MOST_PIECES).max(1);
        let cost = shape.out_channels * shape.out_plane() * shape.rows() * piece;
        let sums = map(shape.batch.div_ceil(piece), cost, |at| {
            let mut sum = Buffer::scratch(if wants_weight { self.weight.len() } else { 0 });
            let first = at * piece;
            for picture in first..shape.batch.min(first + piece) {
                // SAFETY: each picture has its own places of `dx`, which is borrowed until all are done.
                let dx = dx.map(|dx| unsafe {
                    dx.range(picture * shape.in_picture(), shape.in_picture())
                });
                let dw = wants_weight.then_some((&mut *sum, picture > first));
                self.picture(picture, dx, dw);
            }
            sum
        });
        let Some((dw, accumulate)) = dw else { return };
        if !accumulate {
            dw.fill(0.0);
        }
        for sum in sums {
            super::elementwise::add_in_place(dw, &sum);
        }
    }

    fn picture(
        &self,
        picture: usize,
        mut dx: Option<&mut [f32]>,
        mut dw: Option<(&mut [f32], bool)>,
    ) {
        let shape = self.shape;
        let x = &self.x[picture * shape.in_picture()..][..shape.in_picture()];
        let out_picture = shape.out_channels * shape.out_plane();
        let dy = &self.dy[picture * out_picture..][..out_picture];
        let mut columns = Buffer::scratch(columns_len(shape));
        for group in 0..shape.groups {
            let dy = &dy[group * shape.out_group()..][..shape.out_group()];
            let weights = group * shape.weight_group()..(group + 1) * shape.weight_group();
            if let Some((dw, accumulate)) = &mut dw {
                let x = &x[group * shape.in_group()..][..shape.in_group()];
                let product = Product {
                    m: shape.out_channels / shape.groups,
                    n: shape.rows(),
                    k: shape.out_plane(),
                    transpose_a: false,
                    transpose_b: true,
                    accumulate: *accumulate,
                };
                let columns = unfolded(shape, x, &mut columns);
                matmul_serial(&mut dw[weights.clone()], dy, columns, product);
            }
            if let Some(dx) = &mut dx {
                let dx = &mut dx[group * shape.in_group()..][..shape.in_group()];
                self.input_group(&self.weight[weights], dy, &mut columns, dx);
            }
        }
    }

    fn input_group(&self, weight: &[f32], dy: &[f32], columns: &mut [f32], dx: &mut [f32]) {
        let shape = self.shape;
        let product = Product {
            m: shape.rows(),
            n: shape.out_plane(),
            k: shape.out_channels / shape.groups,
            transpose_a: true,
            transpose_b: false,
            accumulate: false,
        };
        if shape.is_pointwise() {
            matmul_serial(dx, weight, dy, product);
            return;
        }
        matmul_serial(columns, weight, dy, product);
        simd::run(
            #[inline(always)]
            || fold(shape, columns, dx),
        );
    }
}

/// Gradient of the bias: the sum over pictures and pixels.
pub(crate) fn backward_bias(shape: &ConvShape, dy: &[f32], db: &mut [f32], accumulate: bool) {
    let plane = shape.out_plane();
    let cost = plane * shape.batch;
    let sums = map(shape.out_channels, cost, |channel| {
        let planes = (0..shape.batch).map(|picture| {
            let dy = &dy[(picture * shape.out_channels + channel) * plane..][..plane];
            simd::run(
                #[inline(always)]
                || {
                    super::math::sum(
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
