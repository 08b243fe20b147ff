//! Series that stand in a table: lists of numbers, and their text.

use schema::Series;

use super::{SeriesError, SeriesLimits, checked_size, fault, kept};
use crate::{is_missing_word, parse_number};

/// A series of one channel from a list; NaN and infinities are gaps.
///
/// # Errors
/// [`SeriesError`] if the list is empty or longer than the limits allow.
pub fn series_from_values(values: &[f64], limits: &SeriesLimits) -> Result<Series, SeriesError> {
    checked_size(values.len(), 1, limits)?;
    Ok(Series {
        num_channels: 1,
        rate_hz: None,
        values: values.iter().map(|value| kept(*value)).collect(),
    })
}

/// A series from a list of moments, each a list of the channels; NaN and infinities are gaps.
///
/// # Errors
/// [`SeriesError`] if there is no moment or no channel, moments differ in length, or the limits are passed.
pub fn series_from_rows<R: AsRef<[f64]>>(
    rows: &[R],
    limits: &SeriesLimits,
) -> Result<Series, SeriesError> {
    let channels = rows.first().map_or(0, |row| row.as_ref().len());
    let size = checked_size(rows.len(), channels, limits)?;
    let mut values = Vec::with_capacity(size);
    for (moment, row) in rows.iter().enumerate() {
        let row = row.as_ref();
        if row.len() != channels {
            return Err(ragged(moment, row.len(), channels));
        }
        values.extend(row.iter().map(|value| kept(*value)));
    }
    Ok(Series {
        num_channels: channels,
        rate_hz: None,
        values,
    })
}

pub(super) fn ragged(moment: usize, got: usize, channels: usize) -> SeriesError {
    fault(
        "series_damaged",
        format!("moment {moment} has {got} channels, the first one {channels}"),
    )
}

/// A series from text such as `[1, 2.5, null]` (one channel) or `[[1, 2], [3, 4]]` (moments of two channels).
///
/// Numbers stand apart by commas, semicolons or blanks; the brackets of a single list may be missing. `NaN`, `null`
/// and the other words for "missing" are gaps.
///
/// # Errors
/// [`SeriesError`] if the text is no such list or passes the limits.
pub fn parse_series(text: &str, limits: &SeriesLimits) -> Result<Series, SeriesError> {
    let text = text.trim();
    let inner = match text.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .ok_or_else(|| fault("series_truncated", "the list has no closing bracket"))?
            .trim(),
        None => text,
    };
    if !inner.starts_with('[') {
        let mut values = Vec::new();
        read_numbers(inner, &mut values, limits)?;
        checked_size(values.len(), 1, limits)?;
        return Ok(Series {
            num_channels: 1,
            rate_hz: None,
            values,
        });
    }
    let mut values = Vec::new();
    let (mut channels, mut moments) = (0, 0);
    let mut rest = inner;
    while let Some(row) = rest.strip_prefix('[') {
        let (row, after) = row
            .split_once(']')
            .ok_or_else(|| fault("series_truncated", "a list has no closing bracket"))?;
        let before = values.len();
        read_numbers(row, &mut values, limits)?;
        let got = values.len() - before;
        if moments == 0 {
            channels = got;
        } else if got != channels {
            return Err(ragged(moments, got, channels));
        }
        moments += 1;
        rest = after.trim_start_matches(|c: char| c.is_whitespace() || c == ',' || c == ';');
    }
    if !rest.is_empty() {
        return Err(fault(
            "not_a_series",
            format!("{:?} after a list", start(rest)),
        ));
    }
    checked_size(moments, channels, limits)?;
    Ok(Series {
        num_channels: channels,
        rate_hz: None,
        values,
    })
}

fn read_numbers(
    text: &str,
    values: &mut Vec<f32>,
    limits: &SeriesLimits,
) -> Result<(), SeriesError> {
    let between = |c: char| c.is_whitespace() || c == ',' || c == ';';
    for word in text.split(between).filter(|word| !word.is_empty()) {
        values.push(read_number(word)?);
        if values.len() > limits.max_values {
            return checked_size(values.len(), 1, limits).map(|_| ());
        }
    }
    Ok(())
}

/// One number or a word for "missing".
pub(super) fn read_number(word: &str) -> Result<f32, SeriesError> {
    match parse_number(word) {
        Some(number) => Ok(kept(number)),
        None if is_missing_word(word) || is_infinite(word) => Ok(f32::NAN),
        None => Err(fault(
            "not_a_series",
            format!("expected a number, got {:?}", start(word)),
        )),
    }
}

fn is_infinite(word: &str) -> bool {
    word.trim().parse::<f64>().is_ok_and(f64::is_infinite)
}

/// The beginning of what was found, short enough for a message.
pub(super) fn start(text: &str) -> String {
    text.chars().take(24).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: SeriesLimits = SeriesLimits {
        max_bytes: 1000,
        max_values: 6,
        max_channels: 3,
    };

    #[test]
    fn lists_and_their_text_are_the_same_series() {
        let series = parse_series("[[1, 2], [3, 4.5]]", &LIMITS).unwrap();
        assert_eq!(
            series,
            series_from_rows(&[[1.0, 2.0], [3.0, 4.5]], &LIMITS).unwrap()
        );
        assert_eq!((series.num_channels, series.values.len()), (2, 4));
        for text in ["[1, 2, 3]", "1 2 3", " [1;2;3] ", "[1.0e0 2\n3]"] {
            let expected = series_from_values(&[1.0, 2.0, 3.0], &LIMITS).unwrap();
            assert_eq!(parse_series(text, &LIMITS).unwrap(), expected, "{text}");
        }
        let gaps = parse_series("[1, null, NaN, inf]", &LIMITS).unwrap();
        assert_eq!(gaps.values[0], 1.0);
        assert!(gaps.values[1..].iter().all(|value| value.is_nan()));
    }

    #[test]
    fn text_that_is_no_list_says_why() {
        let code = |text: &str| parse_series(text, &LIMITS).unwrap_err().reason_code;
        assert_eq!(code(""), "series_empty");
        assert_eq!(code("[]"), "series_empty");
        assert_eq!(code("[[]]"), "series_empty");
        assert_eq!(code("[1, 2"), "series_truncated");
        assert_eq!(code("[[1, 2], [3]]"), "series_damaged");
        assert_eq!(code("[[1, 2], x]"), "not_a_series");
        assert_eq!(code("hello"), "not_a_series");
        assert_eq!(code("1 2 3 4 5 6 7"), "series_too_long");
        assert_eq!(code("[[1 2 3 4]]"), "series_too_long");
        assert!(series_from_rows(&[vec![1.0], vec![]], &LIMITS).is_err());
        assert!(series_from_values(&[], &LIMITS).is_err());
    }
}
