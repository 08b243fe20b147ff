//! Sparse features in compressed rows, and their transpose for gradients.

use rayon::prelude::*;

/// Features of which few are not 0: compressed rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparse {
    width: usize,
    offsets: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

/// Records a piece of parallel work covers.
const RECORDS: usize = 64;
/// Columns a piece of parallel work covers.
const COLUMNS: usize = 256;

impl Sparse {
    /// No records yet, of `width` features.
    pub fn new(width: usize) -> Self {
        Self {
            width,
            offsets: vec![0],
            columns: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Adds a record by its entries; those at or beyond the width are left out.
    pub fn push(&mut self, entries: impl IntoIterator<Item = (u32, f32)>) {
        for (column, value) in entries {
            if (column as usize) < self.width {
                self.columns.push(column);
                self.values.push(value);
            }
        }
        self.offsets.push(self.columns.len());
    }

    /// Number of records, `N`.
    pub fn num_records(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of features, `D`.
    pub fn width(&self) -> usize {
        self.width
    }

    fn entries(&self, record: usize) -> impl Iterator<Item = (usize, f32)> {
        let range = self.offsets[record]..self.offsets[record + 1];
        let columns = self.columns[range.clone()]
            .iter()
            .map(|column| *column as usize);
        columns.zip(self.values[range].iter().copied())
    }

    pub(super) fn logits(&self, weights: &[f32], bias: &[f32], num_outputs: usize) -> Vec<f32> {
        let mut logits = vec![0.0; self.num_records() * num_outputs];
        let pieces = logits.par_chunks_mut(RECORDS * num_outputs).enumerate();
        pieces.for_each(|(piece, rows)| {
            for (r, row) in rows.chunks_exact_mut(num_outputs).enumerate() {
                row.copy_from_slice(bias);
                for (column, value) in self.entries(piece * RECORDS + r) {
                    add_scaled(row, value, &weights[column * num_outputs..][..num_outputs]);
                }
            }
        });
        logits
    }

    pub(super) fn transposed(&self) -> Transposed {
        let mut offsets = vec![0_usize; self.width + 1];
        for column in &self.columns {
            offsets[*column as usize + 1] += 1;
        }
        for column in 0..self.width {
            offsets[column + 1] += offsets[column];
        }
        let mut next = offsets.clone();
        let mut records = vec![0_u32; self.columns.len()];
        let mut values = vec![0.0; self.columns.len()];
        for record in 0..self.num_records() {
            for (column, value) in self.entries(record) {
                let place = next[column];
                next[column] += 1;
                records[place] = record as u32;
                values[place] = value;
            }
        }
        Transposed {
            offsets,
            records,
            values,
        }
    }
}

/// The same numbers by column.
pub(super) struct Transposed {
    offsets: Vec<usize>,
    records: Vec<u32>,
    values: Vec<f32>,
}

impl Transposed {
    /// `gradient = transpose * outer`, `[D, K]` from `[N, K]`; each column is summed by one thread.
    pub(super) fn gradient(&self, outer: &[f32], num_outputs: usize, gradient: &mut [f32]) {
        let pieces = gradient.par_chunks_mut(COLUMNS * num_outputs).enumerate();
        pieces.for_each(|(piece, rows)| {
            for (c, row) in rows.chunks_exact_mut(num_outputs).enumerate() {
                let column = piece * COLUMNS + c;
                row.fill(0.0);
                for place in self.offsets[column]..self.offsets[column + 1] {
                    let record = self.records[place] as usize;
                    add_scaled(
                        row,
                        self.values[place],
                        &outer[record * num_outputs..][..num_outputs],
                    );
                }
            }
        });
    }
}

fn add_scaled(to: &mut [f32], factor: f32, from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}
