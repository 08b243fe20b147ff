//! Products of few rows with many: both factors are contiguous in depth and read where they lie, each once.

#[cfg(target_arch = "x86_64")]
use super::lanes::{Avx2, Avx512};
use super::lanes::{Lanes, Portable};

/// Rows and columns whose sums are kept in registers.
const SIDE: usize = 4;

/// Lines of a factor: `count` of them, `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct Lines {
    pub(super) start: *const f32,
    pub(super) stride: usize,
    pub(super) count: usize,
}

impl Lines {
    fn from(self, line: usize) -> *const f32 {
        self.start.wrapping_add(line * self.stride)
    }
}

/// Writes the dot product of every line of `a` with every line of `b` to `sums[line of a * width + line of b]`, or
/// adds it.
///
/// # Safety
/// The CPU has the instruction set; every line has `depth` numbers; `sums` has room for all.
pub(super) type Run =
    unsafe fn(a: Lines, b: Lines, depth: usize, sums: (&mut [f32], usize), adds: bool);

#[inline(always)]
unsafe fn all<V: Lanes>(
    a: Lines,
    b: Lines,
    depth: usize,
    (sums, width): (&mut [f32], usize),
    adds: bool,
) {
    for column in (0..b.count).step_by(SIDE) {
        for row in (0..a.count).step_by(SIDE) {
            let (rows, columns) = ((a.count - row).min(SIDE), (b.count - column).min(SIDE));
            // Lines that lack are stand-ins of the first, whose sums nobody takes.
            let lefts: [_; SIDE] =
                std::array::from_fn(|at| a.from(row + if at < rows { at } else { 0 }));
            let rights: [_; SIDE] =
                std::array::from_fn(|at| b.from(column + if at < columns { at } else { 0 }));
            // SAFETY: by the promise of the caller.
            let block = unsafe {
                match rows {
                    1 => block::<V, 1>(&lefts, &rights, depth),
                    2 => block::<V, 2>(&lefts, &rights, depth),
                    _ => block::<V, SIDE>(&lefts, &rights, depth),
                }
            };
            for (at, block) in block.iter().enumerate().take(rows) {
                let to = &mut sums[(row + at) * width + column..][..columns];
                for (to, sum) in to.iter_mut().zip(block) {
                    *to = if adds { *to + sum } else { *sum };
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn block<V: Lanes, const ROWS: usize>(
    lefts: &[*const f32; SIDE],
    rights: &[*const f32; SIDE],
    depth: usize,
) -> [[f32; SIDE]; SIDE] {
    let whole = depth / V::LEN * V::LEN;
    let mut results = [[0.0; SIDE]; SIDE];
    // SAFETY: reads only the numbers that the caller promises.
    unsafe {
        let mut sums = [[V::zero(); SIDE]; ROWS];
        for at in (0..whole).step_by(V::LEN) {
            let mut right = [V::zero(); SIDE];
            for (right, from) in right.iter_mut().zip(rights) {
                *right = V::load(from.add(at));
            }
            for (sums, from) in sums.iter_mut().zip(lefts) {
                let left = V::load(from.add(at));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = sum.add_product(left, right);
                }
            }
        }
        let rest = depth - whole;
        for ((results, sums), left) in results.iter_mut().zip(&sums).zip(lefts) {
            for ((result, sum), right) in results.iter_mut().zip(sums).zip(rights) {
                *result = sum.total();
                for at in whole..whole + rest {
                    *result += *left.add(at) * *right.add(at);
                }
            }
        }
    }
    results
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
pub(super) unsafe fn avx512(
    a: Lines,
    b: Lines,
    depth: usize,
    sums: (&mut [f32], usize),
    adds: bool,
) {
    // SAFETY: the promise of the caller is that of `all`, and the instruction set is enabled here.
    unsafe { all::<Avx512>(a, b, depth, sums, adds) };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn avx2(a: Lines, b: Lines, depth: usize, sums: (&mut [f32], usize), adds: bool) {
    // SAFETY: the promise of the caller is that of `all`, and the instruction set is enabled here.
    unsafe { all::<Avx2>(a, b, depth, sums, adds) };
}

pub(super) unsafe fn portable(
    a: Lines,
    b: Lines,
    depth: usize,
    sums: (&mut [f32], usize),
    adds: bool,
) {
    // SAFETY: the promise of the caller is that of `all`.
    unsafe { all::<Portable>(a, b, depth, sums, adds) };
}
