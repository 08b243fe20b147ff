//! Pictures of a data set: decoded once in parallel, kept within a bound.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rayon::prelude::*;
use schema::Picture;

use super::{Dataset, DatasetOptions, Faults, Progress, Values, cells::is_missing, content_hash};
use crate::{
    CellRef, DataError, decode_picture,
    picture::{self, PictureError, resize_picture},
};

/// Pictures of one column: content hash of every present one, and those that fit in the cache, one a size.
pub(super) struct Pictures {
    pub(super) hashes: Vec<Option<u64>>,
    pub(super) cached: Vec<Option<Box<[Arc<Picture>]>>>,
}

/// A picture that was read: its content hash, and what is kept of it.
type Read = (u64, Option<Box<[Arc<Picture>]>>);

/// A picture to read.
struct Job {
    col: usize,
    row: usize,
    keep: bool,
}

impl Pictures {
    pub(super) fn none(num_rows: usize) -> Self {
        Self {
            hashes: vec![None; num_rows],
            cached: vec![None; num_rows],
        }
    }
}

impl Dataset {
    /// Reads every picture that is present; faults are added to `faults`.
    pub(super) fn read_pictures(
        &mut self,
        options: &DatasetOptions,
        progress: Progress<'_>,
        faults: &mut Faults,
    ) -> Result<(), DataError> {
        let jobs = self.picture_jobs(options.cache_bytes);
        let done = AtomicUsize::new(0);
        let read = |job: &Job| {
            let result = self.read_picture(job);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, jobs.len());
            result
        };
        let results: Vec<Result<Read, PictureError>> = if jobs.len() < 2 || options.threads == 1 {
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
        for (Job { col, row, .. }, result) in jobs.into_iter().zip(results) {
            let Some(Values::Image(pictures)) = Arc::get_mut(&mut self.values[col]) else {
                continue;
            };
            match result {
                Ok((hash, cached)) => {
                    pictures.hashes[row] = Some(hash);
                    pictures.cached[row] = cached;
                }
                Err(error) => {
                    faults
                        .entry(row)
                        .or_insert((col, (error.reason_code, error.text)));
                }
            }
        }
        Ok(())
    }

    /// Every picture there is. Which are kept is settled here, in row order, before any is decoded: it must not
    /// depend on which thread is first.
    fn picture_jobs(&self, cache_bytes: usize) -> Vec<Job> {
        let bytes_each: usize = self.image_sizes.iter().map(|size| size * size * 3).sum();
        let mut left = cache_bytes;
        let mut jobs = Vec::new();
        let cols: Vec<usize> = (0..self.columns.len())
            .filter(|col| matches!(*self.values[*col], Values::Image(_)))
            .collect();
        for row in 0..self.num_rows() {
            for &col in &cols {
                if is_missing(&self.cell(col, row)) {
                    continue;
                }
                let keep = bytes_each > 0 && bytes_each <= left;
                left -= if keep { bytes_each } else { 0 };
                jobs.push(Job { col, row, keep });
            }
        }
        jobs
    }

    fn read_picture(&self, job: &Job) -> Result<Read, PictureError> {
        let bytes = self.picture_bytes(job.col, job.row)?.unwrap_or_default();
        let picture = decode_picture(&bytes)?;
        let scale = |size: &usize| resize_picture(&picture, *size).map(Arc::new);
        let scaled = if job.keep {
            Some(
                self.image_sizes
                    .iter()
                    .map(scale)
                    .collect::<Result<Box<[_]>, _>>()?,
            )
        } else {
            None
        };
        Ok((content_hash(&bytes), scaled))
    }

    /// Bytes of the picture in a cell; `None` if the cell is missing.
    pub(super) fn picture_bytes(
        &self,
        col: usize,
        row: usize,
    ) -> Result<Option<Cow<'_, [u8]>>, PictureError> {
        match self.cell(col, row) {
            cell if is_missing(&cell) => Ok(None),
            CellRef::Bytes(bytes) => Ok(Some(bytes)),
            CellRef::Text(text) => {
                let path = self.table.base_dir(row).join(text.trim());
                picture::read_file(&path).map(|bytes| Some(Cow::Owned(bytes)))
            }
            _ => Err(PictureError {
                reason_code: "not_a_path",
                text: "a number or list where the path of a picture should be".to_owned(),
            }),
        }
    }
}
