//! Columns that give the target away.

use std::collections::HashMap;

use schema::{Role, Task};

use super::{Inspection, Warning, profile::cell_key};
use crate::{CellRef, Table, parse_number};

/// Records below which nothing is called a leak: chance would do.
pub(super) const FEW_RECORDS: usize = 30;
/// Share of records whose class a value tells.
pub(super) const TELLS: f64 = 0.99;
/// Correlation above which a number is the target in another unit.
const SAME_NUMBER: f64 = 0.9995;

/// Takes columns that give the target away out of the inputs, with a warning. Columns that a person named stay.
pub(super) fn leave_out(
    table: &Table,
    target_col: usize,
    is_named: &dyn Fn(&str) -> bool,
    inspection: &mut Inspection,
) {
    let Some(task) = inspection.task else { return };
    let target_name = table.column_name(target_col);
    let num_classes = inspection
        .column(&target_name)
        .map_or(0, |info| info.num_distinct);
    for at in 0..inspection.columns.len() {
        let column = &inspection.columns[at].column;
        let name = &column.name.clone();
        let Some(col) = table.column_index(name) else {
            continue;
        };
        if column.role != Role::Input || column.modality.is_media() {
            continue;
        }
        let found = if task == Task::Regression {
            regression_leak(table, col, target_col)
        } else {
            class_leak(table, col, target_col, num_classes)
        };
        let Some(text) = found else { continue };
        leave_out_one(inspection, name, &text, is_named(name));
    }
}

/// Warns of a column that gives the target away, and takes it out of the inputs unless a person named it.
pub(super) fn leave_out_one(inspection: &mut Inspection, name: &str, text: &str, named: bool) {
    let end = if named {
        "used because it was named"
    } else {
        "left out"
    };
    let warning = Warning::new("leak", name, format!("{text}; {end}"));
    inspection.warnings.push(warning);
    let mut infos = inspection.columns.iter_mut();
    if let Some(info) = infos.find(|info| info.column.name == name)
        && !named
    {
        info.column.role = Role::Ignored;
    }
}

/// `num_classes` is the most distinct values that the target can have.
fn class_leak(table: &Table, col: usize, target_col: usize, num_classes: usize) -> Option<String> {
    // More distinct values than this are not few, so what each of them tells does not matter.
    let most = few_values(num_classes);
    let mut counts = HashMap::<u64, HashMap<u64, usize>>::new();
    let mut classes = HashMap::<u64, usize>::new();
    let (mut num, mut num_equal) = (0_usize, 0_usize);
    for row in 0..table.num_records() {
        let Some(class) = cell_key(&table.cell(row, target_col)) else {
            continue;
        };
        let Some(value) = cell_key(&table.cell(row, col)) else {
            continue;
        };
        if counts.len() <= most {
            *counts.entry(value).or_default().entry(class).or_default() += 1;
        }
        *classes.entry(class).or_default() += 1;
        num += 1;
        num_equal += usize::from(class == value);
    }
    if num < FEW_RECORDS || classes.len() < 2 {
        return None;
    }
    if num_equal as f64 >= TELLS * num as f64 {
        return Some("equals the target".to_owned());
    }
    let told: usize = counts
        .values()
        .filter_map(|classes| classes.values().max())
        .sum();
    let commonest = classes.values().max().copied().unwrap_or(0);
    // A value that stands for one record tells its class by chance, so values must be few.
    let few = counts.len() <= few_values(classes.len()) && counts.len() * 5 <= num;
    // And it must be a feat: where one class has nearly all records, every column "tells" it.
    let feat = num - commonest >= 10 && (num - told) * 20 <= num - commonest;
    let tells = told as f64 >= TELLS * num as f64;
    (few && tells && feat).then(|| {
        format!(
            "its {} values tell the class of {told} of {num} records",
            counts.len()
        )
    })
}

/// Most distinct values of a column that may tell the class.
fn few_values(num_classes: usize) -> usize {
    (4 * num_classes).max(20)
}

fn regression_leak(table: &Table, col: usize, target_col: usize) -> Option<String> {
    let number = |row: usize, col: usize| match table.cell(row, col) {
        CellRef::Number(number) => Some(number).filter(|number| number.is_finite()),
        CellRef::Text(text) => parse_number(&text),
        _ => None,
    };
    let pairs: Vec<(f64, f64)> = (0..table.num_records())
        .filter_map(|row| Some((number(row, col)?, number(row, target_col)?)))
        .collect();
    if pairs.len() < FEW_RECORDS {
        return None;
    }
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    let straight = correlation(&a, &b).abs();
    let ranked = correlation(&ranks(&a), &ranks(&b)).abs();
    (straight.max(ranked) >= SAME_NUMBER).then(|| {
        format!(
            "follows the target with a correlation of {:.4}",
            straight.max(ranked)
        )
    })
}

/// Pearson's correlation; 0 where a side does not vary.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, deviation_a) = crate::target::mean_and_deviation(a);
    let (mean_b, deviation_b) = crate::target::mean_and_deviation(b);
    if deviation_a <= 0.0 || deviation_b <= 0.0 {
        return 0.0;
    }
    let n = a.len() as f64;
    a.iter()
        .zip(b)
        .map(|(a, b)| ((a - mean_a) / deviation_a) * ((b - mean_b) / deviation_b) / n)
        .sum()
}

/// Ranks, equal values sharing their mean rank.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for run in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = start as f64 + (run.len() - 1) as f64 / 2.0;
        run.iter().for_each(|at| ranks[*at] = rank);
        start += run.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.spearmanr([1, 2, 2, 4], [1, 3, 2, 4])` is 0.9486832980505138.
    #[test]
    fn rank_correlation_shares_ranks_of_ties() {
        let rank = correlation(&ranks(&[1.0, 2.0, 2.0, 4.0]), &ranks(&[1.0, 3.0, 2.0, 4.0]));
        assert!((rank - 0.948_683_298_050_513_8).abs() < 1e-12, "{rank}");
        assert_eq!(correlation(&[1.0, 1.0], &[1.0, 2.0]), 0.0);
    }
}
