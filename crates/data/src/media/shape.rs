//! How long the media of a column are, from a sample of its cells, before the data set is opened.

use schema::{Column, Modality};

use super::{Source, clips, medium, series, sounds};
use crate::Table;

/// Cells that are looked at.
const SAMPLE: usize = 41;

/// Usual sizes of the media of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaShape {
    /// Sounds.
    Sound {
        /// Median samples a second.
        rate_hz: u32,
        /// Milliseconds that nine in ten do not exceed.
        len_ms: u32,
    },
    /// Series.
    Series {
        /// Median number of moments.
        len: usize,
    },
    /// Videos.
    Frames {
        /// Median number of frames.
        num_frames: usize,
        /// Median milliseconds.
        len_ms: u32,
    },
}

/// The usual sizes of a column's media; `None` if none could be read, and for pictures and volumes.
pub fn media_shape(table: &Table, column: &Column) -> Option<MediaShape> {
    medium(column.modality)?;
    let col = table.column_index(&column.name)?;
    let step = table.num_records().div_ceil(SAMPLE).max(1);
    let sources = (0..table.num_records())
        .step_by(step)
        .map(|row| table.source(row, col));
    match column.modality {
        Modality::Audio => {
            let (mut rates, mut lengths): (Vec<u32>, Vec<u32>) = sources
                .filter_map(|source| sounds::length(&source))
                .map(|(rate_hz, secs)| (rate_hz, (secs * 1000.0).ceil() as u32))
                .unzip();
            Some(MediaShape::Sound {
                rate_hz: at_share(&mut rates, 0.5)?,
                len_ms: at_share(&mut lengths, 0.9)?,
            })
        }
        Modality::Series => {
            let mut lengths: Vec<usize> = sources.filter_map(|source| moments(&source)).collect();
            let len = at_share(&mut lengths, 0.5)?;
            Some(MediaShape::Series { len })
        }
        Modality::Video => {
            let (mut counts, mut lengths): (Vec<usize>, Vec<u32>) =
                sources.filter_map(|source| frames(&source)).unzip();
            Some(MediaShape::Frames {
                num_frames: at_share(&mut counts, 0.5)?,
                len_ms: at_share(&mut lengths, 0.5)?,
            })
        }
        _ => None,
    }
}

fn at_share<T: Ord + Copy>(values: &mut [T], share: f64) -> Option<T> {
    values.sort_unstable();
    let at = (share * values.len() as f64) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied()
}

fn moments(source: &Source<'_>) -> Option<usize> {
    let series = series::decode(source).ok()?;
    Some(series.values.len() / series.num_channels.max(1))
}

/// Frames and milliseconds of a video.
fn frames(source: &Source<'_>) -> Option<(usize, u32)> {
    let header = clips::header(source).ok()?;
    let len_ms = (header.duration_secs.unwrap_or(0.0) * 1000.0).round() as u32;
    Some((header.num_frames?, len_ms))
}
