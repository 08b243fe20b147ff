//! Bytes of a sound file to samples, and samples to what a model reads, within bounds and without a panic.
//!
//! [`decode_sound`] gives one channel of amplitudes at the rate of the file, [`resample`] another rate,
//! [`fit_length`] a length, [`LogMel`] a spectrogram `[T, M]`, [`pool`] a vector of its statistics for a linear
//! model, [`augment`] the random changes of training. Everything is a pure function of its arguments.

use schema::Sound;

pub mod augment;
mod decode;
mod filters;
mod format;
mod length;
mod log_mel;
mod mel_config;
mod pooled;
mod resample;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod hostile;

pub use decode::{SoundLimits, decode_sound};
pub use format::{SoundFormat, SoundHeader, sound_format, sound_header};
pub use length::{Keep, fit_length, kept_start};
pub use log_mel::{LogMel, Spectrogram};
pub use mel_config::{FrameEdge, LogKind, LogMelConfig, MelNorm, MelScale, TotalLength, Window};
pub use pooled::{NUM_TIME_BINS, STATISTICS_PER_BAND, pool, pooled_len};
pub use resample::resample;

/// Why a sound cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct SoundError {
    /// Closed word: `file_too_large`, `not_a_sound`, `codec_unsupported`, `too_many_samples`, `sound_truncated`,
    /// `sound_damaged`, `sound_empty`, `bad_setting`.
    pub reason_code: &'static str,
    /// What was found.
    pub text: String,
}

fn fault(reason_code: &'static str, text: impl Into<String>) -> SoundError {
    SoundError {
        reason_code,
        text: text.into(),
    }
}

/// Length of a sound in seconds.
pub fn duration_secs(sound: &Sound) -> f64 {
    sound.samples.len() as f64 / f64::from(sound.rate_hz.max(1))
}
