//! What the columns of a table are, from their content.

use std::collections::BTreeMap;

use schema::{Column, Modality, Role, Task};

use crate::{DataError, Table};

mod column;
mod derived;
mod leak;
mod media;
mod profile;
mod steps;
mod task;
#[cfg(test)]
mod tests;
mod within;

pub use within::constant_in_groups;

/// Something about a column or the table that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Warning {
    /// Closed word: `identifier`, `leak`, `constant`, `all_missing`, `unread_files`, `broken_media`, `bad_cells`,
    /// `second_sound`, `rare_class`, `missing_target`, `bad_rows`.
    pub code: &'static str,
    /// Column it is about; empty for the table.
    pub column: String,
    /// In words.
    pub text: String,
}

impl Warning {
    fn new(code: &'static str, column: &str, text: String) -> Self {
        Self {
            code,
            column: column.to_owned(),
            text,
        }
    }
}

/// What is known about a column.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ColumnInfo {
    /// Name, modality, role.
    #[serde(flatten)]
    pub column: Column,
    /// Why it is taken to be that, in words.
    pub why: String,
    /// Cells that are missing.
    pub num_missing: usize,
    /// Distinct values.
    pub num_distinct: usize,
    /// Up to three cells, as written, cut at 60 characters.
    pub examples: Vec<String>,
}

/// Records of a class or label.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Balance {
    /// Its name.
    pub class: String,
    /// Records that have it.
    pub num_records: usize,
}

/// What is known about a table.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Inspection {
    /// Name of the table.
    pub table: String,
    /// Number of records.
    pub num_records: usize,
    /// Rows that could not be read as records.
    pub num_bad_rows: usize,
    /// One entry a column, in file order, then what is derived from their files.
    pub columns: Vec<ColumnInfo>,
    /// What would be predicted, if a target was named.
    pub task: Option<Task>,
    /// Why, in words.
    pub task_why: String,
    /// Records of each class or label, most first; empty for regression.
    pub balance: Vec<Balance>,
    /// What a person should know.
    pub warnings: Vec<Warning>,
}

impl Inspection {
    /// The columns that a model reads by default.
    pub fn inputs(&self) -> Vec<Column> {
        self.columns
            .iter()
            .map(|info| &info.column)
            .filter(|column| column.role == Role::Input)
            .cloned()
            .collect()
    }

    /// The columns of some names as inputs, whatever was thought of them: a person named them.
    ///
    /// # Errors
    /// [`DataError::NoColumn`] with the nearest name.
    pub fn inputs_named<S: AsRef<str>>(&self, names: &[S]) -> Result<Vec<Column>, DataError> {
        names
            .iter()
            .map(|name| match self.column(name.as_ref()) {
                Some(info) => Ok(Column {
                    role: Role::Input,
                    ..info.column.clone()
                }),
                None => Err(DataError::NoColumn {
                    name: name.as_ref().to_owned(),
                    known: self
                        .columns
                        .iter()
                        .map(|info| info.column.name.clone())
                        .collect(),
                }),
            })
            .collect()
    }

    fn column_mut(&mut self, name: &str) -> Option<&mut ColumnInfo> {
        self.columns
            .iter_mut()
            .find(|info| info.column.name == name)
    }

    /// A column by name.
    pub fn column(&self, name: &str) -> Option<&ColumnInfo> {
        self.columns.iter().find(|info| info.column.name == name)
    }
}

/// Infers modality and role of every column, and the task if a target is named.
///
/// `overrides` are modalities that a person decided; a column named there is used as an input whatever it looks like.
///
/// # Errors
/// [`DataError::NoColumn`] if the target or an overridden column is not there.
pub fn inspect(
    table: &Table,
    target: Option<&str>,
    overrides: &BTreeMap<String, Modality>,
) -> Result<Inspection, DataError> {
    for name in target
        .into_iter()
        .chain(overrides.keys().map(String::as_str))
    {
        table.require(name)?;
    }
    let mut warnings = Vec::new();
    if let Some(first) = table.bad_rows().first() {
        let text = format!(
            "{} rows are no records, the first in line {}: {}",
            table.num_bad_rows(),
            first.line,
            first.text
        );
        warnings.push(Warning::new("bad_rows", "", text));
    }
    let mut columns = Vec::new();
    for (col, name) in table.columns().iter().enumerate() {
        let is_target = target == Some(name.as_str());
        let chosen = overrides.get(name).copied();
        columns.push(column::inspect(
            table,
            col,
            chosen,
            is_target,
            &mut warnings,
        ));
    }
    derived::append(table, target, overrides, &mut columns, &mut warnings);
    let mut inspection = Inspection {
        table: table.name().to_owned(),
        num_records: table.num_records(),
        num_bad_rows: table.num_bad_rows(),
        columns,
        task: None,
        task_why: String::new(),
        balance: Vec::new(),
        warnings,
    };
    if let Some(target) = target {
        let col = table.require(target)?;
        task::inspect(table, col, overrides.get(target).copied(), &mut inspection);
        leak::leave_out(
            table,
            col,
            &|name| overrides.contains_key(name),
            &mut inspection,
        );
        steps::leave_out(
            table,
            col,
            &|name| overrides.contains_key(name),
            &mut inspection,
        );
    }
    Ok(inspection)
}
