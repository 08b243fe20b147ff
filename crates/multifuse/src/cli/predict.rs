//! `multifuse predict`.

use std::{ops::Range, path::Path, sync::Arc};

use data::Table;
use multifuse::{AnswerFormat, Predictor, write_answers};
use schema::{Code, Prediction, Problem};
use serde_json::json;

use super::{
    args::{Common, Predict},
    output::{self, Output},
};

pub(crate) fn run(options: &Predict, common: &Common, output: Output) -> Result<(), Problem> {
    let format = options
        .out
        .as_deref()
        .map_or(Ok(AnswerFormat::Csv), AnswerFormat::of)?;
    let model = Predictor::open(&options.run)?.threads(common.threads.unwrap_or(0));
    let table = Arc::new(Table::open(&options.data)?);
    let rows = shard(options.shard.as_deref(), table.num_records())?;
    let mut answers = Vec::with_capacity(rows.len());
    let (id_column, id_place) = id_column(&model, &table);
    model.predict_rows(&table, rows, &mut |predictions| {
        answers.extend(
            predictions
                .iter()
                .map(|prediction| (id_of(&table, id_place, prediction.row), prediction.clone())),
        );
        Ok(())
    })?;
    let mut bytes = Vec::new();
    let format = if options.out.is_none() && output.is_json() {
        AnswerFormat::JsonLines
    } else {
        format
    };
    write_answers(&mut bytes, format, model.target(), &id_column, &answers).map_err(|error| {
        Problem::new(Code::Data, "answers cannot be written").got(error.to_string())
    })?;
    let num_errors = answers
        .iter()
        .filter(|(_, prediction)| prediction.answer.is_err())
        .count();
    match &options.out {
        None => {
            if num_errors > 0 {
                output::say(format!(
                    "{num_errors} of {} records could not be read; column \"error\" says why",
                    answers.len()
                ));
            }
            output.print(&String::from_utf8_lossy(&bytes))
        }
        Some(path) => {
            write(path, &bytes)?;
            output.result(
                &summary(path, &answers, num_errors),
                &json!({ "written": path, "num_records": answers.len(), "num_errors": num_errors }),
            )
        }
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    schema::write_atomic(path, bytes).map_err(|error| {
        Problem::new(Code::Data, "answers cannot be written")
            .at(path.display().to_string())
            .got(error.to_string())
            .help("choose another place with --out, or make room on the disk")
    })
}

fn summary(path: &Path, answers: &[(String, Prediction)], num_errors: usize) -> String {
    let mut text = format!(
        "{} answers in {}",
        answers.len() - num_errors,
        path.display()
    );
    if num_errors > 0 {
        text.push_str(&format!(
            "\n{num_errors} records could not be read; their column \"error\" says why"
        ));
    }
    text
}

/// The column that names records: the run's own id column if the table has it, else the line in the file.
fn id_column(model: &Predictor, table: &Table) -> (String, Option<usize>) {
    match model
        .id_column()
        .and_then(|name| Some((name, table.column_index(name)?)))
    {
        // No two columns of the answers may have one name.
        Some((name, place)) if is_of_answers(name) => (format!("id_{name}"), Some(place)),
        Some((name, place)) => (name.to_owned(), Some(place)),
        None => ("line".to_owned(), None),
    }
}

fn is_of_answers(name: &str) -> bool {
    ["prediction", "probability", "low", "high", "error"].contains(&name) || name.starts_with("p_")
}

fn id_of(table: &Table, place: Option<usize>, row: usize) -> String {
    let cell = place.map(|col| table.cell(row, col));
    match cell {
        Some(data::CellRef::Text(text)) => text.into_owned(),
        Some(data::CellRef::Number(number)) => data::number_name(number),
        _ => table.line(row).to_string(),
    }
}

/// Part I of N, counted from 1: parts differ by one record at most and cover the table.
fn shard(text: Option<&str>, num_records: usize) -> Result<Range<usize>, Problem> {
    let Some(text) = text else {
        return Ok(0..num_records);
    };
    let parsed = text.split_once('/').and_then(|(part, parts)| {
        let (part, parts) = (part.parse::<usize>().ok()?, parts.parse::<usize>().ok()?);
        (part >= 1 && part <= parts).then_some((part, parts))
    });
    let (part, parts) = parsed.ok_or_else(|| {
        Problem::new(Code::Config, "--shard")
            .expected("I/N with I from 1 to N, such as 2/4")
            .got(text)
    })?;
    Ok(num_records * (part - 1) / parts..num_records * part / parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_cover_the_table_once() {
        let ranges: Vec<_> = (1..=3)
            .map(|i| shard(Some(&format!("{i}/3")), 10).unwrap())
            .collect();
        assert_eq!(ranges, [0..3, 3..6, 6..10]);
        assert!(shard(Some("0/3"), 10).is_err() && shard(Some("4/3"), 10).is_err());
        assert!(shard(Some("x"), 10).is_err());
    }
}
