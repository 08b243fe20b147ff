//! Media of a data set: decoded once in parallel, kept within a bound.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use rayon::prelude::*;
use schema::Modality;

use super::{Dataset, DatasetOptions, Faults, Progress, Values, cells::is_missing};
use crate::{
    CellRef, DataError, Form, Item,
    media::{MediaError, Read, Source, medium},
};

/// One media column: content hash of every present cell, and those that fit in the cache, one item a form.
pub(super) struct MediaColumn {
    /// What its cells are asked for in.
    pub(super) forms: Vec<Form>,
    pub(super) hashes: Vec<Option<u64>>,
    /// Channels of every series; 0 of what is none.
    num_channels: Vec<usize>,
    pub(super) cached: Vec<Option<Box<[Item]>>>,
}

/// The least form of a series.
const GLANCE: &[Form] = &[Form::Series { len: 1 }];

/// A cell to read.
struct Job {
    col: usize,
    row: usize,
    keep: bool,
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
        Self {
            forms,
            hashes: vec![None; num_rows],
            num_channels: vec![0; num_rows],
            cached: vec![None; num_rows],
        }
    }
}

impl Dataset {
    /// Reads every media cell that is present; faults are added to `faults`.
    pub(super) fn read_media(
        &mut self,
        options: &DatasetOptions,
        progress: Progress<'_>,
        faults: &mut Faults,
    ) -> Result<(), DataError> {
        let jobs = self.jobs(options.cache_bytes);
        let done = AtomicUsize::new(0);
        let read = |job: &Job| {
            let forms = match self.media_column(job.col) {
                Some(media) if job.keep => &media.forms,
                // Enough to know how many channels there are.
                _ if self.columns[job.col].modality == Modality::Series => GLANCE,
                _ => &[],
            };
            let result = self.read_cell(job.col, job.row, forms);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, jobs.len());
            result
        };
        let results: Vec<Result<Read, MediaError>> = if jobs.len() < 2 || options.threads == 1 {
            jobs.iter().map(read).collect()
        } else if options.threads == 0 {
            jobs.par_iter().map(read).collect()
        } else {
            rayon::ThreadPoolBuilder::new()
                .num_threads(options.threads)
                .build()
                .map_err(|error| DataError::Threads {
                    what: error.to_string(),
                })?
                .install(|| jobs.par_iter().map(read).collect())
        };
        for (Job { col, row, keep }, result) in jobs.into_iter().zip(results) {
            let Some(Values::Media(media)) = std::sync::Arc::get_mut(&mut self.values[col]) else {
                continue;
            };
            match result {
                Ok((hash, items)) => {
                    media.hashes[row] = Some(hash);
                    if let Some(Item::Series(series)) = items.first() {
                        media.num_channels[row] = series.num_channels;
                    }
                    media.cached[row] = keep.then(|| items.into_boxed_slice());
                }
                Err(error) if self.is_absence(col, &error) => {}
                Err(error) => {
                    faults
                        .entry(row)
                        .or_insert((col, (error.reason_code, error.text)));
                }
            }
        }
        self.check_channels(&options.channels, faults);
        Ok(())
    }

    /// Every cell there is. Which are kept is settled here, in row order, before any is decoded: it must not depend
    /// on which thread is first.
    fn jobs(&self, cache_bytes: usize) -> Vec<Job> {
        let mut left = cache_bytes;
        let mut jobs = Vec::new();
        let cols: Vec<(usize, usize)> = (0..self.columns.len())
            .filter_map(|col| {
                let forms = &self.media_column(col)?.forms;
                Some((col, forms.iter().map(Form::num_bytes).sum()))
            })
            .collect();
        for row in 0..self.num_rows() {
            for &(col, bytes_each) in &cols {
                let has_bytes = self.table_cols[col]
                    .is_some_and(|table_col| self.table.holds_bytes(row, table_col));
                if !has_bytes && is_missing(&self.cell(col, row)) {
                    continue;
                }
                let keep = bytes_each > 0 && bytes_each <= left;
                left -= if keep { bytes_each } else { 0 };
                jobs.push(Job { col, row, keep });
            }
        }
        jobs
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
            *counts.entry(*num).or_default() += 1;
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
                if *num == 0 || *num == expected {
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
