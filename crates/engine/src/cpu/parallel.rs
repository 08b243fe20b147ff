//! How work is cut: elementwise work into blocks, reductions into a number of pieces that the shape alone decides.
#![allow(
    unsafe_code,
    reason = "tasks that write interleaved places of one buffer cannot be expressed as disjoint slices"
)]

use rayon::prelude::*;

/// Values of one block of elementwise work: 64 KiB, which stays in the second-level cache.
pub(crate) const BLOCK: usize = 16 * 1024;

/// Most pieces of a reduction.
pub(crate) const MOST_PIECES: usize = 16;

/// Length of the pieces of a reduction over `len` things of `cost` values each: at most [`MOST_PIECES`], and none so
/// small that handing it to a thread costs more than the work.
pub(crate) fn piece_len(len: usize, cost: usize) -> usize {
    let smallest = BLOCK.div_ceil(cost.max(1));
    len.div_ceil(MOST_PIECES).max(smallest).max(1)
}

/// Rows of `row_len` values for one block.
pub(crate) fn rows_per_block(row_len: usize) -> usize {
    (BLOCK / row_len.max(1)).max(1)
}

/// Runs `work(i)` for every `i` below `len`, in parallel if all of it costs more than a block.
pub(crate) fn for_each(len: usize, cost: usize, work: impl Fn(usize) + Sync + Send) {
    if len <= 1 || len.saturating_mul(cost) <= BLOCK {
        (0..len).for_each(work);
    } else {
        (0..len).into_par_iter().for_each(work);
    }
}

/// Runs `work(i)` for every `i` below `len` as [`for_each`] and gives the results in order.
pub(crate) fn map<R: Send>(
    len: usize,
    cost: usize,
    work: impl Fn(usize) -> R + Sync + Send,
) -> Vec<R> {
    if len <= 1 || len.saturating_mul(cost) <= BLOCK {
        (0..len).map(work).collect()
    } else {
        (0..len).into_par_iter().map(work).collect()
    }
}

/// Blocks of whole rows of one output, in parallel.
pub(crate) fn blocks(
    out: &mut [f32],
    row_len: usize,
    work: impl Fn(usize, &mut [f32]) + Sync + Send,
) {
    let rows = rows_per_block(row_len);
    let len = rows * row_len.max(1);
    if out.len() <= len {
        if !out.is_empty() {
            work(0, out);
        }
        return;
    }
    out.par_chunks_mut(len)
        .enumerate()
        .for_each(|(block, out)| work(block * rows, out));
}

/// A buffer that tasks write at places which they promise to be disjoint.
#[derive(Clone, Copy)]
pub(crate) struct Shared {
    start: *mut f32,
    len: usize,
}

// SAFETY: the only access is `range`, whose callers promise that no two tasks use the same places.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// Lends `values` to tasks. The borrow must outlive them, which rayon's scoped calls ensure.
    pub(crate) fn new(values: &mut [f32]) -> Self {
        Self {
            start: values.as_mut_ptr(),
            len: values.len(),
        }
    }

    /// The places `at..at + len`.
    ///
    /// # Safety
    /// The borrow given to [`Shared::new`] is alive, and no other task uses any of these places while the result
    /// lives.
    pub(crate) unsafe fn range<'a>(self, at: usize, len: usize) -> &'a mut [f32] {
        assert!(at + len <= self.len, "range of a shared buffer");
        // SAFETY: in bounds by the assertion, and exclusive by the promise of the caller.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(at), len) }
    }

    /// The start of the place `at`, for strided writes.
    pub(crate) fn at(self, at: usize) -> *mut f32 {
        assert!(at <= self.len, "place of a shared buffer");
        // SAFETY: in bounds (or one past the end) by the assertion.
        unsafe { self.start.add(at) }
    }
}
