//! What a log-mel spectrogram is made like, and the configurations of published models.

use super::{SoundError, fault};

/// Frequencies to mels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MelScale {
    /// Linear to 1,000 Hz, then logarithmic: librosa's default.
    Slaney,
    /// 2595 log10(1 + f / 700).
    Htk,
    /// 1127 ln(1 + f / 700), the triangles straight on the mel axis.
    Kaldi,
}

/// Heights of the triangular filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MelNorm {
    /// Every triangle has height 1.
    None,
    /// Every triangle has area 1 over the frequencies in Hz.
    Slaney,
}

/// Weights of the samples of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Hann, periodic: the first weight would follow the last.
    Hann,
    /// Hann, symmetric.
    HannSymmetric,
    /// Hamming, symmetric.
    Hamming,
    /// Symmetric Hann to the power of 0.85: Kaldi's default.
    Povey,
}

/// Which frames there are at the ends of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameEdge {
    /// Whole frames only, from the first sample; a clip shorter than a frame is one frame, filled with zeros.
    Whole,
    /// Frame `t` is centred at sample `t * hop`; beyond the ends the clip is mirrored.
    Reflect,
    /// Frame `t` is centred at sample `t * hop`; beyond the ends are zeros.
    Zero,
}

/// Logarithm of the filtered powers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogKind {
    /// Natural.
    Ln,
    /// Base 10.
    Log10,
    /// Decibel: 10 log10.
    Db,
}

/// Whether every clip is made equally long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TotalLength {
    /// As long as the clip is.
    Clip,
    /// Samples are cut or filled with zeros at the end first.
    Samples(usize),
    /// Frames are cut or filled with zeros after the logarithm, before mean and deviation.
    Frames(usize),
}

/// How a log-mel spectrogram is made of samples.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogMelConfig {
    /// Sampling rate of the samples in Hz; nothing is resampled here.
    pub rate_hz: u32,
    /// Samples of a frame, 1 to 65,536.
    pub window_len: usize,
    /// Samples from one frame to the next, at least 1.
    pub hop_len: usize,
    /// Length of the transform; zeros follow the frame. At least `window_len`, at most 65,536.
    pub fft_len: usize,
    /// Bands, 1 to 512.
    pub num_mels: usize,
    /// Lower edge of the lowest band in Hz.
    pub f_min_hz: f32,
    /// Upper edge of the highest band in Hz, at most half of `rate_hz`.
    pub f_max_hz: f32,
    /// Mel scale.
    pub scale: MelScale,
    /// Heights of the filters.
    pub norm: MelNorm,
    /// Window of a frame.
    pub window: Window,
    /// Frames at the ends.
    pub edge: FrameEdge,
    /// Whether the last frame is left out.
    pub drop_last_frame: bool,
    /// Whether the mean of each frame is taken off its samples first.
    pub remove_frame_mean: bool,
    /// Share of the sample before that is taken off each sample of a frame, 0 to 1; 0 is none. The first sample has
    /// itself before it.
    pub pre_emphasis: f32,
    /// Logarithm.
    pub log: LogKind,
    /// Powers below count as this, above 0.
    pub floor: f32,
    /// Values further below the clip's largest are raised to this distance; in units of the logarithm.
    pub range: Option<f32>,
    /// Whether the mean of each band over the clip is taken off.
    pub remove_band_mean: bool,
    /// Taken off every value at last,
    pub mean: f32,
    /// before it is divided by this.
    pub deviation: f32,
    /// Whether every clip is made equally long.
    pub length: TotalLength,
}

impl LogMelConfig {
    /// Whisper's features for clips of 30 s at 16 kHz: `[3000, 80]`.
    ///
    /// Source: Radford et al. 2022, "Robust speech recognition via large-scale weak supervision", arXiv:2212.04356;
    /// `WhisperFeatureExtractor` of the library transformers.
    pub fn whisper() -> Self {
        Self {
            rate_hz: 16_000,
            window_len: 400,
            hop_len: 160,
            fft_len: 400,
            num_mels: 80,
            f_min_hz: 0.0,
            f_max_hz: 8000.0,
            scale: MelScale::Slaney,
            norm: MelNorm::Slaney,
            window: Window::Hann,
            edge: FrameEdge::Reflect,
            drop_last_frame: true,
            remove_frame_mean: false,
            pre_emphasis: 0.0,
            log: LogKind::Log10,
            floor: 1e-10,
            range: Some(8.0),
            remove_band_mean: false,
            mean: -4.0,
            deviation: 4.0,
            length: TotalLength::Samples(30 * 16_000),
        }
    }

    /// The Audio Spectrogram Transformer's features at 16 kHz: `[1024, 128]`.
    ///
    /// Source: Gong, Chung, Glass 2021, "AST: Audio spectrogram transformer", arXiv:2104.01778;
    /// `ASTFeatureExtractor` of the library transformers, as it computes without torchaudio.
    pub fn audio_spectrogram_transformer() -> Self {
        Self {
            rate_hz: 16_000,
            window_len: 400,
            hop_len: 160,
            fft_len: 512,
            num_mels: 128,
            f_min_hz: 20.0,
            f_max_hz: 8000.0,
            scale: MelScale::Kaldi,
            norm: MelNorm::None,
            window: Window::HannSymmetric,
            edge: FrameEdge::Whole,
            drop_last_frame: false,
            remove_frame_mean: true,
            pre_emphasis: 0.97,
            log: LogKind::Ln,
            floor: f32::EPSILON,
            range: None,
            remove_band_mean: false,
            // Mean and twice the deviation of AudioSet.
            mean: -4.267_739_3,
            deviation: 2.0 * 4.568_997_4,
            length: TotalLength::Frames(1024),
        }
    }

    /// Features for a small model trained from nothing: 40 bands, frames of 25 ms every 10 ms, as long as the clip.
    ///
    /// Below 2,560 Hz a frame has 64 samples instead, and the transform is lengthened until every band has a bin.
    /// Source: own recipe, measured on spoken digits.
    pub fn small(rate_hz: u32) -> Self {
        let window_len = (rate_hz as usize / 40).clamp(64, 1 << 15);
        let nyquist = rate_hz as f32 / 2.0;
        let mut config = Self {
            rate_hz,
            window_len,
            hop_len: window_len * 2 / 5,
            fft_len: window_len.next_power_of_two(),
            num_mels: 40,
            f_min_hz: f32::min(50.0, nyquist / 8.0),
            f_max_hz: nyquist,
            scale: MelScale::Htk,
            norm: MelNorm::None,
            window: Window::Hamming,
            edge: FrameEdge::Whole,
            drop_last_frame: false,
            remove_frame_mean: false,
            pre_emphasis: 0.97,
            log: LogKind::Ln,
            floor: 1e-6,
            range: None,
            remove_band_mean: true,
            mean: 0.0,
            deviation: 1.0,
            length: TotalLength::Clip,
        };
        let is_thin = |config: &Self| {
            super::filters::filters(config)
                .iter()
                .any(|filter| filter.weights.is_empty())
        };
        while config.fft_len < 1 << 16 && is_thin(&config) {
            config.fft_len *= 2;
        }
        config
    }

    /// Refuses what cannot be computed.
    ///
    /// # Errors
    /// `bad_setting` with the first setting outside its range.
    pub fn check(&self) -> Result<(), SoundError> {
        let nyquist = self.rate_hz as f32 / 2.0;
        let length = match self.length {
            TotalLength::Clip => 1,
            TotalLength::Samples(count) | TotalLength::Frames(count) => count,
        };
        let rules = [
            ("rate_hz", self.rate_hz > 0),
            ("window_len", (1..=1 << 16).contains(&self.window_len)),
            ("hop_len", self.hop_len > 0),
            (
                "fft_len",
                (self.window_len.max(2)..=1 << 16).contains(&self.fft_len),
            ),
            ("num_mels", (1..=512).contains(&self.num_mels)),
            (
                "f_min_hz",
                self.f_min_hz >= 0.0 && self.f_min_hz < self.f_max_hz,
            ),
            ("f_max_hz", self.f_max_hz <= nyquist),
            ("pre_emphasis", (0.0..=1.0).contains(&self.pre_emphasis)),
            ("floor", self.floor > 0.0 && self.floor.is_finite()),
            ("range", self.range.is_none_or(|range| range >= 0.0)),
            ("mean", self.mean.is_finite()),
            (
                "deviation",
                self.deviation > 0.0 && self.deviation.is_finite(),
            ),
            ("length", (1..=64 << 20).contains(&length)),
        ];
        match rules.iter().find(|(_, holds)| !holds) {
            None => Ok(()),
            Some((name, _)) => {
                let text = format!("log-mel setting {name} is outside its range: {self:?}");
                Err(fault("bad_setting", text))
            }
        }
    }
}
