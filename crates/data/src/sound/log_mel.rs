//! Samples to a log-mel spectrogram.
//!
//! Frames of samples, windowed; powers of their real transform; triangular mel filters; a logarithm. The transform is
//! planned once; a call allocates its result and a few buffers, a frame nothing. Callers spread records over threads.

use std::{fmt, ops::Range, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex32};

use super::{
    FrameEdge, LogKind, LogMelConfig, SoundError, TotalLength,
    filters::{Filter, filters, window},
};

/// Log-mel values of a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrogram {
    /// Frames, `T`.
    pub num_frames: usize,
    /// Bands, `M`.
    pub num_mels: usize,
    /// `[T, M]`, row-major.
    pub values: Vec<f32>,
}

impl Spectrogram {
    /// The clip in a number of frames: of a longer one evenly spaced frames, a shorter one in the middle of frames
    /// that hold its smallest value.
    #[must_use]
    pub fn fit_frames(&self, num_frames: usize) -> Self {
        let (have, mels) = (self.num_frames, self.num_mels);
        let smallest = self.values.iter().copied().fold(f32::INFINITY, f32::min);
        let silence = if smallest.is_finite() { smallest } else { 0.0 };
        let mut values = vec![silence; num_frames * mels];
        if have <= num_frames {
            let start = (num_frames - have) / 2 * mels;
            values[start..start + self.values.len()].copy_from_slice(&self.values);
        } else {
            let last = num_frames.saturating_sub(1).max(1);
            for (at, row) in values.chunks_exact_mut(mels.max(1)).enumerate() {
                let from = (at * (have - 1) + last / 2) / last;
                row.copy_from_slice(&self.values[from * mels..(from + 1) * mels]);
            }
        }
        Self {
            num_frames,
            num_mels: mels,
            values,
        }
    }
}

/// Makes log-mel spectrograms of one configuration.
#[derive(Clone)]
pub struct LogMel {
    config: LogMelConfig,
    window: Vec<f32>,
    filters: Vec<Filter>,
    fft: Arc<dyn RealToComplex<f32>>,
}

impl fmt::Debug for LogMel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogMel")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl LogMel {
    /// Plans the transform and the filters.
    ///
    /// # Errors
    /// `bad_setting` if the configuration cannot be computed.
    pub fn new(config: LogMelConfig) -> Result<Self, SoundError> {
        config.check()?;
        Ok(Self::plan(config))
    }

    /// As [`LogMelConfig::whisper`].
    pub fn whisper() -> Self {
        Self::plan(LogMelConfig::whisper())
    }

    /// As [`LogMelConfig::audio_spectrogram_transformer`].
    pub fn audio_spectrogram_transformer() -> Self {
        Self::plan(LogMelConfig::audio_spectrogram_transformer())
    }

    /// As [`LogMelConfig::small`].
    ///
    /// # Errors
    /// `bad_setting` for a rate of 0.
    pub fn small(rate_hz: u32) -> Result<Self, SoundError> {
        Self::new(LogMelConfig::small(rate_hz))
    }

    fn plan(config: LogMelConfig) -> Self {
        Self {
            window: window(config.window, config.window_len),
            filters: filters(&config),
            fft: RealFftPlanner::new().plan_fft_forward(config.fft_len),
            config,
        }
    }

    /// What it was made from.
    pub fn config(&self) -> &LogMelConfig {
        &self.config
    }

    /// Frames of a clip of a number of samples.
    pub fn num_frames(&self, num_samples: usize) -> usize {
        match self.config.length {
            TotalLength::Clip => self.frames_of(num_samples),
            TotalLength::Samples(count) => self.frames_of(count),
            TotalLength::Frames(count) => count,
        }
    }

    fn frames_of(&self, num_samples: usize) -> usize {
        let LogMelConfig {
            window_len,
            hop_len,
            ..
        } = self.config;
        let frames = match self.config.edge {
            FrameEdge::Whole => 1 + num_samples.saturating_sub(window_len) / hop_len,
            // Of an odd window one sample more is needed than both halves give.
            FrameEdge::Reflect | FrameEdge::Zero => {
                1 + num_samples.saturating_sub(window_len % 2) / hop_len
            }
        };
        frames
            .saturating_sub(self.config.drop_last_frame.into())
            .max(1)
    }

    /// The spectrogram of samples at the configuration's rate, `[T, M]`. Finite for finite samples; an empty clip
    /// is silence of one frame.
    pub fn transform(&self, samples: &[f32]) -> Spectrogram {
        let mels = self.config.num_mels;
        let (signal, sounding) = self.signal(samples);
        let computed = match self.config.length {
            TotalLength::Samples(count) => self.frames_of(count),
            TotalLength::Clip | TotalLength::Frames(_) => self.frames_of(samples.len()),
        };
        let num_frames = self.num_frames(samples.len());
        let computed = computed.min(num_frames);
        let mut values = vec![0.0; num_frames * mels];
        let (logs, _) = values.split_at_mut(computed * mels);
        self.frames(&signal, sounding, logs);
        self.level(logs);
        let scale = 1.0 / self.config.deviation;
        for value in &mut values {
            *value = (*value - self.config.mean) * scale;
        }
        Spectrogram {
            num_frames,
            num_mels: mels,
            values,
        }
    }

    /// The samples as long as they shall be, with what the first and last frames reach beyond them; and where they
    /// are not zeros for sure.
    fn signal(&self, samples: &[f32]) -> (Vec<f32>, Range<usize>) {
        let len = match self.config.length {
            TotalLength::Samples(count) => count,
            TotalLength::Clip | TotalLength::Frames(_) => samples.len(),
        };
        let samples = &samples[..samples.len().min(len)];
        let window_len = self.config.window_len;
        if self.config.edge == FrameEdge::Whole {
            let mut signal = samples.to_vec();
            signal.resize(len.max(window_len), 0.0);
            return (signal, 0..samples.len());
        }
        let half = window_len / 2;
        // One sample more than both halves, for odd windows on the shortest clips.
        let mut signal = vec![0.0; len + 2 * half + 1];
        signal[half..half + samples.len()].copy_from_slice(samples);
        if self.config.edge == FrameEdge::Reflect && len > 1 {
            for distance in 1..=half {
                // Clips shorter than half a frame are mirrored again and again, with this period.
                let folded = distance % (2 * (len - 1));
                let inner = folded.min(2 * (len - 1) - folded);
                signal[half - distance] = signal[half + inner];
                signal[half + len - 1 + distance] = signal[half + len - 1 - inner];
            }
            // The mirrored end of a filled-up clip is silent too, unless the clip reaches into it.
            let is_full = samples.len() + half >= len;
            let end = if is_full {
                signal.len()
            } else {
                half + samples.len()
            };
            return (signal, 0..end);
        }
        (signal, half..half + samples.len())
    }

    /// Writes the logarithms of all frames, `[T, M]`.
    fn frames(&self, signal: &[f32], sounding: Range<usize>, out: &mut [f32]) {
        let LogMelConfig {
            window_len,
            hop_len,
            num_mels,
            ..
        } = self.config;
        let silence = self.log(self.config.floor);
        let mut frame = self.fft.make_input_vec();
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut powers = vec![0.0; spectrum.len()];
        for (at, row) in out.chunks_exact_mut(num_mels).enumerate() {
            let start = at * hop_len;
            if start >= sounding.end || start + window_len <= sounding.start {
                row.fill(silence);
                continue;
            }
            let samples = signal.get(start..start + window_len).unwrap_or_default();
            self.prepare(samples, &mut frame);
            // Its only fault is a buffer of a wrong length, and these are its own.
            if self
                .fft
                .process_with_scratch(&mut frame, &mut spectrum, &mut scratch)
                .is_err()
            {
                spectrum.fill(Complex32::default());
            }
            for (power, value) in powers.iter_mut().zip(&spectrum) {
                *power = value.norm_sqr();
            }
            for (value, filter) in row.iter_mut().zip(&self.filters) {
                let bins = &powers[filter.first..filter.first + filter.weights.len()];
                let sum: f32 = bins.iter().zip(&filter.weights).map(|(p, w)| p * w).sum();
                *value = self.log(sum.max(self.config.floor));
            }
        }
    }

    /// Writes a frame of samples, windowed, with zeros behind it.
    fn prepare(&self, samples: &[f32], frame: &mut [f32]) {
        let mean = if self.config.remove_frame_mean {
            samples.iter().sum::<f32>() / samples.len().max(1) as f32
        } else {
            0.0
        };
        let share = self.config.pre_emphasis;
        let mut before = samples.first().map_or(0.0, |first| first - mean);
        let (filled, rest) = frame.split_at_mut(samples.len().min(frame.len()));
        for ((value, sample), weight) in filled.iter_mut().zip(samples).zip(&self.window) {
            let sample = sample - mean;
            *value = (sample - share * before) * weight;
            before = sample;
        }
        rest.fill(0.0);
    }

    fn log(&self, power: f32) -> f32 {
        match self.config.log {
            LogKind::Ln => power.ln(),
            LogKind::Log10 => power.log10(),
            LogKind::Db => 10.0 * power.log10(),
        }
    }

    /// Raises what is too far below the largest value, takes off the means of the bands.
    fn level(&self, logs: &mut [f32]) {
        if let Some(range) = self.config.range {
            let largest = logs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            logs.iter_mut()
                .for_each(|value| *value = value.max(largest - range));
        }
        if self.config.remove_band_mean {
            let mels = self.config.num_mels;
            let mut means = vec![0.0_f32; mels];
            for row in logs.chunks_exact(mels) {
                means
                    .iter_mut()
                    .zip(row)
                    .for_each(|(mean, value)| *mean += value);
            }
            let share = 1.0 / (logs.len() / mels).max(1) as f32;
            means.iter_mut().for_each(|mean| *mean *= share);
            for row in logs.chunks_exact_mut(mels) {
                row.iter_mut()
                    .zip(&means)
                    .for_each(|(value, mean)| *value -= mean);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::{SoundLimits, decode_sound, fixture::tone};

    /// Tolerance of the features of published extractors, as their fixtures state it: absolute and relative.
    const WHISPER_TOL: f32 = 1e-4;
    const TRANSFORMER_TOL: f32 = 1e-3;
    /// Logarithms of f32 powers against f64 ones.
    const LOG_TOL: f32 = 1e-3;

    fn clip() -> Vec<f32> {
        let bytes = include_bytes!("golden/clip.wav");
        decode_sound(bytes, &SoundLimits::default())
            .unwrap()
            .samples
    }

    /// The largest distance from values of `golden/log_mel.py`.
    fn distance(got: &Spectrogram, golden: &[u8]) -> f32 {
        let (numbers, _) = golden.as_chunks::<4>();
        let expected: Vec<f32> = numbers
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect();
        assert_eq!(got.values.len(), expected.len());
        assert_eq!(got.values.len(), got.num_frames * got.num_mels);
        let pairs = got.values.iter().zip(&expected);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn whisper_features_match() {
        let config = LogMelConfig {
            length: TotalLength::Samples(24 * 160),
            ..LogMelConfig::whisper()
        };
        let got = LogMel::new(config).unwrap().transform(&clip());
        assert_eq!((got.num_frames, got.num_mels), (24, 80));
        let worst = distance(&got, include_bytes!("golden/whisper.bin"));
        assert!(worst < WHISPER_TOL, "{worst}");
    }

    #[test]
    fn audio_spectrogram_transformer_features_match() {
        let config = LogMelConfig {
            length: TotalLength::Frames(24),
            ..LogMelConfig::audio_spectrogram_transformer()
        };
        let got = LogMel::new(config).unwrap().transform(&clip());
        assert_eq!((got.num_frames, got.num_mels), (24, 128));
        let worst = distance(&got, include_bytes!("golden/ast.bin"));
        assert!(worst < TRANSFORMER_TOL, "{worst}");
    }

    #[test]
    fn small_features_match() {
        let got = LogMel::small(16_000).unwrap().transform(&clip());
        assert_eq!((got.num_frames, got.num_mels), (21, 40));
        let worst = distance(&got, include_bytes!("golden/small.bin"));
        assert!(worst < LOG_TOL, "{worst}");
    }

    #[test]
    fn presets_have_the_shapes_of_their_models() {
        for (preset, frames, mels) in [
            (LogMel::whisper(), 3000, 80),
            (LogMel::audio_spectrogram_transformer(), 1024, 128),
        ] {
            preset.config().check().unwrap();
            let got = preset.transform(&tone(440.0, 16_000, 0.1).samples);
            assert_eq!((got.num_frames, got.num_mels), (frames, mels));
            assert_eq!(got.values.len(), frames * mels);
        }
    }

    #[test]
    fn small_features_suit_any_rate_and_length() {
        for rate_hz in [1, 50, 1000, 8000, 11_025, 16_000, 44_100, 192_000] {
            let log_mel = LogMel::small(rate_hz).unwrap();
            let empty = log_mel
                .filters
                .iter()
                .filter(|filter| filter.weights.is_empty())
                .count();
            assert_eq!(empty, 0, "{rate_hz} Hz");
            for len in [0, 1, 63, 200, 5000] {
                let got = log_mel.transform(&vec![0.1; len]);
                assert_eq!(got.num_frames, log_mel.num_frames(len));
                assert!(got.num_frames > 0 && got.values.iter().all(|value| value.is_finite()));
            }
        }
        assert_eq!(LogMel::small(0).unwrap_err().reason_code, "bad_setting");
    }

    /// Frames at the ends, by hand: 10 samples, frames of 4 every 3.
    #[test]
    fn edges_give_the_frames_they_say() {
        let frames = |edge, drop_last_frame, window_len, len| {
            let config = LogMelConfig {
                window_len,
                hop_len: 3,
                edge,
                drop_last_frame,
                ..LogMelConfig::small(8000)
            };
            LogMel::new(config)
                .unwrap()
                .transform(&vec![0.5; len])
                .num_frames
        };
        assert_eq!(frames(FrameEdge::Whole, false, 4, 10), 3);
        assert_eq!(frames(FrameEdge::Whole, true, 4, 10), 2);
        assert_eq!(frames(FrameEdge::Reflect, false, 4, 10), 4);
        assert_eq!(frames(FrameEdge::Zero, false, 5, 9), 3);
        // Clips far shorter than a frame.
        for len in 0..3 {
            assert_eq!(frames(FrameEdge::Reflect, false, 201, len), 1);
        }
    }

    /// Mirrored without the end itself, as numpy's `reflect`: 3 2 | 1 2 3 4 | 3 2.
    #[test]
    fn reflection_leaves_out_the_end_itself() {
        let config = LogMelConfig {
            window_len: 4,
            edge: FrameEdge::Reflect,
            ..LogMelConfig::small(8000)
        };
        let (signal, _) = LogMel::new(config).unwrap().signal(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(signal[..8], [3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0]);
    }

    /// Silence behind a clip must come out as if it had been transformed.
    #[test]
    fn frames_of_silence_are_those_of_zeros() {
        let mut samples = tone(440.0, 16_000, 0.1).samples;
        for edge in [FrameEdge::Reflect, FrameEdge::Zero, FrameEdge::Whole] {
            let config = LogMelConfig {
                edge,
                length: TotalLength::Samples(8000),
                ..LogMelConfig::whisper()
            };
            let log_mel = LogMel::new(config).unwrap();
            let short = log_mel.transform(&samples);
            samples.resize(8000, 0.0);
            assert_eq!(log_mel.transform(&samples), short, "{edge:?}");
            samples.truncate(1600);
        }
    }

    #[test]
    fn a_tone_is_loudest_in_its_band() {
        let log_mel = LogMel::new(LogMelConfig {
            remove_band_mean: false,
            ..LogMelConfig::small(16_000)
        });
        let got = log_mel
            .unwrap()
            .transform(&tone(1000.0, 16_000, 0.2).samples);
        let row = &got.values[..40];
        let loudest = (0..40).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
        // Mels of 50, 1,000 and 8,000 Hz are 77.8, 1,000 and 2,840: band 14 is centred at 1,088, 13 at 1,020.
        let step = (2840.0 - 77.8) / 41.0;
        assert_eq!(loudest, ((1000.0_f64 - 77.8) / step).round() as usize - 1);
    }

    #[test]
    fn frames_are_picked_evenly_or_put_into_the_middle() {
        let values = (0..10).map(|at| at as f32).collect();
        let five = Spectrogram {
            num_frames: 5,
            num_mels: 2,
            values,
        };
        assert_eq!(five.fit_frames(3).values, [0.0, 1.0, 4.0, 5.0, 8.0, 9.0]);
        assert_eq!(five.fit_frames(1).values, [0.0, 1.0]);
        assert_eq!(five.fit_frames(5), five);
        let wide = five.fit_frames(8);
        assert_eq!(wide.values[2..12], five.values);
        assert_eq!((wide.values[0], wide.values[15]), (0.0, 0.0));
    }

    #[test]
    fn settings_that_cannot_be_computed_are_refused() {
        let good = LogMelConfig::whisper();
        for bad in [
            LogMelConfig {
                hop_len: 0,
                ..good.clone()
            },
            LogMelConfig {
                window_len: 0,
                ..good.clone()
            },
            LogMelConfig {
                fft_len: 256,
                ..good.clone()
            },
            LogMelConfig {
                fft_len: 1 << 20,
                ..good.clone()
            },
            LogMelConfig {
                f_max_hz: 8001.0,
                ..good.clone()
            },
            LogMelConfig {
                f_min_hz: f32::NAN,
                ..good.clone()
            },
            LogMelConfig {
                floor: 0.0,
                ..good.clone()
            },
            LogMelConfig {
                deviation: 0.0,
                ..good.clone()
            },
            LogMelConfig {
                length: TotalLength::Samples(0),
                ..good.clone()
            },
        ] {
            assert_eq!(LogMel::new(bad).unwrap_err().reason_code, "bad_setting");
        }
        let text = serde_json::to_string(&good).unwrap();
        assert_eq!(serde_json::from_str::<LogMelConfig>(&text).unwrap(), good);
    }
}
