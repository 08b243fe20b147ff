//! Answers as a table: CSV, JSON lines or Parquet.

use std::{
    io::{self, BufWriter, Write},
    path::Path,
    sync::Arc,
};

use parquet::{
    basic::{LogicalType, Repetition, Type as Physical},
    data_type::{ByteArray, ByteArrayType, DoubleType},
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::types::Type,
};
use schema::{Answer, FittedTarget, Prediction, Task};
use serde_json::{Map, Value};

use crate::PredictError;

/// How answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerFormat {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// Parquet, one row group.
    Parquet,
}

impl AnswerFormat {
    /// The format that a file's ending stands for.
    ///
    /// # Errors
    /// [`PredictError::Format`] for any other ending.
    pub fn of(path: &Path) -> Result<Self, PredictError> {
        let ending = path
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        match ending.as_str() {
            "csv" => Ok(Self::Csv),
            "jsonl" | "ndjson" => Ok(Self::JsonLines),
            "parquet" => Ok(Self::Parquet),
            _ => Err(PredictError::Format {
                path: path.to_owned(),
                got: ending,
            }),
        }
    }
}

/// One cell of the answers.
enum Cell {
    Text(String),
    Number(Option<f64>),
}

/// Writes answers: the record's id (or its line), `prediction`, `probability` and one `p_<class>` a class (class
/// tasks), `low` and `high` (regression), and `error` for a record that could not be read.
///
/// `ids` names each row of `predictions` by position; its column is called `id_column`.
///
/// # Errors
/// Whatever the sink returns; Parquet's own errors are wrapped.
pub fn write_answers(
    sink: impl Write + Send,
    format: AnswerFormat,
    target: &FittedTarget,
    id_column: &str,
    answers: &[(String, Prediction)],
) -> io::Result<()> {
    let names = column_names(target, id_column);
    let rows = answers
        .iter()
        .map(|(id, prediction)| row(target, id, prediction));
    match format {
        AnswerFormat::Csv => write_csv(sink, &names, rows),
        AnswerFormat::JsonLines => write_json_lines(sink, &names, rows),
        AnswerFormat::Parquet => write_parquet(sink, &names, &rows.collect::<Vec<_>>()),
    }
}

fn column_names(target: &FittedTarget, id_column: &str) -> Vec<String> {
    let mut names = vec![id_column.to_owned(), "prediction".to_owned()];
    match target.task {
        Task::Regression => names.extend(["low".to_owned(), "high".to_owned()]),
        Task::Multilabel => {}
        Task::Binary | Task::Class => names.push("probability".to_owned()),
    }
    names.extend(target.classes.iter().map(|class| format!("p_{class}")));
    names.push("error".to_owned());
    names
}

fn row(target: &FittedTarget, id: &str, prediction: &Prediction) -> Vec<Cell> {
    let mut cells = vec![Cell::Text(id.to_owned())];
    let numbers = |values: &[f64]| {
        values
            .iter()
            .map(|value| Cell::Number(Some(rounded(*value))))
            .collect::<Vec<_>>()
    };
    let mut error = String::new();
    match &prediction.answer {
        Ok(Answer::Class {
            label,
            probability,
            probabilities,
        }) => {
            cells.push(Cell::Text(label.clone()));
            cells.push(Cell::Number(Some(rounded(*probability))));
            cells.extend(numbers(probabilities));
        }
        Ok(Answer::Labels {
            labels,
            probabilities,
        }) => {
            cells.push(Cell::Text(labels.join(";")));
            cells.extend(numbers(probabilities));
        }
        Ok(Answer::Value { value, low, high }) => cells.extend(numbers(&[*value, *low, *high])),
        Err(why) => {
            let is_number = target.task == Task::Regression;
            cells.push(if is_number {
                Cell::Number(None)
            } else {
                Cell::Text(String::new())
            });
            let rest = column_names(target, "").len() - 3;
            cells.extend((0..rest).map(|_| Cell::Number(None)));
            error.clone_from(why);
        }
    }
    cells.push(Cell::Text(error));
    cells
}

/// Six digits: what lies behind them depends on how records were put together in batches.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let unit = 10_f64.powi(5 - value.abs().log10().floor() as i32);
    (value * unit).round() / unit
}

fn write_csv(
    sink: impl Write,
    names: &[String],
    rows: impl Iterator<Item = Vec<Cell>>,
) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(sink);
    writer.write_record(names)?;
    for cells in rows {
        writer.write_record(cells.iter().map(|cell| match cell {
            Cell::Text(text) => text.clone(),
            Cell::Number(Some(number)) => number.to_string(),
            Cell::Number(None) => String::new(),
        }))?;
    }
    writer.flush()
}

fn write_json_lines(
    sink: impl Write,
    names: &[String],
    rows: impl Iterator<Item = Vec<Cell>>,
) -> io::Result<()> {
    let mut writer = BufWriter::new(sink);
    for cells in rows {
        let object: Map<String, Value> = names
            .iter()
            .zip(cells)
            .map(|(name, cell)| {
                let value = match cell {
                    Cell::Text(text) if text.is_empty() => Value::Null,
                    Cell::Text(text) => Value::from(text),
                    Cell::Number(number) => Value::from(number),
                };
                (name.clone(), value)
            })
            .collect();
        writeln!(writer, "{}", Value::Object(object))?;
    }
    writer.flush()
}

fn write_parquet(sink: impl Write + Send, names: &[String], rows: &[Vec<Cell>]) -> io::Result<()> {
    let Some(first) = rows.first() else {
        return Err(io::Error::other("a Parquet file needs at least one record"));
    };
    let fields = names
        .iter()
        .zip(first)
        .map(|(name, cell)| {
            let builder = match cell {
                Cell::Text(_) => Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
                    .with_logical_type(Some(LogicalType::String)),
                Cell::Number(_) => Type::primitive_type_builder(name, Physical::DOUBLE),
            };
            builder
                .with_repetition(Repetition::OPTIONAL)
                .build()
                .map(Arc::new)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(
        Type::group_type_builder("answers")
            .with_fields(fields)
            .build()?,
    );
    let mut file =
        SerializedFileWriter::new(sink, schema, Arc::new(WriterProperties::builder().build()))?;
    let mut group = file.next_row_group()?;
    let mut column = 0;
    while let Some(mut writer) = group.next_column()? {
        write_column(&mut writer, rows, column)?;
        writer.close()?;
        column += 1;
    }
    group.close()?;
    file.close()?;
    Ok(())
}

fn write_column(
    writer: &mut parquet::file::writer::SerializedColumnWriter<'_>,
    rows: &[Vec<Cell>],
    column: usize,
) -> io::Result<()> {
    let (mut texts, mut numbers, mut levels) = (Vec::new(), Vec::new(), Vec::new());
    let mut is_text = false;
    for cells in rows {
        match &cells[column] {
            Cell::Text(text) => {
                is_text = true;
                levels.push(i16::from(!text.is_empty()));
                if !text.is_empty() {
                    texts.push(ByteArray::from(text.as_bytes().to_vec()));
                }
            }
            Cell::Number(number) => {
                levels.push(i16::from(number.is_some()));
                numbers.extend(number);
            }
        }
    }
    if is_text {
        writer
            .typed::<ByteArrayType>()
            .write_batch(&texts, Some(&levels), None)?;
    } else {
        writer
            .typed::<DoubleType>()
            .write_batch(&numbers, Some(&levels), None)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> FittedTarget {
        FittedTarget {
            column: "label".into(),
            task: Task::Binary,
            classes: vec!["no".into(), "yes".into()],
            scale: None,
            prior: vec![0.5, 0.5],
        }
    }

    fn answers() -> Vec<(String, Prediction)> {
        let answer = Answer::Class {
            label: "yes".into(),
            probability: 0.75,
            probabilities: vec![0.25, 0.75],
        };
        vec![
            (
                "7".into(),
                Prediction {
                    row: 0,
                    answer: Ok(answer),
                },
            ),
            (
                "8".into(),
                Prediction {
                    row: 1,
                    answer: Err("no file, \"x.png\"".into()),
                },
            ),
        ]
    }

    fn written(format: AnswerFormat) -> Vec<u8> {
        let mut sink = Vec::new();
        write_answers(&mut sink, format, &target(), "id", &answers()).unwrap();
        sink
    }

    #[test]
    fn csv_has_a_probability_a_class_and_an_error_for_what_could_not_be_read() {
        assert_eq!(
            String::from_utf8(written(AnswerFormat::Csv)).unwrap(),
            "id,prediction,probability,p_no,p_yes,error\n7,yes,0.75,0.25,0.75,\n\
             8,,,,,\"no file, \"\"x.png\"\"\"\n"
        );
    }

    #[test]
    fn json_lines_say_null_where_there_is_nothing() {
        let text = String::from_utf8(written(AnswerFormat::JsonLines)).unwrap();
        let second: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
        assert!(second["prediction"].is_null() && second["p_yes"].is_null());
        assert_eq!(second["error"], "no file, \"x.png\"");
    }

    #[test]
    fn parquet_reads_back_as_a_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.parquet");
        std::fs::write(&path, written(AnswerFormat::Parquet)).unwrap();
        let table = data::Table::open(&path).unwrap();
        assert_eq!(
            table.columns(),
            ["id", "prediction", "probability", "p_no", "p_yes", "error"]
        );
        assert_eq!(table.record(0).cell("p_yes"), &schema::Cell::Number(0.75));
        assert!(table.record(1).cell("prediction").is_missing());
    }

    #[test]
    fn six_digits_are_written() {
        assert_eq!(rounded(0.674_482_91), 0.674_483);
        assert_eq!(rounded(1_234_567.8), 1_234_570.0);
        assert_eq!(rounded(-0.000_012_345_678), -0.000_012_345_7);
        assert_eq!(rounded(0.0), 0.0);
    }

    #[test]
    fn an_unknown_ending_is_refused() {
        assert_eq!(
            AnswerFormat::of(Path::new("a.CSV")).unwrap(),
            AnswerFormat::Csv
        );
        assert!(AnswerFormat::of(Path::new("a.xlsx")).is_err());
    }
}
