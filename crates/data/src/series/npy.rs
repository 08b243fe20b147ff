//! NumPy's `.npy`, versions 1 to 3, of numbers or truth values with one or two axes.
//!
//! Source: NumPy, `numpy.lib.format`. The header is a Python dictionary; its three entries are searched for by name,
//! nothing is evaluated.

use schema::Series;

use super::{SeriesError, SeriesLimits, bytes::array, checked_size, fault, kept};

/// First bytes of the format.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";
/// Longest header that is read, in bytes. NumPy writes 118 for what can be a series.
const MAX_HEADER: usize = 64 << 10;

struct Header {
    /// Little-endian, unless the type is one byte wide.
    little: bool,
    /// `f`, `i`, `u` or `b`.
    kind: u8,
    /// Bytes a number.
    width: usize,
    fortran: bool,
    shape: Vec<usize>,
}

pub(super) fn decode(bytes: &[u8], limits: &SeriesLimits) -> Result<Series, SeriesError> {
    let (header, data) = read_header(bytes)?;
    let (moments, channels) = match header.shape.as_slice() {
        [moments] => (*moments, 1),
        [moments, channels] => (*moments, *channels),
        other => {
            let text = format!("an array of shape {other:?}, expected [T] or [T, C]");
            return Err(fault("series_unsupported", text));
        }
    };
    let num_values = checked_size(moments, channels, limits)?;
    let num_bytes = num_values * header.width;
    let data = data.get(..num_bytes).ok_or_else(|| {
        let got = data.len();
        fault(
            "series_truncated",
            format!("the array has {got} bytes, its header promises {num_bytes}"),
        )
    })?;
    let stored = numbers(data, &header)?;
    let values = if header.fortran && channels > 1 {
        let at = |index: usize| stored[index % channels * moments + index / channels];
        (0..num_values).map(at).collect()
    } else {
        stored
    };
    Ok(Series {
        num_channels: channels,
        rate_hz: None,
        values,
    })
}

fn read_header(bytes: &[u8]) -> Result<(Header, &[u8]), SeriesError> {
    let cut = || fault("series_truncated", "the .npy header is cut off");
    let version = *bytes.get(6).ok_or_else(cut)?;
    let (length, start) = match version {
        1 => (
            u16::from_le_bytes(array(bytes, 8).ok_or_else(cut)?) as usize,
            10,
        ),
        2 | 3 => (
            u32::from_le_bytes(array(bytes, 8).ok_or_else(cut)?) as usize,
            12,
        ),
        other => {
            let text = format!(".npy version {other}, expected 1 to 3");
            return Err(fault("series_unsupported", text));
        }
    };
    if length > MAX_HEADER {
        let text = format!("a .npy header of {length} bytes, at most {MAX_HEADER} are read");
        return Err(fault("series_damaged", text));
    }
    let text = bytes.get(start..start + length).ok_or_else(cut)?;
    let text = String::from_utf8_lossy(text);
    let header = parse_header(&text)
        .ok_or_else(|| fault("series_damaged", "the .npy header makes no sense"))?;
    let wide = match header.kind {
        b'f' => matches!(header.width, 2 | 4 | 8),
        b'i' | b'u' => matches!(header.width, 1 | 2 | 4 | 8),
        b'b' => header.width == 1,
        _ => false,
    };
    if !wide {
        let (kind, width) = (char::from(header.kind), header.width);
        let text =
            format!("numbers of type {kind}{width}, expected f2 to f8, i1 to i8, u1 to u8, b1");
        return Err(fault("series_unsupported", text));
    }
    Ok((header, &bytes[start + length..]))
}

fn parse_header(text: &str) -> Option<Header> {
    let after = |name: &str| {
        let at = text
            .find(&format!("'{name}'"))
            .or_else(|| text.find(&format!("\"{name}\"")))?;
        let rest = text[at + name.len() + 2..].trim_start();
        Some(rest.strip_prefix(':')?.trim_start())
    };
    let descr = after("descr")?;
    let quote = descr.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let (descr, _) = descr[1..].split_once(quote)?;
    let mut letters = descr.bytes();
    let order = letters.next()?;
    let (kind, width) = match order {
        b'<' | b'>' | b'|' | b'=' => (letters.next()?, descr.get(2..)?),
        kind => (kind, descr.get(1..)?),
    };
    let shape = after("shape")?.strip_prefix('(')?;
    let (shape, _) = shape.split_once(')')?;
    let sides = shape.split(',').map(str::trim).filter(|s| !s.is_empty());
    Some(Header {
        little: order != b'>',
        kind,
        width: width.parse().ok()?,
        fortran: after("fortran_order")?.starts_with("True"),
        shape: sides.map(|side| side.parse().ok()).collect::<Option<_>>()?,
    })
}

/// The numbers as they lie in the file.
fn numbers(data: &[u8], header: &Header) -> Result<Vec<f32>, SeriesError> {
    /// One closure a type keeps the loop free of choices.
    macro_rules! each {
        ($type:ty) => {{
            const WIDTH: usize = size_of::<$type>();
            let (items, _) = data.as_chunks::<WIDTH>();
            let number = |item: &[u8; WIDTH]| match header.little {
                true => <$type>::from_le_bytes(*item),
                false => <$type>::from_be_bytes(*item),
            };
            items.iter().map(|item| kept(number(item) as f64)).collect()
        }};
    }
    Ok(match (header.kind, header.width) {
        (b'f', 2) => {
            let (items, _) = data.as_chunks::<2>();
            let bits = |item: &[u8; 2]| match header.little {
                true => u16::from_le_bytes(*item),
                false => u16::from_be_bytes(*item),
            };
            items.iter().map(|item| half(bits(item))).collect()
        }
        (b'f', 4) => each!(f32),
        (b'f', 8) => each!(f64),
        (b'i', 1) => each!(i8),
        (b'i', 2) => each!(i16),
        (b'i', 4) => each!(i32),
        (b'i', 8) => each!(i64),
        (b'u' | b'b', 1) => each!(u8),
        (b'u', 2) => each!(u16),
        (b'u', 4) => each!(u32),
        (b'u', 8) => each!(u64),
        _ => return Err(fault("series_unsupported", "an unknown type of numbers")),
    })
}

/// IEEE 754 binary16; infinities and NaN are gaps.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    match exponent {
        0 => sign * fraction * 2.0_f32.powi(-24),
        31 => f32::NAN,
        _ => sign * (1.0 + fraction / 1024.0) * 2.0_f32.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = [MAGIC, &[version, 0]].concat();
        match version {
            1 => bytes.extend((header.len() as u16).to_le_bytes()),
            _ => bytes.extend((header.len() as u32).to_le_bytes()),
        }
        [&bytes, header.as_bytes(), data].concat()
    }

    fn read(version: u8, header: &str, data: &[u8]) -> Result<Series, SeriesError> {
        decode(&file(version, header, data), &SeriesLimits::default())
    }

    fn code(header: &str, data: &[u8]) -> &'static str {
        read(1, header, data).unwrap_err().reason_code
    }

    #[test]
    fn types_orders_and_versions_are_read() {
        let le: Vec<u8> = [1_i16, -2, 3, 4, 5, 6]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        let header = "{'descr': '<i2', 'fortran_order': False, 'shape': (3, 2), }";
        for version in [1, 2, 3] {
            let series = read(version, header, &le).unwrap();
            assert_eq!(series.num_channels, 2);
            assert_eq!(series.values, [1.0, -2.0, 3.0, 4.0, 5.0, 6.0]);
        }
        // Column by column: 1 -2 3 is the first channel.
        let fortran = "{'descr': '<i2', 'fortran_order': True, 'shape': (3, 2), }";
        let series = read(1, fortran, &le).unwrap();
        assert_eq!(series.values, [1.0, 4.0, -2.0, 5.0, 3.0, 6.0]);
        let be: Vec<u8> = [1.5_f64, f64::NAN, f64::INFINITY]
            .iter()
            .flat_map(|x| x.to_be_bytes())
            .collect();
        let header = "{'descr': '>f8', 'fortran_order': False, 'shape': (3,), }";
        let series = read(1, header, &be).unwrap();
        assert_eq!(series.num_channels, 1);
        assert_eq!(series.values[0], 1.5);
        assert!(series.values[1].is_nan() && series.values[2].is_nan());
        let bytes = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }";
        assert_eq!(read(1, bytes, &[7, 255]).unwrap().values, [7.0, 255.0]);
    }

    /// Values by `numpy.array([1.5, -0.25, 65504, 6e-8], "<f2").tobytes().hex()`: 003e 00b4 ff7b 0100.
    #[test]
    fn half_precision_is_read() {
        let header = "{'descr': '<f2', 'fortran_order': False, 'shape': (4,), }";
        let data = [0x00, 0x3e, 0x00, 0xb4, 0xff, 0x7b, 0x01, 0x00];
        let expected = [1.5, -0.25, 65504.0, 2.0_f32.powi(-24)];
        assert_eq!(read(1, header, &data).unwrap().values, expected);
    }

    #[test]
    fn what_cannot_be_a_series_says_why() {
        let with = |descr: &str, shape: &str| {
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}")
        };
        assert_eq!(code(&with("<f4", "2,2,2"), &[0; 32]), "series_unsupported");
        assert_eq!(code(&with("<f4", ""), &[0; 4]), "series_unsupported");
        assert_eq!(code(&with("|O", "2,"), &[0; 32]), "series_damaged");
        assert_eq!(code(&with("<c8", "2,"), &[0; 32]), "series_unsupported");
        assert_eq!(code(&with("<f4", "0,"), &[]), "series_empty");
        assert_eq!(code(&with("<f4", "5, 0"), &[]), "series_empty");
        assert_eq!(code(&with("<f4", "3,"), &[0; 11]), "series_truncated");
        assert_eq!(
            code(&with("<f4", "9999999999999"), &[0; 8]),
            "series_too_long"
        );
        let huge = with("<f8", "18446744073709551615, 1000");
        assert_eq!(code(&huge, &[0; 8]), "series_too_long");
        assert_eq!(code(&with("<f4", "2, 100000"), &[0; 8]), "series_too_long");
        assert_eq!(code("{'descr': ", &[]), "series_damaged");
        assert_eq!(
            read(9, "{}", &[]).unwrap_err().reason_code,
            "series_unsupported"
        );
    }
}
