//! Video files and folders of frames.

use std::{path::Path, sync::Arc};

use schema::{Modality, Picture};

use super::{Item, MediaError, Medium, Read, Source, guarded, hash_of};
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
        let from = place(source, path.as_deref())?;
        let wanted = forms.iter().filter_map(|form| match *form {
            Form::Frames {
                num_frames,
                size_px,
            } => Some((num_frames, size_px)),
            _ => None,
        });
        let mut items = Vec::with_capacity(forms.len());
        for wanted in wanted {
            items.push(Item::Frames(frames(from, wanted)?));
        }
        if items.is_empty() {
            frames(from, GLANCE)?;
        }
        let hash = match &path {
            // The frames of a folder are files of their own; its name is what two records can share.
            Some(folder) if folder.is_dir() => hash_of(folder.as_os_str().as_encoded_bytes()),
            _ => hash_of(&source.bytes()?),
        };
        Ok((hash, items))
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
