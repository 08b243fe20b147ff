//! Bytes of a file, or a cell, to a series of measurements `[T, C]`, within bounds and without a panic.
//!
//! Read are `.npy`, text (CSV, TSV or numbers apart by blanks), EDF, EDF+ and BDF, and WFDB records by their header.
//! A moment at which nothing was measured is NaN in every format. The numbers of a file keep its unit.

use std::path::Path;

use schema::Series;

mod augment;
mod bytes;
mod cell;
mod edf;
mod features;
mod npy;
mod regular;
mod stats;
mod text;
mod wfdb;

pub use augment::{SeriesAugment, augment_series};
pub use cell::{parse_series, series_from_rows, series_from_values};
pub use features::{series_feature_names, series_features};
pub use regular::{fill_gaps, resample_len};
pub use stats::{ChannelStats, channel_stats};

use crate::picture::read_file;

/// How large a series may be. The defaults keep a record below 512 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesLimits {
    /// Bytes of a file, default 128 MiB.
    pub max_bytes: usize,
    /// Numbers in all, moments times channels, default 32 Mi (128 MiB).
    pub max_values: usize,
    /// Channels, default 1024.
    pub max_channels: usize,
}

impl Default for SeriesLimits {
    fn default() -> Self {
        Self {
            max_bytes: 128 << 20,
            max_values: 32 << 20,
            max_channels: 1024,
        }
    }
}

/// Why a series cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesError {
    /// Closed word: `file_missing`, `file_unreadable`, `file_too_large`, `not_a_series`, `series_unsupported`,
    /// `series_truncated`, `series_damaged`, `series_too_long`, `series_empty`.
    pub reason_code: &'static str,
    /// What was found.
    pub text: String,
}

fn fault(reason_code: &'static str, text: impl Into<String>) -> SeriesError {
    SeriesError {
        reason_code,
        text: text.into(),
    }
}

/// Reads a series from a file.
///
/// # Errors
/// [`SeriesError`] if the file cannot be read, is too large, or is no series.
pub fn read_series(path: &Path, limits: &SeriesLimits) -> Result<Series, SeriesError> {
    let bytes = read_file(path).map_err(|error| fault(error.reason_code, error.text))?;
    decode_series(&bytes, path, limits)
}

/// Decodes a series from the bytes of a file called `name`.
///
/// The first bytes say what the file is; only a WFDB header is told by the end of its name, `.hea`, and its signal
/// files are looked for beside `name`. Anything else that is text is read as a table of numbers.
///
/// # Errors
/// [`SeriesError`] if the bytes are no series, are damaged or cut off, or promise more than the limits allow.
pub fn decode_series(
    bytes: &[u8],
    name: &Path,
    limits: &SeriesLimits,
) -> Result<Series, SeriesError> {
    if bytes.len() > limits.max_bytes {
        let text = format!(
            "a file of {} bytes, at most {} are read",
            bytes.len(),
            limits.max_bytes
        );
        return Err(fault("file_too_large", text));
    }
    let is_header = name
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("hea"));
    if bytes.starts_with(npy::MAGIC) {
        npy::decode(bytes, limits)
    } else if edf::looks_like(bytes) {
        edf::decode(bytes, limits)
    } else if is_header {
        wfdb::decode(bytes, name, limits)
    } else {
        text::decode(bytes, limits)
    }
}

/// Name of the format of a file of measurements, by its first bytes; text is not told from other text.
pub(crate) fn known_format(start: &[u8]) -> Option<&'static str> {
    if start.starts_with(npy::MAGIC) {
        Some("npy")
    } else if edf::looks_like(start) {
        Some("edf")
    } else {
        None
    }
}

/// Checks a size before anything of that size is taken; gives moments times channels.
fn checked_size(
    moments: usize,
    channels: usize,
    limits: &SeriesLimits,
) -> Result<usize, SeriesError> {
    if moments == 0 || channels == 0 {
        let text = format!("a series of {moments} moments and {channels} channels");
        return Err(fault("series_empty", text));
    }
    if channels > limits.max_channels {
        let text = format!(
            "{channels} channels, at most {} are read; a series is [moments, channels]",
            limits.max_channels
        );
        return Err(fault("series_too_long", text));
    }
    match moments.checked_mul(channels) {
        Some(values) if values <= limits.max_values => Ok(values),
        _ => {
            let text = format!(
                "{moments} moments of {channels} channels, at most {} numbers are read",
                limits.max_values
            );
            Err(fault("series_too_long", text))
        }
    }
}

/// A number of a file as it is kept: what f32 cannot hold is a gap.
fn kept(value: f64) -> f32 {
    let value = value as f32;
    if value.is_finite() { value } else { f32::NAN }
}

#[cfg(test)]
mod tests;
