//! Products of few rows: the weights of a layer are read once, where they lie, and nothing is packed.

use super::dots::Lines;
use super::drive::for_each;
use super::finish::TileEnd;
use super::job::{Job, Threads};
use super::kernel::Sums;
use super::operand::View;
use super::plan::SMALLEST_PARALLEL;
use super::tile::MOST_COLUMNS;

/// Most rows of a product that is computed as dot products, however many columns it has.
const MOST_ROWS: usize = 8;
/// Most sums of a product of more rows that is.
const MOST_SUMS: usize = 2048;
/// Rows of a tile of sums.
const TILE_ROWS: usize = 12;
/// Depth after which the next lines are taken: these rows then stay in the first-level cache.
const DEPTH: usize = 1024;

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
    if (m > MOST_ROWS && m * n > MOST_SUMS) || k == 0 {
        return false;
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

unsafe fn tile(
    job: &Job<'_>,
    (a, b): (View<'_>, View<'_>),
    (row, first): (usize, usize),
    (rows, columns): (usize, usize),
) {
    let k = job.dims.2;
    let output = &job.output;
    let mut sums = Sums::new();
    for start in (0..k).step_by(DEPTH) {
        let lines = |view: View<'_>, line, count| Lines {
            start: view.from(line, start).values.as_ptr(),
            stride: view.row_stride,
            count,
        };
        let (a, b) = (lines(a, row, rows), lines(b, first, columns));
        let depth = DEPTH.min(k - start);
        // SAFETY: `multiply` checked that both factors hold their lines.
        unsafe { (job.kernel.dots)(a, b, depth, (&mut sums.0, MOST_COLUMNS), start > 0) };
    }
    let place = row * output.target.row_stride + first;
    let end = TileEnd {
        c: output.target.start.wrapping_add(place),
        kept: if output.kept.is_null() {
            output.kept
        } else {
            output.kept.wrapping_add(place)
        },
        row_stride: output.target.row_stride,
        rows,
        columns,
        factor: output.factor,
        adds: output.target.accumulate,
        row_bias: output.bias.rows(row),
        column_bias: output.bias.columns(first),
        activation: output.activation,
    };
    // SAFETY: the places of this tile, by the promise of the caller.
    unsafe { job.kernel.finish(&end, &sums.0, MOST_COLUMNS) };
}
