//! EDF, EDF+ (continuous or not) and BDF: signals of several rates in records of a fixed duration.
//!
//! Source: Kemp et al. 1992, "A simple format for exchange of digitized polygraphic recordings", and Kemp, Olivan
//! 2003, "European data format 'plus'"; BDF is BioSemi's form with 24-bit samples.
//!
//! Signals of a lower rate are brought to the highest one by straight lines between their samples. Annotation signals
//! are left out; in a recording with interruptions (EDF+D) they say where a record starts, and what lies between
//! records is a gap.

use schema::Series;

use super::{
    SeriesError, SeriesLimits,
    bytes::{array, ascii},
    checked_size, fault,
};

const HEADER: usize = 256;

struct Signal {
    /// Samples a record.
    per_record: usize,
    /// Where its samples start in a record, in samples.
    offset: usize,
    /// Physical value = scale * digital + shift.
    scale: f64,
    shift: f64,
    is_annotation: bool,
}

struct Header {
    signals: Vec<Signal>,
    /// Bytes a sample.
    width: usize,
    /// Samples of all signals in a record.
    record_len: usize,
    num_records: usize,
    record_secs: f64,
    interrupted: bool,
    /// Where the records start in the file.
    data_at: usize,
}

/// Records that follow each other without a gap.
struct Run {
    first: usize,
    count: usize,
    /// Moment of its first sample.
    start: usize,
}

pub(super) fn looks_like(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xffBIOSEMI")
        || (bytes.starts_with(b"0       ") && !bytes.iter().take(HEADER).any(|byte| *byte == b'\n'))
}

pub(super) fn decode(bytes: &[u8], limits: &SeriesLimits) -> Result<Series, SeriesError> {
    let header = read_header(bytes, limits)?;
    let measured: Vec<&Signal> = header
        .signals
        .iter()
        .filter(|signal| !signal.is_annotation)
        .collect();
    let rate = measured.iter().map(|signal| signal.per_record).max();
    let channels = measured.len();
    let Some(rate) = rate.filter(|rate| *rate > 0 && header.num_records > 0) else {
        return Err(fault("series_empty", "a recording without samples"));
    };
    let runs = runs(bytes, &header, rate, limits)?;
    let moments = runs.last().map_or(0, |run| {
        run.start.saturating_add(run.count.saturating_mul(rate))
    });
    let size = checked_size(moments, channels, limits)?;
    let mut values = vec![f32::NAN; size];
    for (channel, signal) in measured.iter().enumerate() {
        for run in &runs {
            let samples = samples(bytes, &header, signal, run);
            let first = (run.start * channels + channel).min(values.len());
            let out = values[first..].iter_mut().step_by(channels);
            stretch(&samples, run.count * rate, out);
        }
    }
    let known = header.record_secs > 0.0;
    Ok(Series {
        num_channels: channels,
        rate_hz: known.then(|| rate as f64 / header.record_secs),
        values,
    })
}

fn read_header(bytes: &[u8], limits: &SeriesLimits) -> Result<Header, SeriesError> {
    let cut = || fault("series_truncated", "the EDF header is cut off");
    let damaged = |what: &str| {
        fault(
            "series_damaged",
            format!("EDF header: {what} makes no sense"),
        )
    };
    let head = bytes.get(..HEADER).ok_or_else(cut)?;
    let field = |from: usize, to: usize| ascii(&head[from..to]);
    let num_signals = field(252, 256)
        .and_then(|text| text.parse::<usize>().ok())
        .ok_or_else(|| damaged("the number of signals"))?;
    if num_signals > limits.max_channels {
        checked_size(1, num_signals, limits)?;
    }
    let data_at = HEADER * (1 + num_signals);
    let table = bytes.get(HEADER..data_at).ok_or_else(cut)?;
    let reserved = field(192, 236).unwrap_or_default();
    let record_secs = field(244, 252)
        .and_then(|text| text.parse::<f64>().ok())
        .filter(|secs| secs.is_finite() && *secs >= 0.0)
        .ok_or_else(|| damaged("the duration of a record"))?;
    let mut signals = Vec::new();
    let mut record_len = 0;
    for index in 0..num_signals {
        let signal = read_signal(table, index, num_signals, record_len)
            .ok_or_else(|| damaged(&format!("signal {}", index + 1)))?;
        record_len += signal.per_record;
        signals.push(signal);
    }
    if record_len == 0 {
        return Err(fault("series_empty", "a recording without samples"));
    }
    let width = if bytes[0] == 0xff { 3 } else { 2 };
    let there = (bytes.len() - data_at) / (record_len * width);
    let num_records = match field(236, 244).and_then(|text| text.parse::<i64>().ok()) {
        // Not known while it was recorded: as many as there are.
        Some(-1) => there,
        Some(promised) if promised >= 0 && promised as u64 <= there as u64 => promised as usize,
        Some(promised) if promised >= 0 => {
            let text = format!("the recording ends after {there} of {promised} records");
            return Err(fault("series_truncated", text));
        }
        _ => return Err(damaged("the number of records")),
    };
    Ok(Header {
        signals,
        width,
        record_len,
        num_records,
        record_secs,
        interrupted: matches!(reserved.get(..5), Some("EDF+D" | "BDF+D")),
        data_at,
    })
}

fn read_signal(table: &[u8], index: usize, num_signals: usize, offset: usize) -> Option<Signal> {
    // Each field of all signals, then the next field: bytes before it and its own width.
    let field = |before: usize, width: usize| {
        let at = before * num_signals + width * index;
        ascii(table.get(at..at + width)?)
    };
    let number = |before: usize| {
        field(before, 8)?
            .parse::<f64>()
            .ok()
            .filter(|x| x.is_finite())
    };
    // 99,999,999 samples are what the field can say.
    let per_record = field(216, 8)?
        .parse::<usize>()
        .ok()
        .filter(|n| *n < 100_000_000)?;
    let label = field(0, 16)?;
    let is_annotation = matches!(label, "EDF Annotations" | "BDF Annotations");
    let (mut scale, mut shift) = (1.0, 0.0);
    if !is_annotation {
        let (low, high) = (number(104)?, number(112)?);
        let (digital_low, digital_high) = (number(120)?, number(128)?);
        scale = (high - low) / (digital_high - digital_low);
        shift = low - digital_low * scale;
        if !scale.is_finite() || !shift.is_finite() {
            return None;
        }
    }
    Some(Signal {
        per_record,
        offset,
        scale,
        shift,
        is_annotation,
    })
}

/// Records in a row; one run unless the recording has interruptions.
fn runs(
    bytes: &[u8],
    header: &Header,
    rate: usize,
    limits: &SeriesLimits,
) -> Result<Vec<Run>, SeriesError> {
    let annotation = header.signals.iter().find(|signal| signal.is_annotation);
    let Some(annotation) = annotation.filter(|_| header.interrupted && header.record_secs > 0.0)
    else {
        return Ok(vec![Run {
            first: 0,
            count: header.num_records,
            start: 0,
        }]);
    };
    let mut runs: Vec<Run> = Vec::new();
    let mut zero = None;
    for record in 0..header.num_records {
        let at = header.data_at + (record * header.record_len + annotation.offset) * header.width;
        let text = &bytes[at..at + annotation.per_record * header.width];
        let onset = onset(text).ok_or_else(|| {
            fault(
                "series_damaged",
                format!("record {} does not say when it starts", record + 1),
            )
        })?;
        let since = (onset - *zero.get_or_insert(onset)) / header.record_secs * rate as f64;
        let end = runs.last().map_or(0, |run| run.start + run.count * rate);
        // Casts stay at the ends of the range.
        let start = (since.round() as usize).max(end);
        checked_size(start.saturating_add(rate), 1, limits)?;
        match runs.last_mut() {
            Some(run) if start == end => run.count += 1,
            _ => runs.push(Run {
                first: record,
                count: 1,
                start,
            }),
        }
    }
    Ok(runs)
}

/// Seconds at the start of a record's first annotation: `+12.5`, then a byte 20 or 21.
fn onset(text: &[u8]) -> Option<f64> {
    let end = text.iter().position(|byte| matches!(byte, 20 | 21))?;
    ascii(&text[..end])?
        .parse()
        .ok()
        .filter(|secs: &f64| secs.is_finite())
}

/// Physical values of a signal over a run.
fn samples(bytes: &[u8], header: &Header, signal: &Signal, run: &Run) -> Vec<f32> {
    let mut out = Vec::with_capacity(run.count * signal.per_record);
    for record in run.first..run.first + run.count {
        let first = record * header.record_len + signal.offset;
        for sample in first..first + signal.per_record {
            let at = header.data_at + sample * header.width;
            let digital = match header.width {
                2 => array(bytes, at).map(|two| i32::from(i16::from_le_bytes(two))),
                _ => array(bytes, at).map(|[a, b, c]| i32::from_le_bytes([0, a, b, c]) >> 8),
            };
            let value = digital.map(|digital| signal.scale * f64::from(digital) + signal.shift);
            out.push(value.map_or(f32::NAN, super::kept));
        }
    }
    out
}

/// Brings samples to another number of moments, straight between samples, the last one held.
fn stretch<'a>(samples: &[f32], moments: usize, out: impl Iterator<Item = &'a mut f32>) {
    let (Some(last), true) = (samples.len().checked_sub(1), moments > 0) else {
        return;
    };
    if samples.len() == moments {
        for (out, sample) in out.zip(samples) {
            *out = *sample;
        }
        return;
    }
    let step = samples.len() as f64 / moments as f64;
    for (moment, out) in (0..moments).zip(out) {
        let place = moment as f64 * step;
        let left = (place as usize).min(last);
        let (a, b) = (samples[left], samples[(left + 1).min(last)]);
        *out = a + (b - a) * (place - left as f64) as f32;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A file of signals `(label, samples a record)` with digital values -100 to 100 for -1 to 1, records of 1 s.
    pub(in crate::series) fn file(
        reserved: &str,
        num_records: &str,
        signals: &[(&str, usize)],
        data: &[u8],
    ) -> Vec<u8> {
        let pad = |text: &str, width: usize| format!("{text:width$}");
        let mut head = pad("0", 8) + &pad("X", 80) + &pad("Y", 80) + "01.01.2401.01.01";
        head += &pad(&(256 * (1 + signals.len())).to_string(), 8);
        head += &(pad(reserved, 44) + &pad(num_records, 8) + &pad("1", 8));
        head += &pad(&signals.len().to_string(), 4);
        let mut column = |width: usize, value: &dyn Fn(&(&str, usize)) -> String| {
            for signal in signals {
                head += &pad(&value(signal), width);
            }
        };
        column(16, &|signal| signal.0.to_owned());
        column(80, &|_| String::new());
        column(8, &|_| "mV".to_owned());
        for bound in ["-1", "1", "-100", "100"] {
            column(8, &|_| bound.to_owned());
        }
        column(80, &|_| String::new());
        column(8, &|signal| signal.1.to_string());
        column(32, &|_| String::new());
        [head.as_bytes(), data].concat()
    }

    pub(in crate::series) fn le(values: &[i16]) -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    fn read(bytes: &[u8]) -> Result<Series, SeriesError> {
        assert!(looks_like(bytes));
        decode(bytes, &SeriesLimits::default())
    }

    #[test]
    fn signals_of_two_rates_meet_at_the_highest() {
        let data = le(&[100, 50, 0, -50, 0, 100, 10, 20, 30, 40, 50, -100]);
        let series = read(&file("", "2", &[("ECG", 4), ("resp", 2)], &data)).unwrap();
        assert_eq!((series.num_channels, series.rate_hz), (2, Some(4.0)));
        let fast: Vec<f32> = series.values.iter().copied().step_by(2).collect();
        let slow: Vec<f32> = series.values.iter().copied().skip(1).step_by(2).collect();
        assert_eq!(fast, [1.0, 0.5, 0.0, -0.5, 0.1, 0.2, 0.3, 0.4]);
        // 0, 1, 0.5, -1 with the middles between them; the last is held.
        let expected = [0.0, 0.5, 1.0, 0.75, 0.5, -0.25, -1.0, -1.0];
        for (got, expected) in slow.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-6, "{slow:?}");
        }
    }

    #[test]
    fn an_interruption_is_a_gap_and_annotations_are_no_channel() {
        let note = |secs: &str| format!("{:\0<8}", format!("+{secs}\x14\x14")).into_bytes();
        let data = [le(&[1, 2]), note("10"), le(&[3, 4]), note("12")].concat();
        let bytes = file("EDF+D", "2", &[("x", 2), ("EDF Annotations", 4)], &data);
        let series = read(&bytes).unwrap();
        assert_eq!((series.num_channels, series.values.len()), (1, 6));
        let gaps: Vec<bool> = series.values.iter().map(|value| value.is_nan()).collect();
        assert_eq!(gaps, [false, false, true, true, false, false]);
        assert!((series.values[4] - 0.03).abs() < 1e-6);
        let continuous = file("EDF+C", "-1", &[("x", 2), ("EDF Annotations", 4)], &data);
        assert_eq!(read(&continuous).unwrap().values.len(), 4);
    }

    #[test]
    fn three_byte_samples_are_read() {
        let mut bytes = file("24BIT", "1", &[("x", 2)], &[0x9c, 0xff, 0xff, 100, 0, 0]);
        bytes[..8].copy_from_slice(b"\xffBIOSEMI");
        assert_eq!(read(&bytes).unwrap().values, [-1.0, 1.0]);
    }

    #[test]
    fn recordings_that_cannot_be_used_say_why() {
        let code = |bytes: &[u8]| read(bytes).unwrap_err().reason_code;
        let whole = file("", "2", &[("x", 2)], &le(&[1, 2, 3, 4]));
        assert_eq!(code(&whole[..whole.len() - 1]), "series_truncated");
        assert_eq!(code(&whole[..300]), "series_truncated");
        assert_eq!(code(&whole[..100]), "series_truncated");
        assert_eq!(code(&file("", "0", &[("x", 2)], &[])), "series_empty");
        assert_eq!(code(&file("", "1", &[], &[])), "series_empty");
        assert_eq!(
            code(&file("", "1", &[("EDF Annotations", 2)], &[0; 4])),
            "series_empty"
        );
        assert_eq!(code(&file("", "x", &[("x", 2)], &[0; 4])), "series_damaged");
        assert_eq!(
            code(&file("", "99999999", &[("x", 99_999_999)], &[])),
            "series_truncated"
        );
        // A pause of ten million years promises gigabytes of gaps.
        let note = |secs: &str| format!("{:\0<20}", format!("+{secs}\x14\x14")).into_bytes();
        let data = [le(&[1]), note("0"), le(&[1]), note("999999999999999")].concat();
        let bytes = file("EDF+D", "2", &[("x", 1), ("EDF Annotations", 10)], &data);
        assert_eq!(code(&bytes), "series_too_long");
    }
}
