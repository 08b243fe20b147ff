//! Matrix products of our own: packed panels, blocks that fit the caches, microkernels for each instruction set.
//!
//! A [`Job`] says what is multiplied ([`Operand`]) and what becomes of the result ([`Output`]); [`multiply`] does it.
#![allow(
    unsafe_code,
    reason = "microkernels use instruction sets that are proven at run time, and tasks write interleaved places"
)]

mod cells;
mod dots;
mod drive;
mod finish;
mod job;
mod kernel;
mod lanes;
mod operand;
mod packed;
mod pairs;
mod plan;
mod scratch;
mod small;
mod tile;
mod transpose;

pub(crate) use job::{Bias, Job, Output, Target, Threads};
pub(crate) use kernel::Kernel;
pub(crate) use operand::{Operand, View};
pub(crate) use packed::Packed;
pub(crate) use small::MOST_DOT_ROWS;

/// Does a job. The bits of the result depend on its shape, factors, precision and instruction set alone.
///
/// # Panics
/// If a factor that lies in memory is shorter than its matrix, or a bias shorter than its side.
///
/// # Safety
/// The target and `kept` must be valid for `m` rows of `n` values, and nobody else may use these places meanwhile. The
/// kernel must be one for this CPU.
pub(crate) unsafe fn multiply(job: &Job<'_>) {
    let (m, n, k) = job.dims;
    if m == 0 || n == 0 {
        return;
    }
    let holds = |operand: &dyn Operand, lines| operand.view().is_none_or(|v| v.holds(lines, k));
    assert!(
        holds(job.a, m) && holds(job.b, n),
        "product beyond its inputs"
    );
    // SAFETY: by the promise of the caller.
    unsafe {
        if !small::try_dots(job) {
            drive::blocked(job);
        }
    }
}

#[cfg(test)]
mod tests;
