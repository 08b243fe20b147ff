//! The microkernels of an instruction set and a precision, with what surrounds them.

use super::dots;
use super::finish::{self, TileEnd};
use super::tile::{self, MOST_COLUMNS, MOST_ROWS, Run, Tile};
use crate::cpu::simd::SimdLevel;
use crate::precision::Precision;

/// Room for the sums of the largest tile.
#[repr(align(64))]
pub(super) struct Sums(pub(super) [f32; MOST_ROWS * MOST_COLUMNS]);

impl Sums {
    pub(super) fn new() -> Self {
        Self([0.0; MOST_ROWS * MOST_COLUMNS])
    }
}

/// What packed panels hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cells {
    /// Numbers as they are.
    Exact,
    /// Numbers rounded to BF16, each in its own cell.
    Rounded,
    /// Two BF16 numbers of neighbouring depths in a cell, the first in the lower half.
    Pairs,
}

impl Cells {
    /// Cells for `depth` numbers.
    pub(super) fn count(self, depth: usize) -> usize {
        match self {
            Self::Exact | Self::Rounded => depth,
            Self::Pairs => depth.div_ceil(2),
        }
    }
}

/// One choice of microkernels.
#[derive(Clone, Copy)]
pub(crate) struct Kernel {
    run: &'static [[Run; 2]],
    finish: finish::Run,
    pub(super) dots: dots::Run,
    lanes: usize,
    vectors: usize,
    pub(super) cells: Cells,
}

impl Kernel {
    /// The kernels for `precision` on a CPU that has `level`.
    pub(crate) fn new(level: SimdLevel, precision: Precision) -> Self {
        let cells = match (precision, level) {
            (Precision::F32, _) => Cells::Exact,
            (Precision::Bf16, SimdLevel::Avx512Bf16) => Cells::Pairs,
            (Precision::Bf16, _) => Cells::Rounded,
        };
        match level {
            #[cfg(target_arch = "x86_64")]
            SimdLevel::Avx512 | SimdLevel::Avx512Bf16 => Self {
                run: if cells == Cells::Pairs {
                    tile::avx512_bf16::RUN
                } else {
                    tile::avx512::RUN
                },
                finish: finish::avx512,
                dots: dots::avx512,
                lanes: 16,
                vectors: 2,
                cells,
            },
            #[cfg(target_arch = "x86_64")]
            SimdLevel::Avx2 => Self {
                run: tile::avx2::RUN,
                finish: finish::avx2,
                dots: dots::avx2,
                lanes: 8,
                vectors: 2,
                cells,
            },
            _ => Self {
                run: tile::portable::RUN,
                finish: finish::portable,
                dots: dots::portable,
                lanes: 8,
                // 16 registers of four numbers on x86-64, 32 elsewhere.
                vectors: if cfg!(target_arch = "x86_64") { 1 } else { 2 },
                cells,
            },
        }
    }

    /// With tiles of one vector side by side, if all columns fit: panels are no wider than they must be.
    pub(super) fn narrow(self, columns: usize) -> Self {
        Self {
            vectors: if columns <= self.lanes {
                1
            } else {
                self.vectors
            },
            ..self
        }
    }

    /// Most rows of a tile.
    pub(super) fn rows(&self) -> usize {
        self.run.len()
    }

    /// Most columns of a tile, which is the width of the panels of `b`.
    pub(super) fn columns(&self) -> usize {
        self.lanes * self.vectors
    }

    /// Computes one tile and finishes it.
    ///
    /// # Safety
    /// The CPU has the level; the factors hold `end.rows` rows and, side by side, as many columns as whole vectors
    /// cover `end.columns`; the places of `end` are writable and nobody else uses them.
    #[inline(always)]
    pub(super) unsafe fn compute(&self, tile: &Tile, end: &TileEnd<'_>, sums: &mut Sums) {
        let vectors = end.columns.div_ceil(self.lanes);
        for row in 0..end.rows {
            prefetch(end.c.wrapping_add(row * end.row_stride));
            prefetch(end.c.wrapping_add(row * end.row_stride + end.columns - 1));
        }
        // SAFETY: by the promise of the caller; `sums` has room for the largest tile.
        unsafe {
            let run = self.run[end.rows - 1][vectors - 1];
            let width = vectors * self.lanes;
            if width == end.columns && end.is_plain() {
                let tile = Tile {
                    adds: end.adds,
                    ..*tile
                };
                run(&tile, end.c, end.row_stride);
            } else {
                run(tile, sums.0.as_mut_ptr(), width);
                (self.finish)(end, &sums.0, width);
            }
        }
    }

    /// Finishes a tile whose sums, `width` in a row, are known already.
    ///
    /// # Safety
    /// The CPU has the level; the places of `end` are writable and nobody else uses them.
    pub(super) unsafe fn finish(&self, end: &TileEnd<'_>, sums: &[f32], width: usize) {
        // SAFETY: by the promise of the caller.
        unsafe { (self.finish)(end, sums, width) };
    }
}

/// Asks for the cache line of a place that will be written when the sums are done.
#[inline(always)]
fn prefetch(place: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no effect that a program can see, whatever the address; SSE is part of x86-64.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_ET0>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
