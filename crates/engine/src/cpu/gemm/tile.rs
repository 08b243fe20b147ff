//! Microkernels: the sums of one tile of the result, kept in registers over the whole depth of a block.
//!
//! Every sum is one chain of additions in the order of the depth, whatever the size of the tile: how a result is cut
//! into tiles never changes its bits.

#[cfg(target_arch = "x86_64")]
use super::lanes::{Avx2, Avx512, Avx512Bf16};
use super::lanes::{Lanes, Portable};

/// Most rows of a tile of any kernel.
pub(super) const MOST_ROWS: usize = 14;
/// Most columns of a tile of any kernel.
pub(super) const MOST_COLUMNS: usize = 32;

/// The factors of a tile. Cells are f32, or pairs of BF16 numbers in kernels that say so.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// The cell of row `r` and depth `d` is `a + r * a_row + d * a_depth`.
    pub(super) a: *const f32,
    pub(super) a_row: usize,
    pub(super) a_depth: usize,
    /// The cells of depth `d` begin at `b + d * b_depth` and lie side by side.
    pub(super) b: *const f32,
    pub(super) b_depth: usize,
    /// Number of cells to sum over.
    pub(super) depth: usize,
    /// The sums begin with what stands where they go, instead of with zeros.
    pub(super) adds: bool,
}

/// Writes the sums of a tile, rows `row_stride` apart, in as many columns as the kernel has.
///
/// # Safety
/// The CPU has the instruction set, all cells of the tile are readable, and `sums` has room for them.
pub(super) type Run = unsafe fn(tile: &Tile, to: *mut f32, row_stride: usize);

#[inline(always)]
unsafe fn sum<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    tile: &Tile,
    to: *mut f32,
    row_stride: usize,
) {
    // SAFETY: reads and writes only the cells that the caller promises.
    unsafe {
        let mut sums = [[V::zero(); VECTORS]; ROWS];
        if tile.adds {
            for (row, sums) in sums.iter_mut().enumerate() {
                for (at, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(to.add(row * row_stride + at * V::LEN));
                }
            }
        }
        let (mut a, mut b) = (tile.a, tile.b);
        for _ in 0..tile.depth {
            let mut right = [V::zero(); VECTORS];
            for (at, right) in right.iter_mut().enumerate() {
                *right = V::load(b.add(at * V::LEN));
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let left = V::splat(a.add(row * tile.a_row));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = sum.add_product(left, right);
                }
            }
            a = a.wrapping_add(tile.a_depth);
            b = b.wrapping_add(tile.b_depth);
        }
        // By reference: arrays that move by value leave the registers on the way.
        for (row, sums) in sums.iter().enumerate() {
            for (at, sum) in sums.iter().enumerate() {
                sum.store(to.add(row * row_stride + at * V::LEN));
            }
        }
    }
}

/// A family of microkernels: one for each number of rows and of vectors side by side.
macro_rules! kernels {
    ($name:ident, $lanes:ty, $features:literal, rows [$($rows:literal)*]) => {
        pub(super) mod $name {
            use super::*;

            #[target_feature(enable = $features)]
            unsafe fn run<const ROWS: usize, const VECTORS: usize>(tile: &Tile, to: *mut f32, row_stride: usize) {
                // SAFETY: the promise of the caller is that of `sum`, and the instruction set is enabled here.
                unsafe { sum::<$lanes, ROWS, VECTORS>(tile, to, row_stride) };
            }

            /// By rows less one, then by vectors less one.
            pub(in super::super) const RUN: &[[Run; 2]] = &[$([run::<$rows, 1>, run::<$rows, 2>]),*];
        }
    };
}

#[cfg(target_arch = "x86_64")]
kernels!(avx512, Avx512, "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma",
    rows [1 2 3 4 5 6 7 8 9 10 11 12 13 14]);
#[cfg(target_arch = "x86_64")]
kernels!(avx512_bf16, Avx512Bf16, "avx512bf16,avx512f,avx512vl,avx512bw,avx512dq,avx2,fma",
    rows [1 2 3 4 5 6 7 8 9 10 11 12 13 14]);
#[cfg(target_arch = "x86_64")]
kernels!(avx2, Avx2, "avx2,fma", rows [1 2 3 4 5 6]);

pub(super) mod portable {
    use super::*;

    unsafe fn run<const ROWS: usize, const VECTORS: usize>(
        tile: &Tile,
        to: *mut f32,
        row_stride: usize,
    ) {
        // SAFETY: the promise of the caller is that of `sum`.
        unsafe { sum::<Portable, ROWS, VECTORS>(tile, to, row_stride) };
    }

    /// By rows less one, then by vectors less one.
    pub(in super::super) const RUN: &[[Run; 2]] = &[
        [run::<1, 1>, run::<1, 2>],
        [run::<2, 1>, run::<2, 2>],
        [run::<3, 1>, run::<3, 2>],
        [run::<4, 1>, run::<4, 2>],
    ];
}
