//! A table with its input columns decoded: every cell read once, bad records found, media kept within a bound.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use schema::{Column, DataConfig, OnBad, Picture, Series, SpectrogramForm};

use self::{cells::text_of, media::MediaColumn};
use crate::{CellRef, DataError, Form, Item, Table, media::medium, sound::Spectrogram};

mod cells;
mod kept;
mod media;
#[cfg(test)]
mod tests;

/// A record that cannot be used, by its first bad cell.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BadRecord {
    /// Row in the table, from 0.
    pub row: usize,
    /// Line in the file, from 1.
    pub line: usize,
    /// Column of the bad cell.
    pub column: String,
    /// Closed word for the kind of fault, such as `file_missing` or `not_a_number`.
    pub reason_code: &'static str,
    /// What was found.
    pub text: String,
}

/// How a data set is opened.
#[derive(Debug, Clone)]
pub struct DatasetOptions {
    /// Every form in which media will be asked for.
    pub forms: Vec<Form>,
    /// What to do with a record that cannot be read.
    pub on_bad: OnBad,
    /// Most memory for decoded media, in bytes; further ones lie in a temporary file.
    pub cache_bytes: usize,
    /// Most room of the temporary folder for them, in bytes, of which at most half of what is free is taken; further
    /// ones are decoded again when asked for.
    pub cache_disk_bytes: usize,
    /// Threads that decode; 0 for all cores. The result does not depend on it.
    pub threads: usize,
    /// Whether an input that the table lacks is a column of missing cells rather than an error (for prediction).
    pub absent_columns: bool,
    /// Channels that the series of a column must have, by its name; of others, what most of them have.
    pub channels: BTreeMap<String, usize>,
}

impl Default for DatasetOptions {
    fn default() -> Self {
        let config = DataConfig::default();
        Self {
            forms: Vec::new(),
            on_bad: OnBad::Skip,
            cache_bytes: config.cache_mib << 20,
            cache_disk_bytes: config.cache_disk_mib << 20,
            threads: 0,
            absent_columns: false,
            channels: BTreeMap::new(),
        }
    }
}

/// Told how many of the records are decoded: `(done, total)`; called from several threads.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Decoded cells of one column, by row.
enum Values {
    /// Read from the table each time.
    Text,
    /// NaN is missing.
    Number(Vec<f64>),
    /// Place in `names`; `u32::MAX` is missing.
    Category {
        codes: Vec<u32>,
        names: Vec<Arc<str>>,
    },
    /// `i64::MIN` is missing.
    Date(Vec<i64>),
    Media(MediaColumn),
    /// The table lacks the column.
    Absent,
}

/// A table with its input columns decoded. `col` is the place of an input, `row` the row in the table.
pub struct Dataset {
    table: Arc<Table>,
    columns: Vec<Column>,
    table_cols: Vec<Option<usize>>,
    values: Vec<Arc<Values>>,
    good_rows: Vec<usize>,
    bad: Vec<BadRecord>,
}

/// Reason code and words.
type CellFault = (&'static str, String);

/// First fault of each row that has one, with its column.
type Faults = BTreeMap<usize, (usize, CellFault)>;

impl Dataset {
    /// Decodes the input columns of a table.
    ///
    /// # Errors
    /// [`DataError::NoColumn`] for an input that the table lacks; [`DataError::BadCell`] for the first bad cell
    /// where `on_bad` is `fail`; [`DataError::Threads`].
    pub fn open(
        table: Arc<Table>,
        inputs: &[Column],
        options: &DatasetOptions,
    ) -> Result<Self, DataError> {
        Self::open_with_progress(table, inputs, options, &|_, _| {})
    }

    /// Like [`Dataset::open`], telling how far the media are.
    ///
    /// # Errors
    /// As [`Dataset::open`].
    pub fn open_with_progress(
        table: Arc<Table>,
        inputs: &[Column],
        options: &DatasetOptions,
        progress: Progress<'_>,
    ) -> Result<Self, DataError> {
        let mut table_cols = Vec::with_capacity(inputs.len());
        for column in inputs {
            table_cols.push(if options.absent_columns {
                table.column_index(&column.name)
            } else {
                Some(table.require(&column.name)?)
            });
        }
        let mut dataset = Self {
            table,
            columns: inputs.to_vec(),
            table_cols,
            values: Vec::new(),
            good_rows: Vec::new(),
            bad: Vec::new(),
        };
        let mut faults = Faults::new();
        for col in 0..inputs.len() {
            let (values, found) = dataset.read_column(col, &options.forms);
            dataset.values.push(Arc::new(values));
            for (row, fault) in found {
                faults.entry(row).or_insert((col, fault));
            }
        }
        dataset.read_media(options, progress, &mut faults)?;
        dataset.table.check()?;
        dataset.list_bad(faults);
        match dataset.bad.first() {
            Some(bad) if options.on_bad == OnBad::Fail => Err(DataError::BadCell {
                table: dataset.table.name_of(bad.row).to_owned(),
                line: bad.line,
                column: bad.column.clone(),
                reason_code: bad.reason_code,
                text: bad.text.clone(),
            }),
            _ => Ok(dataset),
        }
    }

    /// The same records with some inputs missing in each, these and no others: what is said without them. Nothing is
    /// decoded again.
    #[must_use]
    pub fn hiding(&self, names: &[String]) -> Self {
        let is_hidden = |column: &Column| names.contains(&column.name);
        let values = self
            .columns
            .iter()
            .zip(&self.values)
            .map(|(column, values)| {
                if is_hidden(column) {
                    Arc::new(Values::Absent)
                } else {
                    Arc::clone(values)
                }
            });
        let table_cols = self.columns.iter().zip(&self.table_cols);
        Self {
            table: Arc::clone(&self.table),
            columns: self.columns.clone(),
            table_cols: table_cols
                .map(|(column, col)| col.filter(|_| !is_hidden(column)))
                .collect(),
            values: values.collect(),
            good_rows: self.good_rows.clone(),
            bad: self.bad.clone(),
        }
    }

    /// The archive that the media of a row are read from each time they are asked for; `None` where every archive's
    /// media are kept decoded, or there are no archives.
    pub(crate) fn shard_to_read(&self) -> Option<impl Fn(usize) -> usize + '_> {
        let is_read = |row: usize| {
            self.values.iter().any(|values| match values.as_ref() {
                Values::Media(media) => media.hash(row).is_some() && !media.kept.is_planned(row),
                _ => false,
            })
        };
        let any = (0..self.num_rows()).any(|row| self.table.shard(row).is_some() && is_read(row));
        // Records that stand in no archive are as one.
        any.then_some(|row| self.table.shard(row).map_or(0, |shard| shard + 1))
    }

    /// The table underneath.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// The input columns, in the order of `col`.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Place of an input by name.
    pub fn column_position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Number of rows of the table, bad ones included.
    pub fn num_rows(&self) -> usize {
        self.table.num_records()
    }

    /// Rows without a bad cell, ascending.
    pub fn good_rows(&self) -> &[usize] {
        &self.good_rows
    }

    /// The records that cannot be used, by row.
    pub fn bad(&self) -> &[BadRecord] {
        &self.bad
    }

    /// Number of bad records by reason code.
    pub fn num_bad_by_reason(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for bad in &self.bad {
            *counts.entry(bad.reason_code).or_default() += 1;
        }
        counts
    }

    /// Whether the cell holds a usable value of its column's modality.
    pub fn is_present(&self, col: usize, row: usize) -> bool {
        match self.values.get(col).map(Arc::as_ref) {
            Some(Values::Text) => self.text_ref(col, row).is_some(),
            Some(Values::Number(numbers)) => numbers.get(row).is_some_and(|n| !n.is_nan()),
            Some(Values::Category { codes, .. }) => codes.get(row).is_some_and(|c| *c != u32::MAX),
            Some(Values::Date(dates)) => dates.get(row).is_some_and(|d| *d != i64::MIN),
            Some(Values::Media(media)) => media.hash(row).is_some(),
            Some(Values::Absent) | None => false,
        }
    }

    /// The text of a text cell without a copy where the table holds it.
    pub fn text_ref(&self, col: usize, row: usize) -> Option<Cow<'_, str>> {
        if !matches!(self.values.get(col).map(Arc::as_ref), Some(Values::Text)) {
            return None;
        }
        text_of(self.cell(col, row)).ok().flatten()
    }

    /// The text of a text cell, as written.
    pub fn text(&self, col: usize, row: usize) -> Option<Arc<str>> {
        self.text_ref(col, row).map(Arc::from)
    }

    /// The number of a number cell; finite.
    pub fn number(&self, col: usize, row: usize) -> Option<f64> {
        match self.values.get(col).map(Arc::as_ref) {
            Some(Values::Number(numbers)) => numbers.get(row).copied().filter(|n| !n.is_nan()),
            _ => None,
        }
    }

    /// The value of a category cell.
    pub fn category(&self, col: usize, row: usize) -> Option<Arc<str>> {
        match self.values.get(col).map(Arc::as_ref) {
            Some(Values::Category { codes, names }) => {
                names.get(*codes.get(row)? as usize).cloned()
            }
            _ => None,
        }
    }

    /// The moment of a date cell, in seconds since 1970-01-01T00:00:00Z.
    pub fn date(&self, col: usize, row: usize) -> Option<i64> {
        match self.values.get(col).map(Arc::as_ref) {
            Some(Values::Date(dates)) => dates.get(row).copied().filter(|d| *d != i64::MIN),
            _ => None,
        }
    }

    /// A media cell in a form: kept, or decoded again.
    pub fn item(&self, col: usize, row: usize, form: Form) -> Option<Item> {
        let Some(Values::Media(media)) = self.values.get(col).map(Arc::as_ref) else {
            return None;
        };
        media.hash(row)?;
        media
            .item(row, form)
            .or_else(|| self.read_cell(col, row, &[form]).ok()?.1.pop())
    }

    /// The picture of an image cell scaled to a square of `size_px` pixels.
    pub fn image(&self, col: usize, row: usize, size_px: usize) -> Option<Arc<Picture>> {
        match self.item(col, row, Form::Picture { size_px })? {
            Item::Picture(picture) => Some(picture),
            _ => None,
        }
    }

    /// The spectrogram of an audio cell.
    pub fn spectrogram(
        &self,
        col: usize,
        row: usize,
        form: SpectrogramForm,
    ) -> Option<Arc<Spectrogram>> {
        match self.item(col, row, Form::Spectrogram(form))? {
            Item::Spectrogram(spectrogram) => Some(spectrogram),
            _ => None,
        }
    }

    /// The series of a cell brought to `len` moments, gaps filled.
    pub fn series(&self, col: usize, row: usize, len: usize) -> Option<Arc<Series>> {
        match self.item(col, row, Form::Series { len })? {
            Item::Series(series) => Some(series),
            _ => None,
        }
    }

    /// Evenly spread frames of a video cell, or slices of a volume cell, as squares.
    pub fn frames(
        &self,
        col: usize,
        row: usize,
        num_frames: usize,
        size_px: usize,
    ) -> Option<Arc<[Picture]>> {
        let form = Form::Frames {
            num_frames,
            size_px,
        };
        match self.item(col, row, form)? {
            Item::Frames(frames) => Some(frames),
            _ => None,
        }
    }

    /// A picture of a media cell for people, decoded anew: an image in its own size, frames of a video side by side,
    /// the spectrogram of a sound, lines of a series, the middle slices of a volume.
    pub fn preview(&self, col: usize, row: usize) -> Option<Picture> {
        let medium = medium(self.columns.get(col)?.modality)?;
        medium.preview(&self.source(col, row)).ok()
    }

    /// A number that is equal for media of identical content; for grouping, never stored.
    pub fn media_hash(&self, col: usize, row: usize) -> Option<u64> {
        match self.values.get(col).map(Arc::as_ref) {
            Some(Values::Media(media)) => media.hash(row),
            _ => None,
        }
    }

    /// A number that is equal for identical texts (blanks at the ends and case apart); for grouping, never stored.
    pub fn text_hash(&self, col: usize, row: usize) -> Option<u64> {
        let text = self.text_ref(col, row)?;
        Some(content_hash(text.trim().to_lowercase().as_bytes()))
    }

    fn cell(&self, col: usize, row: usize) -> CellRef<'_> {
        match self.table_cols.get(col) {
            Some(Some(table_col)) => self.table.cell(row, *table_col),
            _ => CellRef::Missing,
        }
    }

    fn list_bad(&mut self, faults: Faults) {
        self.good_rows = (0..self.num_rows())
            .filter(|row| !faults.contains_key(row))
            .collect();
        self.good_rows.shrink_to_fit();
        self.bad = faults
            .into_iter()
            .map(|(row, (col, (reason_code, text)))| BadRecord {
                row,
                line: self.table.line(row),
                column: self.columns[col].name.clone(),
                reason_code,
                text,
            })
            .collect();
    }
}

/// SipHash with fixed keys: equal bytes give equal numbers within a run, and 64 bits keep millions apart.
pub(crate) fn content_hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
