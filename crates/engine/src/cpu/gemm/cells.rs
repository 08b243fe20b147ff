//! What microkernels read: f32 numbers as they are, rounded, or as pairs of BF16.

use std::ops::Range;

use super::kernel::{Cells, Kernel};
use super::operand::Operand;
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

/// Packs some lines of a factor into panels of cells; `staging` holds one panel of numbers if cells are pairs.
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
            let staging = &mut staging[..width * depth.len()];
            let panels = out.chunks_exact_mut(len);
            for (first, out) in lines.clone().step_by(width).zip(panels) {
                let last = lines.end.min(first + width);
                operand.pack(first..last, depth.clone(), width, staging);
                pair_up(staging, width, out);
            }
        }
    }
}

/// Joins the numbers of each two neighbouring depths of a panel; the last one alone if their number is odd.
fn pair_up(panel: &[f32], width: usize, out: &mut [f32]) {
    simd::run(
        #[inline(always)]
        || {
            for (two, out) in panel.chunks(2 * width).zip(out.chunks_exact_mut(width)) {
                let (first, second) = two.split_at(width);
                if second.is_empty() {
                    for (out, &first) in out.iter_mut().zip(first) {
                        *out = f32::from_bits(rounded(first));
                    }
                } else {
                    for ((out, &first), &second) in out.iter_mut().zip(first).zip(second) {
                        *out = f32::from_bits(rounded(first) | (rounded(second) << 16));
                    }
                }
            }
        },
    );
}
