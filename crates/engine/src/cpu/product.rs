//! Matrix products by the `gemm` crate.
#![allow(unsafe_code, reason = "the gemm crate takes raw pointers and strides")]

use rayon::prelude::*;

use crate::kernels::Product;

/// A matrix inside a buffer: rows and columns may lie any distance apart.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<'a> View<'a> {
    /// Rows that lie `row_stride` apart.
    pub(crate) fn rows(values: &'a [f32], row_stride: usize) -> Self {
        Self {
            values,
            row_stride,
            column_stride: 1,
        }
    }

    /// The same matrix with rows and columns exchanged.
    pub(crate) fn transposed(self) -> Self {
        Self {
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || (rows - 1) * self.row_stride + (columns - 1) * self.column_stride < self.values.len()
    }
}

/// Where a product goes: rows that lie `row_stride` apart.
pub(crate) struct Target {
    pub(crate) start: *mut f32,
    pub(crate) row_stride: usize,
    pub(crate) accumulate: bool,
}

/// `c = factor * a b`, or added to `c`. `dims` is `(m, n, k)`.
///
/// # Safety
/// `target` must be valid for `m` rows of `n` values, and nobody else may use them meanwhile.
pub(crate) unsafe fn strided(
    (m, n, k): (usize, usize, usize),
    target: Target,
    a: View<'_>,
    b: View<'_>,
    factor: f32,
    parallelism: gemm::Parallelism,
) {
    assert!(a.holds(m, k) && b.holds(k, n), "product beyond its inputs");
    // SAFETY: the inputs are in bounds by the assertion, the target by the promise of the caller.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            target.start,
            1,
            target.row_stride as isize,
            target.accumulate,
            a.values.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            factor,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// A product of whole matrices on all threads of the current rayon pool.
///
/// # Panics
/// If a slice is shorter than its matrix.
pub(crate) fn matmul(c: &mut [f32], a: &[f32], b: &[f32], product: Product) {
    matmul_with(c, a, b, product, gemm::Parallelism::Rayon(0));
}

/// A product of whole matrices on this thread.
pub(crate) fn matmul_serial(c: &mut [f32], a: &[f32], b: &[f32], product: Product) {
    matmul_with(c, a, b, product, gemm::Parallelism::None);
}

fn matmul_with(
    c: &mut [f32],
    a: &[f32],
    b: &[f32],
    product: Product,
    parallelism: gemm::Parallelism,
) {
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
    // SAFETY: `c` is borrowed exclusively and long enough by the assertion.
    unsafe { strided((m, n, k), target, a, b, 1.0, parallelism) };
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
