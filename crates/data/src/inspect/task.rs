//! The target column: what is to be predicted, and how its classes are spread.

use std::collections::HashMap;

use schema::Task;

use super::{Balance, Inspection};
use crate::{
    CellRef, Table, parse_number,
    target::{label_of, split_labels},
};

pub(super) fn inspect(table: &Table, col: usize, inspection: &mut Inspection) {
    let mut counts = HashMap::<String, usize>::new();
    let mut lists = 0;
    for row in 0..table.num_records() {
        let cell = table.cell(row, col);
        if matches!(cell, CellRef::List(_)) {
            lists += 1;
        }
        if let Some(label) = label_of(cell) {
            *counts.entry(label.into_owned()).or_default() += 1;
        }
    }
    let separated = counts
        .keys()
        .filter(|label| label.contains([';', '|']))
        .count();
    let numbers = counts.keys().all(|label| parse_number(label).is_some());
    let whole = counts.keys().all(|label| label.parse::<i64>().is_ok());
    let (task, why) = if lists > 0 || separated * 2 > counts.len() {
        (Task::Multilabel, "several labels a record".to_owned())
    } else if counts.len() <= 2 {
        (Task::Binary, format!("{} distinct values", counts.len()))
    } else if !numbers {
        (Task::Class, format!("{} distinct names", counts.len()))
    } else if whole && counts.len() <= 20 {
        (
            Task::Class,
            format!("{} distinct whole numbers", counts.len()),
        )
    } else {
        (
            Task::Regression,
            format!("{} distinct numbers", counts.len()),
        )
    };
    if task == Task::Multilabel {
        counts.clear();
        for row in 0..table.num_records() {
            for label in split_labels(table.cell(row, col)) {
                *counts.entry(label).or_default() += 1;
            }
        }
    }
    inspection.task = Some(task);
    inspection.task_why = why;
    if task != Task::Regression {
        let mut balance: Vec<Balance> = counts
            .into_iter()
            .map(|(class, num_records)| Balance { class, num_records })
            .collect();
        balance.sort_by(|a, b| {
            b.num_records
                .cmp(&a.num_records)
                .then_with(|| a.class.cmp(&b.class))
        });
        inspection.balance = balance;
    }
}
