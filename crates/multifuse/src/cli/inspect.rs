//! `multifuse inspect`: what each column is and what is wrong with it.

use std::{collections::BTreeMap, fmt::Write as _};

use data::{Inspection, Table};
use schema::{Code, Modality, Problem, Role};

use super::{args::Inspect, output::Output};

pub(crate) fn run(options: &Inspect, output: Output) -> Result<(), Problem> {
    let table = Table::open(&options.data)?;
    let overrides = column_overrides(&options.columns)?;
    let inspection = data::inspect(&table, options.target.as_deref(), &overrides)?;
    let value = serde_json::to_value(&inspection).map_err(|error| {
        Problem::new(Code::Internal, "the inspection is no JSON").got(error.to_string())
    })?;
    output.result(&text(&inspection, options), &value)
}

/// `--column name=modality`, as often as it was given.
pub(crate) fn column_overrides(texts: &[String]) -> Result<BTreeMap<String, Modality>, Problem> {
    let mut overrides = BTreeMap::new();
    for text in texts {
        let (name, modality) = text.rsplit_once('=').ok_or_else(|| {
            Problem::new(Code::Config, "--column")
                .got(text.clone())
                .expected("COLUMN=MODALITY, such as zip=category")
        })?;
        overrides.insert(name.to_owned(), modality.parse()?);
    }
    Ok(overrides)
}

fn text(inspection: &Inspection, options: &Inspect) -> String {
    let mut text = format!("{}: {} records", inspection.table, inspection.num_records);
    if inspection.num_bad_rows > 0 {
        let _ = write!(text, ", {} more could not be read", inspection.num_bad_rows);
    }
    let width = inspection
        .columns
        .iter()
        .map(|info| info.column.name.chars().count())
        .max()
        .unwrap_or(0);
    for info in &inspection.columns {
        let _ = write!(
            text,
            "\n  {:<width$}  {:<8}  {:<7}  {}",
            info.column.name,
            info.column.modality.name(),
            role_name(info.column.role),
            info.why
        );
        if info.num_missing > 0 {
            let _ = write!(text, "; {} missing", info.num_missing);
        }
    }
    if let (Some(target), Some(task)) = (&options.target, inspection.task) {
        let _ = write!(
            text,
            "\ntask: {task} of \"{target}\" ({})",
            inspection.task_why
        );
        for balance in &inspection.balance {
            let share = 100.0 * balance.num_records as f64 / inspection.num_records.max(1) as f64;
            let _ = write!(
                text,
                "\n  {:<24} {:>7}  {share:>5.1} %",
                balance.class, balance.num_records
            );
        }
    } else if let Some(target) = &options.target {
        let _ = write!(
            text,
            "\n\"{target}\" cannot be a target: {}",
            inspection.task_why
        );
    }
    for warning in &inspection.warnings {
        text.push_str("\nwarning: ");
        if !warning.column.is_empty() {
            let _ = write!(text, "column \"{}\": ", warning.column);
        }
        text.push_str(&warning.text);
    }
    let target = options.target.as_deref().unwrap_or("COLUMN");
    let _ = write!(
        text,
        "\nnext: multifuse train {} --target {target}",
        options.data.display()
    );
    text
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Input => "input",
        Role::Target => "target",
        Role::Group => "group",
        Role::Weight => "weight",
        Role::Id => "id",
        Role::Ignored => "ignored",
    }
}
