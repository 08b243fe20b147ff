//! Fills a table record by record.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use schema::Cell;

use super::{BadRow, Table, archive::Archive, chunk::Chunk, store::Chunks};
use crate::DataError;

/// Memory of a chunk at which the next one begins: small enough to be read back for one record, large enough that
/// neighbours come with it.
const CHUNK_BYTES: usize = 16 << 10;
/// Memory of a table's cells above which they go to a temporary file.
const RESIDENT_BYTES: usize = 16 << 20;
/// Bad rows that are kept with their reason; further ones are only counted.
const KEPT_BAD_ROWS: usize = 100;

/// A run of records that came from one file.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) first_row: usize,
    pub(super) name: String,
    pub(super) base_dir: PathBuf,
    /// Where the bytes of cells lie that were not copied.
    pub(super) archive: Option<Archive>,
}

/// What tables that show the same records share.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) columns: Vec<String>,
    pub(super) chunks: Chunks,
    pub(super) parts: Vec<Part>,
    pub(super) bad_rows: Vec<BadRow>,
    pub(super) num_bad_rows: usize,
    /// The first thing that went wrong when an archive was read; cells read after it may be empty.
    pub(super) fault: OnceLock<String>,
}

/// A table in the making.
pub(crate) struct TableBuilder {
    pub(super) store: Store,
    /// The records behind those of the store.
    open: Chunk,
    resident_bytes: usize,
}

impl TableBuilder {
    pub(crate) fn new(name: &str, base_dir: &Path, columns: Vec<String>) -> Self {
        let part = Part {
            first_row: 0,
            name: name.to_owned(),
            base_dir: base_dir.to_owned(),
            archive: None,
        };
        Self {
            open: Chunk::new(columns.len()),
            store: Store {
                columns,
                parts: vec![part],
                ..Store::default()
            },
            resident_bytes: RESIDENT_BYTES,
        }
    }

    /// Cells above so many bytes go to a file.
    #[cfg(test)]
    pub(super) fn spilling_above(mut self, bytes: usize) -> Self {
        self.resident_bytes = bytes;
        self
    }

    pub(crate) fn num_columns(&self) -> usize {
        self.store.columns.len()
    }

    /// Name of a column.
    pub(crate) fn column(&self, col: usize) -> &str {
        self.store.columns.get(col).map_or("", String::as_str)
    }

    pub(super) fn num_records(&self) -> usize {
        self.store.chunks.num_records() + self.open.num_records()
    }

    /// Adds a column that earlier records lack; returns its place.
    pub(crate) fn add_column(&mut self, name: &str) -> usize {
        self.store.columns.push(name.to_owned());
        self.open.add_column();
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
        self.open.push_text(col, text);
    }

    /// Gives a cell of the current record.
    pub(crate) fn cell(&mut self, col: usize, cell: &Cell) {
        self.open.push(col, cell);
    }

    /// Records from here on come from a part of an archive.
    pub(crate) fn begin_archive(&mut self, name: &str, archive: Archive) {
        let first_row = self.num_records();
        self.store.parts.retain(|part| part.first_row < first_row);
        self.store.parts.push(Part {
            first_row,
            name: name.to_owned(),
            base_dir: PathBuf::new(),
            archive: Some(archive),
        });
    }

    /// Gives a cell of the current record: bytes that stay in its archive.
    pub(crate) fn stored(&mut self, col: usize, start: u64, len: u32) {
        self.open.push_stored(col, start, len);
    }

    /// Ends a record; columns that were not given are missing.
    ///
    /// # Errors
    /// [`DataError::Spill`] if the table is large and its cells cannot be put in a file.
    pub(crate) fn end_record(&mut self, line: usize) -> Result<(), DataError> {
        if self.keep_record(line) {
            self.store.chunks.spill_above(self.resident_bytes)?;
        }
        Ok(())
    }

    /// Ends a record that stays in memory; tells whether it was the last of a chunk.
    pub(super) fn keep_record(&mut self, line: usize) -> bool {
        self.open.end_record(line);
        let is_full = self.open.num_bytes() >= CHUNK_BYTES;
        if is_full {
            self.close();
        }
        is_full
    }

    fn close(&mut self) {
        let next = Chunk::new(self.store.columns.len());
        self.store
            .chunks
            .push(std::mem::replace(&mut self.open, next));
    }

    /// The table, if it holds a record.
    pub(crate) fn finish_file(self, path: &Path) -> Result<Table, DataError> {
        if self.num_records() > 0 && self.num_columns() > 0 {
            return Ok(self.finish());
        }
        Err(DataError::Empty {
            path: path.to_owned(),
            lacks: if self.num_columns() == 0 {
                "columns"
            } else {
                "records"
            },
            num_bad_rows: self.store.num_bad_rows,
            first_bad: self.store.bad_rows.into_iter().next(),
        })
    }

    pub(crate) fn finish(mut self) -> Table {
        self.close();
        Table {
            dropped: std::collections::BTreeSet::new(),
            fields: Arc::default(),
            shown: 0..self.num_records(),
            store: Arc::new(self.store),
        }
    }
}
