//! Random changes of training sounds, on samples and on log-mel spectrograms.
//!
//! Every random number comes from the `rng` that is passed in; the functions without one change by a given amount.

use schema::Rng;

/// How much the samples of training sounds are changed. Source: own recipe, measured on spoken digits and heartbeats.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SoundAugment {
    /// Louder or softer by at most this many decibels, default 3.
    pub gain_db: f64,
    /// Shifted round by at most this share of the clip, default 0.05.
    pub shift: f64,
    /// Share of clips that get white noise, default 0.5.
    pub noise_rate: f64,
    /// The noise lies at least this many decibels below the sound, default 20;
    pub noise_low_db: f64,
    /// and at most this many, default 40.
    pub noise_high_db: f64,
}

impl Default for SoundAugment {
    fn default() -> Self {
        Self {
            gain_db: 3.0,
            shift: 0.05,
            noise_rate: 0.5,
            noise_low_db: 20.0,
            noise_high_db: 40.0,
        }
    }
}

/// How much training spectrograms are changed.
///
/// Source: Park et al. 2019, "SpecAugment", arXiv:1904.08779. Differs: no time warping; the clip is shifted round
/// instead; widths are drawn up to a share of the axis. The defaults are those measured on spoken digits.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpecAugment {
    /// Stretches of time that are masked, default 1.
    pub num_time_masks: usize,
    /// Widest of them as a share of the frames, default 0.15.
    pub time_mask: f64,
    /// Groups of bands that are masked, default 1.
    pub num_band_masks: usize,
    /// Widest of them as a share of the bands, default 0.15.
    pub band_mask: f64,
    /// Shifted round in time by at most this share of the frames, default 0.1.
    pub shift: f64,
}

impl Default for SpecAugment {
    fn default() -> Self {
        Self {
            num_time_masks: 1,
            time_mask: 0.15,
            num_band_masks: 1,
            band_mask: 0.15,
            shift: 0.1,
        }
    }
}

/// Changes samples: shifted round, noise, gain.
pub fn change_samples(samples: &mut [f32], config: &SoundAugment, rng: &mut Rng) {
    roll(samples, drawn_shift(samples.len(), config.shift, rng));
    if rng.chance(config.noise_rate) {
        add_noise(
            samples,
            rng.between(config.noise_low_db, config.noise_high_db),
            rng,
        );
    }
    gain(samples, rng.between(-config.gain_db, config.gain_db));
}

/// Changes a log-mel spectrogram `[T, M]`: shifted round in time, then masked by its mean.
pub fn change_spectrogram(
    values: &mut [f32],
    num_mels: usize,
    config: &SpecAugment,
    rng: &mut Rng,
) {
    let num_frames = values.len() / num_mels.max(1);
    if num_frames == 0 {
        return;
    }
    let sum: f64 = values.iter().copied().map(f64::from).sum();
    let fill = (sum / values.len() as f64) as f32;
    roll_frames(values, num_mels, drawn_shift(num_frames, config.shift, rng));
    for _ in 0..config.num_time_masks {
        let (start, len) = drawn_stretch(num_frames, config.time_mask, rng);
        mask_frames(values, num_mels, start, len, fill);
    }
    for _ in 0..config.num_band_masks {
        let (start, len) = drawn_stretch(num_mels, config.band_mask, rng);
        mask_bands(values, num_mels, start, len, fill);
    }
}

/// Makes samples louder by decibels of amplitude; softer if negative.
pub fn gain(samples: &mut [f32], gain_db: f64) {
    let factor = 10.0_f64.powf(gain_db / 20.0) as f32;
    samples.iter_mut().for_each(|sample| *sample *= factor);
}

/// Adds white normal noise whose power lies `snr_db` decibels below the mean power of the samples; none to silence.
pub fn add_noise(samples: &mut [f32], snr_db: f64, rng: &mut Rng) {
    let energy: f64 = samples
        .iter()
        .map(|sample| f64::from(*sample).powi(2))
        .sum();
    let power = energy / samples.len().max(1) as f64;
    let deviation = (power * 10.0_f64.powf(-snr_db / 10.0)).sqrt();
    for sample in samples {
        *sample += (deviation * rng.normal()) as f32;
    }
}

/// Shifts samples round: later by `shift`, what leaves at the end enters at the start; earlier if negative.
pub fn roll(samples: &mut [f32], shift: isize) {
    if !samples.is_empty() {
        let places = shift.rem_euclid(samples.len() as isize);
        samples.rotate_right(places.unsigned_abs());
    }
}

/// Shifts the frames of a spectrogram `[T, M]` round, later by `shift`.
pub fn roll_frames(values: &mut [f32], num_mels: usize, shift: isize) {
    let num_frames = values.len() / num_mels.max(1);
    if num_frames > 0 {
        let places = shift.rem_euclid(num_frames as isize);
        values[..num_frames * num_mels].rotate_right(places.unsigned_abs() * num_mels);
    }
}

/// Overwrites `len` frames of a spectrogram `[T, M]` from `start` on; what lies beyond the last is ignored.
pub fn mask_frames(values: &mut [f32], num_mels: usize, start: usize, len: usize, fill: f32) {
    let rows = values.chunks_exact_mut(num_mels.max(1));
    rows.skip(start).take(len).for_each(|row| row.fill(fill));
}

/// Overwrites `len` bands of a spectrogram `[T, M]` from `start` on; what lies beyond the last is ignored.
pub fn mask_bands(values: &mut [f32], num_mels: usize, start: usize, len: usize, fill: f32) {
    for row in values.chunks_exact_mut(num_mels.max(1)) {
        row.iter_mut()
            .skip(start)
            .take(len)
            .for_each(|value| *value = fill);
    }
}

/// A shift drawn evenly from minus to plus a share of a length.
fn drawn_shift(len: usize, share: f64, rng: &mut Rng) -> isize {
    let largest = (len as f64 * share.clamp(0.0, 1.0)) as usize;
    rng.below(2 * largest + 1) as isize - largest as isize
}

/// A stretch of an axis: width drawn evenly up to a share of it, at a place drawn evenly.
fn drawn_stretch(len: usize, share: f64, rng: &mut Rng) -> (usize, usize) {
    let widest = (len as f64 * share.clamp(0.0, 1.0)) as usize;
    let width = rng.below(widest + 1);
    (rng.below(len - width + 1), width)
}

#[cfg(test)]
mod tests {
    use schema::Seed;

    use super::*;

    #[test]
    fn gain_is_in_decibels() {
        let mut samples = [0.1, -0.2];
        gain(&mut samples, 20.0);
        assert!((samples[0] - 1.0).abs() < 1e-6 && (samples[1] + 2.0).abs() < 1e-6);
    }

    #[test]
    fn noise_lies_as_far_below_the_sound_as_asked() {
        let clean: Vec<f32> = (0..20_000).map(|at| (at as f32 * 0.1).sin()).collect();
        let mut noisy = clean.clone();
        add_noise(&mut noisy, 10.0, &mut Seed(1).rng());
        let noise: f32 = noisy.iter().zip(&clean).map(|(a, b)| (a - b).powi(2)).sum();
        let sound: f32 = clean.iter().map(|a| a * a).sum();
        let snr_db = 10.0 * (sound / noise).log10();
        // The power of 20,000 draws is known to one percent, 0.04 dB; five times that.
        assert!((snr_db - 10.0).abs() < 0.2, "{snr_db}");
        let mut silence = [0.0; 8];
        add_noise(&mut silence, -20.0, &mut Seed(1).rng());
        assert_eq!(silence, [0.0; 8]);
    }

    #[test]
    fn shifts_go_round() {
        let mut samples = [1.0, 2.0, 3.0, 4.0];
        roll(&mut samples, 1);
        assert_eq!(samples, [4.0, 1.0, 2.0, 3.0]);
        roll(&mut samples, -6);
        assert_eq!(samples, [2.0, 3.0, 4.0, 1.0]);
        let mut rows = [1.0, 1.5, 2.0, 2.5, 3.0, 3.5];
        roll_frames(&mut rows, 2, -1);
        assert_eq!(rows, [2.0, 2.5, 3.0, 3.5, 1.0, 1.5]);
        roll(&mut [], 3);
        roll_frames(&mut [], 2, 3);
    }

    #[test]
    fn masks_cover_what_they_name() {
        let mut values = [0.0; 6];
        mask_frames(&mut values, 2, 1, 9, 7.0);
        assert_eq!(values, [0.0, 0.0, 7.0, 7.0, 7.0, 7.0]);
        mask_bands(&mut values, 2, 1, 1, 5.0);
        assert_eq!(values, [0.0, 5.0, 7.0, 5.0, 7.0, 5.0]);
    }

    #[test]
    fn the_same_place_draws_the_same_change_and_another_another() {
        let draw = |seed: Seed| {
            let mut samples: Vec<f32> = (0..50).map(|at| at as f32).collect();
            change_samples(&mut samples, &SoundAugment::default(), &mut seed.rng());
            let mut values: Vec<f32> = (0..200).map(|at| at as f32).collect();
            change_spectrogram(&mut values, 10, &SpecAugment::default(), &mut seed.rng());
            (samples, values)
        };
        assert_eq!(draw(Seed(1).at(2)), draw(Seed(1).at(2)));
        assert_ne!(draw(Seed(1).at(2)), draw(Seed(1).at(3)));
    }

    #[test]
    fn masks_stay_within_their_share_and_change_nothing_else() {
        let config = SpecAugment {
            shift: 0.0,
            ..SpecAugment::default()
        };
        for index in 0..200 {
            let before: Vec<f32> = (0..800).map(|at| at as f32).collect();
            let mut after = before.clone();
            change_spectrogram(&mut after, 20, &config, &mut Seed(5).at(index).rng());
            let changed =
                |row: usize, band: usize| after[row * 20 + band] != before[row * 20 + band];
            // A row or band counts as masked if all of it changed; 6 of 40 rows and 3 of 20 bands at most.
            let rows = (0..40)
                .filter(|row| (0..20).all(|band| changed(*row, band)))
                .count();
            let bands = (0..20)
                .filter(|band| (0..40).all(|row| changed(row, *band)))
                .count();
            assert!(rows <= 6 && bands <= 3, "{rows} rows, {bands} bands");
            let num_changed = (0..800).filter(|at| after[*at] != before[*at]).count();
            assert_eq!(num_changed, rows * 20 + bands * 40 - rows * bands);
        }
    }

    #[test]
    fn empty_and_tiny_inputs_are_fine() {
        let mut rng = Seed(0).rng();
        change_samples(&mut [], &SoundAugment::default(), &mut rng);
        change_spectrogram(&mut [], 0, &SpecAugment::default(), &mut rng);
        change_spectrogram(&mut [1.0], 1, &SpecAugment::default(), &mut rng);
    }
}
