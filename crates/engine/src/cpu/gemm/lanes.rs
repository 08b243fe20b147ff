//! Vectors of f32 that microkernels are written with, one type for each instruction set.

/// A vector register. Every function may be called only where its instruction set is enabled, and is inlined there.
pub(super) trait Lanes: Copy {
    /// Numbers in a register.
    const LEN: usize;

    /// Zeros.
    unsafe fn zero() -> Self;
    /// The cell at `from` in every place.
    unsafe fn splat(from: *const f32) -> Self;
    /// `LEN` cells from `from`.
    unsafe fn load(from: *const f32) -> Self;
    /// `LEN` numbers to `to`.
    unsafe fn store(self, to: *mut f32);
    /// `self + left * right`, cell by cell.
    unsafe fn add_product(self, left: Self, right: Self) -> Self;
    /// The sum over all places.
    unsafe fn total(self) -> f32;
}

/// What the end of a tile needs besides; not of registers whose cells are pairs.
pub(super) trait Ends: Lanes {
    /// Zero instead of what is less; what is no number stays.
    unsafe fn relu(self) -> Self;

    /// The first `len` cells from `from`, then zeros.
    #[inline(always)]
    unsafe fn load_part(from: *const f32, len: usize) -> Self {
        let mut cells = [0.0; MOST];
        // SAFETY: the caller promises `len` readable cells.
        unsafe {
            std::ptr::copy_nonoverlapping(from, cells.as_mut_ptr(), len.min(Self::LEN));
            Self::load(cells.as_ptr())
        }
    }

    /// The first `len` numbers to `to`.
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, len: usize) {
        let mut cells = [0.0; MOST];
        // SAFETY: the caller promises `len` writable places.
        unsafe {
            self.store(cells.as_mut_ptr());
            std::ptr::copy_nonoverlapping(cells.as_ptr(), to, len.min(Self::LEN));
        }
    }
}

/// Most numbers in a register.
pub(super) const MOST: usize = 16;

/// What every processor has; the compiler turns it into the vectors of the target.
#[derive(Clone, Copy)]
pub(super) struct Portable([f32; 8]);

impl Lanes for Portable {
    const LEN: usize = 8;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([0.0; 8])
    }

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self {
        // SAFETY: the caller promises a readable cell.
        Self([unsafe { from.read() }; 8])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller promises `LEN` readable cells.
        Self(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises `LEN` writable places.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) };
    }

    #[inline(always)]
    unsafe fn add_product(self, left: Self, right: Self) -> Self {
        let mut sum = self.0;
        for ((sum, left), right) in sum.iter_mut().zip(left.0).zip(right.0) {
            // One instruction where every processor of the target has it.
            *sum = if cfg!(target_arch = "aarch64") {
                left.mul_add(right, *sum)
            } else {
                *sum + left * right
            };
        }
        Self(sum)
    }

    #[inline(always)]
    unsafe fn total(self) -> f32 {
        let [a, b, c, d, e, f, g, h] = self.0;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }
}

impl Ends for Portable {
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        Self(self.0.map(
            #[inline(always)]
            |x| if x < 0.0 { 0.0 } else { x },
        ))
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512, Avx512Bf16};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Ends, Lanes};

    /// AVX2 with FMA.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2(__m256);

    impl Lanes for Avx2 {
        const LEN: usize = 8;

        #[inline(always)]
        unsafe fn zero() -> Self {
            // SAFETY: the caller has the instruction set.
            Self(unsafe { _mm256_setzero_ps() })
        }

        #[inline(always)]
        unsafe fn splat(from: *const f32) -> Self {
            // SAFETY: the caller has the instruction set and promises a readable cell.
            Self(unsafe { _mm256_set1_ps(*from) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the caller has the instruction set and promises `LEN` readable cells.
            Self(unsafe { _mm256_loadu_ps(from) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: the caller has the instruction set and promises `LEN` writable places.
            unsafe { _mm256_storeu_ps(to, self.0) };
        }

        #[inline(always)]
        unsafe fn add_product(self, left: Self, right: Self) -> Self {
            // SAFETY: the caller has the instruction set.
            Self(unsafe { _mm256_fmadd_ps(left.0, right.0, self.0) })
        }

        #[inline(always)]
        unsafe fn total(self) -> f32 {
            // SAFETY: the caller has the instruction set.
            unsafe {
                let half = _mm_add_ps(
                    _mm256_castps256_ps128(self.0),
                    _mm256_extractf128_ps::<1>(self.0),
                );
                let two = _mm_add_ps(half, _mm_movehl_ps(half, half));
                _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
            }
        }
    }

    impl Ends for Avx2 {
        #[inline(always)]
        unsafe fn relu(self) -> Self {
            // SAFETY: the caller has the instruction set. Of a pair with NaN the second is taken.
            Self(unsafe { _mm256_max_ps(_mm256_setzero_ps(), self.0) })
        }
    }

    /// AVX-512.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512(__m512);

    impl Lanes for Avx512 {
        const LEN: usize = 16;

        #[inline(always)]
        unsafe fn zero() -> Self {
            // SAFETY: the caller has the instruction set.
            Self(unsafe { _mm512_setzero_ps() })
        }

        #[inline(always)]
        unsafe fn splat(from: *const f32) -> Self {
            // SAFETY: the caller has the instruction set and promises a readable cell.
            Self(unsafe { _mm512_set1_ps(*from) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the caller has the instruction set and promises `LEN` readable cells.
            Self(unsafe { _mm512_loadu_ps(from) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: the caller has the instruction set and promises `LEN` writable places.
            unsafe { _mm512_storeu_ps(to, self.0) };
        }

        #[inline(always)]
        unsafe fn add_product(self, left: Self, right: Self) -> Self {
            // SAFETY: the caller has the instruction set.
            Self(unsafe { _mm512_fmadd_ps(left.0, right.0, self.0) })
        }

        #[inline(always)]
        unsafe fn total(self) -> f32 {
            // SAFETY: the caller has the instruction set.
            unsafe { _mm512_reduce_add_ps(self.0) }
        }
    }

    impl Ends for Avx512 {
        #[inline(always)]
        unsafe fn relu(self) -> Self {
            // SAFETY: the caller has the instruction set. Of a pair with NaN the second is taken.
            Self(unsafe { _mm512_max_ps(_mm512_setzero_ps(), self.0) })
        }

        #[inline(always)]
        unsafe fn load_part(from: *const f32, len: usize) -> Self {
            // SAFETY: the caller has the instruction set and promises `len` readable cells.
            Self(unsafe { _mm512_maskz_loadu_ps(first(len), from) })
        }

        #[inline(always)]
        unsafe fn store_part(self, to: *mut f32, len: usize) {
            // SAFETY: the caller has the instruction set and promises `len` writable places.
            unsafe { _mm512_mask_storeu_ps(to, first(len), self.0) };
        }
    }

    /// The mask of the first `len` of sixteen.
    #[inline(always)]
    fn first(len: usize) -> u16 {
        ((1_u32 << len) - 1) as u16
    }

    /// AVX-512 BF16: sums of f32, while a cell of a factor holds two BF16 numbers of neighbouring depths.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512Bf16(__m512);

    impl Lanes for Avx512Bf16 {
        const LEN: usize = 16;

        #[inline(always)]
        unsafe fn zero() -> Self {
            // SAFETY: the caller has the instruction set.
            Self(unsafe { _mm512_setzero_ps() })
        }

        #[inline(always)]
        unsafe fn splat(from: *const f32) -> Self {
            // SAFETY: the caller has the instruction set and promises a readable cell. Read as an integer: the bits
            // are two numbers, and must not be touched on the way.
            Self(unsafe { _mm512_castsi512_ps(_mm512_set1_epi32(*from.cast::<i32>())) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the caller has the instruction set and promises `LEN` readable cells.
            Self(unsafe { _mm512_loadu_ps(from) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: the caller has the instruction set and promises `LEN` writable places.
            unsafe { _mm512_storeu_ps(to, self.0) };
        }

        #[inline(always)]
        unsafe fn add_product(self, left: Self, right: Self) -> Self {
            // SAFETY: the caller has the instruction set; both types are 64 bytes without invalid values.
            unsafe {
                let pairs = |cells: __m512| std::mem::transmute::<__m512, __m512bh>(cells);
                Self(_mm512_dpbf16_ps(self.0, pairs(left.0), pairs(right.0)))
            }
        }

        #[inline(always)]
        unsafe fn total(self) -> f32 {
            // SAFETY: the caller has the instruction set.
            unsafe { _mm512_reduce_add_ps(self.0) }
        }
    }
}
