//! A table as it was read: cells in one compact store, with the line that each record stood on.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use schema::{Cell, Record};

use crate::{DataError, source};

/// One cell, borrowed from its table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CellRef<'a> {
    /// Nothing there.
    Missing,
    /// Text as written.
    Text(&'a str),
    /// A number that the source already knew to be one.
    Number(f64),
    /// Media bytes that stand in the table itself.
    Bytes(&'a [u8]),
    /// Several values.
    List(&'a [Cell]),
}

impl CellRef<'_> {
    /// Whether there is nothing in it.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// The cell with contents of its own.
    pub fn to_cell(&self) -> Cell {
        match *self {
            Self::Missing => Cell::Missing,
            Self::Text(text) => Cell::Text(text.to_owned()),
            Self::Number(number) => Cell::Number(number),
            Self::Bytes(bytes) => Cell::Bytes(bytes.to_vec()),
            Self::List(list) => Cell::List(list.to_vec()),
        }
    }
}

/// A row of the file that is no record.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BadRow {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub text: String,
}

/// 16 bytes a cell; text and bytes lie end to end in the store's arenas.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Missing,
    Text {
        start: u64,
        len: u32,
    },
    Number(f64),
    Bytes {
        start: u64,
        len: u32,
    },
    /// Lists, and anything too long for the arenas' 32-bit lengths.
    Other(u32),
}

/// A run of records that came from one file.
#[derive(Debug, Clone)]
struct Part {
    first_row: usize,
    name: String,
    base_dir: PathBuf,
}

#[derive(Debug, Default)]
struct Store {
    columns: Vec<String>,
    /// By column, then row.
    slots: Vec<Vec<Slot>>,
    text: String,
    bytes: Vec<u8>,
    other: Vec<Cell>,
    lines: Vec<usize>,
    parts: Vec<Part>,
    bad_rows: Vec<BadRow>,
    num_bad_rows: usize,
}

/// Fills a table record by record.
pub(crate) struct TableBuilder {
    store: Store,
}

/// Bad rows that are kept with their reason; further ones are only counted.
const KEPT_BAD_ROWS: usize = 100;

impl TableBuilder {
    pub(crate) fn new(name: &str, base_dir: &Path, columns: Vec<String>) -> Self {
        let part = Part {
            first_row: 0,
            name: name.to_owned(),
            base_dir: base_dir.to_owned(),
        };
        let slots = columns.iter().map(|_| Vec::new()).collect();
        Self {
            store: Store {
                columns,
                slots,
                parts: vec![part],
                ..Store::default()
            },
        }
    }

    pub(crate) fn num_columns(&self) -> usize {
        self.store.columns.len()
    }

    /// Adds a column that earlier records lack; returns its place.
    pub(crate) fn add_column(&mut self, name: &str) -> usize {
        self.store.columns.push(name.to_owned());
        self.store
            .slots
            .push(vec![Slot::Missing; self.store.lines.len()]);
        self.store.columns.len() - 1
    }

    pub(crate) fn bad_row(&mut self, line: usize, text: String) {
        self.store.num_bad_rows += 1;
        if self.store.bad_rows.len() < KEPT_BAD_ROWS {
            self.store.bad_rows.push(BadRow { line, text });
        }
    }

    /// Gives a cell of the current record, text as written.
    pub(crate) fn text(&mut self, col: usize, text: &str) {
        let slot = match u32::try_from(text.len()) {
            Ok(0) => Slot::Missing,
            Ok(len) => {
                let start = self.store.text.len() as u64;
                self.store.text.push_str(text);
                Slot::Text { start, len }
            }
            Err(_) => self.other(Cell::Text(text.to_owned())),
        };
        self.store.slots[col].push(slot);
    }

    /// Gives a cell of the current record.
    pub(crate) fn cell(&mut self, col: usize, cell: &Cell) {
        let slot = match cell {
            Cell::Missing => Slot::Missing,
            Cell::Text(text) => return self.text(col, text),
            // A float that is not a number is how binary sources say missing; infinities stay and are found bad.
            Cell::Number(number) if number.is_nan() => Slot::Missing,
            Cell::Number(number) => Slot::Number(*number),
            Cell::Bytes(bytes) => match u32::try_from(bytes.len()) {
                Ok(0) => Slot::Missing,
                Ok(len) => {
                    let start = self.store.bytes.len() as u64;
                    self.store.bytes.extend_from_slice(bytes);
                    Slot::Bytes { start, len }
                }
                Err(_) => self.other(cell.clone()),
            },
            Cell::List(list) if list.is_empty() => Slot::Missing,
            Cell::List(_) => self.other(cell.clone()),
        };
        self.store.slots[col].push(slot);
    }

    fn other(&mut self, cell: Cell) -> Slot {
        match u32::try_from(self.store.other.len()) {
            Ok(index) => {
                self.store.other.push(cell);
                Slot::Other(index)
            }
            Err(_) => Slot::Missing,
        }
    }

    /// Ends a record; columns that were not given are missing.
    pub(crate) fn end_record(&mut self, line: usize) {
        self.store.lines.push(line);
        let num_records = self.store.lines.len();
        self.store
            .slots
            .iter_mut()
            .for_each(|slots| slots.resize(num_records, Slot::Missing));
    }

    /// The table, if it holds a record.
    pub(crate) fn finish_file(self, path: &Path) -> Result<Table, DataError> {
        if !self.store.lines.is_empty() && !self.store.columns.is_empty() {
            return Ok(self.finish());
        }
        Err(DataError::Empty {
            path: path.to_owned(),
            lacks: if self.store.columns.is_empty() {
                "columns"
            } else {
                "records"
            },
            num_bad_rows: self.store.num_bad_rows,
            first_bad: self.store.bad_rows.into_iter().next(),
        })
    }

    pub(crate) fn finish(mut self) -> Table {
        self.store.slots.iter_mut().for_each(Vec::shrink_to_fit);
        self.store.text.shrink_to_fit();
        self.store.bytes.shrink_to_fit();
        Table {
            dropped: vec![false; self.store.columns.len()],
            shown: 0..self.store.lines.len(),
            store: Arc::new(self.store),
        }
    }
}

/// Records with named columns. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Table {
    store: Arc<Store>,
    dropped: Vec<bool>,
    /// Rows of the store that the table shows.
    shown: Range<usize>,
}

impl Table {
    /// Reads a whole table; the extension says how: see [`crate::FORMATS`].
    ///
    /// Media paths in its cells are relative to the folder of the file. Rows that do not fit the header are left
    /// out and counted.
    ///
    /// # Errors
    /// [`DataError`] if the file cannot be read, is of another kind, has no record, or names two columns alike.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataError> {
        source::open(path.as_ref())
    }

    /// A table of records in memory; its columns are the names that occur, sorted.
    pub fn from_records(records: Vec<Record>, base_dir: impl AsRef<Path>) -> Self {
        let mut columns: Vec<String> = records
            .iter()
            .flat_map(|record| record.cells.keys().cloned())
            .collect();
        columns.sort_unstable();
        columns.dedup();
        let mut builder = TableBuilder::new("records", base_dir.as_ref(), columns.clone());
        for (row, record) in records.iter().enumerate() {
            for (col, column) in columns.iter().enumerate() {
                builder.cell(col, record.cell(column));
            }
            builder.end_record(row + 1);
        }
        builder.finish()
    }

    /// The records of several tables one after the other. Columns are the first table's; cells of columns that a
    /// further table lacks are missing. `None` if there is no table.
    pub fn concat(tables: &[Self]) -> Option<Self> {
        let first = tables.first()?;
        let mut builder = TableBuilder::new("", Path::new(""), first.columns().to_vec());
        builder.store.parts.clear();
        for table in tables {
            let offset = builder.store.lines.len();
            // A part that ends before the rows that are shown begins where they begin, and the next one hides it.
            let shown_from = |part: &Part| part.first_row.saturating_sub(table.shown.start);
            builder
                .store
                .parts
                .extend(table.store.parts.iter().map(|part| Part {
                    first_row: offset + shown_from(part),
                    ..part.clone()
                }));
            let from: Vec<Option<usize>> = first
                .columns()
                .iter()
                .map(|column| table.column_index(column))
                .collect();
            for row in 0..table.num_records() {
                for (to, from) in from.iter().enumerate() {
                    if let Some(from) = from {
                        builder.cell(to, &table.cell(row, *from).to_cell());
                    } else {
                        builder.cell(to, &Cell::Missing);
                    }
                }
                builder.end_record(table.line(row));
            }
            builder.store.num_bad_rows += table.num_bad_rows();
            builder.store.bad_rows.extend_from_slice(table.bad_rows());
        }
        Some(builder.finish())
    }

    /// The same table with some columns empty in every record: what a model says without them.
    ///
    /// # Errors
    /// [`DataError::NoColumn`] if there is no such column.
    pub fn with_columns_dropped<S: AsRef<str>>(&self, names: &[S]) -> Result<Self, DataError> {
        let mut table = self.clone();
        for name in names {
            let col = self.require(name.as_ref())?;
            table.dropped[col] = true;
        }
        Ok(table)
    }

    /// Some rows of the table as a table of their own, without a copy; rows that are not there are left out.
    #[must_use]
    pub fn rows(&self, rows: Range<usize>) -> Self {
        let place = |row: usize| self.shown.end.min(self.shown.start.saturating_add(row));
        let start = place(rows.start);
        Self {
            shown: start..place(rows.end).max(start),
            ..self.clone()
        }
    }

    /// Name of the file, or `records`; of the first one if there are several.
    pub fn name(&self) -> &str {
        self.store.parts.first().map_or("", |part| &part.name)
    }

    /// Name of the file that a record came from.
    pub fn name_of(&self, row: usize) -> &str {
        self.part(row).map_or("", |part| &part.name)
    }

    /// Folder that the media paths of a record are relative to.
    pub fn base_dir(&self, row: usize) -> &Path {
        self.part(row).map_or(Path::new(""), |part| &part.base_dir)
    }

    fn part(&self, row: usize) -> Option<&Part> {
        let row = self.shown.start + row;
        let after = self
            .store
            .parts
            .partition_point(|part| part.first_row <= row);
        self.store.parts.get(after.saturating_sub(1))
    }

    /// Number of records.
    pub fn num_records(&self) -> usize {
        self.shown.len()
    }

    /// Column names in file order.
    pub fn columns(&self) -> &[String] {
        &self.store.columns
    }

    /// Place of a column by name.
    pub fn column_index(&self, name: &str) -> Option<usize> {
        self.store.columns.iter().position(|column| column == name)
    }

    /// Place of a column by name.
    ///
    /// # Errors
    /// [`DataError::NoColumn`] with the nearest name.
    pub fn require(&self, name: &str) -> Result<usize, DataError> {
        self.column_index(name).ok_or_else(|| DataError::NoColumn {
            name: name.to_owned(),
            known: self.columns().to_vec(),
        })
    }

    /// A cell; missing where there is no such row or column.
    pub fn cell(&self, row: usize, col: usize) -> CellRef<'_> {
        let store = &*self.store;
        if self.dropped.get(col).copied().unwrap_or(true) || row >= self.shown.len() {
            return CellRef::Missing;
        }
        match store.slots[col].get(self.shown.start + row) {
            None | Some(Slot::Missing) => CellRef::Missing,
            Some(Slot::Number(number)) => CellRef::Number(*number),
            Some(Slot::Text { start, len }) => {
                let start = *start as usize;
                CellRef::Text(&store.text[start..start + *len as usize])
            }
            Some(Slot::Bytes { start, len }) => {
                let start = *start as usize;
                CellRef::Bytes(&store.bytes[start..start + *len as usize])
            }
            Some(Slot::Other(index)) => match &store.other[*index as usize] {
                Cell::Missing => CellRef::Missing,
                Cell::Text(text) => CellRef::Text(text),
                Cell::Number(number) => CellRef::Number(*number),
                Cell::Bytes(bytes) => CellRef::Bytes(bytes),
                Cell::List(list) => CellRef::List(list),
            },
        }
    }

    /// Line of a record in its file, from 1.
    pub fn line(&self, row: usize) -> usize {
        let lines = &self.store.lines[self.shown.clone()];
        lines.get(row).copied().unwrap_or(0)
    }

    /// A record with cells of its own; missing cells are left out.
    pub fn record(&self, row: usize) -> Record {
        let mut record = Record::new();
        for (col, name) in self.columns().iter().enumerate() {
            let cell = self.cell(row, col);
            if !cell.is_missing() {
                record.cells.insert(name.clone(), cell.to_cell());
            }
        }
        record
    }

    /// Rows of the file that are no records and were left out.
    pub fn num_bad_rows(&self) -> usize {
        self.store.num_bad_rows
    }

    /// The first hundred of them, with line and reason.
    pub fn bad_rows(&self) -> &[BadRow] {
        &self.store.bad_rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_records() -> Table {
        let records = vec![
            Record::new().with("text", "so cute").with("n", 3.0),
            Record::new()
                .with("n", f64::NAN)
                .with("tags", Cell::List(vec!["a".into()])),
        ];
        Table::from_records(records, "base")
    }

    #[test]
    fn some_rows_are_a_table_of_their_own_that_keeps_lines_and_files() {
        let table = Table::concat(&[two_records(), two_records()]).unwrap();
        let part = table.rows(1..3);
        assert_eq!(part.num_records(), 2);
        assert_eq!(
            (part.record(0), part.record(1)),
            (table.record(1), table.record(2))
        );
        assert_eq!(
            (part.line(0), part.line(1), part.line(2)),
            (table.line(1), table.line(2), 0)
        );
        assert!(part.cell(2, 0).is_missing());
        assert_eq!(part.rows(1..9).record(0), table.record(2));
        assert_eq!(part.rows(5..9).num_records(), 0);
        let again = Table::concat(&[part.clone(), part]).unwrap();
        assert_eq!(again.record(3), table.record(2));
    }

    #[test]
    fn records_in_memory_come_back_as_they_were() {
        let table = two_records();
        assert_eq!(table.columns(), ["n", "tags", "text"]);
        assert_eq!(
            table.record(0),
            Record::new().with("text", "so cute").with("n", 3.0)
        );
        assert!(
            table.cell(1, 0).is_missing(),
            "a float that is no number is missing"
        );
        assert_eq!(table.cell(1, 1), CellRef::List(&["a".into()]));
        assert_eq!(table.base_dir(1), Path::new("base"));
    }

    #[test]
    fn dropped_columns_are_missing_in_every_record() {
        let table = two_records().with_columns_dropped(&["text"]).unwrap();
        assert!(table.cell(0, 2).is_missing() && !table.cell(0, 0).is_missing());
        let error = table.with_columns_dropped(&["txt"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no column \"txt\"; closest \"text\" (known: n, tags, text)"
        );
    }

    #[test]
    fn joined_tables_keep_the_folder_and_line_of_each_record() {
        let other = Table::from_records(
            vec![Record::new().with("text", "more").with("z", 1.0)],
            "other",
        );
        let both = Table::concat(&[two_records(), other]).unwrap();
        assert_eq!(both.num_records(), 3);
        assert_eq!(both.columns(), ["n", "tags", "text"]);
        assert_eq!(both.cell(2, 2), CellRef::Text("more"));
        assert!(both.cell(2, 0).is_missing());
        assert_eq!(
            (both.base_dir(1), both.base_dir(2)),
            (Path::new("base"), Path::new("other"))
        );
        assert_eq!(both.line(2), 1);
        assert!(Table::concat(&[]).is_none());
    }

    #[test]
    fn a_cell_takes_sixteen_bytes() {
        assert_eq!(size_of::<Slot>(), 16);
    }
}
