//! Largest values of two by two pixels and their places, sixteen windows at a time.
#![allow(
    unsafe_code,
    reason = "pairs are taken apart with an instruction set that is proven at run time"
)]

use super::simd::{SimdLevel, level};
use crate::op::PoolShape;

/// Windows that are computed side by side.
const LANES: usize = 16;

/// Does it where the processor can and a line has enough windows; false if not. Places only if they are asked for.
pub(super) fn largest(
    shape: &PoolShape,
    x: &[f32],
    y: &mut [f32],
    places: Option<&mut [u32]>,
) -> bool {
    let is_able = level() >= SimdLevel::Avx512 && shape.out_width >= LANES;
    assert!(
        places
            .as_ref()
            .is_none_or(|places| places.len() >= shape.out_plane())
    );
    if is_able {
        assert!(x.len() >= shape.plane() && y.len() >= shape.out_plane());
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has the level; planes are as long as the shape says.
        unsafe {
            match places {
                Some(places) => x86::largest::<true>(shape, x, y, places.as_mut_ptr()),
                None => x86::largest::<false>(shape, x, y, std::ptr::null_mut()),
            }
        }
    }
    is_able
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::LANES;
    use crate::op::PoolShape;

    /// # Safety
    /// The CPU has AVX-512 F; windows of two by two lie side by side, at least [`LANES`] in a line, and both slices, and
    /// the places if `PLACES` says so, are planes of the shape.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn largest<const PLACES: bool>(
        shape: &PoolShape,
        x: &[f32],
        y: &mut [f32],
        places: *mut u32,
    ) {
        let (width, ow) = (shape.width, shape.out_width);
        let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let even = _mm512_add_epi32(lanes, lanes);
        let odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
        for line in 0..shape.out_height {
            for start in (0..ow).step_by(LANES) {
                // The last stretch begins earlier, rather than being a short one.
                let start = start.min(ow - LANES);
                let at = 2 * (line * width + start);
                // SAFETY: two lines of at least 32 pixels begin here, and 16 windows in their line.
                unsafe {
                    let upper = x.as_ptr().add(at);
                    let lower = upper.add(width);
                    let [u0, u1] = [upper, upper.add(LANES)].map(|x| _mm512_loadu_ps(x));
                    let [l0, l1] = [lower, lower.add(LANES)].map(|x| _mm512_loadu_ps(x));
                    let mut best = _mm512_permutex2var_ps(u0, even, u1);
                    let mut place = _mm512_add_epi32(even, _mm512_set1_epi32(at as i32));
                    let first = place;
                    for (corner, within) in [
                        (_mm512_permutex2var_ps(u0, odd, u1), 1),
                        (_mm512_permutex2var_ps(l0, even, l1), width),
                        (_mm512_permutex2var_ps(l0, odd, l1), width + 1),
                    ] {
                        // What is no number wins and stays.
                        let is_number = _mm512_cmp_ps_mask::<_CMP_ORD_Q>(best, best);
                        let wins = _mm512_mask_cmp_ps_mask::<_CMP_NLE_UQ>(is_number, corner, best);
                        let here = _mm512_add_epi32(first, _mm512_set1_epi32(within as i32));
                        best = _mm512_mask_mov_ps(best, wins, corner);
                        place = _mm512_mask_mov_epi32(place, wins, here);
                    }
                    let out = line * ow + start;
                    _mm512_storeu_ps(y.as_mut_ptr().add(out), best);
                    if PLACES {
                        _mm512_storeu_si512(places.add(out).cast(), place);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::random_tensor;
    use crate::op::Pool2d;

    #[test]
    fn places_are_those_of_a_plain_search() {
        for size in [[2, 32], [5, 33], [6, 70]] {
            let mut x = random_tensor(&[1, 1, size[0], size[1]], 1);
            for (at, x) in x.data_mut().iter_mut().enumerate() {
                // Few different values, so that several in a window are equal; some are no number.
                *x = if at % 11 == 3 {
                    f32::NAN
                } else {
                    (*x * 2.0).round()
                };
            }
            let (shape, _) = PoolShape::check("pool", x.shape(), Pool2d::square(2)).unwrap();
            let mut y = vec![0.0; shape.out_plane()];
            let mut places = vec![0; y.len()];
            if !largest(&shape, x.data(), &mut y, Some(&mut places)) {
                return;
            }
            let mut values = vec![0.0; y.len()];
            assert!(largest(&shape, x.data(), &mut values, None));
            assert!(
                y.iter()
                    .zip(&values)
                    .all(|(a, b)| a.to_bits() == b.to_bits())
            );
            for (out, (y, place)) in y.iter().zip(&places).enumerate() {
                let (line, column) = (out / shape.out_width, out % shape.out_width);
                let first = 2 * (line * shape.width + column);
                let corners = [0, 1, shape.width, shape.width + 1].map(|within| first + within);
                let value = |at: &usize| x.data()[*at];
                let nan = corners.iter().find(|at| value(at).is_nan());
                let best = corners.iter().map(value).fold(f32::NEG_INFINITY, f32::max);
                let expected = nan.or_else(|| corners.iter().find(|at| value(at) == best));
                assert_eq!(Some(&(*place as usize)), expected, "{size:?} {out}");
                assert!(y.to_bits() == x.data()[*place as usize].to_bits());
            }
        }
    }
}
