//! Panels of lines that are contiguous in depth: what is read along its rows is written along its columns.

use crate::cpu::simd::{self, SimdLevel};

/// Depths of one block: a cache line of f32.
const BLOCK: usize = 16;

/// Lines that lie `stride` apart in a slice, each contiguous.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
    pub(super) count: usize,
}

/// Writes `out[d * width + line]` for all whole rows of `out`; places after the last line become zeros.
pub(super) fn panel(lines: Lines<'_>, width: usize, out: &mut [f32]) {
    let depth = out.len() / width;
    let Some(last) = lines.count.checked_sub(1) else {
        return out.fill(0.0);
    };
    assert!(depth == 0 || last * lines.stride + depth <= lines.values.len());
    #[cfg(target_arch = "x86_64")]
    if simd::level() >= SimdLevel::Avx512 {
        // SAFETY: the level was found on this CPU, and all lines are in bounds by the assertion.
        unsafe { x86::panel(lines, width, out) };
        return;
    }
    plain(lines, width, out);
}

/// As [`panel`] in pairs of BF16 numbers of neighbouring depths; `depth` is that of the lines.
///
/// # Safety
/// The CPU has AVX-512 BF16.
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn pairs(lines: Lines<'_>, depth: usize, width: usize, out: &mut [f32]) {
    let last = lines.count.saturating_sub(1);
    assert!(
        last * lines.stride + depth <= lines.values.len() && out.len() == depth.div_ceil(2) * width
    );
    // SAFETY: by the promise of the caller, and all lines are in bounds by the assertion.
    unsafe { x86::pairs(lines, depth, width, out) };
}

fn plain(lines: Lines<'_>, width: usize, out: &mut [f32]) {
    simd::run(
        #[inline(always)]
        || {
            for (block, out) in out.chunks_mut(BLOCK * width).enumerate() {
                let depth = out.len() / width;
                for line in 0..lines.count {
                    let values = &lines.values[line * lines.stride + block * BLOCK..][..depth];
                    for (out, value) in out.chunks_exact_mut(width).zip(values) {
                        out[line] = *value;
                    }
                }
                for out in out.chunks_exact_mut(width) {
                    out[lines.count..].fill(0.0);
                }
            }
        },
    );
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{BLOCK, Lines};
    use crate::cpu::square::{first, transpose};

    const HALF: usize = 16;

    /// # Safety
    /// The CPU has AVX-512, and every line holds as many values as `out` has rows.
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
    pub(super) unsafe fn panel(lines: Lines<'_>, width: usize, out: &mut [f32]) {
        let depth = out.len() / width;
        for block in (0..depth).step_by(BLOCK) {
            let deep = BLOCK.min(depth - block);
            let some = first(deep);
            let load = |from: *const f32| {
                // SAFETY: the line holds `depth` values, and the mask ends with them.
                unsafe { _mm512_maskz_loadu_ps(some, from.add(block)) }
            };
            // SAFETY: by the promise of the caller.
            unsafe {
                columns(
                    lines,
                    width,
                    &mut out[block * width..][..deep * width],
                    load,
                )
            };
        }
    }

    /// # Safety
    /// The CPU has AVX-512 BF16, and every line holds `depth` values.
    #[target_feature(enable = "avx512bf16,avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
    pub(super) unsafe fn pairs(lines: Lines<'_>, depth: usize, width: usize, out: &mut [f32]) {
        for (block, out) in out.chunks_mut(BLOCK * width).enumerate() {
            let start = 2 * block * BLOCK;
            let deep = (2 * BLOCK).min(depth - start);
            let (low, high) = (first(deep.min(HALF)), first(deep.saturating_sub(HALF)));
            let load = |from: *const f32| {
                // SAFETY: the line holds `depth` values, and the masks end with them; both types are 64 bytes.
                unsafe {
                    let from = from.add(start);
                    let low = _mm512_maskz_loadu_ps(low, from);
                    let high = _mm512_maskz_loadu_ps(high, from.wrapping_add(HALF));
                    std::mem::transmute::<__m512bh, __m512>(_mm512_cvtne2ps_pbh(high, low))
                }
            };
            // SAFETY: by the promise of the caller.
            unsafe { columns(lines, width, out, load) };
        }
    }

    /// Writes what `load` gives for every line as columns: at most [`BLOCK`] rows of `width` places.
    ///
    /// # Safety
    /// The CPU has AVX-512.
    #[inline(always)]
    unsafe fn columns(
        lines: Lines<'_>,
        width: usize,
        out: &mut [f32],
        load: impl Fn(*const f32) -> __m512,
    ) {
        let start = lines.values.as_ptr();
        for from in (0..width).step_by(HALF) {
            let mask = first((width - from).min(HALF));
            // SAFETY: the CPU has the instruction set.
            let mut rows = [unsafe { _mm512_setzero_ps() }; HALF];
            for (at, row) in rows.iter_mut().enumerate() {
                if from + at < lines.count {
                    *row = load(start.wrapping_add((from + at) * lines.stride));
                }
            }
            // SAFETY: the CPU has the instruction set.
            let columns = unsafe { transpose(rows) };
            for (out, column) in out.chunks_exact_mut(width).zip(&columns) {
                // SAFETY: the mask ends with the row.
                unsafe { _mm512_mask_storeu_ps(out[from..].as_mut_ptr(), mask, *column) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_write_lines_as_columns() {
        let values: Vec<f32> = (0..4000_u16).map(f32::from).collect();
        for (width, count) in [
            (32, 32),
            (32, 5),
            (16, 16),
            (14, 14),
            (14, 1),
            (6, 6),
            (8, 0),
        ] {
            for depth in [1, 15, 16, 17, 50] {
                let lines = Lines {
                    values: &values,
                    stride: 60,
                    count,
                };
                let expected: Vec<f32> = (0..depth * width)
                    .map(|at| (at % width, at / width))
                    .map(|(line, d)| {
                        if line < count {
                            (line * 60 + d) as f32
                        } else {
                            0.0
                        }
                    })
                    .collect();
                for write in [panel, plain] {
                    let mut out = vec![7.0; depth * width];
                    write(lines, width, &mut out);
                    assert!(out == expected, "{count} lines in {width}, depth {depth}");
                }
            }
        }
    }
}
