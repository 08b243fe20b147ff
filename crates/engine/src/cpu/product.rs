//! Products of matrices that lie in memory.
#![allow(unsafe_code, reason = "results may be strided parts of a buffer")]

use rayon::prelude::*;

use super::gemm::{Job, Kernel, Threads, multiply};
use super::simd;
use crate::kernels::Product;
use crate::precision::Precision;

pub(crate) use super::gemm::{Bias, Output, Target, View};

/// `c = a b`, or added to `c`, on this thread. `dims` is `(m, n, k)`.
///
/// # Safety
/// `target` must be valid for `m` rows of `n` values, and nobody else may use them meanwhile.
pub(crate) unsafe fn strided(
    dims: (usize, usize, usize),
    target: Target,
    a: View<'_>,
    b: View<'_>,
) {
    // SAFETY: by the promise of the caller.
    unsafe { ended(dims, Output::plain(target), a, b) };
}

/// As [`strided`] in any precision, times a factor.
///
/// # Safety
/// As [`strided`].
pub(crate) unsafe fn scaled(
    (precision, factor): (Precision, f32),
    dims: (usize, usize, usize),
    target: Target,
    a: View<'_>,
    b: View<'_>,
) {
    let output = Output {
        factor,
        ..Output::plain(target)
    };
    // SAFETY: by the promise of the caller.
    unsafe { run((Threads::One, precision), dims, output, a, b) };
}

/// As [`strided`], with any end.
///
/// # Safety
/// The target of `output` must be valid for `m` rows of `n` values, and nobody else may use them meanwhile.
pub(crate) unsafe fn ended(
    dims: (usize, usize, usize),
    output: Output<'_>,
    a: View<'_>,
    b: View<'_>,
) {
    // SAFETY: by the promise of the caller.
    unsafe { ended_on(Threads::One, dims, output, a, b) };
}

/// As [`ended`], on this thread or on all.
///
/// # Safety
/// The target of `output` must be valid for `m` rows of `n` values, and nobody else may use them meanwhile.
pub(crate) unsafe fn ended_on(
    threads: Threads,
    dims: (usize, usize, usize),
    output: Output<'_>,
    a: View<'_>,
    b: View<'_>,
) {
    // SAFETY: by the promise of the caller.
    unsafe { run((threads, Precision::F32), dims, output, a, b) };
}

/// Any product.
///
/// # Safety
/// The target of `output` must be valid for `m` rows of `n` values, and nobody else may use them meanwhile.
unsafe fn run(
    (threads, precision): (Threads, Precision),
    dims: (usize, usize, usize),
    output: Output<'_>,
    a: View<'_>,
    b: View<'_>,
) {
    let job = Job {
        dims,
        a: &a,
        b: &b.transposed(),
        packed_b: None,
        output,
        kernel: Kernel::new(simd::level(), precision),
        threads,
    };
    // SAFETY: by the promise of the caller.
    unsafe { multiply(&job) };
}

/// A product of whole matrices on all threads of the current rayon pool.
///
/// # Panics
/// If a slice is shorter than its matrix.
pub(crate) fn matmul(c: &mut [f32], a: &[f32], b: &[f32], product: Product) {
    matmul_on(Threads::Pool, c, a, b, product);
}

/// A product of whole matrices on this thread.
pub(crate) fn matmul_serial(c: &mut [f32], a: &[f32], b: &[f32], product: Product) {
    matmul_on(Threads::One, c, a, b, product);
}

fn matmul_on(threads: Threads, c: &mut [f32], a: &[f32], b: &[f32], product: Product) {
    let Product { m, n, k, .. } = product;
    assert!(c.len() >= m * n, "product beyond its result");
    let a = View::rows(a, if product.transpose_a { m } else { k });
    let b = View::rows(b, if product.transpose_b { k } else { n });
    let target = Target {
        start: c.as_mut_ptr(),
        row_stride: n,
        accumulate: product.accumulate,
    };
    let a = if product.transpose_a {
        a.transposed()
    } else {
        a
    };
    let b = if product.transpose_b {
        b.transposed()
    } else {
        b
    };
    let how = (threads, product.precision);
    // SAFETY: `c` is borrowed exclusively and long enough by the assertion.
    unsafe { run(how, (m, n, k), Output::plain(target), a, b) };
}

/// As many products as `c` has room for, each on one thread.
pub(crate) fn batched(c: &mut [f32], a: &[f32], b: &[f32], product: Product) {
    let Product { m, n, k, .. } = product;
    if c.len() <= m * n {
        if !c.is_empty() {
            matmul(c, a, b, product);
        }
        return;
    }
    let products = c.par_chunks_mut(m * n).enumerate();
    products.for_each(|(at, c)| {
        let (a, b) = (&a[at * m * k..][..m * k], &b[at * k * n..][..k * n]);
        matmul_serial(c, a, b, product);
    });
}
