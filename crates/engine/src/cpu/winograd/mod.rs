//! Convolutions of 3 x 3 and stride 1 by Winograd's minimal filtering.
//!
//! Pictures are cut into overlapping tiles; tiles and kernels are transformed; for each of the `N * N` places of a
//! transformed tile one product `[tiles, C] [C, O]` remains, which needs 2.25 (tiles of 2) or 4 (tiles of 4) times
//! fewer multiplications; the results are transformed back. The gradient of the input is the same with turned
//! kernels, and that of the weights are the products `[C, tiles] [tiles, O]` between the same transforms.
//!
//! Error against `f64`, relative to the largest value (measured, see the tests): with tiles of 2 up to 3e-7, with
//! tiles of 4 up to 7e-6 forward and for the input; up to 2e-6 and 2e-5 for the weights.
#![allow(
    unsafe_code,
    reason = "registers of an instruction set chosen at run time, and tasks that write interleaved places"
)]

use std::ops::Range;

mod geometry;
mod lanes;
mod product;
mod tiles;
mod transform;
mod weight;
mod gradient;
#[cfg(test)]
mod tests;

use geometry::{Geometry, Tiles};
use lanes::{Lanes, Plain};
use product::{Factor, Left, PANEL, Panel, Place, panel_product};
use tiles::{Spread, collect, spread};
use transform::{Tiling, Winograd};
use weight::{DEPTHS, Kernels, Side, Source, Taps};

use super::parallel::{Shared, for_each};
use crate::buffer::Buffer;
use crate::kernels::Weight;
use crate::op::ConvShape;

/// Outputs of a tile along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TileSize {
    Two,
    Four,
}

/// Whether a convolution can be computed so.
pub(crate) fn fits(shape: &ConvShape) -> bool {
    shape.kernel == [3, 3]
        && shape.stride == [1, 1]
        && shape.dilation == [1, 1]
        && shape.groups == 1
        && shape.padding.iter().all(|&padding| padding <= 2)
        && shape.batch > 0
}

/// What happens to a stretch of the output when it is done: its place in the output, and its values.
pub(crate) type Finish<'f> = &'f (dyn Fn(usize, &mut [f32]) + Sync);

/// Scale and offset of every output channel.
pub(crate) type Affine<'a> = (Option<&'a [f32]>, Option<&'a [f32]>);

/// Runs `$run` with the widest lanes that this CPU has.
macro_rules! widest {
    ($run:ident, $size:expr, $($argument:expr),*) => {{
        #[cfg(target_arch = "x86_64")]
        {
            use crate::cpu::simd::{SimdLevel, level};
            match (level(), $size) {
                (SimdLevel::Avx512 | SimdLevel::Avx512Bf16, TileSize::Two) => {
                    return $run::<lanes::Avx512, 2, 4>($($argument),*);
                }
                (SimdLevel::Avx512 | SimdLevel::Avx512Bf16, TileSize::Four) => {
                    return $run::<lanes::Avx512, 4, 6>($($argument),*);
                }
                (SimdLevel::Avx2, TileSize::Two) => {
                    return $run::<lanes::Avx2, 2, 4>($($argument),*);
                }
                (SimdLevel::Avx2, TileSize::Four) => {
                    return $run::<lanes::Avx2, 4, 6>($($argument),*);
                }
                (SimdLevel::Portable, _) => {}
            }
        }
        match $size {
            TileSize::Two => $run::<Plain, 2, 4>($($argument),*),
            TileSize::Four => $run::<Plain, 4, 6>($($argument),*),
        }
    }};
}
use widest;

/// `y = conv(x, weight) * scale + offset`, then `finish` on every stretch.
pub(crate) fn forward(
    size: TileSize,
    shape: &ConvShape,
    x: &[f32],
    (weight, affine): (Weight<'_>, Affine<'_>),
    finish: Finish<'_>,
    y: &mut [f32],
) {
    let geometry = Geometry::forward(shape);
    let channels = (shape.out_channels, shape.in_channels);
    let weight = Source {
        weight: weight.values,
        taps: weight
            .kept
            .and_then(|place| place.get(|| Taps::new(weight.values, channels))),
        channels,
        side: Side::Forward,
    };
    widest!(run, size, &geometry, x, (weight, affine), finish, y)
}

/// Gradient of the input.
pub(crate) fn backward_input(
    size: TileSize,
    shape: &ConvShape,
    dy: &[f32],
    weight: &[f32],
    dx: &mut [f32],
) {
    let geometry = Geometry::backward(shape);
    let weight = Source {
        weight,
        taps: None,
        channels: (shape.out_channels, shape.in_channels),
        side: Side::Backward,
    };
    widest!(
        run,
        size,
        &geometry,
        dy,
        (weight, (None, None)),
        &|_, _| {},
        dx
    )
}

/// Gradient of the weight; adds to it if `accumulate`.
pub(crate) fn backward_weight(
    size: TileSize,
    shape: &ConvShape,
    (x, dy): (&[f32], &[f32]),
    dw: &mut [f32],
    accumulate: bool,
) {
    gradient::backward_weight(size, shape, (x, dy), dw, accumulate);
}

fn run<V: Lanes, const M: usize, const N: usize>(
    geometry: &Geometry,
    x: &[f32],
    (weight, affine): (Source<'_>, Affine<'_>),
    finish: Finish<'_>,
    y: &mut [f32],
) where
    Winograd<M>: Tiling<M, N>,
{
    let tiles = Tiles::new::<M, N>(geometry, false);
    let blocks = tiles.num_blocks();
    // Kernels that many blocks use are transformed once, others where they are used: they are large.
    let kernels = tiles
        .blocks_are_tasks
        .then(|| Kernels::new::<V, M, N>(weight));
    let pass = Pass::<M, N> {
        tiles,
        geometry,
        x,
        weight,
        kernels,
        affine,
        finish,
        y: Shared::new(y),
    };
    if tiles.blocks_are_tasks {
        for_each(blocks, usize::MAX, |block| pass.block::<V>(block, &serial));
    } else {
        (0..blocks).for_each(|block| pass.block::<V>(block, &parallel));
    }
}

/// How the parts of a block are done.
type Each = dyn Fn(usize, &(dyn Fn(usize) + Sync)) + Sync;

fn serial(count: usize, work: &(dyn Fn(usize) + Sync)) {
    (0..count).for_each(work);
}

fn parallel(count: usize, work: &(dyn Fn(usize) + Sync)) {
    for_each(count, usize::MAX, work);
}

struct Pass<'a, const M: usize, const N: usize> {
    geometry: &'a Geometry,
    tiles: Tiles,
    x: &'a [f32],
    weight: Source<'a>,
    kernels: Option<Kernels>,
    affine: Affine<'a>,
    finish: Finish<'a>,
    y: Shared,
}

impl<const M: usize, const N: usize> Pass<'_, M, N>
where
    Winograd<M>: Tiling<M, N>,
{
    fn block<V: Lanes>(&self, block: usize, each: &Each) {
        let (geometry, tiles) = (self.geometry, &self.tiles);
        let (inputs, outputs) = (geometry.inputs, geometry.outputs);
        let rows = tiles.rows_of(block);
        let count = rows.len() * tiles.columns;
        let parts = tiles.parts(&rows);
        let mut from = Buffer::scratch(Spread::len::<N>(count, inputs.stride()));
        let mut to = Buffer::scratch(Spread::len::<N>(count, outputs.stride()));
        let from = Spread::new(&mut from, count, inputs.stride());
        let to = Spread::new(&mut to, count, outputs.stride());
        each(inputs.num_blocks() * parts.len(), &|task| {
            let (rows, first) = parts[task % parts.len()].clone();
            let block = task / parts.len();
            // SAFETY: the CPU has the instructions of `V`; each task has its own lanes and tiles.
            unsafe {
                V::enter(
                    #[inline(always)]
                    || {
                        spread::<V, N, M, N>(
                            (inputs, self.x),
                            (tiles, rows),
                            (block, geometry.padding),
                            from.starting_at(first),
                            #[inline(always)]
                            |d| Winograd::<M>::input(d),
                        );
                    },
                );
            }
        });
        self.products::<V>((from, to), each);
        each(outputs.num_blocks() * parts.len(), &|task| {
            let (rows, first) = parts[task % parts.len()].clone();
            let block = task / parts.len();
            // SAFETY: the CPU has the instructions of `V`; each task has its own channels and lines of `y`.
            unsafe {
                V::enter(
                    #[inline(always)]
                    || {
                        collect::<V, M, N>(
                            (outputs, self.y),
                            (tiles, rows),
                            (block, self.affine),
                            to.starting_at(first),
                            (
                                #[inline(always)]
                                |m| Winograd::<M>::output(m),
                                self.finish,
                            ),
                        );
                    },
                );
            }
        });
    }
    /// One product for each place of the transformed tiles.
    fn products<V: Lanes>(&self, (from, to): (Spread, Spread), each: &Each) {
        let outputs = self.geometry.outputs.channels;
        let panels = outputs.div_ceil(PANEL);
        if let Some(kernels) = &self.kernels {
            each(N * N * panels, &|task| {
                let (place, panel) = (task / panels, task % panels * PANEL);
                let (left, to) = places((from, to), place, (0, panel));
                let dims = (from.tiles, self.geometry.inputs.channels);
                // SAFETY: the CPU has the instructions of `V`; each task has its own place and panel.
                unsafe { panel_product::<V>(dims, left, kernels.panel(place, panel), to) };
            });
            return;
        }
        let cuts = self.tiles.cuts(from.tiles, panels);
        each(panels * cuts, &|task| {
            let (panel, cut) = (task / cuts * PANEL, task % cuts);
            let tiles = cut * from.tiles / cuts..(cut + 1) * from.tiles / cuts;
            self.panel::<V>((from, to), panel, tiles);
        });
    }

    /// The products of one panel of outputs and some tiles, kernels being transformed on the way.
    fn panel<V: Lanes>(&self, spreads: (Spread, Spread), panel: usize, tiles: Range<usize>) {
        let (inputs, outputs) = (self.geometry.inputs, self.geometry.outputs);
        let columns = PANEL.min(outputs.num_blocks() * lanes::LANES - panel);
        let plane = lanes::spread_out(DEPTHS * columns);
        let mut kernels = Buffer::scratch(N * N * plane);
        for start in (0..inputs.channels).step_by(DEPTHS) {
            let depths = start..inputs.channels.min(start + DEPTHS);
            // SAFETY: the CPU has the instructions of `V`, and the memory was made for one chunk.
            unsafe {
                V::enter(
                    #[inline(always)]
                    || {
                        let (weight, depths) = (self.weight, depths.clone());
                        weight.chunk::<V, M, N>((panel, columns), depths, &mut kernels, plane);
                    },
                );
            }
            for place in 0..N * N {
                let (mut left, mut to) = places(spreads, place, (tiles.start, panel));
                // The channels of this chunk lie inside the row of the first tile.
                left.start = left.start.wrapping_add(start);
                to.accumulate = start > 0;
                let right = Panel {
                    start: kernels[place * plane..].as_ptr(),
                    stride: columns,
                    columns,
                };
                // SAFETY: as above; each task has its own panel and tiles.
                unsafe { panel_product::<V>((tiles.len(), depths.len()), left, right, to) };
            }
        }
    }
}

/// Where the factor of one place begins, at a tile, and where its product goes, at a tile and output.
fn places(
    (from, to): (Spread, Spread),
    place: usize,
    (tile, output): (usize, usize),
) -> (Factor, Place) {
    let left = Factor {
        start: from.values.at(place * from.plane() + tile * from.stride),
        stride: from.stride,
        left: Left::Rows,
    };
    let to = Place {
        start: to.values.at(place * to.plane() + tile * to.stride + output),
        stride: to.stride,
        accumulate: false,
    };
    (left, to)
}
