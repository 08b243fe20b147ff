//! Video files and folders of frames.

use std::{
    borrow::Cow,
    fs::File,
    io::{Read as _, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use schema::{Modality, Picture, Sound};

use super::{Item, MediaError, Medium, Read, Source, content_hash, guarded, preview};
use crate::{
    CellRef, Form,
    clip::{
        self, ClipError, ClipHeader, ClipLimits, ClipOptions, ClipSource, Sampling, decode_clip,
    },
    picture::read_file,
};

pub(super) struct Clips;

/// Frames that a person is shown.
const NUM_SHOWN: usize = 5;
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
        let content = Content::of(source)?;
        let mut items = Vec::with_capacity(forms.len());
        for form in forms {
            let read = match *form {
                Form::Frames {
                    num_frames,
                    size_px,
                } => frames(content.clip(), (num_frames, size_px))?,
                Form::Stretch {
                    num_frames,
                    size_px,
                    every_ms,
                    at_end,
                } => {
                    let steps = (num_frames, f64::from(every_ms.max(1)) / 1000.0);
                    stretch(content.clip(), steps, size_px, at_end)?
                }
                _ => continue,
            };
            items.push(Item::Frames(read));
        }
        if items.is_empty() {
            frames(content.clip(), GLANCE)?;
        }
        Ok((content.hash()?, items))
    }

    fn preview(&self, source: &Source<'_>) -> Result<Picture, MediaError> {
        let content = Content::of(source)?;
        let mut options = ClipOptions {
            with_sound: false,
            ..ClipOptions::new(Sampling::Count(NUM_SHOWN))
        };
        let decode = |options: &ClipOptions| guarded(|| Ok(decode_clip(content.clip(), options)?));
        let clip = decode(&options).or_else(|_| {
            // Frames that are too large, or of several sizes.
            options.size_px = Some(preview::HEIGHT_PX);
            decode(&options)
        })?;
        preview::row(clip.frames.iter().map(Arc::as_ref))
    }
}

/// What is behind the cell of a video.
pub(super) enum Content<'a> {
    /// The file, in memory: it is decoded here.
    Bytes(Cow<'a, [u8]>),
    /// A folder of frames, or a file that a program reads by itself, however large.
    Path(PathBuf),
}

impl<'a> Content<'a> {
    pub(super) fn of(source: &'a Source<'_>) -> Result<Self, MediaError> {
        match (&source.cell, source.path()) {
            (CellRef::Bytes(bytes), _) => Ok(Self::Bytes(Cow::Borrowed(bytes))),
            (_, Some(path)) if path.is_dir() => Ok(Self::Path(path)),
            (_, Some(path)) if clip::is_native_file(&path, &ClipLimits::default())? => {
                Ok(Self::Bytes(Cow::Owned(read_file(&path)?)))
            }
            (_, Some(path)) => Ok(Self::Path(path)),
            _ => Err(MediaError::new(
                "not_a_path",
                "a number or list where the path of a video should be",
            )),
        }
    }

    pub(super) fn clip(&self) -> ClipSource<'_> {
        match self {
            Self::Bytes(bytes) => ClipSource::Bytes(bytes),
            Self::Path(path) => ClipSource::Path(path),
        }
    }

    /// A number that is equal for equal content. The frames of a folder are files of their own: its name is what two
    /// records can share.
    pub(super) fn hash(&self) -> Result<u64, MediaError> {
        match self {
            Self::Bytes(bytes) => Ok(content_hash(bytes)),
            Self::Path(path) if path.is_dir() => {
                Ok(content_hash(path.as_os_str().as_encoded_bytes()))
            }
            Self::Path(path) => parts_of(path)
                .map(|parts| content_hash(&parts))
                .map_err(|error| {
                    let text = format!("cannot read \"{}\": {error}", path.display());
                    MediaError::new("file_unreadable", text)
                }),
        }
    }
}

/// Pieces of a file that stand for it, and how many bytes each has: a small file is taken whole.
const NUM_PIECES: u64 = 64;
const PIECE_BYTES: u64 = 64 << 10;

/// The size of a file and evenly spread pieces of it: two videos that agree in them are the same.
fn parts_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    let mut parts = len.to_le_bytes().to_vec();
    if len <= NUM_PIECES * PIECE_BYTES {
        file.take(NUM_PIECES * PIECE_BYTES)
            .read_to_end(&mut parts)?;
        return Ok(parts);
    }
    for piece in 0..NUM_PIECES {
        // The first piece starts where the file does, the last one ends where it ends.
        let start = (len - PIECE_BYTES) * piece / (NUM_PIECES - 1);
        file.seek(SeekFrom::Start(start))?;
        (&mut file).take(PIECE_BYTES).read_to_end(&mut parts)?;
    }
    Ok(parts)
}

/// What the header of a video says.
pub(super) fn header(source: &Source<'_>) -> Result<ClipHeader, MediaError> {
    let content = Content::of(source)?;
    let options = ClipOptions::new(Sampling::Count(1));
    guarded(|| Ok(clip::whole_header(content.clip(), &options)?))
}

/// The sound track of a video; `None` if it has none.
pub(super) fn sound_track(content: &Content<'_>) -> Result<Option<Arc<Sound>>, MediaError> {
    let options = ClipOptions::new(Sampling::Count(1));
    guarded(|| Ok(clip::sound_track(content.clip(), &options)?))
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

/// So many frames with so many seconds between them, from the start on or up to the end. A clip that is shorter shows
/// its first frame longer before the end, its last one behind the start.
fn stretch(
    source: ClipSource<'_>,
    (count, every_secs): (usize, f64),
    size_px: usize,
    at_end: bool,
) -> Result<Arc<[Picture]>, MediaError> {
    let sampling = match at_end {
        true => Sampling::Last { count, every_secs },
        false => Sampling::First { count, every_secs },
    };
    let options = ClipOptions {
        size_px: Some(size_px),
        with_sound: false,
        ..ClipOptions::new(sampling)
    };
    let clip = guarded(|| Ok(decode_clip(source, &options)?))?;
    let have = clip.frames.len();
    let before = if at_end {
        count.saturating_sub(have)
    } else {
        0
    };
    let shown = |at: usize| at.saturating_sub(before).min(have.saturating_sub(1));
    Ok((0..count)
        .filter_map(|at| clip.frames.get(shown(at)))
        .map(|picture| Picture::clone(picture))
        .collect())
}

/// So many of some pictures, evenly spread.
pub(super) fn spread(pictures: &[Arc<Picture>], count: usize) -> Arc<[Picture]> {
    (0..count)
        .filter_map(|at| pictures.get(at * pictures.len() / count.max(1)))
        .map(|picture| Picture::clone(picture))
        .collect()
}
