//! Products of two values.

use std::sync::Arc;

use crate::buffer::Buffer;
use crate::error::{EngineError, require};
use crate::kernels::{Product, kernels};
use crate::precision::Precision;
use crate::tape::{Backward, Tape, Var};
use crate::tensor::Tensor;

/// The product and the shape of its result.
fn check(
    left: &[usize],
    right: &[usize],
    transpose_b: bool,
) -> Result<(Product, Vec<usize>), EngineError> {
    let axes = left.len();
    let fits =
        (axes == 2 || axes == 3) && right.len() == axes && left[..axes - 2] == right[..axes - 2];
    let got = || format!("{left:?} and {right:?}");
    let expected = || "[M, K] and [K, N], or the same behind [B]".to_owned();
    require(fits, "matmul", got, expected)?;
    let (m, k) = (left[axes - 2], left[axes - 1]);
    let (rows, columns) = (right[axes - 2], right[axes - 1]);
    let (n, inner) = if transpose_b {
        (rows, columns)
    } else {
        (columns, rows)
    };
    require(inner == k, "matmul", got, expected)?;
    let mut shape = left.to_vec();
    shape[axes - 1] = n;
    let product = Product {
        m,
        n,
        k,
        transpose_a: false,
        transpose_b,
        accumulate: false,
        precision: Precision::F32,
    };
    Ok((product, shape))
}

impl Tape<'_> {
    /// `a b`, or `a b^T` if `transpose_b`; one product for each record if there are three axes.
    ///
    /// # Shapes
    /// - `a`: `[M, K]` or `[B, M, K]`; `b`: `[K, N]` or `[B, K, N]`, with `transpose_b` `[.., N, K]`
    /// - returns `[M, N]` or `[B, M, N]`
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn matmul(&mut self, a: &Var, b: &Var, transpose_b: bool) -> Result<Var, EngineError> {
        let (plain, shape) = check(a.shape(), b.shape(), transpose_b)?;
        let forward = Product {
            precision: self.precision(),
            ..plain
        };
        let Product { n, k, .. } = forward;
        let mut y = Buffer::scratch(shape.iter().product());
        kernels().matmul_batched(&mut y, a.data(), b.data(), forward);
        let needs = a.needs_gradient() || b.needs_gradient();
        let (a, b) = (a.clone(), b.clone());
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            if a.needs_gradient() {
                // da = dy b^T
                let product = Product {
                    n: k,
                    k: n,
                    transpose_b: !transpose_b,
                    ..forward
                };
                let mut da = Buffer::scratch(a.data().len());
                kernels().matmul_batched(&mut da, &dy, b.data(), product);
                backward.add(a.slot(), da);
            }
            if b.needs_gradient() {
                // db = a^T dy, or its transpose dy^T a
                let (m, n) = if transpose_b { (n, k) } else { (k, n) };
                let product = Product {
                    m,
                    n,
                    k: forward.m,
                    transpose_a: true,
                    transpose_b: false,
                    accumulate: false,
                    precision: forward.precision,
                };
                let (left, right): (&[f32], &[f32]) = if transpose_b {
                    (&dy, a.data())
                } else {
                    (a.data(), &dy)
                };
                let mut db = Buffer::scratch(b.data().len());
                kernels().matmul_batched(&mut db, left, right, product);
                backward.add(b.slot(), db);
            }
        };
        Ok(self.record(Tensor::from_buffer(&shape, y), needs, back))
    }
}
