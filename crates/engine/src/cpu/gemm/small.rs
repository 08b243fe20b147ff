//! Products of few rows: the weights of a layer are read once, where they lie, and nothing is packed.

use super::dots::Lines;
use super::drive::for_each;
use super::job::{Job, Threads};
use super::kernel::Sums;
use super::operand::View;
use super::plan::SMALLEST_PARALLEL;
use super::scratch::Scratch;
use super::tile::MOST_COLUMNS;
use crate::cpu::parallel::Shared;

/// Most rows of a product that is computed as dot products, however many columns it has: its `b` is read where it lies,
/// packed or not.
pub(crate) const MOST_DOT_ROWS: usize = 8;
/// Most sums of a product of more rows that is.
const MOST_SUMS: usize = 2048;
/// Rows of a tile of sums.
const TILE_ROWS: usize = 12;
/// Depth after which the next lines are taken: these rows then stay in the first-level cache.
const DEPTH: usize = 1024;
/// Depth from which on pieces of it are the tasks.
const LONG: usize = 8 * DEPTH;
/// Most pieces of a long depth.
const MOST_PIECES: usize = 16;
/// Numbers of the longest register: rows of sums begin a multiple of it apart.
const WIDEST: usize = 16;

/// Does a job of few rows whose factors are both contiguous in depth; false if it is not one.
///
/// BF16 would gain nothing here, where reading the weights takes the time: numbers enter as they are.
///
/// # Safety
/// As [`super::multiply`].
pub(super) unsafe fn try_dots(job: &Job<'_>) -> bool {
    let (m, n, k) = job.dims;
    let contiguous = |view: &View<'_>| view.column_stride == 1;
    let (Some(a), Some(b)) = (
        job.a.view().filter(contiguous),
        job.b.view().filter(contiguous),
    ) else {
        return false;
    };
    if (m > MOST_DOT_ROWS && m * n > MOST_SUMS) || k == 0 {
        return false;
    }
    if m > MOST_DOT_ROWS && k >= LONG {
        // SAFETY: by the promise of the caller.
        unsafe { by_depth(job, (a, b)) };
        return true;
    }
    let is_parallel = job.threads == Threads::Pool && m * n * k >= SMALLEST_PARALLEL / 4;
    let columns = if is_parallel { 4 } else { MOST_COLUMNS };
    let (across, down) = (n.div_ceil(columns), m.div_ceil(TILE_ROWS));
    for_each(is_parallel, across * down, |task| {
        let (first, row) = (task / down * columns, task % down * TILE_ROWS);
        let size = (TILE_ROWS.min(m - row), columns.min(n - first));
        // SAFETY: by the promise of the caller; every task has its own tile.
        unsafe { tile(job, (a, b), (row, first), size) };
    });
    true
}

/// Few long sums: pieces of the depth, so that both factors come from memory once. The shape alone decides the pieces.
///
/// # Safety
/// As [`super::multiply`].
unsafe fn by_depth(job: &Job<'_>, (a, b): (View<'_>, View<'_>)) {
    let (m, n, k) = job.dims;
    let piece = k.div_ceil(MOST_PIECES).next_multiple_of(DEPTH);
    let pieces = k.div_ceil(piece);
    let width = n.next_multiple_of(WIDEST);
    let mut sums = Scratch::new(pieces * m * width);
    let shared = Shared::new(&mut sums);
    for_each(job.threads == Threads::Pool, pieces, |at| {
        // SAFETY: every piece has its own sums.
        let sums = unsafe { shared.range(at * m * width, m * width) };
        for start in (at * piece..k.min((at + 1) * piece)).step_by(DEPTH) {
            let (a, b) = (lines(a, (0, start), m), lines(b, (0, start), n));
            let depth = DEPTH.min(k - start);
            // SAFETY: `multiply` checked that both factors hold their lines.
            unsafe { (job.kernel.dots)(a, b, depth, (sums, width), start > at * piece) };
        }
    });
    let (total, others) = sums.split_at_mut(m * width);
    for piece in others.chunks_exact(m * width) {
        for (total, sum) in total.iter_mut().zip(piece) {
            *total += sum;
        }
    }
    let end = job.output.tile((0, 0), (m, n));
    // SAFETY: the places of the whole result, by the promise of the caller.
    unsafe { job.kernel.finish(&end, total, width) };
}

/// Some lines of a factor from a line and a depth on.
fn lines(view: View<'_>, (line, depth): (usize, usize), count: usize) -> Lines {
    Lines {
        start: view.from(line, depth).values.as_ptr(),
        stride: view.row_stride,
        count,
    }
}

unsafe fn tile(
    job: &Job<'_>,
    (a, b): (View<'_>, View<'_>),
    (row, first): (usize, usize),
    (rows, columns): (usize, usize),
) {
    let k = job.dims.2;
    let mut sums = Sums::new();
    for start in (0..k).step_by(DEPTH) {
        let (a, b) = (
            lines(a, (row, start), rows),
            lines(b, (first, start), columns),
        );
        let depth = DEPTH.min(k - start);
        // SAFETY: `multiply` checked that both factors hold their lines.
        unsafe { (job.kernel.dots)(a, b, depth, (&mut sums.0, MOST_COLUMNS), start > 0) };
    }
    let end = job.output.tile((row, first), (rows, columns));
    // SAFETY: the places of this tile, by the promise of the caller.
    unsafe { job.kernel.finish(&end, &sums.0, MOST_COLUMNS) };
}
