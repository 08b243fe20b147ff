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
use super::plan::Plan;
use super::scratch::Scratch;
use super::tile::Tile;
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

fn pack_b(job: &Job<'_>, plan: &Plan, columns: Range<usize>, depth: Range<usize>) -> Scratch {
    let (kernel, width) = (&job.kernel, job.kernel.columns());
    let panels = columns.len().div_ceil(width);
    let is_packed = |panel: usize| !plan.direct_b || (panel + 1) * width > columns.len();
    if plan.direct_b && columns.len().is_multiple_of(width) {
        return Scratch::new(0);
    }
    let mut packed = Scratch::new(panels * width * kernel.cells.count(depth.len()));
    let out = crate::cpu::parallel::Shared::new(&mut packed);
    let blocks = depth.len().div_ceil(plan.depth);
    for_each(plan.is_parallel, panels * blocks, |task| {
        let (panel, block) = (task % panels, task / panels);
        if !is_packed(panel) {
            return;
        }
        let start = depth.start + block * plan.depth;
        let depth_range = start..depth.end.min(start + plan.depth);
        let count = kernel.cells.count(depth_range.len());
        let before = kernel.cells.count(block * plan.depth);
        let first = columns.start + panel * width;
        let lines = first..columns.end.min(first + width);
        let mut staging = Scratch::new(staging_len(job, plan, width));
        // SAFETY: every task has its own panel of one block.
        let out = unsafe { out.range((before * panels + panel * count) * width, count * width) };
        cells::pack(
            kernel,
            job.b,
            (lines, depth_range),
            width,
            &mut staging,
            out,
        );
    });
    packed
}

fn staging_len(job: &Job<'_>, plan: &Plan, width: usize) -> usize {
    match job.kernel.cells {
        super::kernel::Cells::Pairs => plan.depth * width,
        _ => 0,
    }
}

/// The factors of the tiles of one block of depth.
struct Block<'a> {
    depth: Range<usize>,
    cells: usize,
    /// Panels of `a`, or nothing if it is read where it lies.
    a: &'a [f32],
    /// Panels of `b`.
    b: &'a [f32],
}

impl Piece<'_> {
    /// Some rows times some panels.
    unsafe fn task(&self, rows: Range<usize>, panels: Range<usize>) {
        let (job, plan) = (self.job, &self.plan);
        let kernel = &job.kernel;
        let tiles = rows.len().div_ceil(plan.tile_rows);
        let room = if plan.direct_a {
            0
        } else {
            tiles * plan.tile_rows * plan.depth
        };
        let mut a = Scratch::new(room);
        let mut staging = Scratch::new(if plan.direct_a {
            0
        } else {
            staging_len(job, plan, plan.tile_rows)
        });
        let all_panels = self.columns.len().div_ceil(kernel.columns());
        let mut packed = self.packed;
        for depth in steps(self.depth.clone(), plan.depth) {
            let cells = kernel.cells.count(depth.len());
            let (b, rest) =
                packed.split_at(packed.len().min(all_panels * kernel.columns() * cells));
            packed = rest;
            let a = if plan.direct_a {
                &[][..]
            } else {
                let a = &mut a[..tiles * plan.tile_rows * cells];
                let part = (rows.clone(), depth.clone());
                cells::pack(kernel, job.a, part, plan.tile_rows, &mut staging, a);
                a
            };
            let block = Block { depth, cells, a, b };
            for panel in panels.clone() {
                // SAFETY: by the promise of the caller.
                unsafe { self.panel(&block, rows.clone(), panel) };
            }
        }
    }

    /// All tiles of one panel of `b`.
    #[inline(always)]
    unsafe fn panel(&self, block: &Block<'_>, rows: Range<usize>, panel: usize) {
        let (job, plan) = (self.job, &self.plan);
        let width = job.kernel.columns();
        let first = self.columns.start + panel * width;
        let columns = width.min(self.columns.end - first);
        let (b, b_depth) = match job.b.view() {
            Some(view) if plan.direct_b && columns == width => (
                view.from(first, block.depth.start).values,
                view.column_stride,
            ),
            _ => (&block.b[panel * width * block.cells..], width),
        };
        let mut sums = Sums::new();
        for (tile, first_row) in rows.clone().step_by(plan.tile_rows).enumerate() {
            let count = plan.tile_rows.min(rows.end - first_row);
            let (a, a_row, a_depth) = match job.a.view() {
                Some(view) if plan.direct_a => (
                    view.from(first_row, block.depth.start).values,
                    view.row_stride,
                    view.column_stride,
                ),
                _ => (
                    &block.a[tile * plan.tile_rows * block.cells..],
                    1,
                    plan.tile_rows,
                ),
            };
            let tile = Tile {
                a: a.as_ptr(),
                a_row,
                a_depth,
                b: b.as_ptr(),
                b_depth,
                depth: block.cells,
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
