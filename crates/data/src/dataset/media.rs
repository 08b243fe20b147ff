//! Media of a data set: decoded once in parallel, kept within bounds.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rayon::prelude::*;
use schema::Modality;

use super::{
    Dataset, DatasetOptions, Faults, Progress, Values,
    cells::is_missing,
    kept::{Keep, KeptItems, MediaFile, Outcome, Room},
};
use crate::{
    CellRef, DataError, Form, Item,
    media::{MediaError, Read, Source, medium},
};

/// One media column: content hash of every present cell, and those that are kept.
pub(super) struct MediaColumn {
    /// What its cells are asked for in.
    pub(super) forms: Vec<Form>,
    /// 0 of what is missing or bad.
    hashes: Vec<u64>,
    /// Channels of every series; empty in other columns, 0 of what is none.
    num_channels: Vec<u32>,
    pub(super) kept: KeptItems,
}

/// The least form of a series.
const GLANCE: &[Form] = &[Form::Series { len: 1 }];
/// Rows that are decoded before their results are put away: enough for every thread to have work.
const BLOCK: usize = 2048;

/// A cell to read.
struct Job {
    col: usize,
    row: usize,
    keep: Keep,
}

/// A cell that was read.
struct Done {
    hash: u64,
    num_channels: usize,
    outcome: Outcome,
}

impl MediaColumn {
    pub(super) fn unread(num_rows: usize, modality: Modality, forms: &[Form]) -> Self {
        let mut forms: Vec<Form> = forms
            .iter()
            .filter(|form| form.fits(modality))
            .copied()
            .collect();
        forms.sort_unstable();
        forms.dedup();
        let num_series = if modality == Modality::Series {
            num_rows
        } else {
            0
        };
        Self {
            forms,
            hashes: vec![0; num_rows],
            num_channels: vec![0; num_series],
            kept: KeptItems::default(),
        }
    }

    /// A number for the content of a cell; `None` if it is missing or bad.
    pub(super) fn hash(&self, row: usize) -> Option<u64> {
        self.hashes.get(row).copied().filter(|hash| *hash != 0)
    }

    /// The item of a row in a form, if it is kept.
    pub(super) fn item(&self, row: usize, form: Form) -> Option<Item> {
        let at = self.forms.iter().position(|held| *held == form)?;
        self.kept.get(row, (at, self.forms.len()), form)
    }
}

impl Dataset {
    /// Reads every media cell that is present, a block of rows at a time; faults are added to `faults`.
    pub(super) fn read_media(
        &mut self,
        options: &DatasetOptions,
        progress: Progress<'_>,
        faults: &mut Faults,
    ) -> Result<(), DataError> {
        let pool = match options.threads {
            0 | 1 => None,
            threads => Some(thread_pool(threads)?),
        };
        let file = Arc::new(MediaFile::default());
        for values in &mut self.values {
            if let Some(Values::Media(media)) = Arc::get_mut(values) {
                media.kept = KeptItems::in_file(&file);
            }
        }
        let mut room = Room {
            memory_bytes: options.cache_bytes,
            disk_bytes: options.cache_disk_bytes,
        };
        let total = self.num_present_media();
        let done = AtomicUsize::new(0);
        for first in (0..self.num_rows()).step_by(BLOCK) {
            let jobs = self.jobs(first..self.num_rows().min(first + BLOCK), &mut room);
            let read = |job: &Job| {
                let result = self.read_job(job, &file);
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
                result
            };
            let read_all = || jobs.par_iter().map(read).collect();
            let results: Vec<Result<Done, MediaError>> = match &pool {
                _ if jobs.len() < 2 || options.threads == 1 => jobs.iter().map(read).collect(),
                Some(pool) => pool.install(read_all),
                None => read_all(),
            };
            for (job, result) in jobs.into_iter().zip(results) {
                self.put_away(&job, result, faults);
            }
        }
        for values in &mut self.values {
            if let Some(Values::Media(media)) = Arc::get_mut(values) {
                media.kept.shrink();
            }
        }
        self.check_channels(&options.channels, faults);
        Ok(())
    }

    fn read_job(&self, job: &Job, file: &MediaFile) -> Result<Done, MediaError> {
        let forms = match self.media_column(job.col) {
            Some(media) if job.keep != Keep::Nowhere => &media.forms,
            // Enough to know how many channels there are.
            _ if self.columns[job.col].modality == Modality::Series => GLANCE,
            _ => &[],
        };
        let (hash, items) = self.read_cell(job.col, job.row, forms)?;
        let num_channels = match items.first() {
            Some(Item::Series(series)) => series.num_channels,
            _ => 0,
        };
        let outcome = match job.keep {
            Keep::Memory => Outcome::Memory(items.into_boxed_slice()),
            Keep::File => file.push(&items).map_or(Outcome::Nowhere, Outcome::File),
            Keep::Nowhere => Outcome::Nowhere,
        };
        Ok(Done {
            hash,
            num_channels,
            outcome,
        })
    }

    fn put_away(&mut self, job: &Job, result: Result<Done, MediaError>, faults: &mut Faults) {
        let (col, row) = (job.col, job.row);
        match result {
            Ok(done) => {
                if let Some(Values::Media(media)) = Arc::get_mut(&mut self.values[col]) {
                    media.hashes[row] = done.hash.max(1);
                    if let Some(num) = media.num_channels.get_mut(row) {
                        *num = done.num_channels as u32;
                    }
                    media.kept.put(row, job.keep, done.outcome);
                }
            }
            Err(error) if self.is_absence(col, &error) => {}
            Err(error) => {
                faults
                    .entry(row)
                    .or_insert((col, (error.reason_code, error.text)));
            }
        }
    }

    /// Every cell there is in some rows. Where each is kept is settled here, in row order, before any is decoded: it
    /// must not depend on which thread is first.
    fn jobs(&self, rows: Range<usize>, room: &mut Room) -> Vec<Job> {
        let mut jobs = Vec::new();
        let cols: Vec<(usize, usize)> = (0..self.columns.len())
            .filter_map(|col| {
                let forms = &self.media_column(col)?.forms;
                Some((col, forms.iter().map(Form::num_bytes).sum()))
            })
            .collect();
        for row in rows {
            for &(col, bytes_each) in &cols {
                if self.is_media_there(col, row) {
                    let keep = room.take(bytes_each);
                    jobs.push(Job { col, row, keep });
                }
            }
        }
        jobs
    }

    fn is_media_there(&self, col: usize, row: usize) -> bool {
        let has_bytes =
            self.table_cols[col].is_some_and(|table_col| self.table.holds_bytes(row, table_col));
        has_bytes || !is_missing(&self.cell(col, row))
    }

    /// Media cells that are not missing.
    fn num_present_media(&self) -> usize {
        let cols = (0..self.columns.len()).filter(|col| self.media_column(*col).is_some());
        let present = |col| (0..self.num_rows()).filter(move |row| self.is_media_there(col, *row));
        cols.map(|col| present(col).count()).sum()
    }

    fn media_column(&self, col: usize) -> Option<&MediaColumn> {
        match self.values.get(col)?.as_ref() {
            Values::Media(media) => Some(media),
            _ => None,
        }
    }

    /// A media cell in some forms.
    pub(super) fn read_cell(
        &self,
        col: usize,
        row: usize,
        forms: &[Form],
    ) -> Result<Read, MediaError> {
        let medium = self
            .columns
            .get(col)
            .and_then(|column| medium(column.modality));
        match medium {
            Some(medium) => medium.read(&self.source(col, row), forms),
            None => Err(MediaError::new("not_a_file", "no column of files")),
        }
    }

    /// Whether an error only says that a file does not have the part that a derived column is of: it is missing.
    fn is_absence(&self, col: usize, error: &MediaError) -> bool {
        let place = self.table_cols.get(col).copied().flatten();
        place
            .and_then(|table_col| self.table.origin(table_col))
            .is_some_and(|(_, part)| part.kind.is_absence(error))
    }

    /// A cell with the folder that its paths start from.
    pub(super) fn source(&self, col: usize, row: usize) -> Source<'_> {
        let hidden = Source {
            cell: CellRef::Missing,
            base_dir: self.table.base_dir(row),
            part: None,
        };
        let place = self.table_cols.get(col).copied().flatten();
        place.map_or(hidden, |table_col| self.table.source(row, table_col))
    }

    /// Channels of the series of a column: of most of them, the smaller number of equally frequent ones.
    pub fn num_channels(&self, col: usize) -> Option<usize> {
        let mut counts = BTreeMap::<usize, usize>::new();
        for num in &self.media_column(col)?.num_channels {
            *counts.entry(*num as usize).or_default() += 1;
        }
        counts.remove(&0);
        let usual = counts
            .iter()
            .max_by_key(|(num, count)| (**count, usize::MAX - **num));
        usual.map(|(num, _)| *num)
    }

    /// A series with another number of channels than it has to have, or than most of its column, is a fault.
    fn check_channels(&mut self, known: &BTreeMap<String, usize>, faults: &mut Faults) {
        for col in 0..self.columns.len() {
            let learned = known.get(&self.columns[col].name).copied();
            let Some(expected) = learned.or_else(|| self.num_channels(col)) else {
                continue;
            };
            let Some(media) = self.media_column(col) else {
                continue;
            };
            for (row, num) in media.num_channels.iter().enumerate() {
                if *num == 0 || *num as usize == expected {
                    continue;
                }
                let text = match learned {
                    Some(_) => format!("{num} channels, the model learned from {expected}"),
                    None => format!("{num} channels, the column has {expected}"),
                };
                faults.entry(row).or_insert((col, ("wrong_channels", text)));
            }
        }
    }
}

fn thread_pool(threads: usize) -> Result<rayon::ThreadPool, DataError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| DataError::Threads {
            what: error.to_string(),
        })
}
