//! What microkernels read: f32 numbers as they are, rounded, or as pairs of BF16.

use std::ops::Range;

use super::kernel::{Cells, Kernel};
use super::operand::Operand;
use super::pairs;
#[cfg(target_arch = "x86_64")]
use super::transpose::{self, Lines};
use crate::cpu::simd;

/// Bits of the nearest BF16 number in the lower half, ties to even. Numbers that are none stay none.
#[inline(always)]
pub(super) fn rounded(x: f32) -> u32 {
    const QUIET: u32 = 0x0040_0000;
    let bits = x.to_bits();
    let nearest = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    if x.is_nan() {
        (bits | QUIET) >> 16
    } else {
        nearest
    }
}

/// Packs some lines of a factor into panels of cells; `staging` holds as many numbers as
/// [`staging_len`] says.
pub(super) fn pack(
    kernel: &Kernel,
    operand: &dyn Operand,
    (lines, depth): (Range<usize>, Range<usize>),
    width: usize,
    staging: &mut [f32],
    out: &mut [f32],
) {
    match kernel.cells {
        Cells::Exact => operand.pack(lines, depth, width, out),
        Cells::Rounded => {
            operand.pack(lines, depth, width, out);
            simd::run(
                #[inline(always)]
                || {
                    out.iter_mut()
                        .for_each(|x| *x = f32::from_bits(rounded(*x) << 16));
                },
            );
        }
        Cells::Pairs => {
            let len = width * Cells::Pairs.count(depth.len());
            if len == 0 {
                return;
            }
            #[cfg(target_arch = "x86_64")]
            if let Some(view) = operand.view().filter(|view| view.column_stride == 1) {
                for (first, out) in lines.clone().step_by(width).zip(out.chunks_exact_mut(len)) {
                    let view = view.from(first, depth.start);
                    let lines = Lines {
                        values: view.values,
                        stride: view.row_stride,
                        count: width.min(lines.end - first),
                    };
                    // SAFETY: kernels of pairs are chosen only where the CPU has AVX-512 BF16.
                    unsafe { transpose::pairs(lines, depth.len(), width, out) };
                }
                return;
            }
            #[cfg(target_arch = "x86_64")]
            if let Some(view) = operand.view().filter(|view| view.row_stride == 1) {
                // SAFETY: kernels of pairs are chosen only where the CPU has AVX-512 BF16.
                unsafe { pairs::side_by_side(view, (lines, depth), width, out) };
                return;
            }
            let panel = width * depth.len();
            let staging = &mut staging[..lines.len().div_ceil(width) * panel];
            operand.pack(lines, depth, width, staging);
            let panels = staging.chunks_exact(panel).zip(out.chunks_exact_mut(len));
            panels.for_each(|(panel, out)| pairs::join(panel, width, out));
        }
    }
}

/// Numbers that [`pack`] stages for `lines`, a multiple of the width of panels.
pub(super) fn staging_len(
    kernel: &Kernel,
    operand: &dyn Operand,
    lines: usize,
    depth: usize,
) -> usize {
    let is_read_directly = operand
        .view()
        .is_some_and(|view| view.column_stride == 1 || view.row_stride == 1);
    match kernel.cells {
        Cells::Pairs if !is_read_directly => lines * depth,
        _ => 0,
    }
}

/// Writes numbers that lie side by side as cells.
pub(super) fn copy(kernel: &Kernel, values: &[f32], out: &mut [f32]) {
    match kernel.cells {
        Cells::Exact => out.copy_from_slice(values),
        Cells::Rounded => simd::run(
            #[inline(always)]
            || {
                for (out, &value) in out.iter_mut().zip(values) {
                    *out = f32::from_bits(rounded(value) << 16);
                }
            },
        ),
        Cells::Pairs => {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: kernels of pairs are chosen only where the CPU has AVX-512 BF16.
            unsafe {
                pairs::copy(values, out);
            }
        }
    }
}
