//! Registers of sixteen numbers: masks of their first places, and sixteen of them with rows and columns exchanged.

use std::arch::x86_64::*;

/// A mask of the first `count` places; of all of them if there are more.
#[inline(always)]
pub(crate) fn first(count: usize) -> __mmask16 {
    ((1_u32 << count.min(16)) - 1) as u16
}

/// Rows become columns: pairs, then fours, then two times across the quarters of the registers.
///
/// No closures: what the compiler does not inline here costs as much as all of the shuffles.
#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
pub(crate) fn transpose(rows: [__m512; 16]) -> [__m512; 16] {
    let zero = _mm512_setzero_ps();
    // `fours[4 g + c]` holds column `4 q + c` of rows `4 g..4 g + 4` in its quarter `q`.
    let mut fours = [zero; 16];
    let mut at = 0;
    while at < 16 {
        let low = _mm512_castps_pd(_mm512_unpacklo_ps(rows[at], rows[at + 1]));
        let high = _mm512_castps_pd(_mm512_unpackhi_ps(rows[at], rows[at + 1]));
        let low2 = _mm512_castps_pd(_mm512_unpacklo_ps(rows[at + 2], rows[at + 3]));
        let high2 = _mm512_castps_pd(_mm512_unpackhi_ps(rows[at + 2], rows[at + 3]));
        fours[at] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, low2));
        fours[at + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, low2));
        fours[at + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high, high2));
        fours[at + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high, high2));
        at += 4;
    }
    let mut columns = [zero; 16];
    for at in 0..4 {
        let low = _mm512_shuffle_f32x4::<0b10_00_10_00>(fours[at], fours[at + 4]);
        let high = _mm512_shuffle_f32x4::<0b11_01_11_01>(fours[at], fours[at + 4]);
        let low2 = _mm512_shuffle_f32x4::<0b10_00_10_00>(fours[at + 8], fours[at + 12]);
        let high2 = _mm512_shuffle_f32x4::<0b11_01_11_01>(fours[at + 8], fours[at + 12]);
        columns[at] = _mm512_shuffle_f32x4::<0b10_00_10_00>(low, low2);
        columns[at + 8] = _mm512_shuffle_f32x4::<0b11_01_11_01>(low, low2);
        columns[at + 4] = _mm512_shuffle_f32x4::<0b10_00_10_00>(high, high2);
        columns[at + 12] = _mm512_shuffle_f32x4::<0b11_01_11_01>(high, high2);
    }
    columns
}
