//! The gradient of the weights: products over the tiles between the same transforms, turned round.

use super::geometry::{Geometry, Tiles};
use super::lanes::{LANES, Lanes, Plain, spread_out};
use super::product::{Factor, Left, PANEL, Panel, Place, panel_product};
use super::tiles::{Spread, spread};
use super::transform::{Tiling, Winograd};
use super::weight::{TAPS, kernel_gradient};
use super::{TileSize, lanes, widest};
use crate::buffer::Buffer;
use crate::cpu::parallel::{Shared, for_each};
use crate::cpu::simd;
use crate::op::ConvShape;

/// Input channels of one task: twice the rows that registers hold.
const CHANNELS: usize = 28;

/// See [`super::backward_weight`].
pub(super) fn backward_weight(
    size: TileSize,
    shape: &ConvShape,
    (x, dy): (&[f32], &[f32]),
    dw: &mut [f32],
    accumulate: bool,
) {
    let geometry = Geometry::forward(shape);
    widest!(run, size, &geometry, (x, dy), dw, accumulate)
}

pub(super) fn run<V: Lanes, const M: usize, const N: usize>(
    geometry: &Geometry,
    (x, dy): (&[f32], &[f32]),
    dw: &mut [f32],
    accumulate: bool,
) where
    Winograd<M>: Tiling<M, N>,
{
    let tiles = Tiles::new::<M, N>(geometry, true);
    let (inputs, outputs) = (geometry.inputs, geometry.outputs);
    let dw = Shared::new(dw);
    for block in 0..tiles.num_blocks() {
        let rows = tiles.rows_of(block);
        let count = rows.len() * tiles.columns;
        let parts = tiles.parts(&rows);
        let mut of_x = Buffer::scratch(Spread::len::<N>(count, inputs.stride()));
        let mut of_dy = Buffer::scratch(Spread::len::<N>(count, outputs.stride()));
        let of_x = Spread::new(&mut of_x, count, inputs.stride());
        let of_dy = Spread::new(&mut of_dy, count, outputs.stride());
        let blocks = inputs.num_blocks() + outputs.num_blocks();
        for_each(blocks * parts.len(), usize::MAX, |task| {
            let (rows, first) = parts[task % parts.len()].clone();
            let block = task / parts.len();
            // SAFETY: the CPU has the instructions of `V`; each task has its own lanes and tiles.
            unsafe {
                V::enter(
                    #[inline(always)]
                    || match block.checked_sub(inputs.num_blocks()) {
                        None => spread::<V, N, M, N>(
                            (inputs, x),
                            (&tiles, rows),
                            (block, geometry.padding),
                            of_x.starting_at(first),
                            #[inline(always)]
                            |d| Winograd::<M>::input(d),
                        ),
                        Some(block) => spread::<V, M, M, N>(
                            (outputs, dy),
                            (&tiles, rows),
                            (block, [0; 2]),
                            of_dy.starting_at(first),
                            #[inline(always)]
                            |y| Winograd::<M>::output_back(y),
                        ),
                    },
                );
            }
        });
        let sum = Sum {
            geometry,
            of_x,
            of_dy,
            dw,
            accumulate: accumulate || block > 0,
        };
        let chunks = inputs.channels.div_ceil(CHANNELS);
        let panels = outputs.channels.div_ceil(PANEL);
        for_each(panels * chunks, usize::MAX, |task| {
            let (panel, chunk) = (task / chunks * PANEL, task % chunks);
            let first = chunk * inputs.channels / chunks;
            let end = (chunk + 1) * inputs.channels / chunks;
            // SAFETY: the CPU has the instructions of `V`; each task has its own weights.
            unsafe {
                V::enter(
                    #[inline(always)]
                    || sum.task::<V, M, N>(panel, first..end),
                );
            }
        });
    }
}

struct Sum<'a> {
    geometry: &'a Geometry,
    of_x: Spread,
    of_dy: Spread,
    dw: Shared,
    accumulate: bool,
}

impl Sum<'_> {
    /// The gradient of the weights from some input channels to one panel of output channels.
    #[inline(always)]
    unsafe fn task<V: Lanes, const M: usize, const N: usize>(
        &self,
        panel: usize,
        channels: std::ops::Range<usize>,
    ) where
        Winograd<M>: Tiling<M, N>,
    {
        let outputs = self.geometry.outputs;
        let columns = (outputs.channels - panel).min(PANEL).div_ceil(LANES) * LANES;
        let plane = spread_out(channels.len() * columns);
        let mut product = Buffer::scratch(N * N * plane);
        for place in 0..N * N {
            let left = Factor {
                start: self
                    .of_x
                    .values
                    .at(place * self.of_x.plane() + channels.start),
                stride: self.of_x.stride,
                left: Left::Columns,
            };
            let right = Panel {
                start: self.of_dy.values.at(place * self.of_dy.plane() + panel),
                stride: self.of_dy.stride,
                columns,
            };
            let to = Place {
                start: product[place * plane..].as_mut_ptr(),
                stride: columns,
                accumulate: false,
            };
            // SAFETY: all three are inside their buffers, which were made for these tiles and channels.
            unsafe { panel_product::<V>((channels.len(), self.of_x.tiles), left, right, to) };
        }
        let mut taps = Buffer::scratch(channels.len() * TAPS * LANES);
        for first in (0..columns).step_by(LANES) {
            for channel in 0..channels.len() {
                let from = product[channel * columns + first..].as_ptr();
                let to = taps[channel * TAPS * LANES..].as_mut_ptr();
                // SAFETY: as above.
                unsafe { kernel_gradient::<V, M, N>(from, plane, to) };
            }
            // SAFETY: by the promise of the caller.
            unsafe { self.put::<V>(panel + first, &channels, &mut taps) };
        }
    }

    /// Writes or adds the gradients of sixteen output channels.
    #[inline(always)]
    unsafe fn put<V: Lanes>(
        &self,
        output: usize,
        channels: &std::ops::Range<usize>,
        taps: &mut Buffer,
    ) {
        let geometry = self.geometry;
        let rows = LANES.min(geometry.outputs.channels - output);
        let stride = geometry.inputs.channels * TAPS;
        let columns = channels.len() * TAPS;
        let at = output * stride + channels.start * TAPS;
        // SAFETY: the last value is inside the weights, checked by `at`.
        unsafe {
            self.dw.at(at + (rows - 1) * stride + columns);
            let to = self.dw.at(at);
            if self.accumulate {
                let mut before = Buffer::scratch(taps.len());
                V::gather(to, stride, rows, columns, before.as_mut_ptr());
                simd::run(
                    #[inline(always)]
                    || {
                        let sums = taps.iter_mut().zip(before.iter());
                        sums.for_each(|(sum, before)| *sum += before);
                    },
                );
            }
            V::scatter(taps.as_ptr(), to, stride, rows, columns);
        }
    }
}
