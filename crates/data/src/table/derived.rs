//! Columns that a table lacks but whose files hold them: `video.sound`, `scan.PatientAge`.
//!
//! Their places follow those of the table's own columns, one for every part of every column, so that a name always
//! means the same place and nothing has to be announced. Fields of a file are read when the first of them is asked
//! for, all together, and kept as numbers of texts that are kept once.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use crate::media::{
    Source,
    part::{Part, fields, parts},
};

/// Place of a derived column of a table with these columns.
pub(super) fn place(columns: &[String], name: &str) -> Option<usize> {
    let (base, part) = name.rsplit_once('.')?;
    let base = columns.iter().position(|column| column == base)?;
    let part = parts().iter().position(|known| known.name == part)?;
    Some(columns.len() + base * parts().len() + part)
}

/// The column that a derived one comes from, and which part of it; `None` for a table's own columns.
pub(super) fn origin(num_columns: usize, col: usize) -> Option<(usize, Part)> {
    let at = col.checked_sub(num_columns)?;
    let (base, part) = (at / parts().len(), at % parts().len());
    (base < num_columns).then(|| (base, parts()[part]))
}

/// Stands for a field that a file does not have.
const NONE: u32 = u32::MAX;

/// Fields of files that were read so far.
#[derive(Debug, Default)]
pub(super) struct Fields {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By row of the store and column: number of the text of each part.
    cells: HashMap<(usize, usize), Box<[u32]>>,
    texts: Vec<Arc<str>>,
    numbers: BTreeMap<Arc<str>, u32>,
}

impl Known {
    fn text(&self, place: (usize, usize), part: usize) -> Option<Option<Arc<str>>> {
        let number = *self.cells.get(&place)?.get(part)?;
        Some(self.texts.get(number as usize).cloned())
    }

    fn number(&mut self, text: Option<String>) -> u32 {
        let Some(text) = text else { return NONE };
        if let Some(number) = self.numbers.get(text.as_str()) {
            return *number;
        }
        let text: Arc<str> = text.into();
        let number = self.texts.len() as u32;
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }
}

impl Fields {
    /// A field of the file behind a cell; `place` is its row in the store and its column.
    pub(super) fn get(
        &self,
        place: (usize, usize),
        name: &str,
        source: &Source<'_>,
    ) -> Option<Arc<str>> {
        let part = parts().iter().position(|part| part.name == name)?;
        // A panic elsewhere leaves it whole: entries are put in when they are done.
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = lock().text(place, part) {
            return text;
        }
        let read = fields(source);
        let mut known = lock();
        let numbers = read.into_iter().map(|text| known.number(text)).collect();
        known.cells.insert(place, numbers);
        known.text(place, part).flatten()
    }
}
