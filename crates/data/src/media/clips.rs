//! Video files and folders of frames.

use std::{path::Path, sync::Arc};

use schema::{Modality, Picture};

use super::{Item, MediaError, Medium, Read, Source, content_hash, guarded};
use crate::{
    CellRef, Form,
    clip::{self, ClipError, ClipOptions, ClipSource, Sampling, decode_clip},
};

pub(super) struct Clips;

/// What a clip is looked at in where nobody asks for its frames: enough to know that it can be read.
const GLANCE: (usize, usize) = (1, 8);

impl From<ClipError> for MediaError {
    fn from(error: ClipError) -> Self {
        Self::new(error.reason_code, error.text)
    }
}

impl Medium for Clips {
    fn modality(&self) -> Modality {
        Modality::Video
    }

    fn singular(&self) -> &'static str {
        "video"
    }

    fn plural(&self) -> &'static str {
        "videos"
    }

    fn format(&self, start: &[u8]) -> Option<&'static str> {
        clip::known_format(start)
    }

    fn endings(&self) -> &'static [&'static str] {
        &[
            "avi", "mp4", "m4v", "mov", "webm", "mkv", "flv", "wmv", "mpg", "mpeg", "ts",
        ]
    }

    fn name_words(&self) -> &'static [&'static str] {
        &["video", "clip", "movie", "frames"]
    }

    fn read(&self, source: &Source<'_>, forms: &[Form]) -> Result<Read, MediaError> {
        let path = source.path();
        let folder = path.as_deref().filter(|path| path.is_dir());
        let bytes = match folder {
            Some(_) => None,
            None => Some(source.bytes()?),
        };
        let from = match &bytes {
            Some(bytes) if clip::is_native(bytes) => ClipSource::Bytes(bytes),
            // A program reads the file by itself.
            _ => place(source, path.as_deref())?,
        };
        let mut items = Vec::with_capacity(forms.len());
        for wanted in forms.iter().filter_map(Form::frames) {
            items.push(Item::Frames(frames(from, wanted)?));
        }
        if items.is_empty() {
            frames(from, GLANCE)?;
        }
        // The frames of a folder are files of their own; its name is what two records can share.
        let name = folder.map(|folder| folder.as_os_str().as_encoded_bytes());
        let content = bytes.as_deref().or(name).unwrap_or_default();
        Ok((content_hash(content), items))
    }
}

/// Where a clip lies; `path` is that of the source.
pub(super) fn place<'a>(
    source: &'a Source<'_>,
    path: Option<&'a Path>,
) -> Result<ClipSource<'a>, MediaError> {
    match (&source.cell, path) {
        (CellRef::Bytes(bytes), _) => Ok(ClipSource::Bytes(bytes)),
        (_, Some(path)) => Ok(ClipSource::Path(path)),
        _ => Err(MediaError::new(
            "not_a_path",
            "a number or list where the path of a video should be",
        )),
    }
}

/// So many frames, evenly spread; a clip of fewer shows some of them longer.
fn frames(
    source: ClipSource<'_>,
    (num_frames, size_px): (usize, usize),
) -> Result<Arc<[Picture]>, MediaError> {
    let options = ClipOptions {
        size_px: Some(size_px),
        with_sound: false,
        ..ClipOptions::new(Sampling::Count(num_frames))
    };
    let clip = guarded(|| Ok(decode_clip(source, &options)?))?;
    Ok(spread(&clip.frames, num_frames))
}

/// So many of some pictures, evenly spread.
pub(super) fn spread(pictures: &[Arc<Picture>], count: usize) -> Arc<[Picture]> {
    (0..count)
        .filter_map(|at| pictures.get(at * pictures.len() / count.max(1)))
        .map(|picture| Picture::clone(picture))
        .collect()
}
