//! Small sounds: tones whose pitch and strength move, noise, and their WAV bytes.

use std::f64::consts::TAU;

use schema::Rng;

/// Samples a second.
pub(super) const RATE_HZ: u32 = 8000;

/// A sound in the making, samples in [-1, 1].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sound {
    samples: Vec<f64>,
}

impl Sound {
    /// Silence of a length in seconds.
    pub(super) fn silence(secs: f64) -> Self {
        let len = (secs * f64::from(RATE_HZ)).round() as usize;
        Self {
            samples: vec![0.0; len],
        }
    }

    /// Adds a tone; `pitch` (in Hz) and `strength` (0 to 1) are functions of the share of the sound that has passed.
    /// `overtones` are the strengths of the multiples of the pitch, the first of them the pitch itself.
    pub(super) fn tone(
        &mut self,
        overtones: &[f64],
        pitch: impl Fn(f64) -> f64,
        strength: impl Fn(f64) -> f64,
    ) {
        let len = self.samples.len().max(1) as f64;
        let mut phase = 0.0;
        for (at, sample) in self.samples.iter_mut().enumerate() {
            let passed = at as f64 / len;
            let hz = pitch(passed);
            phase += TAU * hz / f64::from(RATE_HZ);
            let wave: f64 = overtones
                .iter()
                .zip(1_u32..)
                // An overtone above half the rate would fold back as another pitch.
                .filter(|(_, times)| hz * f64::from(*times) < f64::from(RATE_HZ) / 2.0)
                .map(|(share, times)| share * (f64::from(times) * phase).sin())
                .sum();
            *sample += strength(passed) * wave;
        }
    }

    /// Adds white noise of a standard deviation.
    pub(super) fn noise(&mut self, deviation: f64, rng: &mut Rng) {
        for sample in &mut self.samples {
            *sample += deviation * rng.normal();
        }
    }

    /// The sound as WAV, one channel of 16 bits; what lies outside [-1, 1] is cut.
    ///
    /// Source: Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0".
    pub(super) fn wav(&self) -> Vec<u8> {
        let num_bytes = 2 * self.samples.len() as u32;
        let mut bytes = Vec::with_capacity(44 + num_bytes as usize);
        bytes.extend(b"RIFF");
        bytes.extend((36 + num_bytes).to_le_bytes());
        bytes.extend(b"WAVEfmt ");
        bytes.extend(16_u32.to_le_bytes());
        // Plain numbers, one channel.
        bytes.extend([1, 0, 1, 0]);
        bytes.extend(RATE_HZ.to_le_bytes());
        bytes.extend((2 * RATE_HZ).to_le_bytes());
        // Two bytes a moment, 16 bits.
        bytes.extend([2, 0, 16, 0]);
        bytes.extend(b"data");
        bytes.extend(num_bytes.to_le_bytes());
        for sample in &self.samples {
            let value = (sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16;
            bytes.extend(value.to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_crosses_zero_twice_a_period_and_reads_back() {
        let mut sound = Sound::silence(0.5);
        sound.tone(&[0.8], |_| 100.0, |_| 1.0);
        let crossings = sound
            .samples
            .windows(2)
            .filter(|pair| (pair[0] < 0.0) != (pair[1] < 0.0))
            .count();
        // 100 Hz for half a second: 50 periods.
        assert!((98..=101).contains(&crossings), "{crossings}");
        let bytes = sound.wav();
        let read =
            crate::sound::decode_sound(&bytes, &crate::sound::SoundLimits::default()).unwrap();
        assert_eq!((read.rate_hz, read.samples.len()), (RATE_HZ, 4000));
        for (sample, read) in sound.samples.iter().zip(&read.samples) {
            assert!((sample - f64::from(*read)).abs() < 1e-3);
        }
    }

    #[test]
    fn overtones_above_half_the_rate_are_left_out_and_loud_sounds_are_cut() {
        let mut sound = Sound::silence(0.1);
        sound.tone(&[0.0, 1.0], |_| 3000.0, |_| 1.0);
        assert!(sound.samples.iter().all(|sample| *sample == 0.0));
        sound.tone(&[5.0], |_| 200.0, |_| 1.0);
        let bytes = sound.wav();
        assert!(
            bytes[44..]
                .chunks(2)
                .any(|pair| pair == 32_767_i16.to_le_bytes())
        );
    }
}
