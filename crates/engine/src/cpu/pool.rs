//! Pooling over windows of pictures.

use rayon::prelude::*;

use super::parallel::BLOCK;
use super::unfold::take_every;
use super::{quarter, simd};
use crate::op::PoolShape;

/// Input places along one axis that the window of output place `out` covers.
fn window(out: usize, kernel: usize, stride: usize, padding: usize, len: usize) -> (usize, usize) {
    let start = out * stride;
    let end = (start + kernel).saturating_sub(padding).min(len);
    (start.saturating_sub(padding).min(end), end)
}

/// Calls `visit(output place, rows, columns)` for every window of one plane.
fn windows(shape: &PoolShape, mut visit: impl FnMut(usize, (usize, usize), (usize, usize))) {
    for oy in 0..shape.out_height {
        let rows = window(
            oy,
            shape.kernel[0],
            shape.stride[0],
            shape.padding[0],
            shape.height,
        );
        for ox in 0..shape.out_width {
            let columns = window(
                ox,
                shape.kernel[1],
                shape.stride[1],
                shape.padding[1],
                shape.width,
            );
            visit(oy * shape.out_width + ox, rows, columns);
        }
    }
}

/// Largest value of every window, and its place in the plane (the first one, as in PyTorch; none is kept if `x`
/// holds something that is not a number: that wins).
pub(crate) fn max_forward(shape: &PoolShape, x: &[f32], y: &mut [f32], places: &mut [u32]) {
    let (plane, out_plane) = (shape.plane(), shape.out_plane());
    let planes = y
        .par_chunks_mut(out_plane)
        .zip(places.par_chunks_mut(out_plane));
    planes
        .zip(x.par_chunks(plane))
        .for_each(|((y, places), x)| largest(shape, x, y, places));
}

/// [`max_forward`] of one plane.
pub(super) fn largest(shape: &PoolShape, x: &[f32], y: &mut [f32], places: &mut [u32]) {
    if shape.is_halving() {
        if !quarter::largest(shape, x, y, Some(&mut *places)) {
            largest_of_four(shape, x, y, places);
        }
        return;
    }
    windows(shape, |out, rows, columns| {
        let (mut best, mut place) = (f32::NEG_INFINITY, rows.0 * shape.width + columns.0);
        for row in rows.0..rows.1 {
            let first = row * shape.width + columns.0;
            let line = &x[first..][..columns.1 - columns.0];
            for (at, &x) in line.iter().enumerate() {
                if x > best || x.is_nan() {
                    (best, place) = (x, first + at);
                }
            }
        }
        y[out] = best;
        places[out] = place as u32;
    });
}

/// [`max_forward`] without the places: lines first, then columns, each as plain vector arithmetic.
pub(crate) fn max_values(shape: &PoolShape, x: &[f32], y: &mut [f32]) {
    let (plane, out_plane) = (shape.plane(), shape.out_plane());
    let group = (BLOCK / plane.max(1)).max(1);
    let planes = y.par_chunks_mut(group * out_plane);
    planes
        .zip(x.par_chunks(group * plane))
        .for_each(|(y, x)| largest_of_planes(shape, x, y));
}

/// [`max_values`] of whole planes.
pub(super) fn largest_of_planes(shape: &PoolShape, x: &[f32], y: &mut [f32]) {
    let planes = || x.chunks_exact(shape.plane());
    if shape.is_halving() {
        let mut planes = planes().zip(y.chunks_exact_mut(shape.out_plane()));
        if planes.all(|(x, y)| quarter::largest(shape, x, y, None)) {
            return;
        }
    }
    let ([_, kernel], [_, stride], [_, padding]) = (shape.kernel, shape.stride, shape.padding);
    // A line with its padding, split by the column modulo the stride: windows then lie side by side in shifted stretches.
    let phase_len = shape.out_width + (kernel - 1) / stride;
    let mut line = vec![f32::NEG_INFINITY; (phase_len * stride).max(padding + shape.width)];
    let mut phases = vec![f32::NEG_INFINITY; phase_len * stride];
    for (x, y) in planes().zip(y.chunks_exact_mut(shape.out_plane())) {
        for (oy, y) in y.chunks_exact_mut(shape.out_width).enumerate() {
            let (start, end) = window(
                oy,
                shape.kernel[0],
                shape.stride[0],
                shape.padding[0],
                shape.height,
            );
            simd::run(
                #[inline(always)]
                || {
                    let lines = x[start * shape.width..end * shape.width].chunks_exact(shape.width);
                    line[padding..][..shape.width].fill(f32::NEG_INFINITY);
                    for x in lines {
                        keep_larger(&mut line[padding..], x);
                    }
                    for (phase, to) in phases.chunks_exact_mut(phase_len).enumerate() {
                        take_every(&line[phase..], stride, to);
                    }
                    y.fill(f32::NEG_INFINITY);
                    for column in 0..kernel {
                        let at = column % stride * phase_len + column / stride;
                        keep_larger(y, &phases[at..]);
                    }
                },
            );
        }
    }
}

/// The larger of both; what is no number wins and stays.
#[inline(always)]
fn keep_larger(largest: &mut [f32], x: &[f32]) {
    for (largest, &x) in largest.iter_mut().zip(x) {
        *largest = if x > *largest || x.is_nan() {
            x
        } else {
            *largest
        };
    }
}

/// [`largest`] for windows of two by two side by side: corner by corner, each a line of plain vector arithmetic.
fn largest_of_four(shape: &PoolShape, x: &[f32], y: &mut [f32], places: &mut [u32]) {
    let (width, ow) = (shape.width, shape.out_width);
    let mut corner = vec![0.0; ow];
    simd::run(
        #[inline(always)]
        || {
            let lines = y.chunks_exact_mut(ow).zip(places.chunks_exact_mut(ow));
            for (line, (y, places)) in lines.enumerate() {
                let first = 2 * line * width;
                take_every(&x[first..], 2, y);
                for (column, place) in places.iter_mut().enumerate() {
                    *place = (first + 2 * column) as u32;
                }
                for within in [1, width, width + 1] {
                    take_every(&x[first + within..], 2, &mut corner);
                    let held = y.iter_mut().zip(places.iter_mut());
                    for (column, ((held, place), x)) in held.zip(&corner).enumerate() {
                        // What is no number wins and stays.
                        let stays = *x <= *held || held.is_nan();
                        *held = if stays { *held } else { *x };
                        let at = (first + within + 2 * column) as u32;
                        *place = if stays { *place } else { at };
                    }
                }
            }
        },
    );
}

/// Sends every gradient to the place that was largest.
pub(crate) fn max_backward(shape: &PoolShape, dy: &[f32], places: &[u32], dx: &mut [f32]) {
    let (plane, out_plane) = (shape.plane(), shape.out_plane());
    let planes = dx.par_chunks_mut(plane).zip(dy.par_chunks(out_plane));
    planes
        .zip(places.par_chunks(out_plane))
        .for_each(|((dx, dy), places)| spread_largest(dy, places, dx));
}

/// [`max_backward`] of one plane.
pub(super) fn spread_largest(dy: &[f32], places: &[u32], dx: &mut [f32]) {
    dx.fill(0.0);
    for (dy, &place) in dy.iter().zip(places) {
        dx[place as usize] += dy;
    }
}

/// Mean of every window; padding counts as zeros.
pub(crate) fn mean_forward(shape: &PoolShape, x: &[f32], y: &mut [f32]) {
    let factor = 1.0 / (shape.kernel[0] * shape.kernel[1]) as f32;
    let planes = y
        .par_chunks_mut(shape.out_plane())
        .zip(x.par_chunks(shape.plane()));
    planes.for_each(|(y, x)| {
        if shape.is_halving() {
            halve(shape, x, y);
            return;
        }
        windows(shape, |out, rows, columns| {
            let mut sum = 0.0;
            for row in rows.0..rows.1 {
                let x = &x[row * shape.width..][columns.0..columns.1];
                sum += x.iter().sum::<f32>();
            }
            y[out] = sum * factor;
        });
    });
}

fn halve(shape: &PoolShape, x: &[f32], y: &mut [f32]) {
    for (row, y) in y.chunks_exact_mut(shape.out_width).enumerate() {
        let upper = &x[2 * row * shape.width..][..2 * shape.out_width];
        let lower = &x[(2 * row + 1) * shape.width..][..2 * shape.out_width];
        let pairs = upper
            .as_chunks::<2>()
            .0
            .iter()
            .zip(lower.as_chunks::<2>().0);
        for (y, (upper, lower)) in y.iter_mut().zip(pairs) {
            *y = (upper[0] + upper[1] + lower[0] + lower[1]) * 0.25;
        }
    }
}

/// Spreads every gradient over its window.
pub(crate) fn mean_backward(shape: &PoolShape, dy: &[f32], dx: &mut [f32]) {
    let factor = 1.0 / (shape.kernel[0] * shape.kernel[1]) as f32;
    let planes = dx
        .par_chunks_mut(shape.plane())
        .zip(dy.par_chunks(shape.out_plane()));
    planes.for_each(|(dx, dy)| {
        if shape.is_halving() {
            unhalve(shape, dy, dx);
            return;
        }
        dx.fill(0.0);
        windows(shape, |out, rows, columns| {
            let value = dy[out] * factor;
            for row in rows.0..rows.1 {
                for dx in &mut dx[row * shape.width..][columns.0..columns.1] {
                    *dx += value;
                }
            }
        });
    });
}

fn unhalve(shape: &PoolShape, dy: &[f32], dx: &mut [f32]) {
    let width = 2 * shape.out_width;
    dx[2 * shape.out_height * shape.width..].fill(0.0);
    let lines = dx.chunks_exact_mut(2 * shape.width);
    for (dx, dy) in lines.zip(dy.chunks_exact(shape.out_width)) {
        for dx in dx.chunks_exact_mut(shape.width) {
            dx[width..].fill(0.0);
            for (dx, dy) in dx.as_chunks_mut::<2>().0.iter_mut().zip(dy) {
                *dx = [dy * 0.25; 2];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::random_tensor;
    use crate::op::Pool2d;

    #[test]
    fn largest_values_without_places_are_the_same() {
        let pools = [
            ([2, 2], [2, 2], [0, 0]),
            ([3, 3], [2, 2], [1, 1]),
            ([3, 2], [1, 3], [1, 0]),
            ([1, 5], [4, 1], [0, 2]),
        ];
        for (kernel, stride, padding) in pools {
            let pool = Pool2d {
                kernel,
                stride,
                padding,
            };
            for size in [[5, 7], [8, 40]] {
                let mut x = random_tensor(&[2, 3, size[0], size[1]], 1);
                x.data_mut()[4] = f32::NAN;
                let (shape, out) = PoolShape::check("pool", x.shape(), pool).unwrap();
                let len = out.iter().product();
                let (mut y, mut places) = (vec![0.0; len], vec![0; len]);
                max_forward(&shape, x.data(), &mut y, &mut places);
                let mut values = vec![0.0; len];
                max_values(&shape, x.data(), &mut values);
                let same = |(a, b): (&f32, &f32)| a == b || (a.is_nan() && b.is_nan());
                assert!(y.iter().zip(&values).all(same), "{pool:?} {size:?}");
            }
        }
    }
}
