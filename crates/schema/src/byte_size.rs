//! An amount of memory as a person writes it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{Code, Problem};

/// Units with their bytes.
const UNITS: [(&str, u64); 7] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
];

/// A number of bytes that is written with its unit, such as `1GiB` or `500MB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// The bytes, as far as this machine can address them.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let text = text.trim();
        let split = text.find(|letter: char| letter.is_ascii_alphabetic());
        let (number, unit) = text.split_at(split.unwrap_or(text.len()));
        let known = |(name, _): &&(&str, u64)| name.eq_ignore_ascii_case(unit.trim());
        let bytes = UNITS.iter().find(known).and_then(|(_, unit)| {
            let number: f64 = number.trim().parse().ok()?;
            let bytes = number * *unit as f64;
            // 2^63: more is no memory, and everything below is exact enough.
            (1.0..9.2e18).contains(&bytes).then_some(bytes as u64)
        });
        bytes.map(Self).ok_or_else(|| {
            Problem::new(Code::Config, "not an amount of memory")
                .got(format!("\"{text}\""))
                .expected("a number with MiB, GiB, MB or GB behind it, such as 1GiB")
        })
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS
            .iter()
            .filter(|(_, unit)| self.0.is_multiple_of(*unit))
            .max_by_key(|(_, unit)| *unit);
        match whole {
            Some((name, unit)) if self.0 > 0 => write!(f, "{}{name}", self.0 / unit),
            _ => write!(f, "{}KiB", self.0 as f64 / 1024.0),
        }
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|problem: Problem| D::Error::custom(problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_in_every_unit_and_written_back() {
        for (text, bytes, shown) in [
            ("1GiB", 1 << 30, "1GiB"),
            ("1.5 gib", 3 << 29, "1536MiB"),
            ("512MiB", 512 << 20, "512MiB"),
            ("2GB", 2_000_000_000, "2GB"),
            ("800 mb", 800_000_000, "800MB"),
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!(size.0, bytes, "{text}");
            assert_eq!(size.to_string(), shown);
            assert_eq!(shown.parse::<ByteSize>().unwrap(), size);
        }
        let odd = ByteSize(1_234_567);
        assert_eq!(odd.to_string().parse::<ByteSize>().unwrap(), odd);
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in [
            "", "1", "GiB", "-1GiB", "0MB", "1 parsec", "nanGiB", "9e30GiB", "1GiBx",
        ] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }
}
