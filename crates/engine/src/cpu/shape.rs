//! Copies that move axes.

use super::parallel::blocks;
use crate::kernels::Stretches;

/// Copies stretches of one buffer into another.
pub(crate) fn copy(source: &[f32], target: &mut [f32], stretches: Stretches) {
    let Stretches { rows, len, .. } = stretches;
    for row in 0..rows {
        let from = stretches.from + row * stretches.from_stride;
        let to = stretches.to + row * stretches.to_stride;
        target[to..to + len].copy_from_slice(&source[from..from + len]);
    }
}

/// `[outer, a, middle, b, inner]` to `[outer, b, middle, a, inner]`.
pub(crate) fn swap(
    x: &[f32],
    (a, middle, b, inner): (usize, usize, usize, usize),
    out: &mut [f32],
) {
    let row_len = a * inner;
    // A row of blocks is one (outer, b, middle): it holds `a` stretches of `inner` values.
    blocks(out, row_len, |first, out| {
        for (row, out) in out.chunks_exact_mut(row_len.max(1)).enumerate() {
            let row = first + row;
            let (outer, at_b, at_middle) = (row / (b * middle), row / middle % b, row % middle);
            let start = ((outer * a * middle + at_middle) * b + at_b) * inner;
            let stride = middle * b * inner;
            if inner == 1 {
                for (at_a, out) in out.iter_mut().enumerate() {
                    *out = x[start + at_a * stride];
                }
            } else {
                for (at_a, out) in out.chunks_exact_mut(inner).enumerate() {
                    out.copy_from_slice(&x[start + at_a * stride..][..inner]);
                }
            }
        }
    });
}
