//! Batch norm over `[batch, channels, plane]`, with the residual sum and the ReLU that follow it in one pass.
#![allow(
    unsafe_code,
    reason = "channels write interleaved places of one buffer"
)]

use super::math;
use super::parallel::{Shared, for_each, map};
use super::simd;
use crate::kernels::{BatchNormGradient, BatchNormed, ChannelShape};

fn planes(shape: ChannelShape, x: &[f32], channel: usize) -> impl Iterator<Item = &[f32]> {
    (0..shape.batch).map(move |record| &x[shape.at(record, channel)..][..shape.plane])
}

/// Mean and biased variance of every channel.
pub(crate) fn channel_stats(shape: ChannelShape, x: &[f32]) -> Vec<(f32, f32)> {
    let count = shape.count() as f32;
    map(shape.channels, shape.count(), |channel| {
        simd::run(
            #[inline(always)]
            || {
                let mut sum = 0.0;
                for x in planes(shape, x, channel) {
                    sum += math::sum(
                        x,
                        #[inline(always)]
                        |x| x,
                    );
                }
                let mean = sum / count;
                let mut squares = 0.0;
                for x in planes(shape, x, channel) {
                    squares += math::sum(
                        x,
                        #[inline(always)]
                        |x| (x - mean) * (x - mean),
                    );
                }
                (mean, squares / count)
            },
        )
    })
}

/// `y = x * factor + offset (+ residual)`, cut below at zero if `relu`; factor and offset by channel.
pub(crate) fn apply(norm: &BatchNormed<'_>, x: &[f32], y: &mut [f32]) {
    let BatchNormed {
        shape,
        factors,
        residual,
        relu,
    } = *norm;
    let y = Shared::new(y);
    let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
    for_each(shape.batch, shape.channels * shape.plane, |record| {
        for (channel, &factors) in factors.iter().enumerate() {
            let at = shape.at(record, channel);
            // SAFETY: each record has its own places of `y`, which is borrowed until all are done.
            let y = unsafe { y.range(at, shape.plane) };
            let x = &x[at..][..shape.plane];
            let residual = residual.map(|residual| &residual[at..][..shape.plane]);
            simd::run(
                #[inline(always)]
                || apply_plane(x, factors, residual, floor, y),
            );
        }
    });
}

#[inline(always)]
fn apply_plane(
    x: &[f32],
    (factor, offset): (f32, f32),
    residual: Option<&[f32]>,
    floor: f32,
    y: &mut [f32],
) {
    match residual {
        Some(residual) => {
            for ((y, x), residual) in y.iter_mut().zip(x).zip(residual) {
                *y = math::max(floor, x * factor + offset + residual);
            }
        }
        None => {
            for (y, x) in y.iter_mut().zip(x) {
                *y = math::max(floor, x * factor + offset);
            }
        }
    }
}

/// Takes `dy` back through the ReLU in place, writes `dx`, gives the gradients of weight and bias by channel.
pub(crate) fn backward(
    gradient: &BatchNormGradient<'_>,
    dy: &mut [f32],
    dx: &mut [f32],
) -> Vec<(f32, f32)> {
    let (dy, dx) = (Shared::new(dy), Shared::new(dx));
    map(gradient.shape.channels, gradient.shape.count(), |channel| {
        simd::run(
            #[inline(always)]
            || gradient.channel(channel, dy, dx),
        )
    })
}

impl BatchNormGradient<'_> {
    #[inline(always)]
    fn channel(&self, channel: usize, dy: Shared, dx: Shared) -> (f32, f32) {
        let shape = self.shape;
        let (mean, scale) = self.stats[channel];
        let (mut sum, mut dot) = (0.0, 0.0);
        for record in 0..shape.batch {
            let at = shape.at(record, channel);
            // SAFETY: each channel has its own places of `dy`, which is borrowed until all are done.
            let dy = unsafe { dy.range(at, shape.plane) };
            if let Some(output) = self.output {
                for (dy, y) in dy.iter_mut().zip(&output[at..][..shape.plane]) {
                    *dy = if *y > 0.0 { *dy } else { 0.0 };
                }
            }
            let x = &self.x[at..][..shape.plane];
            sum += math::sum(
                dy,
                #[inline(always)]
                |dy| dy,
            );
            dot += math::sum2(
                x,
                dy,
                #[inline(always)]
                |x, dy| (x - mean) * dy,
            );
        }
        let dw = dot * scale;
        let count = shape.count() as f32;
        let factor = self.weight[channel] * scale;
        let (dy_mean, slope) = (sum / count, dw * scale / count);
        for record in 0..shape.batch {
            let at = shape.at(record, channel);
            // SAFETY: each channel has its own places of both, which are borrowed until all are done.
            let (dy, dx) = unsafe { (dy.range(at, shape.plane), dx.range(at, shape.plane)) };
            let x = &self.x[at..][..shape.plane];
            for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy.iter()) {
                *dx = factor * (dy - dy_mean - (x - mean) * slope);
            }
        }
        (dw, sum)
    }
}
