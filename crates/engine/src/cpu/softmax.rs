//! Softmax and its logarithm over rows.

use super::parallel::blocks;
use super::{math, simd};

/// Replaces a row by `e^(x - largest)` over their sum. Gives the logarithm of the sum of `e^x`.
///
/// A row whose largest value is minus infinity becomes zeros (and gives minus infinity).
#[inline(always)]
pub(crate) fn row_in_place(row: &mut [f32]) -> f32 {
    let largest = math::largest(row);
    if largest == f32::NEG_INFINITY {
        row.fill(0.0);
        return largest;
    }
    for x in row.iter_mut() {
        *x = math::exp(*x - largest);
    }
    let sum = math::sum(
        row,
        #[inline(always)]
        |x| x,
    );
    let factor = 1.0 / sum;
    for x in row.iter_mut() {
        *x *= factor;
    }
    largest + sum.ln()
}

/// Softmax of every row of `dim` values.
pub(crate) fn forward(x: &[f32], dim: usize, y: &mut [f32]) {
    blocks(y, dim, |at, y| {
        y.copy_from_slice(&x[at * dim..][..y.len()]);
        for y in y.chunks_exact_mut(dim.max(1)) {
            simd::run(
                #[inline(always)]
                || row_in_place(y),
            );
        }
    });
}

/// `dx = y * (dy - sum(dy * y))` for every row.
pub(crate) fn backward(y: &[f32], dy: &[f32], dim: usize, dx: &mut [f32]) {
    blocks(dx, dim, |at, dx| {
        let y = &y[at * dim..][..dx.len()];
        let dy = &dy[at * dim..][..dx.len()];
        let rows = dx
            .chunks_exact_mut(dim)
            .zip(y.chunks_exact(dim))
            .zip(dy.chunks_exact(dim));
        for ((dx, y), dy) in rows {
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
                        *dx = y * (dy - dot);
                    }
                },
            );
        }
    });
}

/// Logarithm of the softmax of every row of `dim` values.
pub(crate) fn log_forward(x: &[f32], dim: usize, y: &mut [f32]) {
    blocks(y, dim, |at, y| {
        let x = &x[at * dim..][..y.len()];
        for (y, x) in y.chunks_exact_mut(dim).zip(x.chunks_exact(dim)) {
            simd::run(
                #[inline(always)]
                || {
                    let log_sum = log_sum_exp(x);
                    for (y, x) in y.iter_mut().zip(x) {
                        *y = x - log_sum;
                    }
                },
            );
        }
    });
}

/// `ln(sum(e^x))` of a row.
#[inline(always)]
pub(crate) fn log_sum_exp(x: &[f32]) -> f32 {
    let largest = math::largest(x);
    largest
        + math::sum(
            x,
            #[inline(always)]
            |x| math::exp(x - largest),
        )
        .ln()
}

/// `dx = dy - e^y * sum(dy)` for every row.
pub(crate) fn log_backward(y: &[f32], dy: &[f32], dim: usize, dx: &mut [f32]) {
    blocks(dx, dim, |at, dx| {
        let y = &y[at * dim..][..dx.len()];
        let dy = &dy[at * dim..][..dx.len()];
        let rows = dx
            .chunks_exact_mut(dim)
            .zip(y.chunks_exact(dim))
            .zip(dy.chunks_exact(dim));
        for ((dx, y), dy) in rows {
            simd::run(
                #[inline(always)]
                || {
                    let sum = math::sum(
                        dy,
                        #[inline(always)]
                        |dy| dy,
                    );
                    for ((dx, y), dy) in dx.iter_mut().zip(y).zip(dy) {
                        *dx = dy - math::exp(*y) * sum;
                    }
                },
            );
        }
    });
}
