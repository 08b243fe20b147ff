//! A small table of numbers in a file: a line a moment, a column a channel.
//!
//! Own design. Columns stand apart by tabs, semicolons, commas or blanks, whichever of them the first line has; a first line with
//! a word that is no number holds the names. A first column named `time`, `t`, `time_s`, `seconds` or `sec` whose
//! numbers only grow is no channel but gives the rate: moments are taken to be evenly spaced.

use schema::Series;

use super::{
    SeriesError, SeriesLimits,
    cell::{parse_series, ragged, read_number, start},
    checked_size, fault,
};

/// Names of a first column that counts seconds.
const TIME_NAMES: [&str; 5] = ["time", "t", "time_s", "seconds", "sec"];

pub(super) fn decode(bytes: &[u8], limits: &SeriesLimits) -> Result<Series, SeriesError> {
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| {
            let head = &bytes[..bytes.len().min(12)];
            fault(
                "not_a_series",
                format!("not a series: it starts with bytes {head:02x?}"),
            )
        })?;
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('[') {
        return parse_series(text, limits);
    }
    let mut lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let Some((_, first)) = lines.clone().next() else {
        return Err(fault("series_empty", "a file without numbers"));
    };
    let separator = ['\t', ';', ',']
        .into_iter()
        .find(|separator| first.contains(*separator));
    let names: Vec<String> = words(first, separator).map(str::to_lowercase).collect();
    let has_names = names.iter().any(|word| read_number(word).is_err());
    if has_names {
        lines.next();
    }
    let values = read_rows(lines, separator, names.len(), limits)?;
    let moments = values.len() / names.len().max(1);
    if moments == 0 && has_names {
        let text = format!("no numbers: {:?} and nothing after it", start(first));
        return Err(fault("not_a_series", text));
    }
    checked_size(moments, names.len(), limits)?;
    let series = Series {
        num_channels: names.len(),
        rate_hz: None,
        values,
    };
    Ok(match has_names && TIME_NAMES.contains(&names[0].as_str()) {
        true => without_time(series),
        false => series,
    })
}

/// Numbers line by line; stops soon after more of them than the limits allow.
fn read_rows<'a>(
    lines: impl Iterator<Item = (usize, &'a str)>,
    separator: Option<char>,
    channels: usize,
    limits: &SeriesLimits,
) -> Result<Vec<f32>, SeriesError> {
    let mut values = Vec::new();
    for (moment, (line, content)) in lines.enumerate() {
        let before = values.len();
        for word in words(content, separator) {
            let value = read_number(word).map_err(|error| {
                let text = format!("line {}: {}", line + 1, error.text);
                fault(error.reason_code, text)
            })?;
            values.push(value);
        }
        let got = values.len() - before;
        if got != channels {
            return Err(ragged(moment, got, channels));
        }
        if values.len() > limits.max_values {
            break;
        }
    }
    Ok(values)
}

fn words(line: &str, separator: Option<char>) -> impl Iterator<Item = &str> {
    let by_blank = separator.is_none();
    let pattern = move |c: char| match separator {
        Some(separator) => c == separator,
        None => c.is_whitespace(),
    };
    line.split(pattern)
        .map(|word| word.trim().trim_matches('"'))
        .filter(move |word| !(by_blank && word.is_empty()))
}

/// Takes the first channel out if it counts seconds.
fn without_time(series: Series) -> Series {
    let channels = series.num_channels;
    let times: Vec<f32> = series.values.iter().copied().step_by(channels).collect();
    let grows = times.windows(2).all(|pair| pair[0] < pair[1]);
    if channels < 2 || times.len() < 2 || !grows {
        return series;
    }
    let span = f64::from(times[times.len() - 1]) - f64::from(times[0]);
    let rows = series.values.chunks_exact(channels);
    Series {
        num_channels: channels - 1,
        rate_hz: Some((times.len() - 1) as f64 / span),
        values: rows.flat_map(|row| &row[1..]).copied().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Series, SeriesError> {
        decode(text.as_bytes(), &SeriesLimits::default())
    }

    #[test]
    fn tables_of_every_separator_are_read() {
        for text in [
            "1,2\n3,4\n",
            "a,b\n1,2\n3,4",
            "1\t2\r\n3\t4\r\n",
            "1;2\n3;4",
            "# comment\n\n 1   2\n3 4\n",
            "\"a\",\"b\"\n\"1\",2\n3,4",
            "\u{feff}[[1, 2], [3, 4]]",
        ] {
            let series = read(text).unwrap();
            assert_eq!(series.num_channels, 2, "{text}");
            assert_eq!(series.values, [1.0, 2.0, 3.0, 4.0], "{text}");
        }
    }

    #[test]
    fn empty_cells_are_gaps_and_a_time_column_gives_the_rate() {
        let series = read("time,x,y\n0,1,\n0.5,,2\n1,3,nan\n").unwrap();
        assert_eq!((series.num_channels, series.rate_hz), (2, Some(2.0)));
        let gaps: Vec<bool> = series.values.iter().map(|value| value.is_nan()).collect();
        assert_eq!(gaps, [false, true, true, false, false, true]);
        // A time that does not only grow is a channel like others.
        assert_eq!(read("t,x\n1,1\n0,1\n").unwrap().num_channels, 2);
    }

    #[test]
    fn what_is_no_table_of_numbers_says_where() {
        let code = |text: &str| read(text).unwrap_err().reason_code;
        assert_eq!(code(""), "series_empty");
        assert_eq!(code("a,b\n"), "not_a_series");
        assert_eq!(code("1,2\n3\n"), "series_damaged");
        let error = read("1,2\n3,x\n").unwrap_err();
        assert_eq!(error.reason_code, "not_a_series");
        assert_eq!(error.text, "line 2: expected a number, got \"x\"");
        let error = decode(&[0, 1, 2], &SeriesLimits::default()).unwrap_err();
        assert_eq!(error.reason_code, "not_a_series");
    }
}
