//! Columns that are a coarser or finer view of the target, such as a score and what it is called.

use std::collections::HashMap;

use schema::{Role, Task};

use super::{
    Inspection,
    leak::{FEW_RECORDS, TELLS, leave_out_one},
    profile::cell_key,
};
use crate::{CellRef, Table, parse_number};

/// Takes columns that are another view of the target out of the inputs, with a warning. Columns that a person named
/// stay.
pub(super) fn leave_out(
    table: &Table,
    target_col: usize,
    is_named: &dyn Fn(&str) -> bool,
    inspection: &mut Inspection,
) {
    let Some(task) = inspection.task else { return };
    let num_classes = |inspection: &Inspection, name: &str| {
        let info = inspection.column(name);
        info.map_or(0, |info| info.num_distinct)
    };
    let target = table.columns().get(target_col).cloned().unwrap_or_default();
    for (col, name) in table.columns().iter().enumerate() {
        let is_input = |info: &super::ColumnInfo| {
            info.column.role == Role::Input && !info.column.modality.is_media()
        };
        if !inspection.column(name).is_some_and(is_input) {
            continue;
        }
        let found = match task {
            Task::Regression => steps(table, (target_col, col), num_classes(inspection, name)),
            Task::Class => steps(table, (col, target_col), num_classes(inspection, &target)),
            Task::Binary | Task::Multilabel => None,
        };
        let Some(text) = found else { continue };
        leave_out_one(inspection, name, &text, is_named(name));
    }
}

/// Whether one column is a coarser view of the other: the classes are steps on the scale of the number, such as a score
/// and what it is called. Only of three steps or more that touch: what merely differs much between classes is no leak.
fn steps(
    table: &Table,
    (number_col, class_col): (usize, usize),
    num_classes: usize,
) -> Option<String> {
    const FEWEST_STEPS: usize = 3;
    const MOST_STEPS: usize = 20;
    if !(FEWEST_STEPS..=MOST_STEPS).contains(&num_classes) {
        return None;
    }
    let mut classes = HashMap::<u64, usize>::new();
    let mut pairs: Vec<(f64, usize)> = (0..table.num_records())
        .filter_map(|row| {
            let number = number_in(&table.cell(row, number_col))?;
            let key = cell_key(&table.cell(row, class_col))?;
            let next = classes.len();
            Some((number, *classes.entry(key).or_insert(next)))
        })
        .collect();
    if pairs.len() < FEW_RECORDS || !(FEWEST_STEPS..=MOST_STEPS).contains(&classes.len()) {
        return None;
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let steps = steps_in_order(&pairs, classes.len());
    let told = told_by_steps(&pairs, &steps);
    let num = pairs.len();
    let commonest = steps.iter().map(|step| step.size).max().unwrap_or(0);
    let feat = num - commonest >= 10 && (num - told) * 20 <= num - commonest;
    let tells = told as f64 >= TELLS * num as f64;
    (feat && tells && steps_touch(&pairs, &steps)).then(|| {
        format!(
            "the classes are {} steps on the scale of the number, for {told} of {num} records",
            steps.len()
        )
    })
}

/// A class as a stretch of a number's scale.
struct Step {
    class: usize,
    /// Records.
    size: usize,
    /// Median of the number.
    median: f64,
}

/// The classes by their median; `pairs` of number and class are sorted by the number.
fn steps_in_order(pairs: &[(f64, usize)], num_classes: usize) -> Vec<Step> {
    let mut numbers = vec![Vec::new(); num_classes];
    for (number, class) in pairs {
        numbers[*class].push(*number);
    }
    let mut steps: Vec<Step> = numbers
        .iter()
        .enumerate()
        .map(|(class, numbers)| Step {
            class,
            size: numbers.len(),
            median: numbers[numbers.len() / 2],
        })
        .collect();
    steps.sort_by(|a, b| a.median.total_cmp(&b.median));
    steps
}

/// Most records whose class the best thresholds between the steps tell.
fn told_by_steps(pairs: &[(f64, usize)], steps: &[Step]) -> usize {
    // Records told so far, if the last number lies on a step.
    let mut told = vec![0_usize; steps.len()];
    for same in pairs.chunk_by(|a, b| a.0 == b.0) {
        let mut most = 0;
        for (told, step) in told.iter_mut().zip(steps) {
            most = most.max(*told);
            *told = most
                + same
                    .iter()
                    .filter(|(_, class)| *class == step.class)
                    .count();
        }
    }
    told.into_iter().max().unwrap_or(0)
}

/// Whether no gap between neighbouring steps is much wider than gaps usually are.
fn steps_touch(pairs: &[(f64, usize)], steps: &[Step]) -> bool {
    /// Of gaps that are spread like waiting times one in four hundred is so many times as wide as the mean.
    const WIDE: f64 = 6.0;
    let num_gaps = pairs.chunk_by(|a, b| a.0 == b.0).count().saturating_sub(1);
    let (Some(first), Some(last)) = (pairs.first(), pairs.last()) else {
        return false;
    };
    let usual = (last.0 - first.0) / num_gaps.max(1) as f64;
    let mut end = 0;
    steps[..steps.len() - 1].iter().all(|step| {
        end += step.size;
        pairs[end].0 - pairs[end - 1].0 <= WIDE * usual
    })
}

/// The number of a cell, also where it is written as text.
fn number_in(cell: &CellRef<'_>) -> Option<f64> {
    match cell {
        CellRef::Number(number) => Some(*number).filter(|number| number.is_finite()),
        CellRef::Text(text) => parse_number(text),
        _ => None,
    }
}
