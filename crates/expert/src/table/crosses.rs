//! Classes and labels from a table: a linear model over levels, pairs of levels, and scaled numbers.
//!
//! Numbers take part twice: scaled, for what rises or falls steadily, and as the level of their quantile bin, which
//! can be paired with others.

use std::collections::HashMap;

use data::Dataset;

use crate::{
    softmax_regression::{Features, Sparse},
    tabular::{Cells, FittedTabular},
};

/// Fields beyond these are not paired: the number of pairs grows with the square.
const MAX_PAIRED: usize = 24;

/// Cells to sparse features, as fitted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Crosses {
    tabular: FittedTabular,
    /// Feature of each single level and pair of levels that training records have.
    index: HashMap<Key, u32>,
}

/// One field with its level, or two; a single has itself as partner.
type Key = [(u32, u32); 2];

impl Crosses {
    /// Learns from training rows which levels and pairs there are.
    pub(super) fn fit(dataset: &Dataset, cols: &[usize], rows: &[usize]) -> Self {
        let tabular = FittedTabular::fit(dataset, cols, rows);
        let cells = tabular.cells(dataset, cols, rows);
        let mut crosses = Self {
            tabular,
            index: HashMap::new(),
        };
        for record in 0..cells.num_records {
            for key in crosses.keys(&cells, record) {
                let next = crosses.index.len() as u32;
                crosses.index.entry(key).or_insert(next);
            }
        }
        crosses
    }

    /// Number of features: scaled numbers first, then levels and pairs.
    pub(super) fn width(&self) -> usize {
        self.num_numbers() + self.index.len()
    }

    fn num_numbers(&self) -> usize {
        self.tabular
            .fields
            .iter()
            .filter(|field| field.number.is_some())
            .count()
    }

    /// Features of some rows.
    pub(super) fn features(&self, dataset: &Dataset, cols: &[usize], rows: &[usize]) -> Features {
        let cells = self.tabular.cells(dataset, cols, rows);
        let mut sparse = Sparse::new(self.width());
        for record in 0..cells.num_records {
            let fields = self.tabular.fields.iter().zip(&cells.numbers);
            let scaled = fields.filter_map(|(field, numbers)| {
                Some(field.number.as_ref()?.scaled(numbers[record]) as f32)
            });
            let first = self.num_numbers() as u32;
            let keys = self.keys(&cells, record);
            let levels = keys
                .iter()
                .filter_map(|key| self.index.get(key))
                .map(|at| (first + at, 1.0));
            sparse.push((0..).zip(scaled).chain(levels).collect::<Vec<_>>());
        }
        Features::Sparse(sparse)
    }

    fn keys(&self, cells: &Cells, record: usize) -> Vec<Key> {
        let levels: Vec<(u32, u32)> = self
            .tabular
            .fields
            .iter()
            .enumerate()
            .map(|(place, field)| {
                let level = match &field.number {
                    Some(number) if field.num_levels() == 0 => {
                        number.bin(cells.numbers[place][record])
                    }
                    _ => cells.levels[place][record],
                };
                (place as u32, level)
            })
            .collect();
        let mut keys: Vec<Key> = levels.iter().map(|level| [*level, *level]).collect();
        let paired = &levels[..levels.len().min(MAX_PAIRED)];
        for (place, one) in paired.iter().enumerate() {
            keys.extend(paired[place + 1..].iter().map(|two| [*one, *two]));
        }
        keys
    }

    /// Fields and keys in feature order, `[features, 4]`.
    pub(super) fn parts(&self) -> (&FittedTabular, Vec<u32>) {
        let mut keys = vec![0; self.index.len() * 4];
        for (key, place) in &self.index {
            let [(a, b), (c, d)] = *key;
            keys[*place as usize * 4..][..4].copy_from_slice(&[a, b, c, d]);
        }
        (&self.tabular, keys)
    }

    /// The inverse of [`Self::parts`].
    pub(super) fn from_parts(tabular: FittedTabular, keys: &[u32]) -> Self {
        let key = |key: &[u32]| [(key[0], key[1]), (key[2], key[3])];
        Self {
            tabular,
            index: keys.chunks_exact(4).map(key).zip(0..).collect(),
        }
    }
}
