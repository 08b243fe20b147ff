//! Sixteen numbers at a time, in the registers of the CPU: one of AVX-512, two of AVX2, or an array.
//!
//! The lanes are channels. [`Lanes::enter`] compiles a closure for the instruction set; everything it calls must be
//! inlined into it.

/// How many numbers go together.
pub(super) const LANES: usize = 16;

/// A length of at least `len`, odd in cache lines: places that lie so far apart share no set of a cache.
pub(super) fn spread_out(len: usize) -> usize {
    (len.div_ceil(LANES) | 1) * LANES
}

/// Sixteen `f32`.
///
/// # Safety
/// All functions need the instruction set of the type on this CPU, and are fast only inside [`Lanes::enter`].
/// Pointers must be valid for the numbers that are read or written.
pub(super) trait Lanes: Copy {
    /// Rows of a product that are summed in registers at a time.
    const ROWS: usize;
    /// Sixteens of its columns that are.
    const COLUMNS: usize;

    /// Runs `work` compiled for the instruction set. Closure and callees must be `#[inline(always)]`.
    unsafe fn enter<R>(work: impl FnOnce() -> R) -> R;
    unsafe fn load(at: *const f32) -> Self;
    unsafe fn store(self, at: *mut f32);
    unsafe fn splat(x: f32) -> Self;
    unsafe fn plus(self, other: Self) -> Self;
    unsafe fn minus(self, other: Self) -> Self;
    unsafe fn times(self, other: Self) -> Self;
    /// `self * factor + sum`
    unsafe fn times_plus(self, factor: Self, sum: Self) -> Self;
    /// `to[column][row] = from[row][column]` for `rows` (at most 16) rows `stride` apart; lanes beyond are zeros.
    unsafe fn gather(from: *const f32, stride: usize, rows: usize, columns: usize, to: *mut f32);
    /// The other way: `to[row][column] = from[column][row]`, rows `stride` apart, lanes beyond are dropped.
    unsafe fn scatter(from: *const f32, to: *mut f32, stride: usize, rows: usize, columns: usize);

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: by the promise of the caller.
        unsafe { Self::splat(0.0) }
    }
}

/// The same in plain code, for every CPU.
#[derive(Clone, Copy)]
pub(super) struct Plain([f32; LANES]);

impl Lanes for Plain {
    const ROWS: usize = 4;
    const COLUMNS: usize = 1;

    #[inline(always)]
    unsafe fn enter<R>(work: impl FnOnce() -> R) -> R {
        work()
    }

    #[inline(always)]
    unsafe fn load(at: *const f32) -> Self {
        // SAFETY: valid for sixteen numbers by the promise of the caller.
        Self(unsafe { at.cast::<[f32; LANES]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, at: *mut f32) {
        // SAFETY: as above.
        unsafe { at.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; LANES])
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] + other.0[lane]))
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] - other.0[lane]))
    }

    #[inline(always)]
    unsafe fn times(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] * other.0[lane]))
    }

    #[inline(always)]
    unsafe fn times_plus(self, factor: Self, sum: Self) -> Self {
        Self(std::array::from_fn(|lane| {
            self.0[lane] * factor.0[lane] + sum.0[lane]
        }))
    }

    #[inline(always)]
    unsafe fn gather(from: *const f32, stride: usize, rows: usize, columns: usize, to: *mut f32) {
        // SAFETY: by the promise of the caller.
        unsafe { gather_plain(from, stride, rows, 0..columns, to) }
    }

    #[inline(always)]
    unsafe fn scatter(from: *const f32, to: *mut f32, stride: usize, rows: usize, columns: usize) {
        // SAFETY: by the promise of the caller.
        unsafe { scatter_plain(from, to, stride, rows, 0..columns) }
    }
}

/// [`Lanes::gather`] of some columns, one number after the other.
#[inline(always)]
unsafe fn gather_plain(
    from: *const f32,
    stride: usize,
    rows: usize,
    columns: std::ops::Range<usize>,
    to: *mut f32,
) {
    for column in columns {
        for lane in 0..LANES {
            // SAFETY: in bounds by the promise of the caller of `gather`.
            unsafe {
                *to.add(column * LANES + lane) = if lane < rows {
                    *from.add(lane * stride + column)
                } else {
                    0.0
                };
            }
        }
    }
}

/// [`Lanes::scatter`] of some columns, one number after the other.
#[inline(always)]
unsafe fn scatter_plain(
    from: *const f32,
    to: *mut f32,
    stride: usize,
    rows: usize,
    columns: std::ops::Range<usize>,
) {
    for row in 0..rows {
        for column in columns.clone() {
            // SAFETY: in bounds by the promise of the caller of `scatter`.
            unsafe { *to.add(row * stride + column) = *from.add(column * LANES + row) };
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{LANES, Lanes, gather_plain, scatter_plain};
    use crate::cpu::square::{first, transpose};

    /// One register of AVX-512.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512(__m512);

    impl Lanes for Avx512 {
        const ROWS: usize = 14;
        const COLUMNS: usize = 2;

        #[inline(always)]
        unsafe fn enter<R>(work: impl FnOnce() -> R) -> R {
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
            fn wide<R>(work: impl FnOnce() -> R) -> R {
                work()
            }
            // SAFETY: the CPU has AVX-512 by the promise of the caller.
            unsafe { wide(work) }
        }

        #[inline(always)]
        unsafe fn load(at: *const f32) -> Self {
            // SAFETY: by the promise of the caller, here and below.
            Self(unsafe { _mm512_loadu_ps(at) })
        }

        #[inline(always)]
        unsafe fn store(self, at: *mut f32) {
            // SAFETY: as above.
            unsafe { _mm512_storeu_ps(at, self.0) }
        }

        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_set1_ps(x) })
        }

        #[inline(always)]
        unsafe fn plus(self, other: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn minus(self, other: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_sub_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn times(self, other: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_mul_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn times_plus(self, factor: Self, sum: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, sum.0) })
        }

        #[inline(always)]
        unsafe fn gather(
            from: *const f32,
            stride: usize,
            rows: usize,
            columns: usize,
            to: *mut f32,
        ) {
            for at in (0..columns).step_by(LANES) {
                let count = LANES.min(columns - at);
                // SAFETY: masked lanes are not read; the rest is in bounds by the promise of the caller.
                unsafe {
                    let mut square = [_mm512_setzero_ps(); LANES];
                    for (row, square) in square.iter_mut().enumerate() {
                        if row < rows {
                            let from = from.add(row * stride + at);
                            *square = _mm512_maskz_loadu_ps(first(count), from);
                        }
                    }
                    for (column, lanes) in transpose(square).into_iter().enumerate() {
                        if column < count {
                            _mm512_storeu_ps(to.add((at + column) * LANES), lanes);
                        }
                    }
                }
            }
        }

        #[inline(always)]
        unsafe fn scatter(
            from: *const f32,
            to: *mut f32,
            stride: usize,
            rows: usize,
            columns: usize,
        ) {
            for at in (0..columns).step_by(LANES) {
                let count = LANES.min(columns - at);
                // SAFETY: masked lanes are not written; the rest is in bounds by the promise of the caller.
                unsafe {
                    let mut square = [_mm512_setzero_ps(); LANES];
                    for (column, square) in square.iter_mut().enumerate() {
                        if column < count {
                            *square = _mm512_loadu_ps(from.add((at + column) * LANES));
                        }
                    }
                    for (row, lanes) in transpose(square).into_iter().enumerate() {
                        if row < rows {
                            let to = to.add(row * stride + at);
                            _mm512_mask_storeu_ps(to, first(count), lanes);
                        }
                    }
                }
            }
        }
    }

    /// Two registers of AVX2.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2([__m256; 2]);

    impl Lanes for Avx2 {
        const ROWS: usize = 6;
        const COLUMNS: usize = 1;

        #[inline(always)]
        unsafe fn enter<R>(work: impl FnOnce() -> R) -> R {
            #[target_feature(enable = "avx2,fma")]
            fn wide<R>(work: impl FnOnce() -> R) -> R {
                work()
            }
            // SAFETY: the CPU has AVX2 and FMA by the promise of the caller.
            unsafe { wide(work) }
        }

        #[inline(always)]
        unsafe fn load(at: *const f32) -> Self {
            // SAFETY: by the promise of the caller, here and below.
            Self(unsafe { [_mm256_loadu_ps(at), _mm256_loadu_ps(at.add(8))] })
        }

        #[inline(always)]
        unsafe fn store(self, at: *mut f32) {
            // SAFETY: as above.
            unsafe {
                _mm256_storeu_ps(at, self.0[0]);
                _mm256_storeu_ps(at.add(8), self.0[1]);
            }
        }

        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: as above.
            Self([unsafe { _mm256_set1_ps(x) }; 2])
        }

        #[inline(always)]
        unsafe fn plus(self, other: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe {
                [
                    _mm256_add_ps(self.0[0], other.0[0]),
                    _mm256_add_ps(self.0[1], other.0[1]),
                ]
            })
        }

        #[inline(always)]
        unsafe fn minus(self, other: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe {
                [
                    _mm256_sub_ps(self.0[0], other.0[0]),
                    _mm256_sub_ps(self.0[1], other.0[1]),
                ]
            })
        }

        #[inline(always)]
        unsafe fn times(self, other: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe {
                [
                    _mm256_mul_ps(self.0[0], other.0[0]),
                    _mm256_mul_ps(self.0[1], other.0[1]),
                ]
            })
        }

        #[inline(always)]
        unsafe fn times_plus(self, factor: Self, sum: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe {
                [
                    _mm256_fmadd_ps(self.0[0], factor.0[0], sum.0[0]),
                    _mm256_fmadd_ps(self.0[1], factor.0[1], sum.0[1]),
                ]
            })
        }

        #[inline(always)]
        unsafe fn gather(
            from: *const f32,
            stride: usize,
            rows: usize,
            columns: usize,
            to: *mut f32,
        ) {
            // SAFETY: by the promise of the caller.
            unsafe { gather_plain(from, stride, rows, 0..columns, to) }
        }

        #[inline(always)]
        unsafe fn scatter(
            from: *const f32,
            to: *mut f32,
            stride: usize,
            rows: usize,
            columns: usize,
        ) {
            // SAFETY: by the promise of the caller.
            unsafe { scatter_plain(from, to, stride, rows, 0..columns) }
        }
    }
}
