//! From planes of pictures to transformed tiles and back; sixteen channels at a time.

use std::ops::Range;

use super::Affine;
use super::geometry::{Planes, Tiles};
use super::lanes::{LANES, Lanes, spread_out};
use crate::buffer::Buffer;
use crate::cpu::parallel::Shared;

/// Transformed tiles of some rows: `[N * N, tiles, stride]`, channels along the last axis.
#[derive(Clone, Copy)]
pub(super) struct Spread {
    pub(super) values: Shared,
    /// Tiles of one plane.
    pub(super) tiles: usize,
    /// Distance from tile to tile.
    pub(super) stride: usize,
    /// Tile that the first row of the call begins with.
    pub(super) first: usize,
}

impl Spread {
    /// Values of all places.
    pub(super) fn len<const N: usize>(tiles: usize, stride: usize) -> usize {
        N * N * spread_out(tiles * stride)
    }

    /// Room for `tiles`; the borrow must outlive all tasks that use it.
    pub(super) fn new(values: &mut Buffer, tiles: usize, stride: usize) -> Self {
        Self {
            values: Shared::new(values),
            tiles,
            stride,
            first: 0,
        }
    }

    /// The same from another tile on.
    pub(super) fn starting_at(self, first: usize) -> Self {
        Self { first, ..self }
    }

    /// Values from one of the `N * N` places to the next.
    pub(super) fn plane(self) -> usize {
        spread_out(self.tiles * self.stride)
    }
}

/// Reads patches of `L x L` values that begin `padding` before their tile of `M x M`, and transforms them both ways
/// into `N x N` places.
///
/// # Safety
/// The CPU has the instructions of `V`; nobody else uses the lanes of this block in `to`.
#[inline(always)]
pub(super) unsafe fn spread<V: Lanes, const L: usize, const M: usize, const N: usize>(
    (planes, x): (Planes, &[f32]),
    (tiles, rows): (&Tiles, Range<usize>),
    (block, padding): (usize, [usize; 2]),
    to: Spread,
    transform: impl Fn([V; L]) -> [V; N],
) {
    let (plane, width) = (planes.plane(), planes.width);
    let mut tile = to.first;
    let most_lines = (rows.len().min(tiles.rows) * M + L).min(planes.height);
    let mut lanes = Buffer::scratch(most_lines * width * LANES);
    for (picture, rows) in tiles.by_picture(rows) {
        let first = (rows.start * M)
            .saturating_sub(padding[0])
            .min(planes.height);
        let end = ((rows.end - 1) * M + L)
            .saturating_sub(padding[0])
            .min(planes.height);
        let end = end.max(first);
        let channel = picture * planes.channels + block * LANES;
        let (count, columns) = (planes.in_block(block), (end - first) * width);
        let x = &x[channel * plane + first * width..];
        assert!(
            columns == 0 || x.len() >= (count - 1) * plane + columns,
            "lines of a picture"
        );
        assert!(lanes.len() >= columns * LANES, "lines in lanes");
        // SAFETY: in bounds by the assertions.
        unsafe { V::gather(x.as_ptr(), plane, count, columns, lanes.as_mut_ptr()) };
        for row in rows {
            for column in 0..tiles.columns {
                let corner = [
                    (row * M) as isize - padding[0] as isize,
                    (column * M) as isize - padding[1] as isize,
                ];
                let lines = Lines {
                    lanes: &lanes,
                    first: first as isize,
                    end: end as isize,
                    width: width as isize,
                };
                let at = tile * to.stride + block * LANES;
                // SAFETY: the patch checks its bounds, and the place is in `to` as it was made for these tiles.
                unsafe {
                    let patch = lines.patch::<V, L>(corner);
                    store_both(patch, &transform, to.values.at(at), to.plane());
                }
                tile += 1;
            }
        }
    }
}

/// Some lines of sixteen channels, `[line, column, lane]`.
struct Lines<'a> {
    lanes: &'a [f32],
    first: isize,
    end: isize,
    width: isize,
}

impl Lines<'_> {
    /// The patch whose first value stands at `corner`; zeros outside.
    #[inline(always)]
    unsafe fn patch<V: Lanes, const L: usize>(&self, [y, x]: [isize; 2]) -> [[V; L]; L] {
        let reach = L as isize;
        let is_inside =
            y >= self.first && y + reach <= self.end && x >= 0 && x + reach <= self.width;
        // SAFETY: only places inside the lines are read.
        unsafe {
            let mut patch = [[V::zero(); L]; L];
            for (dy, patch) in patch.iter_mut().enumerate() {
                let y = y + dy as isize;
                for (dx, value) in patch.iter_mut().enumerate() {
                    let x = x + dx as isize;
                    let exists =
                        is_inside || (y >= self.first && y < self.end && x >= 0 && x < self.width);
                    if exists {
                        let at = ((y - self.first) * self.width + x) as usize * LANES;
                        debug_assert!(at + LANES <= self.lanes.len());
                        *value = V::load(self.lanes.as_ptr().add(at));
                    }
                }
            }
            patch
        }
    }
}

/// Transforms columns, then rows, and writes each result to its plane.
#[inline(always)]
unsafe fn store_both<V: Lanes, const L: usize, const N: usize>(
    patch: [[V; L]; L],
    transform: &impl Fn([V; L]) -> [V; N],
    to: *mut f32,
    plane: usize,
) {
    // SAFETY: by the promise of the caller.
    unsafe {
        let mut half = [[V::zero(); L]; N];
        for column in 0..L {
            let mut values = [V::zero(); L];
            for (value, line) in values.iter_mut().zip(&patch) {
                *value = line[column];
            }
            for (half, value) in half.iter_mut().zip(transform(values)) {
                half[column] = value;
            }
        }
        for (row, half) in half.into_iter().enumerate() {
            for (column, value) in transform(half).into_iter().enumerate() {
                value.store(to.add((row * N + column) * plane));
            }
        }
    }
}

/// Transforms the `N x N` places of every tile back to `M x M` outputs, scales them and adds the offset; calls
/// `finish(place of the stretch in the output, its values)` for the lines of every channel.
///
/// # Safety
/// The CPU has the instructions of `V`; nobody else uses this block of channels of these lines in `y`.
#[inline(always)]
pub(super) unsafe fn collect<V: Lanes, const M: usize, const N: usize>(
    (planes, y): (Planes, Shared),
    (tiles, rows): (&Tiles, Range<usize>),
    (block, affine): (usize, Affine<'_>),
    from: Spread,
    (transform, finish): (impl Fn([V; N]) -> [V; M], impl Fn(usize, &mut [f32])),
) {
    let (plane, width) = (planes.plane(), planes.width);
    let count = planes.in_block(block);
    let [scales, offsets] = [(affine.0, 1.0), (affine.1, 0.0)].map(|(values, default)| {
        let mut lanes = [default; LANES];
        if let Some(values) = values {
            lanes[..count].copy_from_slice(&values[block * LANES..][..count]);
        }
        lanes
    });
    let most_lines = rows.len().min(tiles.rows) * M;
    let mut lanes = Buffer::scratch(most_lines * width * LANES);
    let mut tile = from.first;
    for (picture, rows) in tiles.by_picture(rows) {
        let first = rows.start * M;
        let end = (rows.end * M).min(planes.height);
        for row in rows {
            for column in 0..tiles.columns {
                let at = tile * from.stride + block * LANES;
                // SAFETY: the place is in `from` as it was made for these tiles; only lines and columns of the
                // output are written.
                unsafe {
                    let (scale, offset) = (V::load(scales.as_ptr()), V::load(offsets.as_ptr()));
                    let values = load_both(from.values.at(at), from.plane(), &transform);
                    for (dy, values) in values.into_iter().enumerate() {
                        for (dx, value) in values.into_iter().enumerate() {
                            let (y, x) = (row * M + dy, column * M + dx);
                            if y < end && x < width {
                                let at = ((y - first) * width + x) * LANES;
                                debug_assert!(at + LANES <= lanes.len());
                                value
                                    .times_plus(scale, offset)
                                    .store(lanes.as_mut_ptr().add(at));
                            }
                        }
                    }
                }
                tile += 1;
            }
        }
        let channel = picture * planes.channels + block * LANES;
        let columns = (end - first) * width;
        let start = channel * plane + first * width;
        assert!(lanes.len() >= columns * LANES, "lines in lanes");
        // SAFETY: the last value of the last channel is in the output, checked by `at`; the lines of this block of
        // channels are ours by the promise of the caller.
        unsafe {
            y.at(start + (count - 1) * plane + columns);
            V::scatter(lanes.as_ptr(), y.at(start), plane, count, columns);
            for at in (0..count).map(|channel| start + channel * plane) {
                finish(at, y.range(at, columns));
            }
        }
    }
}

/// Reads one value of each plane and transforms rows, then columns.
#[inline(always)]
unsafe fn load_both<V: Lanes, const M: usize, const N: usize>(
    from: *const f32,
    plane: usize,
    transform: &impl Fn([V; N]) -> [V; M],
) -> [[V; M]; M] {
    // SAFETY: by the promise of the caller.
    unsafe {
        let mut half = [[V::zero(); M]; N];
        for (row, half) in half.iter_mut().enumerate() {
            let mut values = [V::zero(); N];
            for (column, value) in values.iter_mut().enumerate() {
                *value = V::load(from.add((row * N + column) * plane));
            }
            *half = transform(values);
        }
        let mut out = [[V::zero(); M]; M];
        for column in 0..M {
            let mut values = [V::zero(); N];
            for (value, half) in values.iter_mut().zip(&half) {
                *value = half[column];
            }
            for (out, value) in out.iter_mut().zip(transform(values)) {
                out[column] = value;
            }
        }
        out
    }
}
