//! The target column: what is to be predicted, and how its classes are spread.

use std::collections::HashMap;

use schema::{Modality, Task};

use super::{Balance, Inspection, Warning};
use crate::{
    CellRef, Table, parse_number,
    target::{label_of, split_labels},
};

/// Most distinct whole numbers that are taken for classes.
const MOST_NUMBER_CLASSES: usize = 20;
/// Records of a class below which a model has little to go by.
const RARE: usize = 5;

/// Infers the task and counts the classes; `chosen` is a modality that a person decided for the target.
pub(super) fn inspect(
    table: &Table,
    col: usize,
    chosen: Option<Modality>,
    inspection: &mut Inspection,
) {
    let labels = Labels::of(table, col);
    let (task, why) = match chosen {
        Some(Modality::Number) => (Task::Regression, "a number, as chosen".to_owned()),
        Some(_) if labels.counts.len() > 2 => (Task::Class, "a category, as chosen".to_owned()),
        _ => labels.task(),
    };
    inspection.task = Some(task);
    inspection.task_why = why;
    let name = &*table.column_name(col);
    let modality = match task {
        Task::Regression => Modality::Number,
        _ => Modality::Category,
    };
    if let Some(info) = inspection.column_mut(name) {
        info.column.modality = modality;
    }
    if labels.num_missing > 0 && task != Task::Multilabel {
        let text = format!(
            "{} records have no target and are left out",
            labels.num_missing
        );
        inspection
            .warnings
            .push(Warning::new("missing_target", name, text));
    }
    if task != Task::Regression {
        inspection.balance = labels.balance(table, col, task);
        inspection.warnings.extend(rare(name, inspection));
    }
}

struct Labels {
    counts: HashMap<String, usize>,
    num_lists: usize,
    num_separated: usize,
    num_missing: usize,
}

impl Labels {
    fn of(table: &Table, col: usize) -> Self {
        let mut labels = Self {
            counts: HashMap::new(),
            num_lists: 0,
            num_separated: 0,
            num_missing: 0,
        };
        for row in 0..table.num_records() {
            let cell = table.cell(row, col);
            if matches!(cell, CellRef::List(_)) {
                labels.num_lists += 1;
                continue;
            }
            match label_of(cell) {
                Some(label) => {
                    labels.num_separated += usize::from(label.contains([';', '|']));
                    *labels.counts.entry(label.into_owned()).or_default() += 1;
                }
                None => labels.num_missing += 1,
            }
        }
        labels
    }

    fn task(&self) -> (Task, String) {
        let num_known: usize = self.counts.values().sum();
        let distinct = self.counts.len();
        if self.num_lists > 0 {
            return (Task::Multilabel, "lists of labels".to_owned());
        }
        // Labels that are combined must be fewer than their combinations, or the separator is part of a name.
        let mut parts: Vec<&str> = self
            .counts
            .keys()
            .flat_map(|label| label.split([';', '|']))
            .map(str::trim)
            .collect();
        parts.sort_unstable();
        parts.dedup();
        if self.num_separated * 10 >= num_known.max(1) && parts.len() <= distinct.max(2) {
            return (
                Task::Multilabel,
                "labels separated by `;` or `|`".to_owned(),
            );
        }
        if distinct <= 2 {
            return (Task::Binary, format!("{distinct} distinct values"));
        }
        let numbers: Vec<f64> = self
            .counts
            .keys()
            .filter_map(|label| parse_number(label))
            .collect();
        let num_others = distinct - numbers.len();
        let is_few_codes = distinct <= MOST_NUMBER_CLASSES
            && num_known >= 5 * distinct
            && numbers.iter().all(|number| number.fract() == 0.0);
        if num_others == 0 && is_few_codes {
            return (Task::Class, format!("{distinct} distinct whole numbers"));
        }
        if num_others == 0 {
            return (Task::Regression, format!("{distinct} distinct numbers"));
        }
        // A slip among hundreds of numbers does not make names of them.
        if numbers.len() > MOST_NUMBER_CLASSES && num_others * 20 <= distinct {
            let why = format!(
                "{} distinct numbers, and {num_others} that are none",
                numbers.len()
            );
            return (Task::Regression, why);
        }
        (Task::Class, format!("{distinct} distinct names"))
    }

    fn balance(self, table: &Table, col: usize, task: Task) -> Vec<Balance> {
        let mut counts = self.counts;
        if task == Task::Multilabel {
            counts.clear();
            for row in 0..table.num_records() {
                for label in split_labels(table.cell(row, col)) {
                    *counts.entry(label).or_default() += 1;
                }
            }
        }
        let mut balance: Vec<Balance> = counts
            .into_iter()
            .map(|(class, num_records)| Balance { class, num_records })
            .collect();
        balance.sort_by(|a, b| {
            b.num_records
                .cmp(&a.num_records)
                .then_with(|| a.class.cmp(&b.class))
        });
        balance
    }
}

fn rare(name: &str, inspection: &Inspection) -> Option<Warning> {
    let rare: Vec<&Balance> = inspection
        .balance
        .iter()
        .filter(|class| class.num_records < RARE)
        .collect();
    let first = rare.first()?;
    let text = format!(
        "{} of {} classes have fewer than {RARE} records, such as \"{}\" with {}",
        rare.len(),
        inspection.balance.len(),
        first.class,
        first.num_records
    );
    Some(Warning::new("rare_class", name, text))
}
