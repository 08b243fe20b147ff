//! A layer `y = activation(x w^T + b)` and its gradients.

use super::activation;
use super::elementwise::fill_rows;
use super::product::matmul;
use crate::kernels::{LinearEnd, LinearShape, Product};

/// `y[m, out] = activation(x[m, in] weight[out, in]^T + bias)`.
pub(crate) fn forward(
    shape: LinearShape,
    x: &[f32],
    weight: &[f32],
    end: LinearEnd<'_>,
    y: &mut [f32],
) {
    if let Some(bias) = end.bias {
        fill_rows(y, bias);
    } else if shape.in_dim == 0 {
        y.fill(0.0);
    }
    let product = Product {
        m: y.len() / shape.out_dim.max(1),
        n: shape.out_dim,
        k: shape.in_dim,
        transpose_a: false,
        transpose_b: true,
        accumulate: end.bias.is_some(),
        precision: shape.precision,
    };
    matmul(y, x, weight, product);
    if let Some(kept) = end.kept {
        kept.copy_from_slice(y);
    }
    activation::forward_in_place(end.activation, y);
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
