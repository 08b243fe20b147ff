//! A folder of frames: its pictures, in the order of the numbers in their names.

use std::path::{Path, PathBuf};

use schema::Clip;

use super::{
    ClipError, ClipHeader, ClipOptions, Frames,
    choose::{Timing, chosen},
    fault, from_picture,
};
use crate::{decode_picture, picture::read_file};

/// Frames a second; a folder cannot say.
const RATE_HZ: f64 = 25.0;
/// Most entries of a folder that are looked at.
const MAX_ENTRIES: usize = 1 << 20;
const ENDS: [&str; 8] = ["jpg", "jpeg", "png", "bmp", "webp", "gif", "tif", "tiff"];

pub(super) fn decode(folder: &Path, options: &ClipOptions) -> Result<Clip, ClipError> {
    let files = files(folder)?;
    let timing = Timing::even(files.len(), 1.0 / RATE_HZ);
    let mut frames = Frames::new(options);
    for frame in chosen(options.sampling, &timing, options.limits.max_frames) {
        let place = match files[frame].file_name() {
            Some(name) => format!("frame \"{}\": ", name.display()),
            None => String::new(),
        };
        let picture = read_file(&files[frame])
            .and_then(|bytes| decode_picture(&bytes))
            .map_err(|error| from_picture(error, &place))?;
        frames.spend((picture.width * picture.height) as u64)?;
        frames.keep(picture, timing.starts[frame])?;
    }
    Ok(frames.clip)
}

pub(super) fn header(folder: &Path) -> Result<ClipHeader, ClipError> {
    let num_frames = files(folder)?.len();
    Ok(ClipHeader {
        format: "frames",
        size_px: None,
        num_frames: Some(num_frames),
        duration_secs: Some(num_frames as f64 / RATE_HZ),
        has_sound: Some(false),
        sound_hz: None,
    })
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, ClipError> {
    let shown = folder.display();
    let entries = std::fs::read_dir(folder).map_err(|error| {
        fault(
            "file_unreadable",
            format!("cannot read \"{shown}\": {error}"),
        )
    })?;
    let is_picture = |path: &PathBuf| {
        let end = path.extension().and_then(|end| end.to_str());
        end.is_some_and(|end| ENDS.iter().any(|known| end.eq_ignore_ascii_case(known)))
    };
    let entries = entries.take(MAX_ENTRIES).filter_map(Result::ok);
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(is_picture)
        .collect();
    if files.is_empty() {
        return Err(fault(
            "clip_empty",
            format!("no pictures in the folder \"{shown}\""),
        ));
    }
    files.sort_by_cached_key(|path| natural(&path.to_string_lossy()));
    Ok(files)
}

/// A name cut into words and numbers, so that `frame10` comes after `frame9`.
fn natural(name: &str) -> Vec<(u64, String)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let word = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (text, after) = rest.split_at(word);
        let digits = after
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(after.len());
        let (number, after) = after.split_at(digits);
        parts.push((0, text.to_owned()));
        parts.push((number.parse().unwrap_or(u64::MAX), number.to_owned()));
        rest = after;
    }
    parts
}
