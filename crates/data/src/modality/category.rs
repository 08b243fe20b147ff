//! A category to a code.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use schema::{InputBatch, Payload};

use super::presence;
use crate::Dataset;

/// The values of the training rows that have a code of their own.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct FittedCategory {
    values: Vec<String>,
    index: HashMap<String, u32>,
}

impl From<Vec<String>> for FittedCategory {
    fn from(values: Vec<String>) -> Self {
        Self {
            index: values.iter().cloned().zip(1..).collect(),
            values,
        }
    }
}

impl From<FittedCategory> for Vec<String> {
    fn from(fitted: FittedCategory) -> Self {
        fitted.values
    }
}

impl FittedCategory {
    /// Learns the most frequent values of some rows, `max_values - 1` at most.
    pub fn fit(dataset: &Dataset, col: usize, rows: &[usize], max_values: usize) -> Self {
        let mut counts = BTreeMap::<Arc<str>, usize>::new();
        for row in rows {
            if let Some(value) = dataset.category(col, *row) {
                *counts.entry(value).or_default() += 1;
            }
        }
        let mut values: Vec<(Arc<str>, usize)> = counts.into_iter().collect();
        // Stable: equally frequent values stay in text order.
        values.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        values.truncate(max_values.saturating_sub(1));
        let mut values: Vec<String> = values.iter().map(|(value, _)| value.to_string()).collect();
        values.sort_unstable();
        Self::from(values)
    }

    /// Number of codes, the one of unseen values included.
    pub fn num_values(&self) -> usize {
        self.values.len() + 1
    }

    /// Code of a value; 0 if it has none of its own.
    pub fn code(&self, value: &str) -> u32 {
        self.index.get(value).copied().unwrap_or(0)
    }

    /// Values in the order of their codes, from code 1.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// `[B, 1]`; an absent cell is 0 and not valid, an unseen value is 0 and valid.
    pub fn collate(&self, dataset: &Dataset, col: usize, rows: &[usize]) -> InputBatch {
        let present = presence(dataset, col, rows);
        let data = rows
            .iter()
            .map(|row| {
                dataset
                    .category(col, *row)
                    .map_or(0, |value| self.code(&value))
            })
            .collect();
        let valid = present.clone();
        InputBatch {
            present,
            payload: Payload::Ids {
                shape: vec![rows.len(), 1],
                data,
                valid,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::column;

    #[test]
    fn rare_and_unseen_values_share_code_zero() {
        let dataset = column(schema::Modality::Category, ["b", "b", "a", "a", "c", ""]);
        let fitted = FittedCategory::fit(&dataset, 0, &[0, 1, 2, 3, 4, 5], 3);
        assert_eq!(
            (fitted.values(), fitted.num_values()),
            (&["a".to_owned(), "b".to_owned()][..], 3)
        );
        let Payload::Ids { data, valid, .. } = fitted.collate(&dataset, 0, &[0, 2, 4, 5]).payload
        else {
            unreachable!()
        };
        assert_eq!(data, [2, 1, 0, 0]);
        assert_eq!(valid, [true, true, true, false]);
    }
}
