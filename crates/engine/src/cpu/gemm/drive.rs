//! The loops around the microkernels.
//!
//! Source: the blocking of Goto and van de Geijn 2008, "Anatomy of High-Performance Matrix Multiplication". Differs:
//! the panels of `b` are shared by all threads, and what is read only a few times is not packed at all.

use std::ops::Range;

use rayon::prelude::*;

use super::cells;
use super::finish::TileEnd;
use super::job::Job;
use super::kernel::Sums;
use super::plan::{Plan, Reading};
use super::scratch::{LINE, Scratch};
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

/// Most cells of `a` that are packed for all tasks at once: 4 MiB.
const MOST_SHARED: usize = 1024 * 1024;

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
    for part in parts(job) {
        // SAFETY: by the promise of the caller.
        unsafe { compute(job, part) };
    }
}

/// Some columns and some of the depth, whose panels are packed together.
pub(super) struct Part {
    plan: Plan,
    columns: Range<usize>,
    depth: Range<usize>,
    /// Cells of the parts before.
    pub(super) at: usize,
    /// Cells of its panels.
    pub(super) len: usize,
}

/// The parts of a product; how `b` is cut does not depend on the rows of `a`.
pub(super) fn parts(job: &Job<'_>) -> impl Iterator<Item = Part> {
    let plan = Plan::new(job);
    let ((_, n, k), kernel) = (job.dims, job.kernel);
    let places = steps(0..n, plan.columns)
        .flat_map(move |columns| steps(0..k, plan.slab).map(move |depth| (columns.clone(), depth)));
    places.scan(0, move |next, (columns, depth)| {
        let width = kernel.columns();
        let len = columns.len().div_ceil(width) * width * kernel.cells.count(depth.len());
        let at = *next;
        *next += len;
        Some(Part {
            plan,
            columns,
            depth,
            at,
            len,
        })
    })
}

/// The panels of a part.
pub(super) fn pack_part(job: &Job<'_>, part: &Part) -> Scratch {
    pack_b(job, &part.plan, part.columns.clone(), part.depth.clone())
}

/// Adds up a part. What several tasks read is packed before them, what one task reads by itself.
unsafe fn compute(job: &Job<'_>, part: Part) {
    let Part {
        plan,
        columns,
        depth,
        at,
        len,
    } = part;
    let (m, width) = (job.dims.0, job.kernel.columns());
    let row_tasks = m.div_ceil(plan.rows);
    let all_panels = columns.len().div_ceil(width);
    let column_tasks = all_panels.div_ceil(plan.panels);
    let shares_b = row_tasks > 1 || job.packed_b.is_some();
    let shares_a = column_tasks > 1 && m * depth.len() <= MOST_SHARED;
    let packed = match job.packed_b {
        None if shares_b => pack_b(job, &plan, columns.clone(), depth.clone()),
        _ => Scratch::new(0),
    };
    let packed = job.packed_b.map_or(&*packed, |all| all.part(at, len));
    let piece = Piece {
        job,
        plan,
        columns,
        depth,
        packed,
    };
    let shared_a = shares_a.then(|| piece.pack_a(0..m, plan.is_parallel));
    for_each(plan.is_parallel, row_tasks * column_tasks, |task| {
        let (row, column) = (task % row_tasks, task / row_tasks);
        let rows = row * plan.rows..m.min((row + 1) * plan.rows);
        let panels = column * plan.panels..all_panels.min((column + 1) * plan.panels);
        let own_a = (!shares_a).then(|| piece.pack_a(rows.clone(), false));
        let a = PackedRows {
            cells: shared_a.as_ref().or(own_a.as_ref()).map_or(&[], |a| a),
            range: if shares_a { 0..m } else { rows.clone() },
        };
        // SAFETY: by the promise of the caller; tasks have rectangles of the result that do not overlap.
        unsafe {
            if shares_b {
                piece.task(&a, &rows, panels);
            } else {
                let serial = Plan {
                    is_parallel: false,
                    ..plan
                };
                let packed = pack_b(job, &serial, piece.columns_of(&panels), piece.depth.clone());
                piece
                    .only(&panels, &packed)
                    .task(&a, &rows, 0..panels.len());
            }
        }
    });
}

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

/// Rows of `a` as the plan wants them.
struct PackedRows<'a> {
    cells: &'a [f32],
    range: Range<usize>,
}

/// One block of depth: where its cells begin and how many there are.
#[derive(Clone)]
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

    /// The columns of some panels.
    fn columns_of(&self, panels: &Range<usize>) -> Range<usize> {
        let width = self.job.kernel.columns();
        let place = |panel: usize| self.columns.end.min(self.columns.start + panel * width);
        place(panels.start)..place(panels.end)
    }

    /// These panels and no others, packed.
    fn only<'p>(&'p self, panels: &Range<usize>, packed: &'p [f32]) -> Piece<'p> {
        Piece {
            columns: self.columns_of(panels),
            depth: self.depth.clone(),
            packed,
            ..*self
        }
    }

    /// Some rows times some panels. A strip of the result as wide as a panel stays near while all blocks add to it.
    unsafe fn task(&self, a: &PackedRows<'_>, rows: &Range<usize>, panels: Range<usize>) {
        for panel in panels {
            for block in self.blocks() {
                // SAFETY: by the promise of the caller.
                unsafe { self.tiles(&block, a, rows.clone(), panel) };
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
    fn pack_a(&self, rows: Range<usize>, is_parallel: bool) -> Scratch {
        let (job, plan) = (self.job, &self.plan);
        match (plan.a, job.a.view()) {
            (Reading::Direct, _) => Scratch::new(0),
            (Reading::Rows, Some(view)) => {
                let stride = self.copied_stride();
                let mut a = Scratch::new(self.blocks().count() * rows.len() * stride);
                let all = Shared::new(&mut a);
                self.for_each_block(is_parallel, |block| {
                    let len = rows.len() * stride;
                    // SAFETY: every block has its own places.
                    let out = unsafe { all.range(block.index * len, len) };
                    for (row, out) in rows.clone().zip(out.chunks_exact_mut(stride)) {
                        let values = &view.from(row, block.depth.start).values[..block.depth.len()];
                        cells::copy(&job.kernel, values, &mut out[..block.cells]);
                    }
                });
                a
            }
            _ => {
                let room = rows.len().next_multiple_of(plan.tile_rows);
                let mut a = Scratch::new(room * job.kernel.cells.count(self.depth.len()));
                let all = Shared::new(&mut a);
                self.for_each_block(is_parallel, |block| {
                    let staging = cells::staging_len(&job.kernel, job.a, room, plan.depth);
                    let mut staging = Scratch::new(staging);
                    // SAFETY: every block has its own places.
                    let out = unsafe { all.range(room * block.before, room * block.cells) };
                    let part = (rows.clone(), block.depth);
                    cells::pack(&job.kernel, job.a, part, plan.tile_rows, &mut staging, out);
                });
                a
            }
        }
    }

    fn for_each_block(&self, is_parallel: bool, work: impl Fn(Block) + Sync + Send) {
        let blocks: Vec<Block> = self.blocks().collect();
        for_each(is_parallel, blocks.len(), |at| work(blocks[at].clone()));
    }

    /// Where the rows of a tile begin, and the distances from row to row and from depth to depth. `first` is the
    /// first row of the tile.
    #[inline(always)]
    fn rows<'p>(
        &'p self,
        block: &Block,
        PackedRows { cells, range }: &PackedRows<'p>,
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
                let at = block.index * range.len() + first - range.start;
                (&cells[at * stride..], stride, 1)
            }
            _ => {
                let room = range.len().next_multiple_of(plan.tile_rows);
                let at = room * block.before + (first - range.start) * block.cells;
                (&cells[at..], 1, plan.tile_rows)
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
    unsafe fn tiles(
        &self,
        block: &Block,
        packed: &PackedRows<'_>,
        rows: Range<usize>,
        panel: usize,
    ) {
        let (job, plan) = (self.job, &self.plan);
        let width = job.kernel.columns();
        let first = self.columns.start + panel * width;
        let columns = width.min(self.columns.end - first);
        let (b, b_depth) = self.panel(block, panel);
        let mut sums = Sums::new();
        for first_row in rows.clone().step_by(plan.tile_rows) {
            let count = plan.tile_rows.min(rows.end - first_row);
            let (a, a_row, a_depth) = self.rows(block, packed, first_row);
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
        let mut end = output.tile((row, column), (rows, columns));
        if !is_first {
            (end.row_bias, end.column_bias) = (None, None);
            end.adds = true;
        }
        if !is_last {
            end.kept = std::ptr::null_mut();
            end.activation = Activation::None;
        }
        end
    }
}
