//! How pictures are cut into tiles, and tiles into blocks.

use std::ops::Range;

use super::lanes::LANES;
use crate::op::ConvShape;

/// A convolution of 3 x 3 and stride 1 as the algorithm sees it: forward, or of the gradient of the output.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    pub(super) batch: usize,
    pub(super) inputs: Planes,
    pub(super) outputs: Planes,
    /// Zeros above and left of the input.
    pub(super) padding: [usize; 2],
}

/// The channels of one side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planes {
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Planes {
    /// Values of one channel.
    pub(super) fn plane(self) -> usize {
        self.height * self.width
    }

    /// Channels that go through the lanes together, the last of them incomplete perhaps.
    pub(super) fn num_blocks(self) -> usize {
        self.channels.div_ceil(LANES)
    }

    /// Channels of a block that exist.
    pub(super) fn in_block(self, block: usize) -> usize {
        LANES.min(self.channels - block * LANES)
    }

    /// Distance from one tile to the next in transformed data: whole lanes, and no power of two, for the sake of the
    /// sets of the cache.
    pub(super) fn stride(self) -> usize {
        let whole = self.num_blocks() * LANES;
        if whole.is_multiple_of(128) {
            whole + LANES
        } else {
            whole
        }
    }
}

impl Geometry {
    /// Of the forward pass.
    pub(super) fn forward(shape: &ConvShape) -> Self {
        Self {
            batch: shape.batch,
            inputs: Planes {
                channels: shape.in_channels,
                height: shape.height,
                width: shape.width,
            },
            outputs: Planes {
                channels: shape.out_channels,
                height: shape.out_height,
                width: shape.out_width,
            },
            padding: shape.padding,
        }
    }

    /// Of the gradient of the input: the same with the kernel turned by half and sides exchanged.
    pub(super) fn backward(shape: &ConvShape) -> Self {
        let forward = Self::forward(shape);
        Self {
            batch: shape.batch,
            inputs: forward.outputs,
            outputs: forward.inputs,
            padding: shape.padding.map(|padding| 2 - padding),
        }
    }
}

/// The tiles of a geometry, `M x M` outputs each, numbered by picture, row and column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiles {
    /// Rows of tiles of a picture.
    pub(super) rows: usize,
    /// Tiles of a row.
    pub(super) columns: usize,
    /// Rows of tiles of all pictures.
    pub(super) all_rows: usize,
    /// Rows of tiles that are worked on at a time.
    pub(super) block: usize,
    /// Whether blocks go to threads; otherwise they follow each other and the parts of one do.
    pub(super) blocks_are_tasks: bool,
}

/// Transformed values of a block that stay in the second-level cache.
const CACHED: usize = 144 * 1024;
/// Transformed values of a block that threads share.
const SHARED: usize = 3 << 20;
/// Transformed values of a block of a sum, if it has enough tiles.
const SUMMED: usize = 512 * 1024;
/// Tiles over which it pays to add up before the transform back.
const SUMMED_TILES: usize = 128;
/// Fewest blocks that keep the threads busy to the end.
const FEWEST_TASKS: usize = 8;
/// Fewest tiles of a block for which transformed weights are worth reading.
const FEWEST_TILES: usize = 20;

/// Parts of a block that threads share, for each sixteen of channels.
const PARTS: usize = 4;

impl Tiles {
    /// `sums` says that all blocks add to one result, so that they must follow each other.
    pub(super) fn new<const M: usize, const N: usize>(geometry: &Geometry, sums: bool) -> Self {
        let rows = geometry.outputs.height.div_ceil(M);
        let columns = geometry.outputs.width.div_ceil(M);
        let all_rows = geometry.batch * rows;
        let of_row = N * N * columns * (geometry.inputs.stride() + geometry.outputs.stride());
        let cached = CACHED / of_row;
        let blocks_are_tasks =
            !sums && cached * columns >= FEWEST_TILES && all_rows >= FEWEST_TASKS * cached;
        let most = if blocks_are_tasks {
            cached
        } else if sums {
            (SUMMED / of_row).max(SUMMED_TILES.div_ceil(columns.max(1)))
        } else {
            SHARED / of_row
        };
        // As even as can be.
        let blocks = all_rows.div_ceil(most.max(1)).max(1);
        let block = all_rows.div_ceil(blocks).max(1);
        Self {
            rows,
            columns,
            all_rows,
            block,
            blocks_are_tasks,
        }
    }

    pub(super) fn num_blocks(&self) -> usize {
        self.all_rows.div_ceil(self.block)
    }

    /// Rows of tiles of one block.
    pub(super) fn rows_of(&self, block: usize) -> Range<usize> {
        block * self.block..self.all_rows.min((block + 1) * self.block)
    }

    /// Cuts the tiles of a block, so that with `panels` each there are enough tasks but few for each kernel.
    pub(super) fn cuts(&self, count: usize, panels: usize) -> usize {
        let most = count / FEWEST_TILES;
        FEWEST_TASKS.div_ceil(panels).min(most).max(1)
    }

    /// Cuts rows of tiles into parts for the threads: `(rows, tile of the block that they begin with)`.
    pub(super) fn parts(&self, rows: &Range<usize>) -> Vec<(Range<usize>, usize)> {
        let count = if self.blocks_are_tasks {
            1
        } else {
            PARTS.min(rows.len())
        };
        let part = |part: usize| rows.start + part * rows.len() / count;
        let parts = (0..count).map(|at| part(at)..part(at + 1));
        parts
            .map(|part| (part.clone(), (part.start - rows.start) * self.columns))
            .collect()
    }

    /// Cuts rows of tiles at the borders of pictures: `(picture, rows in it)`.
    pub(super) fn by_picture(
        &self,
        rows: Range<usize>,
    ) -> impl Iterator<Item = (usize, Range<usize>)> + use<> {
        let of_picture = self.rows;
        let pictures = rows.start / of_picture..rows.end.div_ceil(of_picture);
        pictures.map(move |picture| {
            let first = picture * of_picture;
            let start = rows.start.max(first) - first;
            (picture, start..rows.end.min(first + of_picture) - first)
        })
    }
}
