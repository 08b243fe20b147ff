//! Layer norm, RMS norm and group norm: every row (or group) by its own statistics.

use super::parallel::{blocks, map, piece_len};
use super::{math, simd};
use crate::buffer::Buffer;
use crate::kernels::{GroupNormGradient, GroupShape, RowNorm, RowNormGradient};
use rayon::prelude::*;

#[inline(always)]
fn stats(norm: RowNorm, x: &[f32], eps: f32) -> (f32, f32) {
    match norm {
        RowNorm::Layer => math::row_stats(x, eps),
        RowNorm::Rms => {
            let squares = math::sum(
                x,
                #[inline(always)]
                |x| x * x,
            );
            (0.0, 1.0 / (squares / x.len() as f32 + eps).sqrt())
        }
    }
}

/// `y = (x - mean) / deviation * weight + bias` for every row of `weight.len()` values.
pub(crate) fn forward(
    norm: RowNorm,
    x: &[f32],
    (weight, bias): (&[f32], Option<&[f32]>),
    eps: f32,
    y: &mut [f32],
) {
    let dim = weight.len();
    blocks(y, dim, |at, y| {
        let x = &x[at * dim..][..y.len()];
        simd::run(
            #[inline(always)]
            || {
                for (y, x) in y.chunks_exact_mut(dim).zip(x.chunks_exact(dim)) {
                    let (mean, scale) = stats(norm, x, eps);
                    for ((y, x), w) in y.iter_mut().zip(x).zip(weight) {
                        *y = (x - mean) * scale * w;
                    }
                    if let Some(bias) = bias {
                        for (y, b) in y.iter_mut().zip(bias) {
                            *y += b;
                        }
                    }
                }
            },
        );
    });
}

/// Writes `dx` and gives the gradients of weight and bias.
pub(crate) fn backward(gradient: &RowNormGradient<'_>, dx: &mut [f32]) -> (Vec<f32>, Vec<f32>) {
    gradient.run(dx)
}

impl RowNormGradient<'_> {
    fn run(&self, dx: &mut [f32]) -> (Vec<f32>, Vec<f32>) {
        let dim = self.weight.len();
        let rows = dx.len() / dim.max(1);
        let piece = piece_len(rows, dim) * dim;
        let work = |at: usize, dx: &mut [f32]| {
            let from = at * piece;
            let x = &self.x[from..from + dx.len()];
            let dy = &self.dy[from..from + dx.len()];
            let (mut dw, mut db) = (vec![0.0; dim], vec![0.0; dim]);
            simd::run(
                #[inline(always)]
                || self.rows(x, dy, dx, (&mut dw, &mut db)),
            );
            (dw, db)
        };
        let pieces: Vec<_> = if dx.len() <= piece {
            vec![work(0, dx)]
        } else {
            dx.par_chunks_mut(piece)
                .enumerate()
                .map(|(at, dx)| work(at, dx))
                .collect()
        };
        let mut pieces = pieces.into_iter();
        let (mut dw, mut db) = pieces.next().unwrap_or_default();
        for (more_dw, more_db) in pieces {
            dw.iter_mut().zip(more_dw).for_each(|(sum, x)| *sum += x);
            db.iter_mut().zip(more_db).for_each(|(sum, x)| *sum += x);
        }
        (dw, db)
    }

    #[inline(always)]
    fn rows(&self, x: &[f32], dy: &[f32], dx: &mut [f32], (dw, db): (&mut [f32], &mut [f32])) {
        let dim = self.weight.len();
        let weight = self.weight;
        let rows = dx
            .chunks_exact_mut(dim)
            .zip(x.chunks_exact(dim))
            .zip(dy.chunks_exact(dim));
        for ((dx, x), dy) in rows {
            let (mean, scale) = stats(self.norm, x, self.eps);
            let (dy_mean, dot_mean) = weighted_means(x, dy, weight, (mean, scale));
            let dy_mean = if self.norm == RowNorm::Layer {
                dy_mean
            } else {
                0.0
            };
            let params = dw.iter_mut().zip(db.iter_mut()).zip(weight);
            for (((dx, x), dy), ((dw, db), w)) in dx.iter_mut().zip(x).zip(dy).zip(params) {
                let normed = (x - mean) * scale;
                *dw += dy * normed;
                *db += dy;
                *dx = scale * (dy * w - dy_mean - normed * dot_mean);
            }
        }
    }
}

/// Means over a row of `dy * w` and of `dy * w * normed`.
#[inline(always)]
fn weighted_means(x: &[f32], dy: &[f32], w: &[f32], (mean, scale): (f32, f32)) -> (f32, f32) {
    let ((xs, x_rest), (dys, dy_rest)) = (x.as_chunks::<16>(), dy.as_chunks::<16>());
    let (ws, w_rest) = w.as_chunks::<16>();
    let (mut sums, mut dots) = ([0.0; math::LANES], [0.0; math::LANES]);
    for ((x, dy), w) in xs.iter().zip(dys).zip(ws) {
        for lane in 0..math::LANES {
            let gradient = dy[lane] * w[lane];
            sums[lane] += gradient;
            dots[lane] += gradient * (x[lane] - mean);
        }
    }
    let (mut sum, mut dot) = (math::add_lanes(sums), math::add_lanes(dots));
    for ((x, dy), w) in x_rest.iter().zip(dy_rest).zip(w_rest) {
        sum += dy * w;
        dot += dy * w * (x - mean);
    }
    let count = x.len() as f32;
    (sum / count, dot * scale / count)
}

/// Group norm; a group is `channels / groups` neighbouring channels of one record.
pub(crate) fn group_forward(
    shape: GroupShape,
    x: &[f32],
    (weight, bias): (&[f32], &[f32]),
    eps: f32,
    y: &mut [f32],
) {
    let len = shape.group_len();
    blocks(y, len, |at, y| {
        let x = &x[at * len..][..y.len()];
        let groups = y.chunks_exact_mut(len).zip(x.chunks_exact(len));
        for (index, (y, x)) in groups.enumerate() {
            let first = (at + index) % shape.groups * shape.group_channels();
            simd::run(
                #[inline(always)]
                || {
                    let (mean, scale) = math::row_stats(x, eps);
                    let planes = y
                        .chunks_exact_mut(shape.plane)
                        .zip(x.chunks_exact(shape.plane));
                    for (channel, (y, x)) in planes.enumerate() {
                        let factor = scale * weight[first + channel];
                        let offset = bias[first + channel] - mean * factor;
                        for (y, x) in y.iter_mut().zip(x) {
                            *y = x * factor + offset;
                        }
                    }
                },
            );
        }
    });
}

/// Writes `dx` of a group norm and gives the gradients of weight and bias.
pub(crate) fn group_backward(
    gradient: &GroupNormGradient<'_>,
    dx: &mut [f32],
) -> (Vec<f32>, Vec<f32>) {
    let GroupNormGradient {
        shape,
        x,
        weight,
        dy,
        eps,
    } = *gradient;
    let len = shape.group_len();
    // For every channel of every record: sum of dy and of dy * normed.
    let mut sums = Buffer::scratch(x.len() / shape.plane.max(1) * 2);
    let per_group = 2 * shape.group_channels();
    let groups = dx
        .par_chunks_mut(len.max(1))
        .zip(sums.par_chunks_mut(per_group.max(1)));
    groups.enumerate().for_each(|(index, (dx, sums))| {
        let x = &x[index * len..][..len];
        let dy = &dy[index * len..][..len];
        let first = index % shape.groups * shape.group_channels();
        let weight = &weight[first..][..shape.group_channels()];
        simd::run(
            #[inline(always)]
            || group_rows(shape.plane, (x, dy, weight), eps, dx, sums),
        );
    });
    let (mut dw, mut db) = (vec![0.0; shape.channels], vec![0.0; shape.channels]);
    for (index, sums) in sums.chunks_exact(2).enumerate() {
        db[index % shape.channels] += sums[0];
        dw[index % shape.channels] += sums[1];
    }
    (dw, db)
}

#[inline(always)]
fn group_rows(
    plane: usize,
    (x, dy, weight): (&[f32], &[f32], &[f32]),
    eps: f32,
    dx: &mut [f32],
    sums: &mut [f32],
) {
    let (mean, scale) = math::row_stats(x, eps);
    let (mut dy_mean, mut dot_mean) = (0.0, 0.0);
    let planes = x.chunks_exact(plane).zip(dy.chunks_exact(plane));
    for (((x, dy), w), sums) in planes.zip(weight).zip(sums.chunks_exact_mut(2)) {
        sums[0] = math::sum(
            dy,
            #[inline(always)]
            |dy| dy,
        );
        sums[1] = math::sum2(
            x,
            dy,
            #[inline(always)]
            |x, dy| (x - mean) * dy,
        ) * scale;
        dy_mean += sums[0] * w;
        dot_mean += sums[1] * w;
    }
    let count = x.len() as f32;
    let (dy_mean, dot_mean) = (dy_mean / count, dot_mean / count);
    let planes = dx
        .chunks_exact_mut(plane)
        .zip(x.chunks_exact(plane))
        .zip(dy.chunks_exact(plane));
    for (((dx, x), dy), w) in planes.zip(weight) {
        for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
            *dx = scale * (dy * w - dy_mean - (x - mean) * scale * dot_mean);
        }
    }
}

/// One over the length of every row; 0 for a row of zeros.
pub(crate) fn inverse_lengths(x: &[f32], dim: usize, eps: f32) -> Vec<f32> {
    let rows = x.len() / dim.max(1);
    map(rows, dim, |row| {
        let x = &x[row * dim..][..dim];
        let squares = simd::run(
            #[inline(always)]
            || {
                math::sum(
                    x,
                    #[inline(always)]
                    |x| x * x,
                )
            },
        );
        1.0 / math::max(squares.sqrt(), eps)
    })
}

/// The way back through rows of unit length `y`, each scaled by its factor: `dx = (dy - y * dot(y, dy)) * factor`.
pub(crate) fn unit_rows_backward(y: &[f32], dy: &[f32], factors: &[f32], dx: &mut [f32]) {
    let dim = (y.len() / factors.len().max(1)).max(1);
    blocks(dx, dim, |at, dx| {
        let rows = dx.chunks_exact_mut(dim).zip(&factors[at..]);
        for (row, (dx, factor)) in rows.enumerate() {
            let (y, dy) = (
                &y[(at + row) * dim..][..dim],
                &dy[(at + row) * dim..][..dim],
            );
            simd::run(
                #[inline(always)]
                || {
                    let dot = math::sum2(
                        y,
                        dy,
                        #[inline(always)]
                        |y, dy| y * dy,
                    );
                    for ((dx, y), dy) in dx.iter_mut().zip(y).zip(dy) {
                        *dx = (dy - y * dot) * factor;
                    }
                },
            );
        }
    });
}
