//! Products whose operands the transforms wrote in the order that the registers want, so that nothing is packed.

use super::lanes::{LANES, Lanes};

/// Columns of a packed panel.
pub(super) const PANEL: usize = 2 * LANES;

/// Which way the left factor lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// `[m, k]`, rows some distance apart.
    Rows,
    /// `[k, m]`, the same transposed.
    Columns,
}

/// The left factor: where it starts, how far apart its rows (or columns) lie, which way it lies.
#[derive(Clone, Copy)]
pub(super) struct Factor {
    pub(super) start: *const f32,
    pub(super) stride: usize,
    pub(super) left: Left,
}

/// `columns` (at most [`PANEL`], a multiple of [`LANES`]) columns of the right factor: rows `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct Panel {
    pub(super) start: *const f32,
    pub(super) stride: usize,
    pub(super) columns: usize,
}

/// Where a product goes: rows `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) start: *mut f32,
    pub(super) stride: usize,
    pub(super) accumulate: bool,
}

/// `to (+)= left right` for `rows` rows and all columns of one panel, summed over `depth`.
///
/// # Safety
/// The CPU has the instructions of `V`, and all places are valid.
#[inline(never)]
pub(super) unsafe fn panel_product<V: Lanes>(
    dims: (usize, usize),
    left: Factor,
    right: Panel,
    to: Place,
) {
    // SAFETY: by the promise of the caller. Compiled once, whatever the tiles.
    unsafe {
        V::enter(
            #[inline(always)]
            || groups::<V>(dims, left, right, to),
        );
    }
}

#[inline(always)]
unsafe fn groups<V: Lanes>((rows, depth): (usize, usize), left: Factor, right: Panel, to: Place) {
    // Even groups: 16 rows are two times 8, not 14 and 2.
    let groups = rows.div_ceil(V::ROWS).max(1);
    for group in 0..groups {
        let first = group * rows / groups;
        let count = (group + 1) * rows / groups - first;
        let offset = match left.left {
            Left::Rows => first * left.stride,
            Left::Columns => first,
        };
        let wide = LANES * V::COLUMNS;
        let mut column = 0;
        while column < right.columns {
            let fits = V::COLUMNS == 2 && column + wide <= right.columns;
            // SAFETY: inside the matrices by the promise of the caller.
            unsafe {
                let a = left.start.add(offset);
                let b = right.start.add(column);
                let c = to.start.add(first * to.stride + column);
                let tile = Tile {
                    depth,
                    a: (a, left.stride),
                    b: (b, right.stride),
                    c: (c, to.stride),
                    accumulate: to.accumulate,
                };
                match (left.left, fits) {
                    (Left::Rows, true) => tile.run::<V, 2, true>(count),
                    (Left::Rows, false) => tile.run::<V, 1, true>(count),
                    (Left::Columns, true) => tile.run::<V, 2, false>(count),
                    (Left::Columns, false) => tile.run::<V, 1, false>(count),
                }
            }
            column += if fits { wide } else { LANES };
        }
    }
}

#[derive(Clone, Copy)]
struct Tile {
    depth: usize,
    a: (*const f32, usize),
    b: (*const f32, usize),
    c: (*mut f32, usize),
    accumulate: bool,
}

impl Tile {
    #[inline(always)]
    unsafe fn run<V: Lanes, const S: usize, const ROWS: bool>(self, rows: usize) {
        // SAFETY: by the promise of the caller.
        unsafe {
            match rows {
                1 => self.sum::<V, 1, S, ROWS>(),
                2 => self.sum::<V, 2, S, ROWS>(),
                3 => self.sum::<V, 3, S, ROWS>(),
                4 => self.sum::<V, 4, S, ROWS>(),
                5 => self.sum::<V, 5, S, ROWS>(),
                6 => self.sum::<V, 6, S, ROWS>(),
                7 => self.sum::<V, 7, S, ROWS>(),
                8 => self.sum::<V, 8, S, ROWS>(),
                9 => self.sum::<V, 9, S, ROWS>(),
                10 => self.sum::<V, 10, S, ROWS>(),
                11 => self.sum::<V, 11, S, ROWS>(),
                12 => self.sum::<V, 12, S, ROWS>(),
                13 => self.sum::<V, 13, S, ROWS>(),
                14 => self.sum::<V, 14, S, ROWS>(),
                _ => {}
            }
        }
    }

    /// `R` rows times `S` sixteens, kept in registers over the whole depth.
    #[inline(always)]
    unsafe fn sum<V: Lanes, const R: usize, const S: usize, const ROWS: bool>(self) {
        if R > V::ROWS {
            return;
        }
        let (b, b_stride) = self.b;
        let (c, c_stride) = self.c;
        // SAFETY: inside the matrices by the promise of the caller.
        unsafe {
            let mut sums = [[V::zero(); S]; R];
            let mut at = 0;
            while at + 4 <= self.depth {
                for step in 0..4 {
                    self.step::<V, R, S, ROWS>(&mut sums, at + step, b.add((at + step) * b_stride));
                }
                at += 4;
            }
            while at < self.depth {
                self.step::<V, R, S, ROWS>(&mut sums, at, b.add(at * b_stride));
                at += 1;
            }
            for (row, sums) in sums.into_iter().enumerate() {
                for (column, mut sum) in sums.into_iter().enumerate() {
                    let c = c.add(row * c_stride + column * LANES);
                    if self.accumulate {
                        sum = sum.plus(V::load(c));
                    }
                    sum.store(c);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn step<V: Lanes, const R: usize, const S: usize, const ROWS: bool>(
        self,
        sums: &mut [[V; S]; R],
        at: usize,
        b: *const f32,
    ) {
        let (a, a_stride) = self.a;
        // SAFETY: inside the matrices by the promise of the caller.
        unsafe {
            let mut right = [V::zero(); S];
            for (column, right) in right.iter_mut().enumerate() {
                *right = V::load(b.add(column * LANES));
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let a = if ROWS {
                    a.add(row * a_stride + at)
                } else {
                    a.add(at * a_stride + row)
                };
                let left = V::splat(*a);
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = left.times_plus(right, *sum);
                }
            }
        }
    }
}
