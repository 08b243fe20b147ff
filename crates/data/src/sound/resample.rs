//! Another sampling rate, band-limited: what lies above half of the lower rate is filtered out.
//!
//! The filter and the transforms are `rubato`'s synchronous FFT resampler.

use rubato::{Fft, FixedSync, Resampler, audioadapter_buffers::direct::InterleavedSlice};
use schema::Sound;

use super::{SoundError, fault};

/// Shortest block of either rate: the filter then lets 98 % of the lower band pass.
const MIN_BLOCK: usize = 1024;
/// Most samples of a result: 256 MiB.
const MAX_SAMPLES: u64 = 64 << 20;
/// Highest sampling rate, in Hz.
const MAX_RATE_HZ: u32 = 768_000;

/// A sound at another rate, as long as before to a sample; the same bits on every run.
///
/// # Errors
/// `bad_setting` for a rate outside 1 to 768,000 Hz, `too_many_samples` for a result of more than 64 Mi samples.
pub fn resample(sound: &Sound, rate_hz: u32) -> Result<Sound, SoundError> {
    for rate in [sound.rate_hz, rate_hz] {
        if rate == 0 || rate > MAX_RATE_HZ {
            let text = format!("a sampling rate of {rate} Hz, expected 1 to {MAX_RATE_HZ}");
            return Err(fault("bad_setting", text));
        }
    }
    if rate_hz == sound.rate_hz || sound.samples.is_empty() {
        return Ok(Sound {
            rate_hz,
            samples: sound.samples.clone(),
        });
    }
    let (from, to) = (sound.rate_hz as usize, rate_hz as usize);
    let wanted = (sound.samples.len() as u64 * u64::from(rate_hz)).div_ceil(sound.rate_hz.into());
    if wanted > MAX_SAMPLES {
        let text = format!("{wanted} samples at {rate_hz} Hz, at most {MAX_SAMPLES}");
        return Err(fault("too_many_samples", text));
    }
    let samples = run(&sound.samples, from, to)
        .map_err(|text| fault("bad_setting", format!("cannot resample: {text}")))?;
    Ok(Sound { rate_hz, samples })
}

fn run(samples: &[f32], from: usize, to: usize) -> Result<Vec<f32>, String> {
    // Blocks are whole multiples of the rates without their common factor; an even number of them, as the filter's
    // delay is half a block of both rates.
    let least = from / common_factor(from, to);
    let wanted = MIN_BLOCK.max((MIN_BLOCK * from).div_ceil(to));
    let block = wanted.div_ceil(least).next_multiple_of(2) * least;
    let mut resampler =
        Fft::<f32>::new(from, to, block, 1, FixedSync::Both).map_err(|error| error.to_string())?;
    let input =
        InterleavedSlice::new(samples, 1, samples.len()).map_err(|error| error.to_string())?;
    let output = resampler
        .process_all(&input, samples.len(), None)
        .map_err(|error| error.to_string())?;
    Ok(output.take_data())
}

fn common_factor(mut a: usize, mut b: usize) -> usize {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::fixture::tone;

    /// Largest error of a resampled tone, of full scale 1, away from the ends where the clip starts and stops at
    /// once: the stop band of the filter.
    const TONE_TOL: f32 = 2e-3;

    fn largest_error(from: u32, to: u32, hz: f64) -> f32 {
        let sound = resample(&tone(hz, from, 0.5), to).unwrap();
        let expected = tone(hz, to, 0.5);
        let (len, margin) = (expected.samples.len(), to as usize / 20);
        assert!(sound.samples.len().abs_diff(len) <= 1, "{from} to {to}");
        (margin..len - margin)
            .map(|at| (sound.samples[at] - expected.samples[at]).abs())
            .fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_is_the_same_tone_at_another_rate() {
        for (from, to) in [
            (8000, 16_000),
            (44_100, 16_000),
            (48_000, 8000),
            (16_000, 44_100),
            (11_025, 16_000),
        ] {
            let error = largest_error(from, to, 1000.0);
            assert!(error < TONE_TOL, "{from} to {to}: {error}");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_gone() {
        let sound = resample(&tone(6000.0, 44_100, 0.5), 8000).unwrap();
        let inner = &sound.samples[400..3600];
        assert!(inner.iter().all(|sample| sample.abs() < TONE_TOL));
    }

    #[test]
    fn rates_without_a_common_factor_and_short_clips_work() {
        assert!(largest_error(44_101, 16_000, 500.0) < TONE_TOL);
        let sound = Sound {
            rate_hz: 44_100,
            samples: vec![0.5],
        };
        assert_eq!(resample(&sound, 16_000).unwrap().samples.len(), 1);
    }

    #[test]
    fn the_same_rate_and_silence_stay_and_bad_rates_are_refused() {
        let sound = tone(440.0, 8000, 0.1);
        assert_eq!(resample(&sound, 8000).unwrap(), sound);
        let silence = Sound {
            rate_hz: 8000,
            samples: Vec::new(),
        };
        assert!(resample(&silence, 16_000).unwrap().samples.is_empty());
        assert_eq!(resample(&sound, 0).unwrap_err().reason_code, "bad_setting");
        let slow = Sound {
            rate_hz: 1,
            samples: vec![0.0; 1000],
        };
        let error = resample(&slow, 768_000).unwrap_err();
        assert_eq!(error.reason_code, "too_many_samples");
    }
}
