//! Decoded media that are kept: the first ones in memory, further ones in a temporary file.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use crate::{Form, Item, spill::SpillFile};

/// How much room decoded media may still take, by the settings alone: which records are kept must not depend on the
/// machine, because the order of an epoch over archives does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) memory_bytes: usize,
    pub(super) disk_bytes: usize,
}

/// Where the items of a cell are to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Memory,
    File,
    Nowhere,
}

impl Room {
    /// Takes the room for a cell; the items of a column are all of one size, so a column's first ones are in memory,
    /// the next ones in the file.
    pub(super) fn take(&mut self, bytes: usize) -> Keep {
        if bytes == 0 {
            Keep::Nowhere
        } else if bytes <= self.memory_bytes {
            self.memory_bytes -= bytes;
            Keep::Memory
        } else if bytes <= self.disk_bytes {
            self.disk_bytes -= bytes;
            Keep::File
        } else {
            Keep::Nowhere
        }
    }
}

/// The file of a data set, made when the first cell goes there. It takes at most half of what the disk has free, and a
/// disk that is full all the same gets everything back: then cells are decoded again.
#[derive(Debug, Default)]
pub(super) struct MediaFile {
    file: OnceLock<Option<(SpillFile, u64)>>,
    has_failed: AtomicBool,
}

/// Where an item lies in the file: its length in the upper bits, where it starts in the lower; 0 for one that is not
/// there, as no item is empty. There is one of these for every record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place(u64);

impl Place {
    const NONE: Self = Self(0);
    /// Bits of the start: files up to 1 TiB, items up to 16 MiB.
    const START_BITS: u32 = 40;

    /// `None` if it lies too far back or is too long.
    fn new(start: u64, len: usize) -> Option<Self> {
        let fits = start >> Self::START_BITS == 0 && len >> (u64::BITS - Self::START_BITS) == 0;
        fits.then_some(Self((len as u64) << Self::START_BITS | start))
    }

    fn start(self) -> u64 {
        self.0 & ((1 << Self::START_BITS) - 1)
    }

    fn len(self) -> usize {
        (self.0 >> Self::START_BITS) as usize
    }
}

impl MediaFile {
    /// Puts the items of a cell behind the others; `None` if there is no room.
    pub(super) fn push(&self, items: &[Item]) -> Option<StoredItems> {
        let (file, limit) = self.open()?;
        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(items.len());
        for item in items {
            item.store(&mut bytes);
            ends.push(bytes.len());
        }
        if file.end() + bytes.len() as u64 > *limit {
            return None;
        }
        let Ok(at) = file.push(&bytes) else {
            self.give_up(file);
            return None;
        };
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let places = starts.zip(&ends);
        let places = places.map(|(start, end)| Place::new(at + start as u64, end - start));
        places.collect::<Option<_>>().map(StoredItems)
    }

    fn open(&self) -> Option<&(SpillFile, u64)> {
        if self.has_failed.load(Ordering::Acquire) {
            return None;
        }
        let made = self.file.get_or_init(|| {
            let file = SpillFile::create().ok()?;
            let limit = file.free_bytes().map_or(u64::MAX, |free| free / 2);
            Some((file, limit))
        });
        made.as_ref()
    }

    fn give_up(&self, file: &SpillFile) {
        self.has_failed.store(true, Ordering::Release);
        // The room goes back at the latest when the process ends.
        let _ = file.truncate(0);
    }

    fn read(&self, form: Form, place: Place) -> Option<Item> {
        let (file, _) = self.open()?;
        let bytes = file.read(place.start(), place.len()).ok()?;
        Item::restore(form, bytes)
    }
}

/// The items of one cell in the file, one a form.
pub(super) struct StoredItems(Vec<Place>);

/// What became of the items of a cell.
pub(super) enum Outcome {
    Memory(Box<[Item]>),
    File(StoredItems),
    Nowhere,
}

/// The kept items of a column.
#[derive(Default)]
pub(super) struct KeptItems {
    /// By row, up to the last one in memory: an item a form.
    memory: Vec<Option<Box<[Item]>>>,
    /// The first row that went to the file.
    first_stored: usize,
    /// By row from there on, up to the last one in the file: a place a form.
    places: Vec<Place>,
    /// Rows below this are kept by the settings, even if the disk refused some.
    end: usize,
    file: Option<Arc<MediaFile>>,
}

impl KeptItems {
    pub(super) fn in_file(file: &Arc<MediaFile>) -> Self {
        Self {
            file: Some(Arc::clone(file)),
            ..Self::default()
        }
    }

    /// Notes what became of a row; rows come in ascending order.
    pub(super) fn put(&mut self, row: usize, planned: Keep, outcome: Outcome) {
        if planned != Keep::Nowhere {
            self.end = row + 1;
        }
        match outcome {
            Outcome::Memory(items) => {
                self.memory.resize(row, None);
                self.memory.push(Some(items));
            }
            Outcome::File(StoredItems(places)) => {
                if self.places.is_empty() {
                    self.first_stored = row;
                }
                let before = (row - self.first_stored) * places.len();
                self.places.resize(before, Place::NONE);
                self.places.extend(places);
            }
            Outcome::Nowhere => {}
        }
    }

    /// Gives back what was taken for rows to come.
    pub(super) fn shrink(&mut self) {
        self.memory.shrink_to_fit();
        self.places.shrink_to_fit();
    }

    /// Whether the settings have room for the row's items.
    pub(super) fn is_planned(&self, row: usize) -> bool {
        row < self.end
    }

    /// The item of a row in the form at a place among `num_forms`; `None` if it is to be decoded again.
    pub(super) fn get(
        &self,
        row: usize,
        (at, num_forms): (usize, usize),
        form: Form,
    ) -> Option<Item> {
        if let Some(Some(items)) = self.memory.get(row) {
            return items.get(at).cloned();
        }
        let index = row.checked_sub(self.first_stored)? * num_forms + at;
        let place = *self.places.get(index)?;
        if place == Place::NONE {
            return None;
        }
        self.file.as_ref()?.read(form, place)
    }

    #[cfg(test)]
    pub(super) fn num_in_memory(&self) -> usize {
        self.memory.iter().flatten().count()
    }

    #[cfg(test)]
    pub(super) fn num_in_file(&self) -> usize {
        self.places
            .iter()
            .filter(|place| **place != Place::NONE)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_holds_start_and_length_or_is_none() {
        let most = [(1 << 40) - 1, (1 << 24) - 1];
        let place = Place::new(most[0], most[1] as usize).unwrap();
        assert_eq!([place.start(), place.len() as u64], most);
        assert!(Place::new(1 << 40, 1).is_none() && Place::new(0, 1 << 24).is_none());
    }

    #[test]
    fn a_disk_that_fails_leaves_nothing_kept_and_nothing_taken() {
        let form = Form::Picture { size_px: 1 };
        let item = Item::Picture(Arc::new(schema::Picture {
            height: 1,
            width: 1,
            rgb: vec![1, 2, 3],
        }));
        let media = Arc::new(MediaFile::default());
        let mut kept = KeptItems::in_file(&media);
        let stored = media.push(std::slice::from_ref(&item)).unwrap();
        kept.put(4, Keep::File, Outcome::File(stored));
        assert_eq!(kept.get(4, (0, 1), form), Some(item.clone()));
        assert_eq!(kept.get(3, (0, 1), form), None);
        let (file, _) = media.open().unwrap();
        media.give_up(file);
        assert_eq!(kept.get(4, (0, 1), form), None);
        assert!(media.push(&[item]).is_none());
        assert!(file.read(0, 1).is_err(), "the room was given back");
        assert!(kept.is_planned(4) && !kept.is_planned(5));
    }
}
