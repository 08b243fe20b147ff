//! JSON lines: one object a line. Columns are the names that occur, in order of first appearance.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use schema::Cell;
use serde_json::Value;

use super::{lists, name_and_folder};
use crate::{DataError, Table, table::TableBuilder};

/// Reads a JSON lines table; lines that are no objects are left out and counted.
pub(crate) fn open(path: &Path) -> Result<Table, DataError> {
    let read_error = |source| DataError::Read {
        path: path.to_owned(),
        source,
    };
    let mut input = BufReader::with_capacity(1 << 16, File::open(path).map_err(read_error)?);
    let (name, folder) = name_and_folder(path);
    let mut builder = TableBuilder::new(&name, &folder, Vec::new());
    let mut columns = HashMap::<String, usize>::new();
    let mut bytes = Vec::new();
    let mut line = 0;
    loop {
        bytes.clear();
        if input.read_until(b'\n', &mut bytes).map_err(read_error)? == 0 {
            break;
        }
        line += 1;
        let text = bytes.trim_ascii();
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        if text.is_empty() {
            continue;
        }
        match serde_json::from_slice::<serde_json::Map<String, Value>>(text) {
            Ok(object) => push(&mut builder, &mut columns, object, line)?,
            Err(error) => builder.bad_row(line, format!("not a JSON object: {error}")),
        }
    }
    builder.finish_file(path)
}

fn push(
    builder: &mut TableBuilder,
    columns: &mut HashMap<String, usize>,
    object: serde_json::Map<String, Value>,
    line: usize,
) -> Result<(), DataError> {
    let cells = match cells(object) {
        Ok(cells) => cells,
        Err(text) => {
            builder.bad_row(line, text);
            return Ok(());
        }
    };
    for (name, cell) in cells {
        let col = match columns.get(&name) {
            Some(col) => *col,
            None => {
                let col = builder.add_column(&name);
                columns.insert(name, col);
                col
            }
        };
        builder.cell(col, &cell);
    }
    builder.end_record(line)
}

/// The cells of an object, each name once.
///
/// # Errors
/// In words, if it is no record.
pub(super) fn cells(object: serde_json::Map<String, Value>) -> Result<Vec<(String, Cell)>, String> {
    let mut cells = Vec::<(String, Cell)>::with_capacity(object.len());
    let mut has_spread = false;
    for (name, value) in object {
        let spread = lists::spread(name, cell(value))?;
        has_spread |= spread.len() > 1;
        cells.extend(spread);
    }
    if has_spread {
        let mut names: Vec<&String> = cells.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("two values for \"{}\"", pair[0]));
        }
    }
    Ok(cells)
}

pub(super) fn cell(value: Value) -> Cell {
    match value {
        Value::Null => Cell::Missing,
        Value::Bool(claim) => Cell::Text(claim.to_string()),
        Value::String(text) => Cell::Text(text),
        Value::Number(number) => number_cell(&number),
        Value::Array(list) => Cell::List(list.into_iter().map(cell).collect()),
        Value::Object(object) => media(&object)
            // An object has no cell of its own; its text can still be read as text.
            .unwrap_or_else(|| Cell::Text(Value::Object(object).to_string())),
    }
}

/// The path of an object of `path` and perhaps `bytes`, as data hubs describe media.
fn media(object: &serde_json::Map<String, Value>) -> Option<Cell> {
    let is_known =
        |(key, value): (&String, &Value)| key == "path" || (key == "bytes" && value.is_null());
    match object.get("path") {
        Some(Value::String(path)) if object.iter().all(is_known) => Some(Cell::Text(path.clone())),
        _ => None,
    }
}

/// A number, unless it is a whole number that a float would change: such are codes, and stay text.
fn number_cell(number: &serde_json::Number) -> Cell {
    const EXACT: u64 = 1 << 53;
    let exact = match (number.as_i64(), number.as_u64()) {
        (Some(whole), _) => whole.unsigned_abs() <= EXACT,
        (None, Some(whole)) => whole <= EXACT,
        (None, None) => true,
    };
    match number.as_f64() {
        Some(value) if exact => Cell::Number(value),
        _ => Cell::Text(number.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CellRef;

    #[test]
    fn values_of_every_kind_become_cells_and_later_columns_are_missing_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let text = concat!(
            "{\"id\": 9007199254740993, \"ok\": true, \"tags\": [\"a\", [\"b\"], 2], \"x\": null}\n",
            "\n",
            "[1, 2]\n",
            "{\"x\": 1.5, \"late\": {\"k\": 1}}\n",
            "{\"x\": \n",
        );
        std::fs::write(&path, text).unwrap();
        let table = Table::open(&path).unwrap();
        assert_eq!(table.columns(), ["id", "ok", "tags", "x", "late"]);
        assert_eq!(table.cell(0, 0), CellRef::Text("9007199254740993".into()));
        assert_eq!(table.cell(0, 1), CellRef::Text("true".into()));
        let tags = [
            Cell::Text("a".into()),
            Cell::List(vec![Cell::Text("b".into())]),
            Cell::Number(2.0),
        ];
        assert_eq!(table.cell(0, 2), CellRef::List(tags.as_slice().into()));
        assert!(table.cell(0, 3).is_missing() && table.cell(0, 4).is_missing());
        assert_eq!(table.cell(1, 3), CellRef::Number(1.5));
        assert_eq!(table.cell(1, 4), CellRef::Text("{\"k\":1}".into()));
        assert_eq!(table.line(1), 4);
        assert_eq!(
            table
                .bad_rows()
                .iter()
                .map(|bad| bad.line)
                .collect::<Vec<_>>(),
            [3, 5]
        );
    }

    #[test]
    fn a_file_without_objects_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ndjson");
        std::fs::write(&path, "[\n1\n]\n").unwrap();
        let error = Table::open(&path).unwrap_err();
        assert!(
            matches!(
                error,
                DataError::Empty {
                    num_bad_rows: 3,
                    ..
                }
            ),
            "{error:?}"
        );
    }
}
