//! Files of measurements, and lists of numbers in the table itself.

use std::{path::Path, sync::Arc};

use schema::{Modality, Picture, Series};

use super::{Item, MediaError, Medium, Read, Source, content_hash, guarded, preview};
use crate::{
    CellRef, Form,
    series::{
        SeriesError, SeriesLimits, decode_series, fill_gaps, parse_series, read_series,
        resample_len, series_from_rows,
    },
};

pub(super) struct SeriesFiles;

impl From<SeriesError> for MediaError {
    fn from(error: SeriesError) -> Self {
        Self::new(error.reason_code, error.text)
    }
}

impl Medium for SeriesFiles {
    fn modality(&self) -> Modality {
        Modality::Series
    }

    fn singular(&self) -> &'static str {
        "series"
    }

    fn plural(&self) -> &'static str {
        "series"
    }

    fn format(&self, start: &[u8]) -> Option<&'static str> {
        crate::series::known_format(start)
    }

    fn endings(&self) -> &'static [&'static str] {
        &["npy", "edf", "bdf", "hea"]
    }

    fn name_words(&self) -> &'static [&'static str] {
        &["signal", "series", "ecg", "eeg", "sensor", "waveform"]
    }

    fn read(&self, source: &Source<'_>, forms: &[Form]) -> Result<Read, MediaError> {
        let mut series = decode(source)?;
        if series.values.iter().all(|value| value.is_nan()) {
            let text = "a series without a measurement: all of it is gap";
            return Err(MediaError::new("series_empty", text));
        }
        fill_gaps(&mut series);
        let hash = content_hash(&content(&series));
        let mut items = Vec::with_capacity(forms.len());
        for form in forms {
            if let Form::Series { len } = form {
                items.push(Item::Series(Arc::new(resample_len(&series, *len))));
            }
        }
        Ok((hash, items))
    }

    fn preview(&self, source: &Source<'_>) -> Result<Picture, MediaError> {
        Ok(preview::lines(&decode(source)?))
    }
}

/// The series of a cell as it stands there.
pub(super) fn decode(source: &Source<'_>) -> Result<Series, MediaError> {
    guarded(|| series_of(source))
}

fn series_of(source: &Source<'_>) -> Result<Series, MediaError> {
    let limits = SeriesLimits::default();
    if let Some(rows) = source.rows() {
        return Ok(series_from_rows(&rows, &limits)?);
    }
    match &source.cell {
        CellRef::Bytes(bytes) => Ok(decode_series(bytes, Path::new(""), &limits)?),
        CellRef::Text(text) if text.trim_start().starts_with('[') => {
            Ok(parse_series(text, &limits)?)
        }
        _ => match source.path() {
            Some(path) => Ok(read_series(&path, &limits)?),
            None => Err(MediaError::new(
                "not_a_series",
                "a number where a list or the path of a file should be",
            )),
        },
    }
}

/// The numbers as bytes, so that the same series in two files counts as the same.
fn content(series: &Series) -> Vec<u8> {
    series
        .values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}
