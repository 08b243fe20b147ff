//! Columns that the table lacks but whose files hold them: sound tracks of videos, fields of DICOM files.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use schema::{Column, Modality, Role};

use super::{ColumnInfo, Warning, column};
use crate::{
    Table,
    media::part::{KINDS, Part, Parts, parts},
};

/// Files of a column that are looked at.
const SAMPLE: usize = 40;

/// Adds what the files of the columns hold besides, and derived columns that a person named.
pub(super) fn append(
    table: &Table,
    target: Option<&str>,
    overrides: &BTreeMap<String, Modality>,
    columns: &mut Vec<ColumnInfo>,
    warnings: &mut Vec<Warning>,
) {
    let own: Vec<Column> = columns.iter().map(|info| info.column.clone()).collect();
    let is_named = |name: &str| target == Some(name) || overrides.contains_key(name);
    for (base, column) in own.iter().enumerate() {
        for kind in KINDS {
            let held = if column.modality.is_media() && kind.may_be_in(column.modality) {
                Held::of(table, base, kind)
            } else {
                Held::default()
            };
            let named_parts = parts()
                .iter()
                .filter(|part| part.kind.about() == kind.about());
            for (place, part) in named_parts.enumerate() {
                let name = format!("{}.{}", column.name, part.name);
                let seen = held.values.get(place).filter(|values| !values.is_empty());
                // The table's own columns win.
                let is_own = own.iter().any(|column| column.name == name);
                if is_own || (seen.is_none() && !is_named(&name)) {
                    continue;
                }
                let derived = Derived {
                    table,
                    own: &own,
                    chosen: overrides.get(&name).copied(),
                    is_target: target == Some(name.as_str()),
                    part: *part,
                    num_values: seen.map_or(0, BTreeSet::len),
                    num_holding: held.num_holding.get(place).copied().unwrap_or(0),
                    num_looked_at: held.num_looked_at,
                    name,
                };
                columns.extend(derived.info(warnings));
            }
        }
    }
}

/// What a sample of files holds of a kind of parts.
#[derive(Default)]
struct Held {
    num_looked_at: usize,
    /// Files that hold each part.
    num_holding: Vec<usize>,
    /// Different values of each part.
    values: Vec<BTreeSet<String>>,
}

impl Held {
    fn of(table: &Table, base: usize, kind: &'static dyn Parts) -> Self {
        let present: Vec<usize> = (0..table.num_records())
            .filter(|row| super::profile::cell_key(&table.cell(*row, base)).is_some())
            .collect();
        let step = present.len().div_ceil(SAMPLE).max(1);
        let sample: Vec<usize> = present.into_iter().step_by(step).collect();
        let of_files: Vec<Vec<Option<String>>> = sample
            .par_iter()
            .map(|row| kind.held(&table.source(*row, base)))
            .collect();
        let num_parts = kind.names().len();
        let mut held = Self {
            num_looked_at: of_files.len(),
            num_holding: vec![0; num_parts],
            values: vec![BTreeSet::new(); num_parts],
        };
        for file in of_files {
            for (place, value) in file.into_iter().enumerate().take(num_parts) {
                if let Some(value) = value {
                    held.num_holding[place] += 1;
                    held.values[place].insert(value);
                }
            }
        }
        held
    }
}

/// A column that may be used.
struct Derived<'a> {
    table: &'a Table,
    own: &'a [Column],
    name: String,
    part: Part,
    chosen: Option<Modality>,
    is_target: bool,
    num_values: usize,
    num_holding: usize,
    num_looked_at: usize,
}

impl Derived<'_> {
    fn info(&self, warnings: &mut Vec<Warning>) -> Option<ColumnInfo> {
        let col = self.table.column_index(&self.name)?;
        match self.part.track() {
            Some(modality) => Some(self.track(col, modality, warnings)),
            None => Some(self.field(col, warnings)),
        }
    }

    fn why(&self) -> String {
        format!(
            "{}, {} of {} looked at have it",
            self.part.kind.about(),
            self.num_holding,
            self.num_looked_at
        )
    }

    fn track(&self, col: usize, modality: Modality, warnings: &mut Vec<Warning>) -> ColumnInfo {
        let is_missing =
            |row: &usize| super::profile::cell_key(&self.table.cell(*row, col)).is_none();
        let rows = 0..self.table.num_records();
        let rival = self
            .own
            .iter()
            .find(|column| column.modality == modality && column.role == Role::Input);
        let mut role = Role::Input;
        if let Some(rival) = rival.filter(|_| self.chosen.is_none()) {
            role = Role::Ignored;
            let text = format!(
                "left out, as the table has a sound column of its own, \"{}\"; name it with --inputs to use it",
                rival.name
            );
            warnings.push(Warning::new("second_sound", &self.name, text));
        }
        ColumnInfo {
            column: Column {
                name: self.name.clone(),
                modality: self.chosen.unwrap_or(modality),
                role,
            },
            why: self.why(),
            num_missing: rows.filter(is_missing).count(),
            num_distinct: self.num_values,
            examples: Vec::new(),
        }
    }

    fn field(&self, col: usize, warnings: &mut Vec<Warning>) -> ColumnInfo {
        if self.num_values < 2 && self.chosen.is_none() && !self.is_target {
            return ColumnInfo {
                column: Column {
                    name: self.name.clone(),
                    modality: Modality::Category,
                    role: Role::Ignored,
                },
                why: format!("{}, the same in all", self.why()),
                num_missing: 0,
                num_distinct: self.num_values,
                examples: Vec::new(),
            };
        }
        // Files are read once for all their fields, and many at a time.
        (0..self.table.num_records())
            .into_par_iter()
            .for_each(|row| drop(self.table.cell(row, col)));
        let mut found = Vec::new();
        let mut info = column::inspect(self.table, col, self.chosen, self.is_target, &mut found);
        // A field of known meaning names nobody, however much its values differ.
        let is_named = |warning: &Warning| warning.code == "identifier";
        if found.iter().any(is_named) {
            info.column.role = Role::Input;
        }
        warnings.extend(found.into_iter().filter(|warning| !is_named(warning)));
        info.why = format!("{}: {}", self.why(), info.why);
        info
    }
}
