//! One column: modality, role, and what is odd about it.

use std::collections::{BTreeSet, HashSet};

use schema::{Column, Modality, Role};

use super::{ColumnInfo, Warning};
use crate::{CellRef, Table, is_missing_word, number_name, parse_date, parse_number};

pub(super) fn inspect(
    table: &Table,
    col: usize,
    chosen: Option<Modality>,
    is_target: bool,
    warnings: &mut Vec<Warning>,
) -> ColumnInfo {
    let name = &table.columns()[col];
    let texts: Vec<(usize, String)> = (0..table.num_records())
        .filter_map(|row| Some((row, shown(table.cell(row, col))?)))
        .collect();
    let distinct: HashSet<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
    let num_missing = table.num_records() - texts.len();
    let all = |check: &dyn Fn(&str) -> bool| {
        !texts.is_empty()
            && texts.iter().filter(|(_, text)| check(text)).count() * 100 >= texts.len() * 95
    };
    let is_picture = |text: &str| {
        [
            ".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff",
        ]
        .iter()
        .any(|ending| text.to_lowercase().ends_with(ending))
    };
    let (modality, why) = match chosen {
        Some(modality) => (modality, "as chosen".to_owned()),
        None if all(&is_picture) => (Modality::Image, "paths of pictures".to_owned()),
        None if all(&|text| parse_number(text).is_some()) => {
            (Modality::Number, "numbers".to_owned())
        }
        None if all(&|text| parse_date(text).is_some()) => (Modality::Date, "dates".to_owned()),
        None if distinct.len() <= 50.min(texts.len() / 2 + 1) => (
            Modality::Category,
            format!("{} distinct values", distinct.len()),
        ),
        None => (Modality::Text, "long or various strings".to_owned()),
    };
    let unique = distinct.len() == texts.len() && texts.len() > 1;
    let codes = texts.iter().all(|(_, text)| !text.contains(' '));
    let role = if is_target {
        Role::Target
    } else if chosen.is_none() && texts.is_empty() {
        warnings.push(warning(
            "all_missing",
            name,
            "no record has a value; left out",
        ));
        Role::Ignored
    } else if chosen.is_none() && unique && codes && modality == Modality::Text {
        warnings.push(warning(
            "identifier",
            name,
            "every value is a code of its own; left out",
        ));
        Role::Id
    } else {
        Role::Input
    };
    let examples: BTreeSet<&str> = distinct.iter().copied().collect();
    ColumnInfo {
        column: Column {
            name: name.clone(),
            modality,
            role,
        },
        why,
        num_missing,
        num_distinct: distinct.len(),
        examples: examples
            .iter()
            .take(3)
            .map(|text| text.chars().take(60).collect())
            .collect(),
    }
}

fn warning(code: &'static str, column: &str, text: &str) -> Warning {
    Warning {
        code,
        column: column.to_owned(),
        text: text.to_owned(),
    }
}

fn shown(cell: CellRef<'_>) -> Option<String> {
    match cell {
        CellRef::Text(text) if !is_missing_word(text) => Some(text.trim().to_owned()),
        CellRef::Number(number) => Some(number_name(number)),
        CellRef::Bytes(bytes) => Some(format!("{} bytes", bytes.len())),
        CellRef::List(list) => Some(format!("{list:?}")),
        CellRef::Text(_) | CellRef::Missing => None,
    }
}
