//! What microkernels read: f32 numbers as they are, rounded, or as pairs of BF16.

use std::ops::Range;

use super::kernel::{Cells, Kernel};
use super::operand::Operand;
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
            let panel = width * depth.len();
            let staging = &mut staging[..lines.len().div_ceil(width) * panel];
            operand.pack(lines, depth, width, staging);
            let panels = staging.chunks_exact(panel).zip(out.chunks_exact_mut(len));
            panels.for_each(|(panel, out)| pair_up(panel, width, out));
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
    let is_read_directly = operand.view().is_some_and(|view| view.column_stride == 1);
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
                copy_pairs(values, out);
            }
        }
    }
}

/// Joins each two neighbours to a pair; the last one alone if their number is odd.
///
/// # Safety
/// The CPU has AVX-512 BF16.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bf16,avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn copy_pairs(values: &[f32], out: &mut [f32]) {
    use std::arch::x86_64::*;
    let (many, rest) = values.as_chunks::<32>();
    let (many_out, rest_out) = out.split_at_mut(many.len() * 16);
    // SAFETY: chunks have the lengths that are read and written; both vectors are 64 bytes.
    unsafe {
        for (values, out) in many.iter().zip(many_out.chunks_exact_mut(16)) {
            let low = _mm512_loadu_ps(values.as_ptr());
            let high = _mm512_loadu_ps(values[16..].as_ptr());
            let pairs: __m512i = std::mem::transmute(_mm512_cvtne2ps_pbh(high, low));
            _mm512_storeu_si512(out.as_mut_ptr().cast(), pairs);
        }
    }
    for (two, out) in rest.chunks(2).zip(rest_out) {
        let second = two.get(1).map_or(0, |&second| rounded(second));
        *out = f32::from_bits(rounded(two[0]) | (second << 16));
    }
}

/// Joins the numbers of each two neighbouring depths of a panel; the last one alone if their number is odd.
fn pair_up(panel: &[f32], width: usize, out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if width == 32 && panel.len() == 2 * out.len() {
        // SAFETY: kernels of pairs are chosen only where the CPU has AVX-512 BF16.
        unsafe { pair_up_32(panel, out) };
        return;
    }
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

/// As [`pair_up`] for panels of 32 lines and an even depth.
///
/// # Safety
/// The CPU has AVX-512 BF16.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bf16,avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn pair_up_32(panel: &[f32], out: &mut [f32]) {
    use std::arch::x86_64::*;
    // Takes turns between the halves: 0, 16, 1, 17, ..
    let mut turns = [0_i16; 32];
    for (at, turn) in turns.iter_mut().enumerate() {
        *turn = (at / 2 + 16 * (at % 2)) as i16;
    }
    // SAFETY: 64 bytes are read of an array of as many; chunks have the lengths that are read and written; all
    // vectors are 64 bytes without invalid values.
    unsafe {
        let turns = _mm512_loadu_si512(turns.as_ptr().cast());
        for (two, out) in panel.chunks_exact(64).zip(out.chunks_exact_mut(32)) {
            for half in [0, 16] {
                let first = _mm512_loadu_ps(two[half..].as_ptr());
                let second = _mm512_loadu_ps(two[32 + half..].as_ptr());
                let both: __m512i = std::mem::transmute(_mm512_cvtne2ps_pbh(second, first));
                let pairs = _mm512_permutexvar_epi16(turns, both);
                _mm512_storeu_si512(out[half..].as_mut_ptr().cast(), pairs);
            }
        }
    }
}
