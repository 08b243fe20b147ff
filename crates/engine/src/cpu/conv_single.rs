//! A convolution of one picture: threads share its lines, or, where these are few, its channels.
//!
//! Small pictures of many channels are bound by reading the weights, which therefore are read once, where they lie.
#![allow(unsafe_code, reason = "tasks write interleaved places of one buffer")]

use std::ops::Range;

use super::conv::finish;
use super::conv_task::Plan;
use super::conv_unfolded::{ends_early, scale_plane};
use super::gemm::Threads;
use super::parallel::{Shared, for_each};
use super::product::{Bias, Output, Target, View, ended_on};
use super::simd;
use super::unfold::{Phases, Stretch, take_every};
use crate::buffer::Buffer;
use crate::kernels::ConvEnd;
use crate::op::{Activation, ConvShape};

/// Fewest stretches of lines that keep the threads busy.
const FEWEST_STRETCHES: usize = 4;
/// Parts of the channels that are unfolded together.
const PARTS: usize = 8;

/// Whether this is the way for a shape.
pub(super) fn fits(shape: &ConvShape) -> bool {
    shape.batch == 1 && shape.groups == 1
}

/// `y = conv(x, weight)` with its end.
pub(super) fn forward(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    end: ConvEnd<'_>,
    y: &mut [f32],
) {
    if shape.kernel == [1, 1] && shape.padding == [0, 0] && !shape.is_pointwise() {
        let x = thin(shape, x);
        return forward(&thinned(shape), &x, weight, end, y);
    }
    let phases = Phases::new(shape);
    let split = split_phases(shape, phases, x);
    let single = Single {
        shape,
        phases,
        x: if phases.is_trivial() { x } else { &split },
        weight,
        end,
        y: Shared::new(y),
    };
    let plan = Plan::new(shape);
    let stretches = shape.out_height.div_ceil(plan.lines);
    if stretches >= FEWEST_STRETCHES {
        for_each(stretches, usize::MAX, |at| {
            let first = at * plan.lines;
            single.stretch(first..shape.out_height.min(first + plan.lines));
        });
    } else {
        single.whole();
    }
}

/// The pixels that a kernel of 1 x 1 sees.
fn thin(shape: &ConvShape, x: &[f32]) -> Buffer {
    let (plane, out_plane) = (shape.height * shape.width, shape.out_plane());
    let mut out = Buffer::scratch(shape.in_channels * out_plane);
    let channels = x.chunks_exact(plane).zip(out.chunks_exact_mut(out_plane));
    for (x, out) in channels {
        let lines = x.chunks(shape.stride[0] * shape.width);
        for (x, out) in lines.zip(out.chunks_exact_mut(shape.out_width)) {
            take_every(&x[..shape.width], shape.stride[1], out);
        }
    }
    out
}

/// The convolution of these pixels.
fn thinned(shape: &ConvShape) -> ConvShape {
    ConvShape {
        height: shape.out_height,
        width: shape.out_width,
        stride: [1, 1],
        ..shape.clone()
    }
}

/// The phases of all channels; nothing if the stride is 1.
fn split_phases(shape: &ConvShape, phases: Phases, x: &[f32]) -> Buffer {
    if phases.is_trivial() {
        return Buffer::scratch(0);
    }
    let (plane, len) = (shape.height * shape.width, phases.channel_len());
    let mut split = Buffer::scratch(shape.in_channels * len);
    let out = Shared::new(&mut split);
    for_each(shape.in_channels, len, |channel| {
        // SAFETY: every channel has its own place.
        let out = unsafe { out.range(channel * len, len) };
        let x = &x[channel * plane..][..plane];
        simd::run(
            #[inline(always)]
            || phases.split(shape, x, out),
        );
    });
    split
}

struct Single<'a> {
    shape: &'a ConvShape,
    phases: Phases,
    /// The picture, or its phases.
    x: &'a [f32],
    weight: &'a [f32],
    end: ConvEnd<'a>,
    y: Shared,
}

impl Single<'_> {
    /// All of some lines on this thread.
    fn stretch(&self, lines: Range<usize>) {
        let shape = self.shape;
        let pixels = lines.len() * shape.out_width;
        let mut matrix = Buffer::scratch(shape.rows() * pixels);
        self.unfold(shape, self.x, &lines, &mut matrix);
        let start = lines.start * shape.out_width;
        self.multiply(Threads::One, View::rows(&matrix, pixels), (start, pixels));
        if !ends_early(self.end) {
            (0..shape.out_channels).for_each(|channel| self.finish(channel, start, pixels));
        }
    }

    /// The whole picture on all threads.
    fn whole(&self) {
        let shape = self.shape;
        let lines = 0..shape.out_height;
        let plane = shape.out_plane();
        if shape.is_pointwise() {
            self.multiply(Threads::Pool, View::rows(self.x, plane), (0, plane));
        } else {
            let mut matrix = Buffer::scratch(shape.rows() * plane);
            let out = Shared::new(&mut matrix);
            let (channels, parts) = (shape.in_channels, PARTS.min(shape.in_channels));
            let channel_rows = shape.rows() / channels;
            for_each(parts, shape.rows() * plane / parts, |part| {
                let first = part * channels / parts;
                let count = (part + 1) * channels / parts - first;
                let of_part = ConvShape {
                    in_channels: count,
                    ..shape.clone()
                };
                let x = &self.x[first * self.phases.channel_len()..];
                let len = channel_rows * plane;
                // SAFETY: every part has the rows of its own channels.
                let out = unsafe { out.range(first * len, count * len) };
                self.unfold(&of_part, x, &lines, out);
            });
            self.multiply(Threads::Pool, View::rows(&matrix, plane), (0, plane));
        }
        if !ends_early(self.end) {
            for_each(shape.out_channels, plane, |channel| {
                self.finish(channel, 0, plane);
            });
        }
    }

    fn unfold(&self, shape: &ConvShape, x: &[f32], lines: &Range<usize>, matrix: &mut [f32]) {
        let stretch = Stretch {
            shape,
            phases: self.phases,
            lines: lines.clone(),
            row_stride: lines.len() * shape.out_width,
            at: 0,
        };
        simd::run(
            #[inline(always)]
            || stretch.unfold(x, matrix),
        );
    }

    /// The product for some pixels of every channel.
    fn multiply(&self, threads: Threads, matrix: View<'_>, (start, pixels): (usize, usize)) {
        let shape = self.shape;
        let plane = shape.out_plane();
        let last = (shape.out_channels - 1) * plane + start + pixels;
        self.y.at(last);
        let target = Target {
            start: self.y.at(start),
            row_stride: plane,
            accumulate: false,
        };
        let output = Output {
            bias: match (self.end.scale, self.end.offset) {
                // An offset alone is what the sums start from.
                (None, Some(offset)) => Bias::Rows(offset),
                _ => Bias::None,
            },
            activation: if ends_early(self.end) {
                self.end.activation
            } else {
                Activation::None
            },
            ..Output::plain(target)
        };
        let dims = (shape.out_channels, pixels, shape.rows());
        let weight = View::rows(self.weight, shape.rows());
        // SAFETY: all rows are in `y` as `at` checked, and these pixels are ours.
        unsafe { ended_on(threads, dims, output, weight, matrix) };
    }

    /// Scale, offset, residual and activation of some pixels of a channel.
    fn finish(&self, channel: usize, start: usize, pixels: usize) {
        let at = channel * self.shape.out_plane() + start;
        // SAFETY: the pixels of a channel belong to one task.
        let y = unsafe { self.y.range(at, pixels) };
        if let Some(scale) = self.end.scale {
            let offset = self.end.offset.map_or(0.0, |offset| offset[channel]);
            scale_plane(y, scale[channel], offset);
        }
        finish(self.end, at, y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::random_tensor;
    use crate::op::Conv2d;

    /// The sum of one place in `f64`; a kernel of `size`, `stride` and `padding` on both axes.
    fn direct(shape: &ConvShape, x: &[f32], weight: &[f32], place: usize) -> f64 {
        let (out, pixel) = (place / shape.out_plane(), place % shape.out_plane());
        let (oy, ox) = (pixel / shape.out_width, pixel % shape.out_width);
        let [kh, kw] = shape.kernel;
        let mut sum = 0.0;
        for at in 0..shape.in_channels * kh * kw {
            let (channel, ky, kx) = (at / (kh * kw), at / kw % kh, at % kw);
            let y = (oy * shape.stride[0] + ky).wrapping_sub(shape.padding[0]);
            let column = (ox * shape.stride[1] + kx).wrapping_sub(shape.padding[1]);
            if y < shape.height && column < shape.width {
                let x = x[(channel * shape.height + y) * shape.width + column];
                sum += f64::from(x) * f64::from(weight[out * shape.in_channels * kh * kw + at]);
            }
        }
        sum
    }

    #[test]
    fn one_picture_has_direct_sums_on_any_number_of_threads() {
        // Stretches of lines; parts of channels; few pixels of many channels; pixels that a stride leaves.
        let cases = [
            (3, 5, 61, 7, Conv2d::square(2, 3)),
            (3, 8, 70, 3, Conv2d::square(1, 0)),
            (20, 17, 9, 3, Conv2d::square(2, 1)),
            (512, 30, 4, 3, Conv2d::square(1, 1)),
            (1, 40, 5, 3, Conv2d::square(1, 1)),
            (33, 20, 7, 1, Conv2d::square(2, 0)),
            (33, 20, 7, 1, Conv2d::square(1, 0)),
        ];
        for (channels, outputs, size, kernel, conv) in cases {
            let weight = [outputs, channels, kernel, kernel];
            let shape = ConvShape::check(&[1, channels, size, size], &weight, conv).unwrap();
            let values = |len: usize, seed| random_tensor(&[len], seed);
            let x = values(channels * size * size, 1);
            let weight = values(weight.iter().product(), 2);
            let (scale, offset) = (values(outputs, 3), values(outputs, 4));
            let len = outputs * shape.out_plane();
            let residual = values(len, 5);
            for is_plain in [true, false] {
                let end = ConvEnd {
                    scale: (!is_plain).then(|| scale.data()),
                    offset: Some(offset.data()),
                    residual: (!is_plain).then(|| residual.data()),
                    activation: Activation::Relu,
                };
                let run = |threads| {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                    let mut y = vec![f32::NAN; len];
                    let pool = pool.build().unwrap();
                    pool.install(|| forward(&shape, x.data(), weight.data(), end, &mut y));
                    y
                };
                let y = run(1);
                assert_eq!(y, run(3));
                for (place, y) in y.iter().enumerate() {
                    let channel = place / shape.out_plane();
                    let sum = direct(&shape, x.data(), weight.data(), place);
                    let at = |values: Option<&[f32]>, place: usize, without: f64| {
                        values.map_or(without, |values| f64::from(values[place]))
                    };
                    let sum = sum * at(end.scale, channel, 1.0) + at(end.offset, channel, 0.0);
                    let expected = (sum + at(end.residual, place, 0.0)).max(0.0);
                    // Sums of up to 4,608 products below 1.
                    assert!((f64::from(*y) - expected).abs() < 1e-4, "{shape:?} {place}");
                }
            }
        }
    }
}
