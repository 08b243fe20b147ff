//! WFDB records: a `.hea` header that names its signal files, formats 16, 80 and 212.
//!
//! Source: Moody, "WFDB Applications Guide", `header(5)` and `signal(5)`. A sample of several in a frame is their
//! mean; a skew between signals is not undone; records of several segments are not read.

use std::path::Path;

use schema::Series;

use super::{SeriesError, SeriesLimits, bytes::array, checked_size, fault, kept, read_file};

/// Units of the converter for a physical unit where the header does not say. Source: `header(5)`.
const DEFAULT_GAIN: f64 = 200.0;
/// Moments a second where the header does not say. Source: `header(5)`.
const DEFAULT_RATE_HZ: f64 = 250.0;
/// Most samples of a signal in a frame that are read.
const MAX_PER_FRAME: usize = 4096;

struct Signal {
    file: String,
    format: u32,
    per_frame: usize,
    /// Where the samples start in the file, in bytes.
    skip: usize,
    gain: f64,
    baseline: f64,
}

struct Header {
    rate_hz: f64,
    /// Moments, if the header says.
    moments: Option<usize>,
    signals: Vec<Signal>,
}

pub(super) fn decode(
    bytes: &[u8],
    name: &Path,
    limits: &SeriesLimits,
) -> Result<Series, SeriesError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| fault("series_damaged", "the WFDB header is not text"))?;
    let header = read_header(text, limits)?;
    let folder = name.parent().unwrap_or(Path::new("."));
    let channels = header.signals.len();
    let mut columns: Vec<Vec<f32>> = Vec::new();
    let mut num_bytes = 0;
    // Signals of one file stand together and share its frames.
    for group in header.signals.chunk_by(|a, b| a.file == b.file) {
        let path = folder.join(&group[0].file);
        let data = read_file(&path).map_err(|error| fault(error.reason_code, error.text))?;
        num_bytes += data.len();
        if num_bytes > limits.max_bytes {
            let text = format!(
                "signal files of {num_bytes} bytes, at most {} are read",
                limits.max_bytes
            );
            return Err(fault("file_too_large", text));
        }
        read_group(&data, group, header.moments, limits, &mut columns)?;
    }
    let moments = columns.iter().map(Vec::len).min().unwrap_or(0);
    let size = checked_size(moments, channels, limits)?;
    let mut values = Vec::with_capacity(size);
    for moment in 0..moments {
        values.extend(columns.iter().map(|column| column[moment]));
    }
    Ok(Series {
        num_channels: channels,
        rate_hz: Some(header.rate_hz),
        values,
    })
}

fn read_header(text: &str, limits: &SeriesLimits) -> Result<Header, SeriesError> {
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let no_header = || fault("not_a_series", "not a WFDB header: no record line");
    let record = lines.next().ok_or_else(no_header)?;
    let mut words = record.split_ascii_whitespace();
    if words.next().is_some_and(|name| name.contains('/')) {
        let text = "a WFDB record of several segments; join them first";
        return Err(fault("series_unsupported", text));
    }
    let num_signals: usize = words
        .next()
        .and_then(|word| word.parse().ok())
        .ok_or_else(no_header)?;
    checked_size(1, num_signals, limits)?;
    let rate_hz = match words.next() {
        Some(word) => leading_number(word)
            .filter(|rate| *rate > 0.0)
            .ok_or_else(|| fault("series_damaged", format!("a rate of {word:?}")))?,
        None => DEFAULT_RATE_HZ,
    };
    // 0 stands for "not known".
    let moments = words
        .next()
        .and_then(|word| word.parse().ok())
        .filter(|n| *n > 0);
    let signals = lines
        .by_ref()
        .take(num_signals)
        .map(read_signal)
        .collect::<Result<Vec<_>, _>>()?;
    if signals.len() < num_signals {
        let got = signals.len();
        let text = format!("the WFDB header describes {got} of {num_signals} signals");
        return Err(fault("series_truncated", text));
    }
    Ok(Header {
        rate_hz,
        moments,
        signals,
    })
}

/// A line such as `100.dat 212 200(1024)/mV 11 1024 995 -22131 0 MLII`.
fn read_signal(line: &str) -> Result<Signal, SeriesError> {
    let damaged = || {
        fault(
            "series_damaged",
            format!("the signal line {:?}", super::cell::start(line)),
        )
    };
    let mut words = line.split_ascii_whitespace();
    let file = words.next().ok_or_else(damaged)?;
    // The file lies beside its header: a name with a path could read anything.
    if file.contains(['/', '\\', ':']) || file.starts_with('.') || file == "~" {
        let text = format!(
            "the signal file {:?} is not beside its header",
            super::cell::start(file)
        );
        return Err(fault("series_unsupported", text));
    }
    let word = words.next().ok_or_else(damaged)?;
    let format: u32 = part(word, None).ok_or_else(damaged)?;
    if !matches!(format, 16 | 80 | 212) {
        let text = format!("WFDB format {format}, expected 16, 80 or 212");
        return Err(fault("series_unsupported", text));
    }
    let gain = words.next().unwrap_or_default();
    let zero = words.nth(1).and_then(|word| word.parse::<f64>().ok());
    let baseline = gain
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')')?.0.parse::<f64>().ok());
    let gain = leading_number(gain).filter(|gain| *gain != 0.0);
    Ok(Signal {
        file: file.to_owned(),
        format,
        per_frame: part(word, Some('x')).unwrap_or(1).clamp(1, MAX_PER_FRAME),
        skip: part(word, Some('+')).unwrap_or(0),
        gain: gain.unwrap_or(DEFAULT_GAIN),
        baseline: baseline.or(zero).unwrap_or(0.0),
    })
}

/// The digits of a word such as `212x2:5+100` after a mark, or at its start.
fn part<T: std::str::FromStr>(word: &str, mark: Option<char>) -> Option<T> {
    let rest = match mark {
        Some(mark) => word.split_once(mark)?.1,
        None => word,
    };
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// The number at the start of a word such as `360/720(5)` or `200(1024)/mV`.
fn leading_number(word: &str) -> Option<f64> {
    let end = word.find(['(', '/']).unwrap_or(word.len());
    word[..end].parse().ok().filter(|x: &f64| x.is_finite())
}

/// Reads the signals of one file, a column a signal.
fn read_group(
    data: &[u8],
    group: &[Signal],
    promised: Option<usize>,
    limits: &SeriesLimits,
    columns: &mut Vec<Vec<f32>>,
) -> Result<(), SeriesError> {
    let Signal {
        file, format, skip, ..
    } = &group[0];
    if group.iter().any(|signal| signal.format != *format) {
        let text = format!("\"{file}\" in two formats");
        return Err(fault("series_unsupported", text));
    }
    let data = data.get(*skip..).unwrap_or_default();
    let frame_len: usize = group.iter().map(|signal| signal.per_frame).sum();
    let there = num_samples(*format, data.len()) / frame_len;
    let moments = promised.unwrap_or(there);
    if moments > there {
        let text = format!("\"{file}\" has {there} of {moments} moments");
        return Err(fault("series_truncated", text));
    }
    checked_size(moments.max(1), columns.len() + group.len(), limits)?;
    let mut at = 0;
    for signal in group {
        let physical = |moment: usize| {
            let first = moment * frame_len + at;
            let samples =
                (first..first + signal.per_frame).map(|index| sample(*format, data, index));
            let mean = samples.sum::<f64>() / signal.per_frame as f64;
            kept((mean - signal.baseline) / signal.gain)
        };
        columns.push((0..moments).map(physical).collect());
        at += signal.per_frame;
    }
    Ok(())
}

fn num_samples(format: u32, num_bytes: usize) -> usize {
    match format {
        16 => num_bytes / 2,
        80 => num_bytes,
        // Two samples in three bytes, a single last one in two.
        _ => num_bytes / 3 * 2 + usize::from(num_bytes % 3 == 2),
    }
}

/// A sample in units of the converter; the lowest value of each format means that there is none.
fn sample(format: u32, data: &[u8], index: usize) -> f64 {
    let (value, lowest) = match format {
        16 => (
            array(data, index * 2).map(|two| i32::from(i16::from_le_bytes(two))),
            -32768,
        ),
        80 => (data.get(index).map(|byte| i32::from(*byte) - 128), -128),
        _ => (twelve_bits(data, index), -2048),
    };
    match value {
        Some(value) if value != lowest => f64::from(value),
        _ => f64::NAN,
    }
}

/// Bytes `a b c` hold two samples: the low half of `b` above `a`, its high half above `c`.
fn twelve_bits(data: &[u8], index: usize) -> Option<i32> {
    let at = index / 2 * 3;
    let middle = i32::from(*data.get(at + 1)?);
    let (high, low) = match index % 2 {
        0 => (middle & 15, *data.get(at)?),
        _ => (middle >> 4, *data.get(at + 2)?),
    };
    // The sign is bit 11.
    Some((high << 8 | i32::from(low)) << 20 >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str, files: &[(&str, &[u8])]) -> Result<Series, SeriesError> {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let name = folder.path().join("r.hea");
        decode(header.as_bytes(), &name, &SeriesLimits::default())
    }

    /// Samples 995, 1011, -1, -2048 (a gap): by hand, 0x3e3, 0x3f3, 0xfff, 0x800.
    #[test]
    fn format_212_of_two_signals_is_read_in_physical_units() {
        let data = [0xe3, 0x33, 0xf3, 0xff, 0x8f, 0x00];
        let header = "r 2 360 2\nr.dat 212 200 11 1024 995 0 0 MLII\nr.dat 212 100(11)/mV 11 1024 1011 0 0 V5\n# note";
        let series = read(header, &[("r.dat", &data)]).unwrap();
        assert_eq!((series.num_channels, series.rate_hz), (2, Some(360.0)));
        assert_eq!(series.values[..3], [-29.0 / 200.0, 10.0, -1025.0 / 200.0]);
        assert!(series.values[3].is_nan());
    }

    #[test]
    fn formats_16_and_80_two_files_offsets_and_frames_are_read() {
        let header = "r 2 10\na.dat 16x2+4 1 16 0\nb.dat 80 1(0) 8 0\n";
        let a = [9, 9, 9, 9, 1, 0, 3, 0, 0xff, 0xff, 0xfd, 0xff];
        let series = read(header, &[("a.dat", &a), ("b.dat", &[130, 0])]).unwrap();
        assert_eq!(series.values[..3], [2.0, 2.0, -2.0]);
        assert!(series.values[3].is_nan());
    }

    #[test]
    fn records_that_cannot_be_used_say_why() {
        let code = |header: &str| read(header, &[("r.dat", &[0; 6])]).unwrap_err().reason_code;
        assert_eq!(code(""), "not_a_series");
        assert_eq!(code("r 0 360"), "series_empty");
        assert_eq!(code("r 2 360\nr.dat 212"), "series_truncated");
        assert_eq!(code("r 1 360 100\nr.dat 16"), "series_truncated");
        assert_eq!(code("r 1 360 99999999999\nr.dat 16"), "series_truncated");
        assert_eq!(code("r 1 360\nr.dat 310"), "series_unsupported");
        assert_eq!(code("r/2 1 360\nr.dat 16"), "series_unsupported");
        assert_eq!(code("r 1 360\n../r.dat 16"), "series_unsupported");
        assert_eq!(code("r 1 360\n/etc/passwd 16"), "series_unsupported");
        assert_eq!(code("r 1 360\ngone.dat 16"), "file_missing");
        assert_eq!(code("r 99999 360\nr.dat 16"), "series_too_long");
        assert_eq!(code("r 1 0\nr.dat 16"), "series_damaged");
    }
}
