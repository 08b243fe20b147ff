//! Mel scales, triangular filters and windows.

use std::f64::consts::TAU;

use super::{LogMelConfig, MelNorm, MelScale, Window};

impl MelScale {
    fn mel(self, hz: f64) -> f64 {
        match self {
            Self::Slaney if hz < SLANEY_BREAK_HZ => hz / SLANEY_HZ_PER_MEL,
            Self::Slaney => SLANEY_BREAK_MEL + (hz / SLANEY_BREAK_HZ).ln() / slaney_step(),
            Self::Htk => 2595.0 * (1.0 + hz / 700.0).log10(),
            Self::Kaldi => 1127.0 * (1.0 + hz / 700.0).ln(),
        }
    }

    fn hz(self, mel: f64) -> f64 {
        match self {
            Self::Slaney if mel < SLANEY_BREAK_MEL => mel * SLANEY_HZ_PER_MEL,
            Self::Slaney => SLANEY_BREAK_HZ * (slaney_step() * (mel - SLANEY_BREAK_MEL)).exp(),
            Self::Htk => 700.0 * (10.0_f64.powf(mel / 2595.0) - 1.0),
            Self::Kaldi => 700.0 * ((mel / 1127.0).exp() - 1.0),
        }
    }
}

/// Linear below, logarithmic above. Source: Slaney 1998, "Auditory Toolbox", Technical Report 1998-010.
const SLANEY_BREAK_HZ: f64 = 1000.0;
const SLANEY_HZ_PER_MEL: f64 = 200.0 / 3.0;
const SLANEY_BREAK_MEL: f64 = SLANEY_BREAK_HZ / SLANEY_HZ_PER_MEL;

/// Logarithm of the frequency ratio of one mel above the break.
fn slaney_step() -> f64 {
    6.4_f64.ln() / 27.0
}

/// One triangular filter: its weights from the first bin that is not zero.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filter {
    pub(super) first: usize,
    pub(super) weights: Vec<f32>,
}

/// The filters of a configuration over the bins of its spectrum; one narrower than a bin may be empty.
pub(super) fn filters(config: &LogMelConfig) -> Vec<Filter> {
    let scale = config.scale;
    let bin_hz = f64::from(config.rate_hz) / config.fft_len as f64;
    // Kaldi's triangles are straight on the mel axis, the others on the frequency axis.
    let axis = |hz: f64| match scale {
        MelScale::Kaldi => scale.mel(hz),
        MelScale::Slaney | MelScale::Htk => hz,
    };
    let (low, high) = (
        scale.mel(config.f_min_hz.into()),
        scale.mel(config.f_max_hz.into()),
    );
    let step = (high - low) / (config.num_mels + 1) as f64;
    let edge_hz = |at: usize| scale.hz(low + step * at as f64);
    let bins: Vec<f64> = (0..=config.fft_len / 2)
        .map(|bin| axis(bin as f64 * bin_hz))
        .collect();
    (0..config.num_mels)
        .map(|band| {
            let [left, centre, right] = [0, 1, 2].map(|edge| axis(edge_hz(band + edge)));
            let gain = match config.norm {
                MelNorm::None => 1.0,
                MelNorm::Slaney => 2.0 / (edge_hz(band + 2) - edge_hz(band)),
            };
            let weights = bins.iter().map(|at| {
                let rising = (at - left) / (centre - left);
                let falling = (right - at) / (right - centre);
                (rising.min(falling).max(0.0) * gain) as f32
            });
            trimmed(&weights.collect::<Vec<f32>>())
        })
        .collect()
}

fn trimmed(weights: &[f32]) -> Filter {
    let first = weights.iter().position(|weight| *weight > 0.0).unwrap_or(0);
    let end = weights
        .iter()
        .rposition(|weight| *weight > 0.0)
        .map_or(first, |last| last + 1);
    Filter {
        first,
        weights: weights[first..end].to_vec(),
    }
}

/// Weights of the samples of a frame.
pub(super) fn window(kind: Window, len: usize) -> Vec<f32> {
    let period = match kind {
        Window::Hann => len,
        Window::HannSymmetric | Window::Hamming | Window::Povey => len - 1,
    };
    let weight = |at: usize| {
        let cosine = (TAU * at as f64 / period.max(1) as f64).cos();
        match kind {
            Window::Hann | Window::HannSymmetric => 0.5 - 0.5 * cosine,
            Window::Hamming => 0.54 - 0.46 * cosine,
            Window::Povey => (0.5 - 0.5 * cosine).powf(0.85),
        }
    };
    (0..len).map(|at| weight(at) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mels of the formulas in f64; Slaney's from librosa's documentation: `hz_to_mel([110, 220, 440])` and 1,000 Hz.
    #[test]
    fn scales_are_those_of_the_literature_and_have_inverses() {
        for (hz, mel) in [(110.0, 1.65), (220.0, 3.3), (440.0, 6.6), (1000.0, 15.0)] {
            assert!((MelScale::Slaney.mel(hz) - mel).abs() < 1e-9);
        }
        // Both constants are rounded so that 1,000 Hz is nearly 1,000 mel.
        assert!((MelScale::Htk.mel(1000.0) - 1000.0).abs() < 0.02);
        assert!((MelScale::Kaldi.mel(1000.0) - 1000.0).abs() < 0.02);
        for scale in [MelScale::Slaney, MelScale::Htk, MelScale::Kaldi] {
            for hz in [0.0, 20.0, 999.0, 1000.0, 4321.0, 20_000.0] {
                assert!(
                    (scale.hz(scale.mel(hz)) - hz).abs() < 1e-6,
                    "{scale:?} {hz}"
                );
            }
        }
    }

    /// A Slaney norm makes the area over the frequencies 1; sums of bins come close where a filter has many.
    #[test]
    fn norms_set_heights_and_areas() {
        let config = LogMelConfig {
            fft_len: 16_384,
            ..LogMelConfig::whisper()
        };
        for filter in filters(&config) {
            let area = f64::from(filter.weights.iter().sum::<f32>()) * 16_000.0 / 16_384.0;
            assert!((area - 1.0).abs() < 1e-3, "{area}");
        }
        let config = LogMelConfig {
            norm: MelNorm::None,
            ..config
        };
        for filter in filters(&config) {
            let height = filter.weights.iter().copied().fold(0.0, f32::max);
            assert!((0.97..=1.0).contains(&height), "{height}");
        }
    }

    /// `scipy.signal.windows.hann(4, sym)` and `hamming(5)`; Povey's is Hann's to the power of 0.85.
    #[test]
    fn windows_are_those_of_scipy() {
        let near = |got: Vec<f32>, expected: &[f32]| {
            got.len() == expected.len()
                && got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6)
        };
        assert!(near(window(Window::Hann, 4), &[0.0, 0.5, 1.0, 0.5]));
        assert!(near(
            window(Window::HannSymmetric, 4),
            &[0.0, 0.75, 0.75, 0.0]
        ));
        assert!(near(
            window(Window::Hamming, 5),
            &[0.08, 0.54, 1.0, 0.54, 0.08]
        ));
        assert!(near(window(Window::Povey, 3), &[0.0, 1.0, 0.0]));
        assert_eq!(window(Window::Hann, 1).len(), 1);
    }
}
