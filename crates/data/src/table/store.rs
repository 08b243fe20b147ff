//! Chunks of records: few in memory, many in an unlinked temporary file that is read by position.

use std::{
    borrow::Cow,
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use super::{
    CellRef,
    chunk::{Chunk, Slot, range},
};
use crate::{DataError, spill::SpillFile};

/// Independent parts of the cache, so that threads seldom wait for each other.
const SHARDS: usize = 16;
/// Chunks that a part keeps.
const KEPT_A_SHARD: usize = 8;

/// The records of a table in order.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    /// First record of each chunk.
    firsts: Vec<usize>,
    num_records: usize,
    /// The earlier chunks, if there are too many to stay in memory.
    file: Option<ChunkFile>,
    /// The later ones.
    resident: Vec<Chunk>,
    resident_bytes: usize,
}

impl Chunks {
    pub(super) fn num_records(&self) -> usize {
        self.num_records
    }

    /// Adds a chunk behind the others, in memory.
    pub(super) fn push(&mut self, mut chunk: Chunk) {
        chunk.shrink();
        self.firsts.push(self.num_records);
        self.num_records += chunk.num_records();
        self.resident_bytes += chunk.num_bytes();
        self.resident.push(chunk);
    }

    /// Moves chunks to a file if they take more than `limit` bytes, or others are there already.
    ///
    /// # Errors
    /// [`DataError::Spill`] if the file cannot be made or written.
    pub(super) fn spill_above(&mut self, limit: usize) -> Result<(), DataError> {
        if self.file.is_none() && self.resident_bytes <= limit {
            return Ok(());
        }
        let spilled = |source| DataError::Spill {
            folder: std::env::temp_dir(),
            source,
        };
        if self.file.is_none() {
            self.file = Some(ChunkFile::create().map_err(spilled)?);
        }
        if let Some(file) = &mut self.file {
            for chunk in self.resident.drain(..) {
                file.push(&chunk).map_err(spilled)?;
            }
            self.resident_bytes = 0;
        }
        Ok(())
    }

    /// A cell; missing where there is no such record or column.
    pub(super) fn cell(&self, record: usize, col: usize) -> CellRef<'_> {
        let (index, within) = self.place(record);
        match self.chunk(index) {
            None => CellRef::Missing,
            Some(Found::Resident(chunk)) => chunk.cell(within, col),
            Some(Found::Read(file, chunk)) => match chunk.slot(within, col) {
                Slot::Bytes { start, len } => {
                    CellRef::Bytes(Cow::Owned(file.media(index, start, len)))
                }
                _ => chunk.cell(within, col).into_owned(),
            },
        }
    }

    /// What stands in a cell, without its contents.
    pub(super) fn slot(&self, record: usize, col: usize) -> Slot {
        let (index, within) = self.place(record);
        match self.chunk(index) {
            None => Slot::Missing,
            Some(Found::Resident(chunk)) => chunk.slot(within, col),
            Some(Found::Read(_, chunk)) => chunk.slot(within, col),
        }
    }

    /// Line of a record in its file; 0 where there is no such record.
    pub(super) fn line(&self, record: usize) -> usize {
        let (index, within) = self.place(record);
        match self.chunk(index) {
            None => 0,
            Some(Found::Resident(chunk)) => chunk.line(within),
            Some(Found::Read(_, chunk)) => chunk.line(within),
        }
    }

    /// What went wrong when records were read back, if anything did.
    pub(super) fn fault(&self) -> Option<&str> {
        self.file.as_ref()?.fault.get().map(String::as_str)
    }

    fn place(&self, record: usize) -> (usize, usize) {
        let index = self.firsts.partition_point(|first| *first <= record);
        let index = index.saturating_sub(1);
        (index, record - self.firsts.get(index).copied().unwrap_or(0))
    }

    fn chunk(&self, index: usize) -> Option<Found<'_>> {
        let num_in_file = self.file.as_ref().map_or(0, |file| file.places.len());
        match &self.file {
            Some(file) if index < num_in_file => {
                file.chunk(index).map(|chunk| Found::Read(file, chunk))
            }
            _ => self.resident.get(index - num_in_file).map(Found::Resident),
        }
    }
}

enum Found<'a> {
    Resident(&'a Chunk),
    Read(&'a ChunkFile, Arc<Chunk>),
}

/// Where a chunk lies in the file; its media bytes follow it.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: u64,
    len: u32,
}

/// The chunks of a cache part that were asked for last, the latest first.
type Shard = Mutex<VecDeque<(usize, Arc<Chunk>)>>;

/// Chunks in a temporary file.
#[derive(Debug)]
struct ChunkFile {
    file: SpillFile,
    places: Vec<Place>,
    shards: [Shard; SHARDS],
    /// The first thing that went wrong when reading; cells read after it may be missing.
    fault: OnceLock<String>,
}

impl ChunkFile {
    fn create() -> io::Result<Self> {
        Ok(Self {
            file: SpillFile::create()?,
            places: Vec::new(),
            shards: Default::default(),
            fault: OnceLock::new(),
        })
    }

    fn push(&mut self, chunk: &Chunk) -> io::Result<()> {
        let (bytes, media) = chunk.encode();
        let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let at = self.file.push(&bytes)?;
        self.file.push(&media)?;
        self.places.push(Place { at, len });
        Ok(())
    }

    /// A chunk without its media bytes.
    fn chunk(&self, index: usize) -> Option<Arc<Chunk>> {
        let shard = &self.shards[index % SHARDS];
        {
            let mut kept = shard.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = kept.iter().position(|(kept, _)| *kept == index) {
                if at > 0
                    && let Some(found) = kept.remove(at)
                {
                    kept.push_front(found);
                }
                return kept.front().map(|(_, chunk)| Arc::clone(chunk));
            }
        }
        // Without the lock: others need not wait for the disk. Two threads may read the same chunk; both get it right.
        let Place { at, len } = *self.places.get(index)?;
        let bytes = self.read(at, len as usize)?;
        let chunk = Chunk::decode(&bytes).or_else(|| {
            self.note("it was changed".to_owned());
            None
        })?;
        let chunk = Arc::new(chunk);
        let mut kept = shard.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front((index, Arc::clone(&chunk)));
        kept.truncate(KEPT_A_SHARD);
        Some(chunk)
    }

    /// Media bytes of a chunk; empty if they cannot be read, which is noted.
    fn media(&self, index: usize, start: u64, len: u32) -> Vec<u8> {
        let first = self
            .places
            .get(index)
            .map_or(self.file.end(), |place| place.at + u64::from(place.len));
        self.read(first + start, range(start, len).len())
            .unwrap_or_default()
    }

    fn read(&self, at: u64, len: usize) -> Option<Vec<u8>> {
        match self.file.read(at, len) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.note(error.to_string());
                None
            }
        }
    }

    fn note(&self, what: String) {
        self.fault.get_or_init(|| what);
    }
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;
    use schema::Cell;

    use super::*;

    /// 1000 records in chunks of 7, spilled if they take more than `limit` bytes.
    fn chunks(limit: usize) -> Chunks {
        let mut chunks = Chunks::default();
        let mut open = Chunk::new(3);
        for record in 0..1000 {
            open.push_text(0, &format!("record {record}"));
            open.push(1, &Cell::Number(record as f64));
            open.push(2, &Cell::Bytes(vec![record as u8; record % 5]));
            open.end_record(record + 2);
            if open.num_records() == 7 {
                chunks.push(std::mem::replace(&mut open, Chunk::new(3)));
                chunks.spill_above(limit).unwrap();
            }
        }
        chunks.push(open);
        chunks
    }

    #[test]
    fn records_in_a_file_are_the_same_in_any_order_and_from_any_thread() {
        let (memory, file) = (chunks(usize::MAX), chunks(5000));
        assert!(memory.file.is_none() && file.file.is_some() && file.resident.len() == 1);
        assert_eq!(file.num_records(), 1000);
        (0..3000_usize).into_par_iter().for_each(|step| {
            let record = step * 379 % 1001;
            for col in 0..4 {
                assert_eq!(file.cell(record, col), memory.cell(record, col));
            }
            assert_eq!(file.line(record), memory.line(record));
        });
        assert_eq!(file.fault(), None);
    }

    #[test]
    fn a_file_that_cannot_be_read_back_is_noted() {
        let chunks = chunks(0);
        let file = chunks.file.as_ref().unwrap();
        file.file.truncate(file.file.end() / 2).unwrap();
        assert!(!chunks.cell(0, 0).is_missing());
        assert_eq!(chunks.fault(), None);
        assert!(chunks.cell(900, 0).is_missing());
        assert!(chunks.fault().is_some());
    }
}
