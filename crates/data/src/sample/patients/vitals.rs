//! Half a minute from a monitor: breath and oxygen saturation, as `.npy`.

use std::f64::consts::TAU;

use schema::Rng;

/// Moments a second.
const RATE_HZ: f64 = 4.0;
/// Breath, saturation.
const NUM_CHANNELS: usize = 2;

/// The bytes of a series `[T, 2]`, T between 112 and 144, of a patient who breathes fast or calmly.
pub(super) fn record(is_fast: bool, rng: &mut Rng) -> Vec<u8> {
    let num_moments = 112 + rng.below(33);
    // Breaths a second: 11 to 17 or 25 to 34 a minute.
    let rate = if is_fast {
        rng.between(0.42, 0.57)
    } else {
        rng.between(0.18, 0.28)
    };
    let depth = rng.between(0.7, 1.3);
    let phase = rng.uniform();
    let (start, fall) = if is_fast {
        (rng.between(93.5, 96.5), rng.between(1.0, 3.5))
    } else {
        (rng.between(95.5, 98.5), rng.between(-0.8, 0.8))
    };
    let mut values = Vec::with_capacity(num_moments * NUM_CHANNELS);
    for moment in 0..num_moments {
        let secs = moment as f64 / RATE_HZ;
        let passed = moment as f64 / num_moments as f64;
        let breath = depth * (TAU * (rate * secs + phase)).sin() + 0.15 * rng.normal();
        let saturation = (start - fall * passed + 0.3 * rng.normal()).min(100.0);
        values.extend([breath as f32, saturation as f32]);
    }
    npy(&values)
}

/// NumPy's format, version 1, of `[T, 2]` floats.
///
/// Source: NumPy, `numpy.lib.format`.
fn npy(values: &[f32]) -> Vec<u8> {
    /// Magic, version and the length of the header.
    const PREFIX: usize = 10;
    let num_moments = values.len() / NUM_CHANNELS;
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({num_moments}, {NUM_CHANNELS}), }}"
    );
    // Padded so that the numbers begin at a multiple of 64.
    let len = (PREFIX + header.len() + 1).next_multiple_of(64) - PREFIX;
    header = format!("{header:<width$}\n", width = len - 1);
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::{SeriesLimits, decode_series};
    use schema::Seed;

    #[test]
    fn a_series_reads_back_and_fast_breath_crosses_zero_more_often() {
        for index in 0..20 {
            let crossings = |is_fast: bool| {
                let bytes = record(is_fast, &mut Seed(index).rng());
                let series =
                    decode_series(&bytes, "a.npy".as_ref(), &SeriesLimits::default()).unwrap();
                assert_eq!(series.num_channels, NUM_CHANNELS);
                let breath: Vec<f32> = series.values.iter().step_by(2).copied().collect();
                assert!((112..=144).contains(&breath.len()));
                breath
                    .windows(2)
                    .filter(|pair| (pair[0] < 0.0) != (pair[1] < 0.0))
                    .count()
            };
            assert!(crossings(true) > crossings(false) + 5);
        }
    }
}
