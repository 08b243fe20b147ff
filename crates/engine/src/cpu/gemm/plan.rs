//! How a product is cut into blocks that fit the caches, and into tasks.

use super::job::{Job, Threads};
use super::kernel::Cells;
use super::operand::View;

/// Most depth of a block. The panel of `b` that stays in the first-level cache has this depth and 32 columns at most.
const DEPTH: usize = 384;
/// Most cells of a task of `a`, which stay in the second-level cache: 512 KiB.
const PACKED_ROWS: usize = 128 * 1024;
/// Most rows of a task.
const ROWS: usize = 168;
/// Most columns that are packed at once.
const COLUMNS: usize = 2048;
/// Most cells of `b` that are packed at once: 4 MiB.
const PACKED: usize = 1024 * 1024;
/// Most cells of `b` that a task packs for itself: 256 KiB.
const OWN_PANELS: usize = 64 * 1024;
/// Multiplications below which no other thread is asked.
pub(super) const SMALLEST_PARALLEL: usize = 2 * 1024 * 1024;
/// Multiplications of the smallest task.
const SMALLEST_TASK: usize = 512 * 1024;

/// `len` in equal parts of at most `most`, each but the last a multiple of `step`.
fn part(len: usize, most: usize, step: usize) -> usize {
    let parts = len.div_ceil(most).max(1);
    len.div_ceil(parts).next_multiple_of(step).max(step)
}

/// How tiles read the rows of `a`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Where they lie.
    Direct,
    /// From copies of them, each contiguous in depth: no transposition.
    Rows,
    /// From panels, for what is not contiguous.
    Panels,
}

/// Sizes of the blocks of a product.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// Depth of a block.
    pub(super) depth: usize,
    /// Depth that is packed of `b` at once, a multiple of the above.
    pub(super) slab: usize,
    /// Columns that are packed of `b` at once.
    pub(super) columns: usize,
    /// Rows of a tile.
    pub(super) tile_rows: usize,
    /// Rows of a task, a multiple of the above.
    pub(super) rows: usize,
    /// Panels of `b` in a task.
    pub(super) panels: usize,
    /// Whether other threads help.
    pub(super) is_parallel: bool,
    /// How tiles read `a`.
    pub(super) a: Reading,
    /// `b` is read where it lies, but for its last panel if that is narrower.
    pub(super) direct_b: bool,
}

impl Plan {
    /// The sums of a product are cut by `depth` alone, which depends on the shape only.
    pub(super) fn new(job: &Job<'_>) -> Self {
        let (m, n, k) = job.dims;
        let (kernel, width) = (&job.kernel, job.kernel.columns());
        let depth = part(
            k,
            DEPTH * if kernel.cells == Cells::Pairs { 2 } else { 1 },
            2,
        );
        let columns = part(n, COLUMNS, width);
        let slab = (PACKED / columns.max(1) / depth).max(1) * depth;
        let work = m.saturating_mul(n).saturating_mul(k);
        let threads = match job.threads {
            Threads::Pool if work >= SMALLEST_PARALLEL => rayon::current_num_threads(),
            _ => 1,
        };
        let tile_rows = part(m, kernel.rows(), 1);
        let tasks = if threads == 1 {
            1
        } else {
            (8 * threads).min(work / SMALLEST_TASK).max(1)
        };
        let all_panels = columns.div_ceil(width);
        let most = (PACKED_ROWS / slab.min(k).max(1)).clamp(2 * tile_rows, ROWS);
        let row_tasks = m.div_ceil(most).max(tasks.min(m.div_ceil(4 * tile_rows)));
        let rows = part(m, m.div_ceil(row_tasks), tile_rows);
        let row_tasks = m.div_ceil(rows);
        let panels = all_panels.div_ceil(tasks.div_ceil(row_tasks).clamp(1, all_panels));
        // Panels that one task packs for itself stay in its second-level cache.
        let own = (OWN_PANELS / (width * slab.min(k)).max(1)).max(1);
        let panels = if row_tasks == 1 {
            panels.min(own)
        } else {
            panels
        };
        let is_exact = kernel.cells == Cells::Exact;
        Self {
            depth,
            slab,
            columns,
            tile_rows,
            rows,
            panels,
            is_parallel: threads > 1,
            a: match job.a.view() {
                Some(view)
                    if is_exact && (reads_well(view) || (all_panels == 1 && reads_once(view))) =>
                {
                    Reading::Direct
                }
                Some(view) if view.column_stride == 1 => Reading::Rows,
                _ => Reading::Panels,
            },
            direct_b: is_exact
                && job.packed_b.is_none()
                && m <= 64
                && job
                    .b
                    .view()
                    .is_some_and(|b| b.row_stride == 1 && b.column_stride <= 4096),
        }
    }
}

/// Whether what a tile reads of `a` does not compete for the same places of the caches, as lines that lie a multiple
/// of 2 KiB apart do, or depths a multiple of 4 KiB.
fn reads_well(a: View<'_>) -> bool {
    match (a.row_stride, a.column_stride) {
        (1, depth_stride) => !depth_stride.is_multiple_of(1024),
        (row_stride, _) => !row_stride.is_multiple_of(512),
    }
}

/// Whether the rows of a tile find room beside each other for as long as one panel needs them: an odd multiple of
/// 2 KiB puts seven of 14 into one set.
fn reads_once(a: View<'_>) -> bool {
    a.column_stride == 1 && !a.row_stride.is_multiple_of(1024)
}
