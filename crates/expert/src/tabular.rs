//! Numbers, categories and dates as fields that tables of all kinds are made from.
//!
//! A column gives one field or several: a date gives its day, month, weekday and hour. A field has a number, a level
//! (one of few values), or both: whole numbers that name things, such as zip codes, are read both ways.

use std::collections::BTreeMap;

use data::Dataset;
use schema::Modality;
use serde::{Deserialize, Serialize};

use crate::ExpertError;

/// Most levels of a field; rarer ones are level 0, as unseen and missing ones are.
const MAX_LEVELS: usize = 1000;
/// Whole numbers from here on may name things; counts and ages start lower.
const LEAST_CODE: f64 = 100.0;
/// A code is seen this often on average.
const MIN_REPEATS: usize = 3;
/// Records that a category must have to be a level of its own, where there are enough records.
const MIN_RECORDS: usize = 2;
/// Skewness above which the logarithm of a positive number is taken.
const SKEWED: f64 = 1.0;
/// Quantile bins of a number, for models that want levels.
const NUM_BINS: usize = 8;
const SECS_PER_DAY: i64 = 86_400;

/// What of a column a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Aspect {
    Value,
    Day,
    Month,
    Weekday,
    Hour,
}

/// How a number is brought to unit scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scaling {
    log: bool,
    mean: f64,
    deviation: f64,
    /// Edges of quantile bins, on the scale of the number.
    edges: Vec<f64>,
    /// Whether a training record lacked it.
    pub(crate) has_missing: bool,
}

impl Scaling {
    /// The number at unit scale; missing is 0, the mean.
    pub(crate) fn scaled(&self, value: f64) -> f64 {
        if value.is_nan() {
            return 0.0;
        }
        let value = if self.log {
            value.max(1e-300).ln()
        } else {
            value
        };
        // Far outside what training saw, a model can only guess: keep it from shouting.
        (value / self.deviation - self.mean / self.deviation).clamp(-10.0, 10.0)
    }

    /// Bin of the number from 1; 0 is missing.
    pub(crate) fn bin(&self, value: f64) -> u32 {
        if value.is_nan() {
            0
        } else {
            1 + self.edges.partition_point(|edge| *edge < value) as u32
        }
    }
}

/// A field as fitted on training records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Field {
    /// Place among the expert's inputs.
    input: usize,
    aspect: Aspect,
    /// Scaling of its number, if it has one.
    pub(crate) number: Option<Scaling>,
    /// Names of levels 1 and up, sorted; `None` if it has no levels.
    levels: Option<Vec<String>>,
}

impl Field {
    /// Number of levels, level 0 (missing, unseen, rare) included; 0 if it has none.
    pub(crate) fn num_levels(&self) -> usize {
        self.levels.as_ref().map_or(0, |levels| levels.len() + 1)
    }
}

/// The fields of some columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FittedTabular {
    /// In the order of the columns.
    pub(crate) fields: Vec<Field>,
}

/// The cells of some records, by field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cells {
    /// `[fields][N]`: NaN is missing; empty for a field without number.
    pub(crate) numbers: Vec<Vec<f64>>,
    /// `[fields][N]`: 0 is missing, unseen or rare; empty for a field without levels.
    pub(crate) levels: Vec<Vec<u32>>,
    /// Number of records, `N`.
    pub(crate) num_records: usize,
}

impl FittedTabular {
    /// Learns fields from training rows; `cols` are positions of the expert's inputs in the data set.
    pub(crate) fn fit(dataset: &Dataset, cols: &[usize], rows: &[usize]) -> Self {
        let mut fields = Vec::new();
        for (input, col) in cols.iter().enumerate() {
            let aspects: &[Aspect] = match dataset.columns()[*col].modality {
                Modality::Date => &[Aspect::Day, Aspect::Month, Aspect::Weekday, Aspect::Hour],
                _ => &[Aspect::Value],
            };
            for aspect in aspects {
                let numbers: Vec<f64> = rows
                    .iter()
                    .map(|row| number(dataset, *col, *row, *aspect))
                    .collect();
                let names: Vec<Option<String>> = rows
                    .iter()
                    .map(|row| name(dataset, *col, *row, *aspect))
                    .collect();
                let field = Field {
                    input,
                    aspect: *aspect,
                    number: fit_scaling(&numbers),
                    levels: fit_levels(&names, dataset.columns()[*col].modality),
                };
                // A field that never varied says nothing.
                if field.number.is_some() || field.num_levels() > 1 {
                    fields.push(field);
                }
            }
        }
        Self { fields }
    }

    /// The cells of some rows.
    pub(crate) fn cells(&self, dataset: &Dataset, cols: &[usize], rows: &[usize]) -> Cells {
        let numbers = |field: &Field| match field.number {
            Some(_) => {
                let of = |row: &usize| number(dataset, cols[field.input], *row, field.aspect);
                rows.iter().map(of).collect()
            }
            None => Vec::new(),
        };
        let levels = |field: &Field| match &field.levels {
            Some(levels) => {
                let of = |row: &usize| {
                    let name = name(dataset, cols[field.input], *row, field.aspect)?;
                    Some(levels.binary_search(&name).ok()? as u32 + 1)
                };
                rows.iter().map(|row| of(row).unwrap_or(0)).collect()
            }
            None => Vec::new(),
        };
        Cells {
            numbers: self.fields.iter().map(numbers).collect(),
            levels: self.fields.iter().map(levels).collect(),
            num_records: rows.len(),
        }
    }

    /// Whether every field refers to one of `num_inputs` inputs.
    pub(crate) fn fits(&self, num_inputs: usize) -> bool {
        self.fields.iter().all(|field| field.input < num_inputs)
    }
}

/// The number of a cell; NaN if it is missing or names something.
fn number(dataset: &Dataset, col: usize, row: usize, aspect: Aspect) -> f64 {
    let date = || dataset.date(col, row);
    let value = match aspect {
        Aspect::Value => match dataset.columns()[col].modality {
            Modality::Category => dataset
                .category(col, row)
                .and_then(|name| name.trim().parse::<f64>().ok()),
            _ => dataset.number(col, row),
        },
        Aspect::Day => date().map(|secs| secs as f64 / SECS_PER_DAY as f64),
        Aspect::Hour => date().map(|secs| secs.rem_euclid(SECS_PER_DAY) as f64 / 3600.0),
        Aspect::Month | Aspect::Weekday => None,
    };
    value.filter(|value| value.is_finite()).unwrap_or(f64::NAN)
}

/// The name of a cell, if it can be a level.
fn name(dataset: &Dataset, col: usize, row: usize, aspect: Aspect) -> Option<String> {
    match aspect {
        Aspect::Value => match dataset.columns()[col].modality {
            Modality::Category => dataset.category(col, row).map(|name| name.to_string()),
            _ => {
                let number = dataset.number(col, row)?;
                let is_code = number.fract() == 0.0 && (LEAST_CODE..1e15).contains(&number);
                is_code.then(|| format!("{number}"))
            }
        },
        // 1970-01-01 was a Thursday.
        Aspect::Weekday => {
            Some(((dataset.date(col, row)?.div_euclid(SECS_PER_DAY) + 3).rem_euclid(7)).to_string())
        }
        Aspect::Month => Some(month(dataset.date(col, row)?).to_string()),
        Aspect::Day | Aspect::Hour => None,
    }
}

/// Month of a moment, from 1. Source: Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
fn month(secs: i64) -> i64 {
    let day_of_era = (secs.div_euclid(SECS_PER_DAY) + 719_468).rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    }
}

/// `None` if fewer than two distinct numbers are there.
fn fit_scaling(numbers: &[f64]) -> Option<Scaling> {
    let mut sorted: Vec<f64> = numbers
        .iter()
        .copied()
        .filter(|number| !number.is_nan())
        .collect();
    sorted.sort_by(f64::total_cmp);
    if sorted.len() * 2 < numbers.len() && sorted.len() < 10 || sorted.first() == sorted.last() {
        return None;
    }
    let is_positive = sorted[0] > 0.0;
    let log = is_positive && moments(&sorted).2 > SKEWED;
    let scaled: Vec<f64> = sorted
        .iter()
        .map(|v| if log { v.ln() } else { *v })
        .collect();
    let (mean, deviation, _) = moments(&scaled);
    let mut edges: Vec<f64> = (1..NUM_BINS)
        .map(|bin| {
            let place = bin * (sorted.len() - 1) / NUM_BINS;
            0.5 * sorted[place] + 0.5 * sorted[place + 1]
        })
        .collect();
    edges.dedup();
    Some(Scaling {
        log,
        mean,
        deviation: if deviation > 0.0 { deviation } else { 1.0 },
        edges,
        has_missing: sorted.len() < numbers.len(),
    })
}

/// Mean, deviation and skewness; finite for every finite input.
fn moments(values: &[f64]) -> (f64, f64, f64) {
    let count = values.len().max(1) as f64;
    // Divided by the largest first, so that no power of a large number overflows.
    let unit = values
        .iter()
        .map(|value| value.abs())
        .fold(0.0, f64::max)
        .max(f64::MIN_POSITIVE);
    let mean = values.iter().map(|value| value / unit).sum::<f64>() / count;
    let power = |p: i32| {
        values
            .iter()
            .map(|v| (v / unit - mean).powi(p))
            .sum::<f64>()
            / count
    };
    let deviation = power(2).sqrt();
    let skewness = power(3) / deviation.powi(3).max(f64::MIN_POSITIVE);
    (mean * unit, (deviation * unit).min(f64::MAX), skewness)
}

/// Levels of a category, or of whole numbers that repeat like names do.
fn fit_levels(names: &[Option<String>], modality: Modality) -> Option<Vec<String>> {
    let mut counts = BTreeMap::<&String, usize>::new();
    for name in names.iter().flatten() {
        *counts.entry(name).or_default() += 1;
    }
    let num_known: usize = counts.values().sum();
    if modality == Modality::Number
        && (num_known * 2 < names.len() || num_known < counts.len() * MIN_REPEATS)
    {
        return None;
    }
    let at_least = if num_known > 20 { MIN_RECORDS } else { 1 };
    let mut kept: Vec<(&String, usize)> = counts
        .into_iter()
        .filter(|(_, count)| *count >= at_least)
        .collect();
    kept.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    kept.truncate(MAX_LEVELS);
    let mut levels: Vec<String> = kept.into_iter().map(|(name, _)| name.clone()).collect();
    levels.sort();
    (!levels.is_empty()).then_some(levels)
}

/// Refuses to learn from fewer than two records.
pub(crate) fn enough(expert: &str, rows: &[usize], train: &[usize]) -> Result<(), ExpertError> {
    if train.len() >= 2 {
        return Ok(());
    }
    Err(ExpertError::NothingToLearn {
        expert: expert.to_owned(),
        num_records: train.len(),
        num_rows: rows.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_those_of_the_calendar() {
        // 2024-02-29, 2024-03-01, 1969-12-31, 2000-01-01 at midnight; by `date -u -d ... +%s`.
        for (secs, expected) in [
            (1_709_164_800, 2),
            (1_709_251_200, 3),
            (-86_400, 12),
            (946_684_800, 1),
        ] {
            assert_eq!(month(secs), expected);
        }
    }

    #[test]
    fn a_skewed_number_is_scaled_by_its_logarithm() {
        let numbers: Vec<f64> = (0..50).map(|i| (f64::from(i) / 5.0).exp()).collect();
        let scaling = fit_scaling(&numbers).unwrap();
        assert!(scaling.log && !scaling.has_missing);
        let middle = scaling.scaled((24.5_f64 / 5.0).exp());
        assert!(middle.abs() < 1e-9, "{middle}");
        assert_eq!(scaling.bin(f64::NAN), 0);
        assert_eq!(scaling.bin(0.0), 1);
        assert_eq!(scaling.bin(1e9) as usize, NUM_BINS);
        assert_eq!(fit_scaling(&[1.0, 1.0, f64::NAN]), None);
    }

    #[test]
    fn whole_numbers_are_levels_only_if_they_repeat() {
        let names = |modulus: u32| -> Vec<Option<String>> {
            (0..60)
                .map(|i| Some((90_000 + i % modulus).to_string()))
                .collect()
        };
        assert_eq!(
            fit_levels(&names(10), Modality::Number).map(|levels| levels.len()),
            Some(10)
        );
        assert_eq!(fit_levels(&names(59), Modality::Number), None);
    }
}
