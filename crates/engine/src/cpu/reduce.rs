//! Sums whose order depends on the shape alone.

use super::parallel::{map, piece_len};
use super::{math, simd};

/// Sum of squares, in `f64` across pieces.
pub(crate) fn sum_of_squares(x: &[f32]) -> f64 {
    pieces(
        x,
        #[inline(always)]
        |x| x * x,
    )
}

/// Sum, in `f64` across pieces.
pub(crate) fn total(x: &[f32]) -> f64 {
    pieces(
        x,
        #[inline(always)]
        |x| x,
    )
}

#[inline(always)]
fn pieces(x: &[f32], f: impl Fn(f32) -> f32 + Copy + Sync + Send) -> f64 {
    const PIECE: usize = 4096;
    let count = x.len().div_ceil(PIECE);
    let sums = map(count, PIECE, |piece| {
        let from = piece * PIECE;
        let x = &x[from..x.len().min(from + PIECE)];
        simd::run(
            #[inline(always)]
            || math::sum(x, f),
        )
    });
    sums.iter().map(|&sum| f64::from(sum)).sum()
}

/// Whether every value is finite.
pub(crate) fn all_finite(x: &[f32]) -> bool {
    // A number times zero is zero unless it is infinite or none.
    pieces(
        x,
        #[inline(always)]
        |x| x * 0.0,
    ) == 0.0
}

/// Sum over the rows of `[rows, dim]`: `out (+)= sum_r x[r, :]`.
pub(crate) fn sum_rows(x: &[f32], dim: usize, out: &mut [f32], accumulate: bool) {
    if !accumulate {
        out.fill(0.0);
    }
    if dim == 0 {
        return;
    }
    let rows = x.len() / dim;
    let piece = piece_len(rows, dim);
    let sums = map(rows.div_ceil(piece), piece * dim, |at| {
        let from = at * piece * dim;
        let x = &x[from..x.len().min(from + piece * dim)];
        let mut sum = vec![0.0_f32; dim];
        simd::run(
            #[inline(always)]
            || {
                for row in x.chunks_exact(dim) {
                    for (sum, x) in sum.iter_mut().zip(row) {
                        *sum += x;
                    }
                }
            },
        );
        sum
    });
    for sum in sums {
        for (out, sum) in out.iter_mut().zip(sum) {
            *out += sum;
        }
    }
}

/// Sum over the middle axis of `[outer, len, inner]`.
pub(crate) fn sum_middle(x: &[f32], (len, inner): (usize, usize), factor: f32, out: &mut [f32]) {
    super::parallel::blocks(out, inner, |at, out| {
        for (row, out) in out.chunks_exact_mut(inner.max(1)).enumerate() {
            let x = &x[(at + row) * len * inner..][..len * inner];
            simd::run(
                #[inline(always)]
                || {
                    out.fill(0.0);
                    for x in x.chunks_exact(inner) {
                        for (out, x) in out.iter_mut().zip(x) {
                            *out += x;
                        }
                    }
                    for out in out.iter_mut() {
                        *out *= factor;
                    }
                },
            );
        }
    });
}

/// The other way of [`sum_middle`]: spreads `[outer, inner]` over `[outer, len, inner]`.
pub(crate) fn spread_middle(x: &[f32], (len, inner): (usize, usize), factor: f32, out: &mut [f32]) {
    super::parallel::blocks(out, len * inner, |at, out| {
        for (row, out) in out.chunks_exact_mut((len * inner).max(1)).enumerate() {
            let x = &x[(at + row) * inner..][..inner];
            for out in out.chunks_exact_mut(inner) {
                for (out, x) in out.iter_mut().zip(x) {
                    *out = x * factor;
                }
            }
        }
    });
}

/// `y[b, :] = sum_t factors[b, t] * x[b, t, :]`, without touching tokens whose factor is zero.
pub(crate) fn weighted_tokens(
    x: &[f32],
    (tokens, dim): (usize, usize),
    factors: &[f32],
    y: &mut [f32],
) {
    super::parallel::blocks(y, dim, |at, y| {
        for (row, y) in y.chunks_exact_mut(dim.max(1)).enumerate() {
            let x = &x[(at + row) * tokens * dim..][..tokens * dim];
            let factors = &factors[(at + row) * tokens..][..tokens];
            simd::run(
                #[inline(always)]
                || {
                    y.fill(0.0);
                    for (x, &factor) in x.chunks_exact(dim).zip(factors) {
                        if factor == 0.0 {
                            continue;
                        }
                        for (y, x) in y.iter_mut().zip(x) {
                            *y += factor * x;
                        }
                    }
                },
            );
        }
    });
}

/// The other way of [`weighted_tokens`].
pub(crate) fn spread_tokens(
    dy: &[f32],
    (tokens, dim): (usize, usize),
    factors: &[f32],
    dx: &mut [f32],
) {
    super::parallel::blocks(dx, dim, |at, dx| {
        for (token, dx) in dx.chunks_exact_mut(dim.max(1)).enumerate() {
            let dy = &dy[(at + token) / tokens * dim..][..dim];
            let factor = factors[at + token];
            for (dx, dy) in dx.iter_mut().zip(dy) {
                *dx = factor * dy;
            }
        }
    });
}
