//! A table as it was read: cells in a compact store, with the line that each record stood on.
//!
//! The cells of a small table stay in memory. Those of a large one lie in an unlinked temporary file in chunks of
//! neighbouring records, of which the ones read last are kept; so memory does not grow with the records.

mod archive;
mod builder;
mod chunk;
mod derived;
mod store;

use std::{borrow::Cow, collections::BTreeSet, ops::Range, path::Path, sync::Arc};

use schema::{Cell, Record};

pub(crate) use self::{archive::Archive, builder::TableBuilder};
use self::{
    builder::{Part, Store},
    chunk::Slot,
};
use crate::{
    DataError,
    dataset::content_hash,
    media::{Source, part},
    source,
};

/// One cell: borrowed from its table, or with contents of its own where the table lies in a file.
#[derive(Debug, Clone, PartialEq)]
pub enum CellRef<'a> {
    /// Nothing there.
    Missing,
    /// Text as written.
    Text(Cow<'a, str>),
    /// A number that the source already knew to be one.
    Number(f64),
    /// Media bytes that stand in the table itself.
    Bytes(Cow<'a, [u8]>),
    /// Several values.
    List(Cow<'a, [Cell]>),
}

impl CellRef<'_> {
    /// Whether there is nothing in it.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// The cell with contents of its own.
    pub fn to_cell(&self) -> Cell {
        match self {
            Self::Missing => Cell::Missing,
            Self::Text(text) => Cell::Text(text.as_ref().to_owned()),
            Self::Number(number) => Cell::Number(*number),
            Self::Bytes(bytes) => Cell::Bytes(bytes.to_vec()),
            Self::List(list) => Cell::List(list.to_vec()),
        }
    }

    fn into_owned(self) -> CellRef<'static> {
        match self {
            Self::Missing => CellRef::Missing,
            Self::Text(text) => CellRef::Text(Cow::Owned(text.into_owned())),
            Self::Number(number) => CellRef::Number(number),
            Self::Bytes(bytes) => CellRef::Bytes(Cow::Owned(bytes.into_owned())),
            Self::List(list) => CellRef::List(Cow::Owned(list.into_owned())),
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

/// Records with named columns. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Table {
    store: Arc<Store>,
    /// Columns that are empty in every record.
    dropped: BTreeSet<usize>,
    /// Fields of files that derived columns hold.
    fields: Arc<derived::Fields>,
    /// Rows of the store that the table shows.
    shown: Range<usize>,
}

impl Table {
    /// Reads a whole table; the extension says how: see [`crate::FORMATS`]. Braces stand for several, as in
    /// `part-{0..7}.parquet`; a folder is its archives, or its media with one folder a class.
    ///
    /// Media paths in its cells are relative to the folder of the file; media in archives stay there and are read when
    /// a cell is asked for. Rows that do not fit the header, and members of archives that are no cells, are left out
    /// and counted.
    ///
    /// # Errors
    /// [`DataError`] if the file cannot be read, is of another kind, has no record, or names two columns alike; also
    /// if it is large and there is no room for a temporary file of its cells.
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
            builder.keep_record(row + 1);
        }
        builder.finish()
    }

    /// The records of several tables one after the other. Columns are the first table's; cells of columns that a
    /// further table lacks are missing. `None` if there is no table.
    ///
    /// # Errors
    /// [`DataError::Spill`] if they are large together and there is no room for a temporary file of their cells.
    pub fn concat(tables: &[Self]) -> Result<Option<Self>, DataError> {
        let Some(first) = tables.first() else {
            return Ok(None);
        };
        let mut builder = TableBuilder::new("", Path::new(""), first.columns().to_vec());
        builder.store.parts.clear();
        for table in tables {
            let offset = builder.num_records();
            // A part that ends before the rows that are shown begins where they begin, and the next one hides it.
            let shown_from = |part: &Part| part.first_row.saturating_sub(table.shown.start);
            let parts = table.store.parts.iter();
            let parts = parts.take_while(|part| part.first_row < table.shown.end.max(1));
            builder.store.parts.extend(parts.map(|part| Part {
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
                    match from {
                        None => builder.cell(to, &Cell::Missing),
                        Some(from) => match table.slot(row, *from) {
                            Slot::Stored { start, len } => builder.stored(to, start, len),
                            _ => builder.cell(to, &table.cell(row, *from).to_cell()),
                        },
                    }
                }
                builder.end_record(table.line(row))?;
            }
            builder.store.num_bad_rows += table.num_bad_rows();
            builder.store.bad_rows.extend_from_slice(table.bad_rows());
        }
        Ok(Some(builder.finish()))
    }

    /// The same table with some columns empty in every record, and with them what is derived from their files: what
    /// a model says without them.
    ///
    /// # Errors
    /// [`DataError::NoColumn`] if there is no such column.
    pub fn with_columns_dropped<S: AsRef<str>>(&self, names: &[S]) -> Result<Self, DataError> {
        let mut table = self.clone();
        for name in names {
            let col = self.require(name.as_ref())?;
            table.dropped.insert(col);
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

    /// Names of the table's own columns in file order; derived ones are not among them.
    pub fn columns(&self) -> &[String] {
        &self.store.columns
    }

    /// Place of a column by name: one of the table's own, or else `<column>.<part>`, a part of the files of one, such
    /// as `video.sound` or `scan.PatientAge`.
    pub fn column_index(&self, name: &str) -> Option<usize> {
        let columns = self.columns();
        let own = columns.iter().position(|column| column == name);
        own.or_else(|| derived::place(columns, name))
    }

    /// Name of the column at a place; empty where there is none.
    pub fn column_name(&self, col: usize) -> Cow<'_, str> {
        match (self.columns().get(col), self.origin(col)) {
            (Some(own), _) => Cow::Borrowed(own),
            (None, Some((base, part))) => {
                Cow::Owned(format!("{}.{}", self.columns()[base], part.name))
            }
            (None, None) => Cow::Borrowed(""),
        }
    }

    /// The column whose files hold a derived column; `None` for the table's own columns and unknown ones.
    pub fn derived_from(&self, name: &str) -> Option<&str> {
        let (base, _) = self.origin(self.column_index(name)?)?;
        self.columns().get(base).map(String::as_str)
    }

    /// Place of the column that a derived one comes from, and which part of its files it is.
    pub(crate) fn origin(&self, col: usize) -> Option<(usize, part::Part)> {
        derived::origin(self.columns().len(), col)
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
        if self.dropped.contains(&col) || row >= self.shown.len() {
            return CellRef::Missing;
        }
        match self.origin(col) {
            None if col < self.columns().len() => self.own_cell(row, col),
            None => CellRef::Missing,
            Some((base, part)) => self.derived_cell(row, base, part),
        }
    }

    /// A cell of a column that stands in the table.
    fn own_cell(&self, row: usize, col: usize) -> CellRef<'_> {
        // Most tables have no archive; theirs are looked up once.
        if self.part(row).is_some_and(|part| part.archive.is_some())
            && let Slot::Stored { start, len } = self.slot(row, col)
        {
            return CellRef::Bytes(Cow::Owned(self.stored(row, start, len)));
        }
        self.store.chunks.cell(self.shown.start + row, col)
    }

    fn derived_cell(&self, row: usize, base: usize, part: part::Part) -> CellRef<'_> {
        let cell = self.cell(row, base);
        if part.track().is_some() || cell.is_missing() {
            return cell;
        }
        let source = Source {
            cell,
            base_dir: self.base_dir(row),
            part: None,
        };
        let place = (self.shown.start + row, base);
        match self.fields.get(place, part.name, &source) {
            Some(text) => CellRef::Text(Cow::Owned(text.as_ref().to_owned())),
            None => CellRef::Missing,
        }
    }

    /// The cell with the folder that its paths start from, to be decoded.
    pub(crate) fn source(&self, row: usize, col: usize) -> Source<'_> {
        Source {
            cell: self.cell(row, col),
            base_dir: self.base_dir(row),
            part: self.origin(col).map(|(_, part)| part),
        }
    }

    /// Whether a cell holds media bytes, without reading them.
    pub(crate) fn holds_bytes(&self, row: usize, col: usize) -> bool {
        matches!(
            self.slot(row, col),
            Slot::Bytes { .. } | Slot::Stored { .. }
        )
    }

    /// Which archive a record came from, if from one.
    pub(crate) fn shard(&self, row: usize) -> Option<usize> {
        let part = self.part(row)?;
        part.archive.is_some().then_some(part.first_row)
    }

    /// A number for a cell whose bytes lie in an archive: of its place there, so that nothing is read.
    pub(crate) fn stored_key(&self, row: usize, col: usize) -> Option<u64> {
        let Slot::Stored { start, .. } = self.slot(row, col) else {
            return None;
        };
        let part = self.part(row)?;
        let place = [part.first_row as u64, start].map(u64::to_le_bytes);
        Some(content_hash(&place.concat()))
    }

    fn slot(&self, row: usize, col: usize) -> Slot {
        if self.dropped.contains(&col) || row >= self.shown.len() {
            return Slot::Missing;
        }
        let own = match self.origin(col) {
            None if col < self.columns().len() => col,
            Some((base, part)) if part.track().is_some() => base,
            _ => return Slot::Missing,
        };
        self.store.chunks.slot(self.shown.start + row, own)
    }

    /// Bytes of a record's archive; empty if they cannot be read, which is noted.
    fn stored(&self, row: usize, start: u64, len: u32) -> Vec<u8> {
        let Some(part) = self.part(row) else {
            return Vec::new();
        };
        let read = part
            .archive
            .as_ref()
            .map(|archive| archive.read(start, len as usize));
        match read {
            Some(Ok(bytes)) => bytes,
            Some(Err(error)) => {
                self.store
                    .fault
                    .get_or_init(|| format!("{}: {error}", part.name));
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// Line of a record in its file, from 1.
    pub fn line(&self, row: usize) -> usize {
        if row >= self.shown.len() {
            return 0;
        }
        self.store.chunks.line(self.shown.start + row)
    }

    /// Whether every cell that was asked for so far could be read back: one that cannot be is missing.
    ///
    /// # Errors
    /// [`DataError::ReadBack`] if the temporary file of a large table cannot be read any more;
    /// [`DataError::Archive`] if an archive cannot.
    pub fn check(&self) -> Result<(), DataError> {
        if let Some(what) = self.store.fault.get() {
            return Err(DataError::Archive { what: what.clone() });
        }
        match self.store.chunks.fault() {
            Some(what) => Err(DataError::ReadBack {
                table: self.name().to_owned(),
                what: what.to_owned(),
            }),
            None => Ok(()),
        }
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
        let table = Table::concat(&[two_records(), two_records()])
            .unwrap()
            .unwrap();
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
        let again = Table::concat(&[part.clone(), part]).unwrap().unwrap();
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
        assert_eq!(
            table.cell(1, 1),
            CellRef::List(Cow::Owned(vec!["a".into()]))
        );
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
        let both = Table::concat(&[two_records(), other]).unwrap().unwrap();
        assert_eq!(both.num_records(), 3);
        assert_eq!(both.columns(), ["n", "tags", "text"]);
        assert_eq!(both.cell(2, 2), CellRef::Text("more".into()));
        assert!(both.cell(2, 0).is_missing());
        assert_eq!(
            (both.base_dir(1), both.base_dir(2)),
            (Path::new("base"), Path::new("other"))
        );
        assert_eq!(both.line(2), 1);
        assert!(Table::concat(&[]).unwrap().is_none());
    }

    #[test]
    fn a_table_in_a_file_is_the_same_table() {
        let build = |bytes: usize| {
            let columns = vec!["a".to_owned(), "b".to_owned()];
            let mut builder =
                TableBuilder::new("t", Path::new("base"), columns).spilling_above(bytes);
            for record in 0..5000 {
                builder.text(1, &format!("text of record {record}"));
                if record == 4000 {
                    builder.add_column("late");
                }
                if record > 4000 {
                    builder.cell(2, &Cell::List(vec![Cell::Number(f64::from(record))]));
                }
                builder.end_record(record as usize * 3).unwrap();
            }
            builder.finish()
        };
        let (memory, file) = (build(usize::MAX), build(0));
        assert_eq!(file.num_records(), 5000);
        for row in (0..5001).rev() {
            assert_eq!(file.record(row), memory.record(row));
            assert_eq!(file.line(row), memory.line(row));
        }
        assert_eq!(file.rows(4100..9000).record(3), memory.record(4103));
        let both = Table::concat(&[file.clone(), file.rows(10..20)]);
        assert_eq!(both.unwrap().unwrap().record(5003), memory.record(13));
        file.check().unwrap();
    }
}
