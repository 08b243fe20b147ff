//! Video files to a few frames and their sound, within bounds and without a panic.
//!
//! Read here are Motion JPEG (and uncompressed) AVI, animated GIF, WebP and PNG, still pictures as clips of one frame,
//! and folders of frames. MP4, WebM and the rest go through an `ffmpeg` process where there is one. What a file is, its
//! first bytes say. Only the frames that are wanted are decoded, and those that they are drawn upon.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::Arc,
};

use schema::{Clip, Picture, Sound};

mod animation;
mod apng;
mod avi;
mod avi_chunks;
mod choose;
mod container;
mod ffmpeg;
mod folder;
mod gif;
mod process;
mod webp;

pub use choose::Sampling;

use crate::{
    picture::{PictureError, read_file},
    resize_picture,
};
use container::Container;

/// How large a clip may be. The defaults keep a record below 512 MiB and 5 seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipLimits {
    /// Bytes of a file that is decoded here, default 128 MiB. `ffmpeg` reads files of any size.
    pub max_bytes: usize,
    /// Frames of a clip, default 256. A rate that would give more gives this many, evenly spread.
    pub max_frames: usize,
    /// Pixels of all frames that are decoded, default 128 Mi: about two seconds of work.
    pub max_decoded_pixels: u64,
    /// Bytes of all frames that are kept, default 128 MiB.
    pub max_kept_bytes: usize,
    /// Samples of the sound track, default 16 Mi (about 6 minutes at 48 kHz); later ones are left out.
    pub max_sound_samples: usize,
    /// Seconds that `ffmpeg` may take for a clip in all, default 5.
    pub max_process_secs: f64,
}

impl Default for ClipLimits {
    fn default() -> Self {
        Self {
            max_bytes: 128 << 20,
            max_frames: 256,
            max_decoded_pixels: 128 << 20,
            max_kept_bytes: 128 << 20,
            max_sound_samples: 16 << 20,
            max_process_secs: 5.0,
        }
    }
}

/// What is wanted of a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipOptions {
    /// Which frames.
    pub sampling: Sampling,
    /// Side of the square that frames are scaled to; `None` keeps their size.
    pub size_px: Option<usize>,
    /// Whether the sound track is wanted.
    pub with_sound: bool,
    /// How large it may be.
    pub limits: ClipLimits,
    /// The `ffmpeg` program: a path, or a name that is looked for where programs are; default `ffmpeg`.
    pub ffmpeg: PathBuf,
}

impl ClipOptions {
    /// Frames by a sampling, in their own size, with the sound track, within the default limits.
    pub fn new(sampling: Sampling) -> Self {
        Self {
            sampling,
            size_px: None,
            with_sound: true,
            limits: ClipLimits::default(),
            ffmpeg: PathBuf::from("ffmpeg"),
        }
    }
}

/// Where a clip is.
#[derive(Debug, Clone, Copy)]
pub enum ClipSource<'a> {
    /// The bytes of its file.
    Bytes(&'a [u8]),
    /// Its file, or a folder of its frames.
    Path(&'a Path),
}

/// What the header of a clip says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClipHeader {
    /// Name of the format, such as `avi`, `gif` or `mp4`.
    pub format: &'static str,
    /// Width and height in pixels; `None` where only `ffmpeg` could tell.
    pub size_px: Option<(usize, usize)>,
    /// Frames, if known.
    pub num_frames: Option<usize>,
    /// Duration in seconds, if known.
    pub duration_secs: Option<f64>,
    /// Whether there is a sound track that is read; `None` where only `ffmpeg` could tell.
    pub has_sound: Option<bool>,
    /// Samples a second of the sound track, if known.
    pub sound_hz: Option<u32>,
}

/// Why a clip cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipError {
    /// Closed word: `file_missing`, `file_unreadable`, `file_too_large`, `not_a_clip`, `clip_needs_ffmpeg`,
    /// `clip_unsupported`, `clip_truncated`, `clip_damaged`, `clip_too_large`, `clip_too_slow`, `clip_empty`.
    pub reason_code: &'static str,
    /// What was found.
    pub text: String,
}

fn fault(reason_code: &'static str, text: impl Into<String>) -> ClipError {
    ClipError {
        reason_code,
        text: text.into(),
    }
}

/// What is wrong with a file or a frame, in the words of clips.
fn from_picture(error: PictureError, place: &str) -> ClipError {
    let reason_code = match error.reason_code {
        code @ ("file_missing" | "file_unreadable" | "file_too_large") => code,
        "image_truncated" => "clip_truncated",
        "too_many_pixels" => "clip_too_large",
        "not_an_image" => "not_a_clip",
        _ => "clip_damaged",
    };
    fault(reason_code, format!("{place}{}", error.text))
}

/// Decodes the frames of a clip that the options ask for, and its sound track.
///
/// # Errors
/// [`ClipError`] if there is no clip, it is damaged or cut off, has no frame, needs an `ffmpeg` that is not there, or
/// passes the limits.
pub fn decode_clip(source: ClipSource<'_>, options: &ClipOptions) -> Result<Clip, ClipError> {
    let clip = match open(source, &options.limits)? {
        Opened::Folder(folder) => folder::decode(&folder, options)?,
        Opened::Native(container, bytes) => decode_native(container, &bytes, source, options)?,
        Opened::Foreign(container) => ffmpeg::decode(source, container, options)?,
    };
    let Some(first) = clip.frames.first() else {
        return Err(fault("clip_empty", "a video without frames"));
    };
    let differs =
        |frame: &&Arc<Picture>| (frame.width, frame.height) != (first.width, first.height);
    if let Some(other) = clip.frames.iter().find(differs) {
        let text = format!(
            "frames of {} x {} and {} x {} pixels; give a size to scale them to",
            first.width, first.height, other.width, other.height
        );
        return Err(fault("clip_damaged", text));
    }
    Ok(clip)
}

/// Reads what the header of a clip says, without decoding a frame and without `ffmpeg`.
///
/// # Errors
/// [`ClipError`] if there is no clip, or its header is damaged or cut off.
pub fn clip_header(source: ClipSource<'_>) -> Result<ClipHeader, ClipError> {
    match open(source, &ClipLimits::default())? {
        Opened::Folder(folder) => folder::header(&folder),
        Opened::Native(Container::Avi, bytes) => avi::header(&bytes),
        Opened::Native(container, bytes) => animation::header(container, &bytes),
        Opened::Foreign(container) => Ok(ClipHeader {
            format: container.name(),
            size_px: None,
            num_frames: None,
            duration_secs: None,
            has_sound: None,
            sound_hz: None,
        }),
    }
}

/// Reads what the header of a clip says, of formats that are not read here as `ffmpeg` says it.
///
/// # Errors
/// As [`clip_header`], and what [`decode_clip`] says where `ffmpeg` is needed.
pub(crate) fn whole_header(
    source: ClipSource<'_>,
    options: &ClipOptions,
) -> Result<ClipHeader, ClipError> {
    let header = clip_header(source)?;
    match (header.has_sound, container_of(source)?) {
        (None, Some(container)) => ffmpeg::header(source, container, options),
        _ => Ok(header),
    }
}

/// Decodes the sound track of a clip alone; `None` if it has none.
///
/// # Errors
/// As [`decode_clip`], apart from what only frames can suffer.
pub(crate) fn sound_track(
    source: ClipSource<'_>,
    options: &ClipOptions,
) -> Result<Option<Arc<Sound>>, ClipError> {
    match open(source, &options.limits)? {
        Opened::Folder(_) => Ok(None),
        Opened::Native(Container::Avi, bytes) => match avi::sound(&bytes, options) {
            // Sound that is compressed.
            Err(error) if error.reason_code == "clip_needs_ffmpeg" => {
                ffmpeg::sound(source, Container::Avi, options)
            }
            other => other,
        },
        Opened::Native(..) => Ok(None),
        Opened::Foreign(container) => ffmpeg::sound(source, container, options),
    }
}

/// Whether the file at a path is decoded here, without `ffmpeg`, and not too large for it.
///
/// # Errors
/// [`ClipError`] if there is no clip.
pub(crate) fn is_native_file(path: &Path, limits: &ClipLimits) -> Result<bool, ClipError> {
    Ok(container::of_file(path)?.is_native() && !is_large(path, limits))
}

/// Kind of a clip's file; `None` for a folder.
fn container_of(source: ClipSource<'_>) -> Result<Option<Container>, ClipError> {
    match source {
        ClipSource::Path(path) if path.is_dir() => Ok(None),
        ClipSource::Path(path) => container::of_file(path).map(Some),
        ClipSource::Bytes(bytes) => container::of_bytes(bytes).map(Some),
    }
}

fn is_large(path: &Path, limits: &ClipLimits) -> bool {
    std::fs::metadata(path).is_ok_and(|about| about.len() > limits.max_bytes as u64)
}

/// Name of the format of a file that starts with these bytes, if it is a video; pictures and bare sound are none.
pub(crate) fn known_format(start: &[u8]) -> Option<&'static str> {
    let container = container::of_bytes(start).ok()?;
    let is_sound = start.get(8..12) == Some(b"M4A ") || container == Container::Ogg;
    let is_picture = container.is_native() && container != Container::Avi;
    (!is_sound && !is_picture).then(|| container.name())
}

enum Opened<'a> {
    Folder(PathBuf),
    /// A format that is decoded here, and its bytes.
    Native(Container, Cow<'a, [u8]>),
    /// A format that `ffmpeg` decodes.
    Foreign(Container),
}

fn open<'a>(source: ClipSource<'a>, limits: &ClipLimits) -> Result<Opened<'a>, ClipError> {
    let (container, is_large) = match (source, container_of(source)?) {
        (ClipSource::Path(path), None) => return Ok(Opened::Folder(path.to_owned())),
        (ClipSource::Path(path), Some(container)) => (container, is_large(path, limits)),
        (_, container) => (container.unwrap_or(Container::Still), false),
    };
    // A program does not take a large file into memory.
    if !container.is_native() || (container == Container::Avi && is_large) {
        return Ok(Opened::Foreign(container));
    }
    let bytes: Cow<'a, [u8]> = match source {
        ClipSource::Path(path) => read_file(path)
            .map_err(|error| from_picture(error, ""))?
            .into(),
        ClipSource::Bytes(bytes) => bytes.into(),
    };
    if bytes.len() > limits.max_bytes {
        let (got, most) = (bytes.len(), limits.max_bytes);
        let text = format!("a file of {got} bytes, at most {most} are read");
        return Err(fault("file_too_large", text));
    }
    Ok(Opened::Native(container, bytes))
}

fn decode_native(
    container: Container,
    bytes: &[u8],
    source: ClipSource<'_>,
    options: &ClipOptions,
) -> Result<Clip, ClipError> {
    if container != Container::Avi {
        return animation::decode(container, bytes, options);
    }
    match avi::decode(bytes, options) {
        // An AVI of a codec that is not known here.
        Err(error) if error.reason_code == "clip_needs_ffmpeg" => {
            ffmpeg::decode(source, container, options)
        }
        other => other,
    }
}

/// Frames of a clip as they are decoded, within the limits.
struct Frames<'a> {
    options: &'a ClipOptions,
    decoded_pixels: u64,
    kept_bytes: usize,
    clip: Clip,
}

impl<'a> Frames<'a> {
    fn new(options: &'a ClipOptions) -> Self {
        Self {
            options,
            decoded_pixels: 0,
            kept_bytes: 0,
            clip: Clip {
                frames: Vec::new(),
                times_secs: Vec::new(),
                sound: None,
            },
        }
    }

    /// Takes pixels that are decoded from the budget.
    fn spend(&mut self, pixels: u64) -> Result<(), ClipError> {
        self.decoded_pixels = self.decoded_pixels.saturating_add(pixels);
        let most = self.options.limits.max_decoded_pixels;
        if self.decoded_pixels > most {
            let text = format!("more than {most} pixels would have to be decoded");
            return Err(fault("clip_too_large", text));
        }
        Ok(())
    }

    /// Scales a frame and keeps it.
    fn keep(&mut self, picture: Picture, time_secs: f64) -> Result<(), ClipError> {
        let picture = match self.options.size_px {
            Some(size) => {
                resize_picture(&picture, size).map_err(|error| from_picture(error, ""))?
            }
            None => picture,
        };
        self.kept_bytes += picture.rgb.len();
        let most = self.options.limits.max_kept_bytes;
        if self.kept_bytes > most {
            let text =
                format!("the frames take more than {most} bytes; ask for fewer, or for a size");
            return Err(fault("clip_too_large", text));
        }
        self.clip.frames.push(Arc::new(picture));
        self.clip.times_secs.push(time_secs as f32);
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
