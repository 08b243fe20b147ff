//! Dense features, stored once, read once an evaluation: logits, losses and gradient of a block of rows are
//! finished while the block is in the cache.

use rayon::prelude::*;

use super::{LinearFit, loss::Scoring};
use crate::kernel::{self, PANEL, Rows};

/// Dense features `[N, D]`.
///
/// The last `num_odd` features may be *odd*: they change sign in the mirrored view of a record (a picture flipped
/// left to right). Training then counts both views, at the price of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    num_even: usize,
    num_odd: usize,
    /// Where the odd features of a row start.
    odd_start: usize,
    stride: usize,
    num_records: usize,
    data: Vec<f32>,
}

/// Rows whose logits, losses and gradient are worked out together: their features fit the second-level cache.
const BLOCK: usize = 32;
/// Pieces that the rows are cut into, each with a gradient of its own; fixed, so that the sum has a fixed order.
const PIECES: usize = 8;

impl Dense {
    /// `num_records` records of `num_even + num_odd` zeros.
    pub fn zeros(num_records: usize, num_even: usize, num_odd: usize) -> Self {
        let stride = kernel::stride(num_even + num_odd);
        Self {
            num_even,
            num_odd,
            odd_start: num_even,
            stride,
            num_records,
            data: vec![0.0; num_records * stride],
        }
    }

    /// Features from rows of equal width, without a mirrored view.
    pub fn from_rows(width: usize, values: &[f32]) -> Self {
        let mut dense = Self::zeros(values.len() / width.max(1), width, 0);
        for (to, from) in dense.rows_mut().zip(values.chunks_exact(width.max(1))) {
            to.copy_from_slice(from);
        }
        dense
    }

    /// Number of records, `N`.
    pub fn num_records(&self) -> usize {
        self.num_records
    }

    /// Number of features, `D`, odd ones included.
    pub fn width(&self) -> usize {
        self.num_even + self.num_odd
    }

    /// Each record's features: the even ones, then the odd ones.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let width = self.width();
        let stride = self.stride.max(1);
        self.data
            .chunks_exact_mut(stride)
            .map(move |row| &mut row[..width])
    }

    /// Each record's features, for parallel filling.
    pub fn par_rows_mut(&mut self) -> impl IndexedParallelIterator<Item = &mut [f32]> {
        let width = self.width();
        let stride = self.stride.max(1);
        self.data
            .par_chunks_exact_mut(stride)
            .map(move |row| &mut row[..width])
    }

    /// The features of one record.
    pub fn row(&self, record: usize) -> &[f32] {
        &self.data[record * self.stride..][..self.width()]
    }

    /// The records at `positions`, in that order.
    #[must_use]
    pub fn select(&self, positions: &[usize]) -> Self {
        let mut selected = Self::zeros(positions.len(), self.num_even, self.num_odd);
        for (to, position) in selected.rows_mut().zip(positions) {
            to.copy_from_slice(self.row(*position));
        }
        selected
    }

    /// 2 if records have a mirrored view, otherwise 1.
    pub fn num_views(&self) -> usize {
        if self.num_odd > 0 { 2 } else { 1 }
    }

    fn even(&self, first: usize, count: usize) -> Rows<'_> {
        Rows {
            data: &self.data[first * self.stride..],
            stride: self.stride,
            num_rows: count,
            depth: self.num_even,
        }
    }

    fn odd(&self, first: usize, count: usize) -> Rows<'_> {
        Rows {
            data: &self.data[first * self.stride + self.odd_start..],
            stride: self.stride,
            num_rows: count,
            depth: self.num_odd,
        }
    }

    /// Writes the logits of a block: `even` and `odd` parts, each `[num_panels, count, PANEL]`.
    fn block_products(&self, first: usize, count: usize, panels: &[f32], block: &mut Block) {
        let depth = self.width() * PANEL;
        for (index, panel) in panels.chunks_exact(depth).enumerate() {
            let range = index * BLOCK * PANEL..(index + 1) * BLOCK * PANEL;
            let (even, odd) = panel.split_at(self.num_even * PANEL);
            kernel::product(
                self.even(first, count),
                even,
                &mut block.even[range.clone()],
            );
            if self.num_odd > 0 {
                kernel::product(self.odd(first, count), odd, &mut block.odd[range]);
            }
        }
    }

    /// Logits `[N, K]` of the records, and of their mirrored views if there are odd features.
    pub(super) fn logits(
        &self,
        weights: &[f32],
        bias: &[f32],
        num_outputs: usize,
    ) -> (Vec<f32>, Option<Vec<f32>>) {
        let panels = packed(weights, self.width(), num_outputs);
        let views = self.num_views();
        let mut logits = vec![0.0; self.num_records * views * num_outputs];
        let blocks = logits
            .par_chunks_mut(BLOCK * views * num_outputs)
            .enumerate();
        blocks.for_each(|(index, rows)| {
            let mut block = Block::new(num_outputs);
            let count = rows.len() / (views * num_outputs);
            self.block_products(index * BLOCK, count, &panels, &mut block);
            for (place, row) in rows.chunks_exact_mut(num_outputs).enumerate() {
                block.view(place / views, place % views, bias, row);
            }
        });
        if views == 1 {
            return (logits, None);
        }
        let pairs = || logits.chunks_exact(2 * num_outputs);
        let plain = pairs()
            .flat_map(|pair| pair[..num_outputs].iter().copied())
            .collect();
        let mirrored = pairs()
            .flat_map(|pair| pair[num_outputs..].iter().copied())
            .collect();
        (plain, Some(mirrored))
    }

    /// Writes the gradient of the mean loss over all records and views, and gives that loss.
    pub(super) fn evaluate(
        &self,
        work: &mut Workspace,
        scoring: &Scoring<'_>,
        (weights, bias): (&[f32], &[f32]),
        (to_weights, to_bias): (&mut [f32], &mut [f32]),
    ) -> f64 {
        let num_outputs = scoring.num_outputs();
        kernel::pack(weights, self.width(), num_outputs, &mut work.panels);
        let panels = &work.panels;
        let length = self.num_records.div_ceil(PIECES).max(1);
        work.pieces
            .par_iter_mut()
            .enumerate()
            .for_each(|(index, piece)| {
                let first = (index * length).min(self.num_records);
                let end = (first + length).min(self.num_records);
                piece.clear();
                for start in (first..end).step_by(BLOCK) {
                    let count = BLOCK.min(end - start);
                    self.block_products(start, count, panels, &mut piece.block);
                    piece.block_losses(start, count, self.num_views(), scoring, bias);
                    piece.block_gradient(self, start, count);
                }
            });
        to_weights.fill(0.0);
        to_bias.fill(0.0);
        let mut loss = 0.0;
        for piece in &work.pieces {
            kernel::unpack_add(&piece.gradient, self.width(), num_outputs, to_weights);
            for (to, from) in to_bias.iter_mut().zip(&piece.bias) {
                *to += *from as f32;
            }
            loss += piece.loss;
        }
        loss
    }
}

fn packed(weights: &[f32], depth: usize, num_outputs: usize) -> Vec<f32> {
    let mut panels = vec![0.0; kernel::num_panels(num_outputs) * depth * PANEL];
    kernel::pack(weights, depth, num_outputs, &mut panels);
    panels
}

/// Logits of a block of rows by panel, later their slopes: `[num_panels, BLOCK, PANEL]` each.
struct Block {
    even: Vec<f32>,
    odd: Vec<f32>,
}

impl Block {
    fn new(num_outputs: usize) -> Self {
        let size = kernel::num_panels(num_outputs) * BLOCK * PANEL;
        Self {
            even: vec![0.0; size],
            odd: vec![0.0; size],
        }
    }

    /// Logits of row `r` in view 0 (as it is) or 1 (mirrored).
    fn view(&self, r: usize, view: usize, bias: &[f32], logits: &mut [f32]) {
        let sign = if view == 0 { 1.0 } else { -1.0 };
        for (k, logit) in logits.iter_mut().enumerate() {
            let place = place(r, k);
            *logit = bias[k] + self.even[place] + sign * self.odd[place];
        }
    }
}

/// Where output `k` of row `r` lies in a block.
fn place(r: usize, k: usize) -> usize {
    ((k / PANEL) * BLOCK + r) * PANEL + k % PANEL
}

/// What one piece of the rows adds up.
struct Piece {
    block: Block,
    /// `[num_panels, D, PANEL]`
    gradient: Vec<f32>,
    bias: Vec<f64>,
    loss: f64,
    /// Logits of one row in each view.
    views: [Vec<f32>; 2],
}

impl Piece {
    fn clear(&mut self) {
        self.gradient.fill(0.0);
        self.bias.fill(0.0);
        self.loss = 0.0;
    }

    /// Turns the block's logits into slopes, even and odd.
    fn block_losses(
        &mut self,
        start: usize,
        count: usize,
        num_views: usize,
        scoring: &Scoring<'_>,
        bias: &[f32],
    ) {
        let share = 1.0 / num_views as f64;
        for r in 0..count {
            for (view, logits) in self.views.iter_mut().enumerate().take(num_views) {
                self.block.view(r, view, bias, logits);
                self.loss += scoring.loss(start + r, logits, share);
            }
            for k in 0..bias.len() {
                let (one, two) = (self.views[0][k], self.views[1][k]);
                self.block.even[place(r, k)] = one + two;
                // Without odd features nothing writes new logits there, and the next evaluation would add these.
                self.block.odd[place(r, k)] = if num_views > 1 { one - two } else { 0.0 };
                self.bias[k] += f64::from(one + two);
            }
        }
    }

    fn block_gradient(&mut self, dense: &Dense, start: usize, count: usize) {
        let depth = dense.width() * PANEL;
        for (index, gradient) in self.gradient.chunks_exact_mut(depth).enumerate() {
            let range = index * BLOCK * PANEL..(index * BLOCK + count) * PANEL;
            let (even, odd) = gradient.split_at_mut(dense.num_even * PANEL);
            kernel::add_outer(
                dense.even(start, count),
                &self.block.even[range.clone()],
                even,
            );
            if dense.num_odd > 0 {
                kernel::add_outer(dense.odd(start, count), &self.block.odd[range], odd);
            }
        }
    }
}

/// Buffers that live through a fit.
pub(super) struct Workspace {
    panels: Vec<f32>,
    pieces: Vec<Piece>,
}

impl Workspace {
    pub(super) fn new(dense: &Dense, fit: &LinearFit<'_>) -> Self {
        let size = kernel::num_panels(fit.num_outputs) * dense.width() * PANEL;
        let piece = || Piece {
            block: Block::new(fit.num_outputs),
            gradient: vec![0.0; size],
            bias: vec![0.0; fit.num_outputs],
            loss: 0.0,
            views: [vec![0.0; fit.num_outputs], vec![0.0; fit.num_outputs]],
        };
        Self {
            panels: vec![0.0; size],
            pieces: (0..PIECES).map(|_| piece()).collect(),
        }
    }
}
