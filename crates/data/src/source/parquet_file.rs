//! Parquet, through the record reader of the `parquet` crate: no Arrow.

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::{Field, Row},
};
use schema::Cell;

use super::{check_names, lists, name_and_folder};
use crate::{DataError, Table, parse::date_text, table::TableBuilder};

/// Reads a Parquet table. A struct with `bytes` (as data hubs store pictures) is its bytes.
pub(crate) fn open(path: &Path) -> Result<Table, DataError> {
    let file = File::open(path).map_err(|source| DataError::Read {
        path: path.to_owned(),
        source,
    })?;
    let damaged = |what: String| DataError::Malformed {
        path: path.to_owned(),
        what,
    };
    // The crate checks most of what it reads, but a damaged page may still make it panic.
    catch_unwind(AssertUnwindSafe(|| read(path, file)))
        .unwrap_or_else(|_| Err(damaged("the reader gave up on its pages".to_owned())))
}

fn read(path: &Path, file: File) -> Result<Table, DataError> {
    let damaged = |error: parquet::errors::ParquetError| DataError::Malformed {
        path: path.to_owned(),
        what: error.to_string(),
    };
    let reader = SerializedFileReader::new(file).map_err(damaged)?;
    let fields = reader.metadata().file_metadata().schema().get_fields();
    let columns: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
    check_names(path, &columns)?;
    let (name, folder) = name_and_folder(path);
    let mut builder = TableBuilder::new(&name, &folder, columns.clone());
    let num_fields = columns.len();
    for (index, row) in reader.get_row_iter(None).map_err(damaged)?.enumerate() {
        let row = row.map_err(damaged)?;
        let cells: Vec<Cell> = row
            .get_column_iter()
            .map(|(_, field)| cell(field))
            .collect();
        match spread(&cells, &columns) {
            Err(text) => builder.bad_row(index + 1, text),
            Ok(further) => {
                for (col, cell) in cells.iter().enumerate() {
                    match cell {
                        Cell::List(list) if lists::is_of_media(cell) => builder.cell(col, &list[0]),
                        _ => builder.cell(col, cell),
                    }
                }
                for (name, cell) in further {
                    let known = (num_fields..builder.num_columns())
                        .find(|col| builder.column(*col) == name);
                    let col = known.unwrap_or_else(|| builder.add_column(&name));
                    builder.cell(col, &cell);
                }
                builder.end_record(index + 1)?;
            }
        }
    }
    builder.finish_file(path)
}

/// Cells beside those of the file's own columns: the second and further media of lists.
fn spread(cells: &[Cell], columns: &[String]) -> Result<Vec<(String, Cell)>, String> {
    let mut further = Vec::new();
    for (cell, column) in cells.iter().zip(columns) {
        if lists::is_of_media(cell) {
            further.extend(
                lists::spread(column.clone(), cell.clone())?
                    .into_iter()
                    .skip(1),
            );
        }
    }
    match further.iter().find(|(name, _)| columns.contains(name)) {
        Some((name, _)) => Err(format!("two values for \"{name}\"")),
        None => Ok(further),
    }
}

fn cell(field: &Field) -> Cell {
    match field {
        Field::Null => Cell::Missing,
        Field::Bool(claim) => Cell::Text(claim.to_string()),
        Field::Byte(number) => Cell::Number(f64::from(*number)),
        Field::Short(number) => Cell::Number(f64::from(*number)),
        Field::Int(number) => Cell::Number(f64::from(*number)),
        Field::UByte(number) => Cell::Number(f64::from(*number)),
        Field::UShort(number) => Cell::Number(f64::from(*number)),
        Field::UInt(number) => Cell::Number(f64::from(*number)),
        Field::Float16(number) => Cell::Number(f64::from(*number)),
        Field::Float(number) => Cell::Number(f64::from(*number)),
        Field::Double(number) => Cell::Number(*number),
        Field::Long(number) => whole(number.unsigned_abs(), *number as f64, number),
        Field::ULong(number) => whole(*number, *number as f64, number),
        Field::Str(text) => Cell::Text(text.clone()),
        // Writers without a string annotation leave text as bytes.
        Field::Bytes(bytes) => Cell::Bytes(bytes.data().to_vec()),
        Field::Date(days) => Cell::Text(date_text(i64::from(*days) * 86_400)),
        Field::TimestampMillis(millis) => Cell::Text(date_text(millis.div_euclid(1000))),
        Field::TimestampMicros(micros) => Cell::Text(date_text(micros.div_euclid(1_000_000))),
        Field::ListInternal(list) => Cell::List(list.elements().iter().map(cell).collect()),
        Field::Group(group) => media(group).unwrap_or_else(|| Cell::Text(field.to_string())),
        other => {
            let text = other.to_string();
            text.parse().map_or(Cell::Text(text), Cell::Number)
        }
    }
}

/// A number, unless a float would change it: such are codes, and stay text.
fn whole(size: u64, value: f64, shown: &dyn std::fmt::Display) -> Cell {
    const EXACT: u64 = 1 << 53;
    if size <= EXACT {
        Cell::Number(value)
    } else {
        Cell::Text(shown.to_string())
    }
}

/// The bytes of a struct of `bytes` and `path`, or its path.
fn media(group: &Row) -> Option<Cell> {
    let named = |name: &str| {
        group
            .get_column_iter()
            .find(|(key, _)| *key == name)
            .map(|(_, field)| field)
    };
    match (named("bytes"), named("path")) {
        (Some(Field::Bytes(bytes)), _) => Some(Cell::Bytes(bytes.data().to_vec())),
        (Some(Field::Null), Some(Field::Str(path))) => Some(Cell::Text(path.clone())),
        (Some(Field::Null), Some(Field::Null)) => Some(Cell::Missing),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::{
        data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type},
        file::{properties::WriterProperties, writer::SerializedFileWriter},
        schema::parser::parse_message_type,
    };

    use super::*;
    use crate::CellRef;

    fn write(path: &Path) {
        let message = "message m { optional binary text (UTF8); required int64 day (TIMESTAMP_MILLIS); \
                       optional double x; required int64 code; }";
        let schema = Arc::new(parse_message_type(message).unwrap());
        let properties = Arc::new(
            WriterProperties::builder()
                .set_compression(parquet::basic::Compression::SNAPPY)
                .build(),
        );
        let mut writer =
            SerializedFileWriter::new(File::create(path).unwrap(), schema, properties).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<ByteArrayType>()
            .write_batch(&[ByteArray::from("hi")], Some(&[1, 0]), None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<Int64Type>()
            .write_batch(&[0, 1_709_209_815_000], None, None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<DoubleType>()
            .write_batch(&[0.5], Some(&[0, 1]), None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<Int64Type>()
            .write_batch(&[7, i64::MAX], None, None)
            .unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
    }

    #[test]
    fn columns_of_every_kind_are_read_with_their_nulls() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        write(&path);
        let table = Table::open(&path).unwrap();
        assert_eq!(table.columns(), ["text", "day", "x", "code"]);
        assert_eq!(table.cell(0, 0), CellRef::Text("hi".into()));
        assert!(table.cell(1, 0).is_missing());
        assert_eq!(
            table.cell(1, 1),
            CellRef::Text("2024-02-29T12:30:15Z".into())
        );
        assert!(table.cell(0, 2).is_missing());
        assert_eq!(table.cell(1, 2), CellRef::Number(0.5));
        assert_eq!(table.cell(0, 3), CellRef::Number(7.0));
        assert_eq!(
            table.cell(1, 3),
            CellRef::Text("9223372036854775807".into())
        );
    }

    /// One record: two pictures as `{bytes, path}`, as data hubs store them.
    fn write_list(path: &Path) {
        let message = "message m { optional group images (LIST) { repeated group list { optional group element \
                       { optional binary bytes; optional binary path (UTF8); } } } }";
        let schema = Arc::new(parse_message_type(message).unwrap());
        let file = File::create(path).unwrap();
        let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).unwrap();
        let mut group = writer.next_row_group().unwrap();
        for (values, definitions) in [(["one", "two"], [4, 4]), (["a.png", ""], [4, 3])] {
            let values: Vec<ByteArray> = values
                .into_iter()
                .filter(|value| !value.is_empty())
                .map(ByteArray::from)
                .collect();
            let mut column = group.next_column().unwrap().unwrap();
            column
                .typed::<ByteArrayType>()
                .write_batch(&values, Some(&definitions), Some(&[0, 1]))
                .unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
        writer.close().unwrap();
    }

    #[test]
    fn a_list_of_pictures_is_a_column_each() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        write_list(&path);
        let table = Table::open(&path).unwrap();
        assert_eq!(table.columns(), ["images", "images.2"]);
        assert_eq!(table.cell(0, 0), CellRef::Bytes(b"one"[..].into()));
        assert_eq!(table.cell(0, 1), CellRef::Bytes(b"two"[..].into()));
    }

    #[test]
    fn damage_is_an_error_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        write(&path);
        let whole = std::fs::read(&path).unwrap();
        for cut in [0, 3, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let error = Table::open(&path).unwrap_err();
            assert!(
                matches!(error, DataError::Malformed { .. }),
                "cut at {cut}: {error:?}"
            );
        }
        for at in (0..whole.len()).step_by(3) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            std::fs::write(&path, &damaged).unwrap();
            // Some bytes carry no meaning; all that is asked for is an answer.
            let _ = Table::open(&path);
        }
    }
}
