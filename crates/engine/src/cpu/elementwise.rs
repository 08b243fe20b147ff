//! Loops over whole buffers.

use super::math;
use super::parallel::blocks;
use super::simd;
use crate::kernels::{Binary, Unary};

/// `out = f(x)`.
#[inline(always)]
pub(crate) fn map(x: &[f32], out: &mut [f32], f: impl Fn(f32) -> f32 + Copy + Sync + Send) {
    blocks(out, 1, |at, out| {
        let x = &x[at..at + out.len()];
        simd::run(
            #[inline(always)]
            || {
                for (out, &x) in out.iter_mut().zip(x) {
                    *out = f(x);
                }
            },
        );
    });
}

/// `x = f(x)`.
#[inline(always)]
pub(crate) fn map_in_place(x: &mut [f32], f: impl Fn(f32) -> f32 + Copy + Sync + Send) {
    blocks(x, 1, |_, x| {
        simd::run(
            #[inline(always)]
            || {
                for x in x.iter_mut() {
                    *x = f(*x);
                }
            },
        );
    });
}

/// `out = f(x, y)`.
#[inline(always)]
pub(crate) fn map2(
    x: &[f32],
    y: &[f32],
    out: &mut [f32],
    f: impl Fn(f32, f32) -> f32 + Copy + Sync + Send,
) {
    blocks(out, 1, |at, out| {
        let (x, y) = (&x[at..at + out.len()], &y[at..at + out.len()]);
        simd::run(
            #[inline(always)]
            || {
                for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
                    *out = f(x, y);
                }
            },
        );
    });
}

/// `x = f(x, y)`.
#[inline(always)]
pub(crate) fn map2_in_place(
    x: &mut [f32],
    y: &[f32],
    f: impl Fn(f32, f32) -> f32 + Copy + Sync + Send,
) {
    blocks(x, 1, |at, x| {
        let y = &y[at..at + x.len()];
        simd::run(
            #[inline(always)]
            || {
                for (x, &y) in x.iter_mut().zip(y) {
                    *x = f(*x, y);
                }
            },
        );
    });
}

/// `out = f(x)`, one loop for each function.
pub(crate) fn unary(f: Unary, x: &[f32], out: &mut [f32]) {
    match f {
        Unary::Scale(factor) => map(x, out, move |x| x * factor),
        Unary::AddScalar(value) => map(x, out, move |x| x + value),
        Unary::Exp => map(x, out, math::exp),
        Unary::Ln => map(x, out, f32::ln),
        Unary::Square => map(x, out, |x| x * x),
        Unary::Sqrt => map(x, out, f32::sqrt),
        Unary::Abs => map(x, out, f32::abs),
        Unary::Softplus => {
            map(x, out, |x| math::max(0.0, x) + math::exp(-x.abs()).ln_1p());
        }
        Unary::Sin => map(x, out, f32::sin),
        Unary::Cos => map(x, out, f32::cos),
    }
}

/// `gradient *= f'(x)`
pub(crate) fn unary_backward(f: Unary, x: &[f32], gradient: &mut [f32]) {
    match f {
        Unary::Scale(factor) => scale_in_place(gradient, factor),
        Unary::AddScalar(_) => {}
        Unary::Exp => map2_in_place(gradient, x, |g, x| g * math::exp(x)),
        Unary::Ln => map2_in_place(gradient, x, |g, x| g / x),
        Unary::Square => map2_in_place(gradient, x, |g, x| g * 2.0 * x),
        Unary::Sqrt => map2_in_place(gradient, x, |g, x| g * 0.5 / x.sqrt()),
        Unary::Abs => {
            map2_in_place(
                gradient,
                x,
                |g, x| if x == 0.0 { 0.0 } else { g * x.signum() },
            );
        }
        Unary::Softplus => map2_in_place(gradient, x, |g, x| g * math::sigmoid(x)),
        Unary::Sin => map2_in_place(gradient, x, |g, x| g * x.cos()),
        Unary::Cos => map2_in_place(gradient, x, |g, x| -g * x.sin()),
    }
}

/// `out = f(x, y)`, one loop for each function.
pub(crate) fn binary(f: Binary, x: &[f32], y: &[f32], out: &mut [f32]) {
    match f {
        Binary::Add => map2(x, y, out, |x, y| x + y),
        Binary::Sub => map2(x, y, out, |x, y| x - y),
        Binary::Mul => map2(x, y, out, |x, y| x * y),
    }
}

/// Limits every value to `-max..=max`; keeps what is no number.
pub(crate) fn limit_in_place(x: &mut [f32], max: f32) {
    // Not `clamp`, which panics on a limit that is no number.
    map_in_place(x, move |x| {
        let below = if x > max { max } else { x };
        if below < -max { -max } else { below }
    });
}

/// `x += y`.
pub(crate) fn add_in_place(x: &mut [f32], y: &[f32]) {
    map2_in_place(
        x,
        y,
        #[inline(always)]
        |x, y| x + y,
    );
}

/// `x *= factor`.
pub(crate) fn scale_in_place(x: &mut [f32], factor: f32) {
    map_in_place(
        x,
        #[inline(always)]
        move |x| x * factor,
    );
}

/// Each row of `out` = the row of `x` + `row`.
pub(crate) fn add_row(x: &[f32], row: &[f32], out: &mut [f32]) {
    let dim = row.len();
    blocks(out, dim, |at, out| {
        let x = &x[at * dim..][..out.len()];
        simd::run(
            #[inline(always)]
            || {
                for (out, x) in out.chunks_exact_mut(dim).zip(x.chunks_exact(dim)) {
                    for ((out, x), row) in out.iter_mut().zip(x).zip(row) {
                        *out = x + row;
                    }
                }
            },
        );
    });
}

/// Each row of `out` = the row of `x` times its factor.
pub(crate) fn scale_rows(x: &[f32], factors: &[f32], dim: usize, out: &mut [f32]) {
    blocks(out, dim, |at, out| {
        let x = &x[at * dim..][..out.len()];
        let rows = out.chunks_exact_mut(dim).zip(x.chunks_exact(dim));
        for ((out, x), &factor) in rows.zip(&factors[at..]) {
            simd::run(
                #[inline(always)]
                || {
                    for (out, x) in out.iter_mut().zip(x) {
                        *out = x * factor;
                    }
                },
            );
        }
    });
}

/// For each row the sum of `x * y`.
pub(crate) fn row_dots(x: &[f32], y: &[f32], dim: usize, out: &mut [f32]) {
    let rows = out
        .iter_mut()
        .zip(x.chunks_exact(dim))
        .zip(y.chunks_exact(dim));
    for ((out, x), y) in rows {
        *out = simd::run(
            #[inline(always)]
            || {
                math::sum2(
                    x,
                    y,
                    #[inline(always)]
                    |x, y| x * y,
                )
            },
        );
    }
}

/// `x = x * keep` where `keep` is 0 or `1 / (1 - rate)`, drawn for each place from `draw`.
pub(crate) fn dropout(x: &[f32], rate: f32, draw: u64, out: &mut [f32]) {
    // A place is dropped if its 32 random bits lie below this bound.
    let bound = (f64::from(rate) * 4_294_967_296.0) as u32;
    let keep = 1.0 / (1.0 - rate);
    blocks(out, 1, |at, out| {
        let x = &x[at..at + out.len()];
        // Buffers beyond 2^32 values would repeat the pattern; the upper half of the place goes into the draw.
        let draw = draw ^ ((at >> 32) as u64);
        let first = at as u32;
        simd::run(
            #[inline(always)]
            || {
                for (index, (out, &x)) in out.iter_mut().zip(x).enumerate() {
                    let bits = crate::random::bits32(draw, first.wrapping_add(index as u32));
                    *out = if bits < bound { 0.0 } else { x * keep };
                }
            },
        );
    });
}
