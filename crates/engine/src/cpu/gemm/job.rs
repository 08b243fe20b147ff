//! One product: what is multiplied and where the result goes.

use super::finish::TileEnd;
use super::kernel::Kernel;
use super::operand::Operand;
use super::packed::Packed;
use crate::op::Activation;

/// Where a product goes: rows that lie `row_stride` apart.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) start: *mut f32,
    pub(crate) row_stride: usize,
    /// Adds to what stands there.
    pub(crate) accumulate: bool,
}

/// What is added to every row or column of a product.
#[derive(Clone, Copy)]
pub(crate) enum Bias<'a> {
    None,
    /// One value for each row.
    Rows(&'a [f32]),
    /// One value for each column.
    Columns(&'a [f32]),
}

impl<'a> Bias<'a> {
    pub(super) fn rows(self, start: usize) -> Option<&'a [f32]> {
        match self {
            Self::Rows(bias) => Some(&bias[start..]),
            _ => None,
        }
    }

    pub(super) fn columns(self, start: usize) -> Option<&'a [f32]> {
        match self {
            Self::Columns(bias) => Some(&bias[start..]),
            _ => None,
        }
    }
}

/// What becomes of the sums: `c = activation(factor * sum + bias (+ c))`.
#[derive(Clone, Copy)]
pub(crate) struct Output<'a> {
    pub(crate) target: Target,
    pub(crate) factor: f32,
    pub(crate) bias: Bias<'a>,
    pub(crate) activation: Activation,
    /// Takes the values before the activation, laid out as the target; null if nobody wants them.
    pub(crate) kept: *mut f32,
}

impl<'a> Output<'a> {
    /// What becomes of the sums of a tile that begins at a row and a column.
    pub(super) fn tile(
        &self,
        (row, column): (usize, usize),
        (rows, columns): (usize, usize),
    ) -> TileEnd<'a> {
        let place = row * self.target.row_stride + column;
        TileEnd {
            c: self.target.start.wrapping_add(place),
            kept: match self.kept.is_null() {
                true => self.kept,
                false => self.kept.wrapping_add(place),
            },
            row_stride: self.target.row_stride,
            rows,
            columns,
            factor: self.factor,
            adds: self.target.accumulate,
            row_bias: self.bias.rows(row),
            column_bias: self.bias.columns(column),
            activation: self.activation,
        }
    }

    /// `c = sum` or `c += sum`.
    pub(crate) fn plain(target: Target) -> Self {
        Self {
            target,
            factor: 1.0,
            bias: Bias::None,
            activation: Activation::None,
            kept: std::ptr::null_mut(),
        }
    }
}

// SAFETY: pointers are used only under the promise of `multiply`, each place by one task.
unsafe impl Send for Output<'_> {}
// SAFETY: as above.
unsafe impl Sync for Output<'_> {}

/// Who does the work. The bits of the result are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// This thread.
    One,
    /// All threads of the current rayon pool, if the product is large enough.
    Pool,
}

/// `c[m, n] = a[m, k] b[k, n]` with all that [`Output`] says.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    /// `(m, n, k)`
    pub(crate) dims: (usize, usize, usize),
    /// Lines are the rows.
    pub(crate) a: &'a dyn Operand,
    /// Lines are the **columns**.
    pub(crate) b: &'a dyn Operand,
    /// All of `b` as the kernel reads it, where somebody keeps it so.
    pub(crate) packed_b: Option<&'a Packed>,
    pub(crate) output: Output<'a>,
    pub(crate) kernel: Kernel,
    pub(crate) threads: Threads,
}
