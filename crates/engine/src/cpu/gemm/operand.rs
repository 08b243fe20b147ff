//! Where the factors of a product come from.

use std::ops::Range;

use super::transpose::{self, Lines};
use crate::cpu::simd;

/// A factor of a product, seen as lines of numbers to sum over: the rows of `a`, or the columns of `b`.
///
/// It need not exist as a matrix: a convolution packs its panels straight from the picture.
pub(crate) trait Operand: Sync {
    /// Writes panels of `width` lines one after the other, the last one filled up with zeros. Within a panel the
    /// `width` numbers of the first depth come first, then those of the second, and so on.
    ///
    /// `out` has exactly that length: `lines.len().div_ceil(width) * width * depth.len()`.
    fn pack(&self, lines: Range<usize>, depth: Range<usize>, width: usize, out: &mut [f32]);

    /// The factor as it lies in memory, if it does, with its lines as rows.
    fn view(&self) -> Option<View<'_>> {
        None
    }
}

/// A matrix inside a buffer: rows and columns may lie any distance apart.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<'a> View<'a> {
    /// Rows that lie `row_stride` apart.
    pub(crate) fn rows(values: &'a [f32], row_stride: usize) -> Self {
        Self {
            values,
            row_stride,
            column_stride: 1,
        }
    }

    /// The same matrix with rows and columns exchanged.
    pub(crate) fn transposed(self) -> Self {
        Self {
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// Whether all of a matrix of this size lies within the buffer.
    pub(crate) fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || (rows - 1) * self.row_stride + (columns - 1) * self.column_stride < self.values.len()
    }

    /// The part that begins at a row and a column.
    pub(super) fn from(self, row: usize, column: usize) -> Self {
        let at = row * self.row_stride + column * self.column_stride;
        Self {
            values: &self.values[at.min(self.values.len())..],
            ..self
        }
    }

    /// All panels of lines that lie side by side, a few depths at a time: panels share lines of the cache.
    #[inline(always)]
    fn pack_side_by_side(
        &self,
        lines: Range<usize>,
        depth: Range<usize>,
        width: usize,
        out: &mut [f32],
    ) {
        const DEPTHS: usize = 8;
        let len = depth.len();
        for start in (0..len).step_by(DEPTHS) {
            for (panel, first) in lines.clone().step_by(width).enumerate() {
                let count = width.min(lines.end - first);
                let deep = DEPTHS.min(len - start);
                let values = &self.values[first + (depth.start + start) * self.column_stride..];
                let out = &mut out[(panel * len + start) * width..][..deep * width];
                match (count == width, width) {
                    (true, 32) => copy_rows::<32>(values, self.column_stride, out),
                    (true, 16) => copy_rows::<16>(values, self.column_stride, out),
                    (true, 14) => copy_rows::<14>(values, self.column_stride, out),
                    (true, 8) => copy_rows::<8>(values, self.column_stride, out),
                    (true, 6) => copy_rows::<6>(values, self.column_stride, out),
                    _ => {
                        for (at, out) in out.chunks_exact_mut(width).enumerate() {
                            out[..count]
                                .copy_from_slice(&values[at * self.column_stride..][..count]);
                            out[count..].fill(0.0);
                        }
                    }
                }
            }
        }
    }

    /// One panel of `lines` rows in `width` places.
    #[inline(always)]
    fn pack_panel(&self, lines: usize, depth: usize, width: usize, out: &mut [f32]) {
        if self.column_stride == 1 {
            let lines = Lines {
                values: self.values,
                stride: self.row_stride,
                count: lines,
            };
            return transpose::panel(lines, width, out);
        }
        for (at, out) in out.chunks_exact_mut(width).take(depth).enumerate() {
            for (line, out) in out[..lines].iter_mut().enumerate() {
                *out = self.values[line * self.row_stride + at * self.column_stride];
            }
            out[lines..].fill(0.0);
        }
    }
}

/// Rows of a width that is known when this is compiled.
#[inline(always)]
fn copy_rows<const WIDTH: usize>(values: &[f32], stride: usize, out: &mut [f32]) {
    let (rows, _) = out.as_chunks_mut::<WIDTH>();
    for (at, row) in rows.iter_mut().enumerate() {
        row.copy_from_slice(&values[at * stride..][..WIDTH]);
    }
}

impl Operand for View<'_> {
    fn pack(&self, lines: Range<usize>, depth: Range<usize>, width: usize, out: &mut [f32]) {
        let len = depth.len();
        if len == 0 {
            return;
        }
        simd::run(
            #[inline(always)]
            || {
                if self.row_stride == 1 {
                    return self.pack_side_by_side(lines.clone(), depth.clone(), width, out);
                }
                let panels = out.chunks_exact_mut(width * len);
                for (first, out) in lines.clone().step_by(width).zip(panels) {
                    let count = width.min(lines.end - first);
                    self.from(first, depth.start)
                        .pack_panel(count, len, width, out);
                }
            },
        );
    }

    fn view(&self) -> Option<View<'_>> {
        Some(*self)
    }
}
