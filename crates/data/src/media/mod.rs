//! Cells that are files, or their bytes: one file a modality says how they are recognised and decoded.
//!
//! To add a modality whose cells are files: its decoder in a folder of its own, one file here, a line in [`MEDIA`].

use std::{borrow::Cow, path::Path, path::PathBuf, sync::Arc};

use schema::{Cell, Modality, Picture, Series};

use crate::{CellRef, Form, picture, sound::Spectrogram};

pub(crate) use crate::dataset::content_hash;

mod clips;
mod fields;
pub(crate) mod part;
mod pictures;
mod preview;
mod series;
mod shape;
mod sounds;
mod stored;
mod volumes;

pub use shape::{MediaShape, media_shape};

#[cfg(test)]
pub(crate) fn clip_hash(source: &Source<'_>) -> Result<u64, MediaError> {
    clips::Content::of(source)?.hash()
}

/// A media cell in one form.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A square picture.
    Picture(Arc<Picture>),
    /// A log-mel spectrogram `[F, M]`.
    Spectrogram(Arc<Spectrogram>),
    /// A series `[T, C]` without gaps.
    Series(Arc<Series>),
    /// Square frames in their order.
    Frames(Arc<[Picture]>),
}

/// Why a media cell cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MediaError {
    /// Closed word.
    pub(crate) reason_code: &'static str,
    /// What was found.
    pub(crate) text: String,
}

impl MediaError {
    pub(crate) fn new(reason_code: &'static str, text: impl Into<String>) -> Self {
        Self {
            reason_code,
            text: text.into(),
        }
    }
}

/// A media cell with the folder that its paths start from.
pub(crate) struct Source<'a> {
    pub(crate) cell: CellRef<'a>,
    pub(crate) base_dir: &'a Path,
    /// Which part of the file is meant, of a derived column.
    pub(crate) part: Option<part::Part>,
}

impl Source<'_> {
    /// The file that the cell names.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        match &self.cell {
            CellRef::Text(text) => Some(self.base_dir.join(text.trim())),
            _ => None,
        }
    }

    /// The content: the cell's own bytes, or those of the file that it names.
    pub(crate) fn bytes(&self) -> Result<Cow<'_, [u8]>, MediaError> {
        match (&self.cell, self.path()) {
            (CellRef::Bytes(bytes), _) => Ok(Cow::Borrowed(bytes)),
            (_, Some(path)) => Ok(Cow::Owned(picture::read_file(&path)?)),
            _ => Err(MediaError::new(
                "not_a_path",
                "a number or list where the path of a file should be",
            )),
        }
    }

    /// The numbers of a list cell by row, one number a row where the list is flat.
    pub(crate) fn rows(&self) -> Option<Vec<Vec<f64>>> {
        let CellRef::List(list) = &self.cell else {
            return None;
        };
        list.iter().map(numbers_of).collect()
    }
}

fn numbers_of(cell: &Cell) -> Option<Vec<f64>> {
    match cell {
        Cell::Number(number) => Some(vec![*number]),
        Cell::Missing => Some(vec![f64::NAN]),
        Cell::List(list) => {
            let inner = list.iter().map(numbers_of).collect::<Option<Vec<_>>>()?;
            Some(inner.concat())
        }
        Cell::Text(_) | Cell::Bytes(_) => None,
    }
}

/// A cell that was read: a number that is equal for equal content, and the cell in every form.
pub(crate) type Read = (u64, Vec<Item>);

/// A modality whose cells are files, or their bytes.
pub(crate) trait Medium: Sync {
    /// Which.
    fn modality(&self) -> Modality;

    /// What one of its files is called in sentences, such as "picture".
    fn singular(&self) -> &'static str;

    /// What they are called, such as "pictures".
    fn plural(&self) -> &'static str;

    /// Name of the format of a file that starts with these bytes, if it is one of this modality.
    fn format(&self, start: &[u8]) -> Option<&'static str>;

    /// Endings of its files, in lower case.
    fn endings(&self) -> &'static [&'static str];

    /// Words in names of columns that speak for it where the files are not there to be looked at.
    fn name_words(&self) -> &'static [&'static str];

    /// Decodes a cell once into every form; all of them fit the modality.
    fn read(&self, source: &Source<'_>, forms: &[Form]) -> Result<Read, MediaError>;

    /// A picture of a cell for people.
    fn preview(&self, source: &Source<'_>) -> Result<Picture, MediaError>;
}

/// Every modality whose cells are files. A file counts as the first that knows its format.
pub(crate) const MEDIA: [&dyn Medium; 5] = [
    &pictures::Pictures,
    &clips::Clips,
    &sounds::Sounds,
    &volumes::Volumes,
    &series::SeriesFiles,
];

/// How cells of a modality are decoded; `None` if they are no files.
pub(crate) fn medium(modality: Modality) -> Option<&'static dyn Medium> {
    MEDIA
        .into_iter()
        .find(|medium| medium.modality() == modality)
}

/// Runs a decoder of foreign files: a panic in it costs one record, not the run.
pub(crate) fn guarded<T>(
    decode: impl FnOnce() -> Result<T, MediaError> + std::panic::UnwindSafe,
) -> Result<T, MediaError> {
    std::panic::catch_unwind(decode).unwrap_or_else(|_| {
        Err(MediaError::new(
            "file_damaged",
            "the decoder gave up on the file",
        ))
    })
}
