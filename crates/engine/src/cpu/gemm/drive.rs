//! The loops around the microkernels.
//!
//! Source: the blocking of Goto and van de Geijn 2008, "Anatomy of High-Performance Matrix Multiplication". Differs:
//! the panels of `b` are shared by all threads, and what is read only a few times is not packed at all.

use std::ops::Range;

use rayon::prelude::*;

use super::cells;
use super::finish::TileEnd;
use super::job::{Bias, Job};
use super::kernel::Sums;
use super::plan::{Plan, Reading};
use super::scratch::Scratch;
use super::tile::Tile;
use crate::cpu::parallel::Shared;
use crate::op::Activation;

/// A piece of the product: some columns, some of the depth, and the panels of `b` that belong there.
struct Piece<'a> {
    job: &'a Job<'a>,
    plan: Plan,
    columns: Range<usize>,
    depth: Range<usize>,
    /// By block of depth, then by panel.
    packed: &'a [f32],
}

/// Ranges of `step` that cover `range`; one empty range if that is empty.
fn steps(range: Range<usize>, step: usize) -> impl Iterator<Item = Range<usize>> {
    let first = range.start;
    let count = range.len().div_ceil(step).max(1);
    (0..count).map(move |at| first + at * step..(first + (at + 1) * step).min(range.end))
}

/// Runs `work` for every number below `count`.
pub(super) fn for_each(is_parallel: bool, count: usize, work: impl Fn(usize) + Sync + Send) {
    if is_parallel && count > 1 {
        (0..count).into_par_iter().with_max_len(1).for_each(work);
    } else {
        (0..count).for_each(work);
    }
}

/// The product of a job in blocks.
///
/// # Safety
/// As [`super::multiply`].
pub(super) unsafe fn blocked(job: &Job<'_>) {
    let job = &Job {
        kernel: job.kernel.narrow(job.dims.1),
        ..*job
    };
    let plan = Plan::new(job);
    let (m, n, k) = job.dims;
    for columns in steps(0..n, plan.columns) {
        for depth in steps(0..k, plan.slab) {
            let packed = pack_b(job, &plan, columns.clone(), depth.clone());
            let piece = Piece {
                job,
                plan,
                columns: columns.clone(),
                depth,
                packed: &packed,
            };
            let row_tasks = m.div_ceil(plan.rows);
            let all_panels = columns.len().div_ceil(job.kernel.columns());
            let column_tasks = all_panels.div_ceil(plan.panels);
            for_each(plan.is_parallel, row_tasks * column_tasks, |task| {
                let (row, column) = (task % row_tasks, task / row_tasks);
                let rows = row * plan.rows..m.min((row + 1) * plan.rows);
                let panels = column * plan.panels..all_panels.min((column + 1) * plan.panels);
                // SAFETY: by the promise of the caller; tasks have rectangles of the result that do not overlap.
                unsafe { piece.task(rows, panels) };
            });
        }
    }
}

/// Cells of a cache line.
const LINE: usize = 16;
/// Panels that are packed together: rows of `b` are then read in stretches of a kilobyte and more.
const GROUP: usize = 8;
/// The same for columns of `b` that are contiguous: nothing is gained by more, and threads share the work better.
const NARROW_GROUP: usize = 2;

fn pack_b(job: &Job<'_>, plan: &Plan, columns: Range<usize>, depth: Range<usize>) -> Scratch {
    let (kernel, width) = (&job.kernel, job.kernel.columns());
    let panels = columns.len().div_ceil(width);
    // What is read where it lies needs its last panel only, if that is narrower.
    let first = if plan.direct_b {
        columns.len() / width
    } else {
        0
    };
    if first == panels {
        return Scratch::new(0);
    }
    let mut packed = Scratch::new(panels * width * kernel.cells.count(depth.len()));
    let out = Shared::new(&mut packed);
    let blocks = depth.len().div_ceil(plan.depth);
    let group = match job.b.view() {
        Some(view) if view.row_stride == 1 => GROUP,
        _ => NARROW_GROUP,
    };
    let groups = (panels - first).div_ceil(group);
    for_each(plan.is_parallel, groups * blocks, |task| {
        let start = depth.start + task / groups * plan.depth;
        let depths = start..depth.end.min(start + plan.depth);
        let count = kernel.cells.count(depths.len());
        let before = kernel.cells.count(start - depth.start);
        let panel = first + task % groups * group;
        let group = group.min(panels - panel);
        let from = columns.start + panel * width;
        let lines = from..columns.end.min(from + group * width);
        let staging = cells::staging_len(kernel, job.b, group * width, plan.depth);
        let mut staging = Scratch::new(staging);
        let at = (before * panels + panel * count) * width;
        // SAFETY: every task has its own panels of one block.
        let out = unsafe { out.range(at, group * count * width) };
        cells::pack(kernel, job.b, (lines, depths), width, &mut staging, out);
    });
    packed
}

/// One block of depth: where its cells begin and how many there are.
struct Block {
    depth: Range<usize>,
    index: usize,
    /// Cells of a line before this block.
    before: usize,
    cells: usize,
}

impl Piece<'_> {
    fn blocks(&self) -> impl Iterator<Item = Block> {
        let (cells, first) = (self.job.kernel.cells, self.depth.start);
        let blocks = steps(self.depth.clone(), self.plan.depth).enumerate();
        blocks.map(move |(index, depth)| Block {
            index,
            before: cells.count(depth.start - first),
            cells: cells.count(depth.len()),
            depth,
        })
    }

    /// Some rows times some panels. A strip of the result as wide as a panel stays near while all blocks add to it.
    unsafe fn task(&self, rows: Range<usize>, panels: Range<usize>) {
        let a = self.pack_a(rows.clone());
        for panel in panels {
            for block in self.blocks() {
                // SAFETY: by the promise of the caller.
                unsafe { self.tiles(&block, &a, rows.clone(), panel) };
            }
        }
    }

    /// Cells from one copied row to the next: an odd number of cache lines, so that rows do not compete for places.
    fn copied_stride(&self) -> usize {
        let cells = self
            .job
            .kernel
            .cells
            .count(self.plan.depth.min(self.depth.len()));
        cells.next_multiple_of(2 * LINE) + LINE
    }

    /// Rows by block as the plan wants them, or nothing if `a` is read where it lies.
    fn pack_a(&self, rows: Range<usize>) -> Scratch {
        let (job, plan) = (self.job, &self.plan);
        match (plan.a, job.a.view()) {
            (Reading::Direct, _) => Scratch::new(0),
            (Reading::Rows, Some(view)) => {
                let stride = self.copied_stride();
                let mut a = Scratch::new(self.blocks().count() * rows.len() * stride);
                for block in self.blocks() {
                    let out = &mut a[block.index * rows.len() * stride..][..rows.len() * stride];
                    for (row, out) in rows.clone().zip(out.chunks_exact_mut(stride)) {
                        let values = &view.from(row, block.depth.start).values[..block.depth.len()];
                        cells::copy(&job.kernel, values, &mut out[..block.cells]);
                    }
                }
                a
            }
            _ => {
                let room = rows.len().next_multiple_of(plan.tile_rows);
                let mut a = Scratch::new(room * job.kernel.cells.count(self.depth.len()));
                let staging = cells::staging_len(&job.kernel, job.a, room, plan.depth);
                let mut staging = Scratch::new(staging);
                for block in self.blocks() {
                    let out = &mut a[room * block.before..][..room * block.cells];
                    let part = (rows.clone(), block.depth);
                    cells::pack(&job.kernel, job.a, part, plan.tile_rows, &mut staging, out);
                }
                a
            }
        }
    }

    /// Where the rows of a tile begin, and the distances from row to row and from depth to depth. `first` is the
    /// first row of the tile.
    #[inline(always)]
    fn rows<'p>(
        &'p self,
        block: &Block,
        packed: &'p [f32],
        rows: &Range<usize>,
        first: usize,
    ) -> (&'p [f32], usize, usize) {
        let plan = &self.plan;
        match (plan.a, self.job.a.view()) {
            (Reading::Direct, Some(view)) => (
                view.from(first, block.depth.start).values,
                view.row_stride,
                view.column_stride,
            ),
            (Reading::Rows, _) => {
                let stride = self.copied_stride();
                let at = block.index * rows.len() + first - rows.start;
                (&packed[at * stride..], stride, 1)
            }
            _ => {
                let room = rows.len().next_multiple_of(plan.tile_rows);
                let at = room * block.before + (first - rows.start) * block.cells;
                (&packed[at..], 1, plan.tile_rows)
            }
        }
    }

    /// The panel of `b` in a block, and the distance from one depth to the next.
    fn panel(&self, block: &Block, panel: usize) -> (&[f32], usize) {
        let width = self.job.kernel.columns();
        let first = self.columns.start + panel * width;
        match self.job.b.view() {
            Some(view) if self.plan.direct_b && first + width <= self.columns.end => (
                view.from(first, block.depth.start).values,
                view.column_stride,
            ),
            _ => {
                let panels = self.columns.len().div_ceil(width);
                let at = (block.before * panels + panel * block.cells) * width;
                (&self.packed[at..], width)
            }
        }
    }

    /// All tiles of one panel of `b` in one block.
    #[inline(always)]
    unsafe fn tiles(&self, block: &Block, packed: &[f32], rows: Range<usize>, panel: usize) {
        let (job, plan) = (self.job, &self.plan);
        let width = job.kernel.columns();
        let first = self.columns.start + panel * width;
        let columns = width.min(self.columns.end - first);
        let (b, b_depth) = self.panel(block, panel);
        let mut sums = Sums::new();
        for first_row in rows.clone().step_by(plan.tile_rows) {
            let count = plan.tile_rows.min(rows.end - first_row);
            let (a, a_row, a_depth) = self.rows(block, packed, &rows, first_row);
            let tile = Tile {
                a: a.as_ptr(),
                a_row,
                a_depth,
                b: b.as_ptr(),
                b_depth,
                depth: block.cells,
                adds: false,
            };
            let end = self.end(&block.depth, (first_row, count), (first, columns));
            // SAFETY: the panels hold whole tiles; what is read where it lies is in bounds as `multiply` checked;
            // the rectangle of the result belongs to this task.
            unsafe { job.kernel.compute(&tile, &end, &mut sums) };
        }
    }

    #[inline(always)]
    fn end(
        &self,
        depth: &Range<usize>,
        (row, rows): (usize, usize),
        (column, columns): (usize, usize),
    ) -> TileEnd<'_> {
        let output = &self.job.output;
        let (is_first, is_last) = (depth.start == 0, depth.end == self.job.dims.2);
        let place = row * output.target.row_stride + column;
        let bias = if is_first { output.bias } else { Bias::None };
        let keeps = is_last && !output.kept.is_null();
        TileEnd {
            c: output.target.start.wrapping_add(place),
            kept: if keeps {
                output.kept.wrapping_add(place)
            } else {
                std::ptr::null_mut()
            },
            row_stride: output.target.row_stride,
            rows,
            columns,
            factor: output.factor,
            adds: output.target.accumulate || !is_first,
            row_bias: bias.rows(row),
            column_bias: bias.columns(column),
            activation: if is_last {
                output.activation
            } else {
                Activation::None
            },
        }
    }
}
