//! A factor that many products share, packed once.

use super::drive;
use super::job::{Job, Output, Target, Threads};
use super::kernel::{Cells, Kernel};
use super::operand::View;
use super::scratch::LINE;

/// All panels of a `b`, in the order in which the loops of a product come to them.
pub(crate) struct Packed {
    cells: Vec<f32>,
    /// The first cell is the first of a cache line.
    start: usize,
    kind: Cells,
    columns: usize,
}

impl Packed {
    /// Packs a factor of `n` columns, the lines of `b`, and a depth of `k`.
    pub(crate) fn new(kernel: Kernel, b: &View<'_>, (n, k): (usize, usize)) -> Self {
        let nowhere = Target {
            start: std::ptr::null_mut(),
            row_stride: 0,
            accumulate: false,
        };
        let job = Job {
            // More rows than read a factor where it lies.
            dims: (usize::from(u16::MAX), n, k),
            a: b,
            b,
            packed_b: None,
            output: Output::plain(nowhere),
            kernel: kernel.narrow(n),
            threads: Threads::Pool,
        };
        let len = drive::parts(&job).map(|part| part.len).sum::<usize>();
        let mut cells = vec![0.0; len + LINE];
        let start = cells
            .as_ptr()
            .align_offset(LINE * size_of::<f32>())
            .min(LINE);
        for part in drive::parts(&job) {
            let packed = drive::pack_part(&job, &part);
            cells[start + part.at..][..part.len].copy_from_slice(&packed);
        }
        Self {
            cells,
            start,
            kind: job.kernel.cells,
            columns: job.kernel.columns(),
        }
    }

    /// Whether it was packed for this kernel and so many columns.
    pub(crate) fn suits(&self, kernel: Kernel, columns: usize) -> bool {
        (self.kind, self.columns) == (kernel.cells, kernel.narrow(columns).columns())
    }

    /// The cells of a part.
    pub(super) fn part(&self, at: usize, len: usize) -> &[f32] {
        &self.cells[self.start + at..][..len]
    }
}
