//! Pairs of BF16 numbers from f32 numbers, whichever way these lie.

#[cfg(target_arch = "x86_64")]
use std::{arch::x86_64::*, ops::Range};

use super::cells::rounded;
#[cfg(target_arch = "x86_64")]
use super::{kernel::Cells, operand::View};
use crate::cpu::simd;
#[cfg(target_arch = "x86_64")]
use crate::cpu::square::first as first_places;

/// Joins each two neighbours to a pair; the last one alone if their number is odd.
///
/// # Safety
/// The CPU has AVX-512 BF16.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bf16,avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
pub(super) unsafe fn copy(values: &[f32], out: &mut [f32]) {
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
pub(super) fn join(panel: &[f32], width: usize, out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if width == 32 && panel.len() == 2 * out.len() {
        // SAFETY: kernels of pairs are chosen only where the CPU has AVX-512 BF16.
        unsafe { join_32(panel, out) };
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

/// As [`join`] for panels of 32 lines and an even depth.
///
/// # Safety
/// The CPU has AVX-512 BF16.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bf16,avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn join_32(panel: &[f32], out: &mut [f32]) {
    // SAFETY: chunks have the lengths that are read and written.
    unsafe {
        for (two, out) in panel.chunks_exact(64).zip(out.chunks_exact_mut(32)) {
            for half in [0, 16] {
                let first = _mm512_loadu_ps(two[half..].as_ptr());
                let second = _mm512_loadu_ps(two[32 + half..].as_ptr());
                _mm512_storeu_si512(out[half..].as_mut_ptr().cast(), joined(first, second));
            }
        }
    }
}

/// Joins lines that lie side by side to panels of pairs, a few depths at a time: panels share lines of the cache. Places
/// after the last line, and the second number of the last pair of an odd depth, become zeros.
///
/// # Safety
/// The CPU has AVX-512 BF16.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bf16,avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
pub(super) unsafe fn side_by_side(
    view: View<'_>,
    (lines, depth): (Range<usize>, Range<usize>),
    width: usize,
    out: &mut [f32],
) {
    const PAIRS: usize = 4;
    let (stride, pairs) = (view.column_stride, Cells::Pairs.count(depth.len()));
    for start in (0..pairs).step_by(PAIRS) {
        let panels = out.chunks_exact_mut(pairs * width);
        for (first, out) in lines.clone().step_by(width).zip(panels) {
            let out = &mut out[start * width..(start + PAIRS).min(pairs) * width];
            for (pair, out) in out.chunks_exact_mut(width).enumerate() {
                let at = depth.start + 2 * (start + pair);
                let row = |at: usize| match first + at * stride {
                    from if at < depth.end => {
                        &view.values[from..from + width.min(lines.end - first)]
                    }
                    _ => &[],
                };
                let (first, second) = (row(at), row(at + 1));
                for (half, out) in out.chunks_mut(LANES).enumerate() {
                    // SAFETY: the CPU has the instruction set.
                    unsafe {
                        let pairs = joined(some(first, half), some(second, half));
                        _mm512_mask_storeu_epi32(
                            out.as_mut_ptr().cast(),
                            first_places(out.len()),
                            pairs,
                        );
                    }
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
const LANES: usize = 16;

/// Sixteen numbers from place `16 * half` on, zeros after the last one.
///
/// # Safety
/// The CPU has AVX-512.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn some(values: &[f32], half: usize) -> __m512 {
    let rest = values.get(half * LANES..).unwrap_or_default();
    // SAFETY: the mask ends with the values.
    unsafe { _mm512_maskz_loadu_ps(first_places(rest.len()), rest.as_ptr()) }
}

/// Pairs of the numbers at the same places, `first` in the lower halves.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512bf16,avx512f,avx512bw")]
fn joined(first: __m512, second: __m512) -> __m512i {
    /// Takes turns between the halves: 0, 16, 1, 17, ..
    const TURNS: [i16; 32] = {
        let mut turns = [0; 32];
        let mut at = 0;
        while at < 32 {
            turns[at] = (at / 2 + 16 * (at % 2)) as i16;
            at += 1;
        }
        turns
    };
    // SAFETY: 64 bytes are read of an array of as many; both vectors are 64 bytes without invalid values.
    unsafe {
        let turns = _mm512_loadu_si512(TURNS.as_ptr().cast());
        let both: __m512i = std::mem::transmute(_mm512_cvtne2ps_pbh(second, first));
        _mm512_permutexvar_epi16(turns, both)
    }
}
