//! A layer `y = x w^T + b` and its gradients.

use super::elementwise::fill_rows;
use super::product::matmul;
use crate::kernels::Product;

/// `y[m, n] = x[m, k] weight[n, k]^T + bias`. The bias is written first and the product adds to it: one pass less.
pub(crate) fn forward(x: &[f32], weight: &[f32], bias: Option<&[f32]>, k: usize, y: &mut [f32]) {
    let n = weight.len() / k.max(1);
    if let Some(bias) = bias {
        fill_rows(y, bias);
    } else if k == 0 {
        y.fill(0.0);
    }
    let product = Product {
        m: y.len() / n.max(1),
        n,
        k,
        transpose_a: false,
        transpose_b: true,
        accumulate: bias.is_some(),
    };
    matmul(y, x, weight, product);
}

/// `dx[m, k] = dy[m, n] weight[n, k]`.
pub(crate) fn backward_input(dy: &[f32], weight: &[f32], n: usize, dx: &mut [f32]) {
    let product = Product {
        m: dy.len() / n.max(1),
        n: weight.len() / n.max(1),
        k: n,
        transpose_a: false,
        transpose_b: false,
        accumulate: false,
    };
    matmul(dx, dy, weight, product);
}

/// `dw[n, k] (+)= dy[m, n]^T x[m, k]`.
pub(crate) fn backward_weight(dy: &[f32], x: &[f32], n: usize, dw: &mut [f32], accumulate: bool) {
    let m = dy.len() / n.max(1);
    let product = Product {
        m: n,
        n: dw.len() / n.max(1),
        k: m,
        transpose_a: true,
        transpose_b: false,
        accumulate,
    };
    matmul(dw, dy, x, product);
}
