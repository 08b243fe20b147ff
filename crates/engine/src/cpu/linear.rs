//! A layer `y = activation(x w^T + b)` and its gradients.
#![allow(unsafe_code, reason = "products write through pointers")]

use super::gemm::{
    Bias, Job, Kernel, MOST_DOT_ROWS, Output, Packed, Target, Threads, View, multiply,
};
use super::product::matmul;
use super::simd;
use crate::kernels::{LinearEnd, LinearShape, Product, Weight};

/// `y[m, out] = activation(x[m, in] weight[out, in]^T + bias)` in one pass over `y`.
pub(crate) fn forward(
    shape: LinearShape,
    x: &[f32],
    weight: Weight<'_>,
    end: LinearEnd<'_>,
    y: &mut [f32],
) {
    let (n, k) = (shape.out_dim, shape.in_dim);
    let m = y.len() / n.max(1);
    let kept = end.kept.map_or(std::ptr::null_mut(), |kept| {
        assert!(kept.len() >= m * n, "values before the activation");
        kept.as_mut_ptr()
    });
    let kernel = Kernel::new(simd::level(), shape.precision);
    let matrix = View::rows(weight.values, k);
    let place = weight.kept.filter(|_| m > MOST_DOT_ROWS);
    let packed = place.and_then(|place| place.get(|| Packed::new(kernel, &matrix, (n, k))));
    let job = Job {
        dims: (m, n, k),
        a: &View::rows(x, k),
        b: &matrix,
        packed_b: packed.filter(|packed| packed.suits(kernel, n)),
        output: Output {
            bias: end.bias.map_or(Bias::None, Bias::Columns),
            activation: end.activation,
            kept,
            ..Output::plain(Target {
                start: y.as_mut_ptr(),
                row_stride: n,
                accumulate: false,
            })
        },
        kernel,
        threads: Threads::Pool,
    };
    // SAFETY: `y` and `kept` are borrowed exclusively and hold `m` rows of `n` values.
    unsafe { multiply(&job) };
}

/// `dx[m, in] = dy[m, out] weight[out, in]`.
pub(crate) fn backward_input(shape: LinearShape, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
    let product = Product {
        m: dy.len() / shape.out_dim.max(1),
        n: shape.in_dim,
        k: shape.out_dim,
        transpose_a: false,
        transpose_b: false,
        accumulate: false,
        precision: shape.precision,
    };
    matmul(dx, dy, weight, product);
}

/// `dw[out, in] (+)= dy[m, out]^T x[m, in]`.
pub(crate) fn backward_weight(
    shape: LinearShape,
    dy: &[f32],
    x: &[f32],
    dw: &mut [f32],
    accumulate: bool,
) {
    let product = Product {
        m: shape.out_dim,
        n: shape.in_dim,
        k: dy.len() / shape.out_dim.max(1),
        transpose_a: true,
        transpose_b: false,
        accumulate,
        precision: shape.precision,
    };
    matmul(dw, dy, x, product);
}
