//! Sound files, and the sound tracks of video files.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use schema::{Modality, Sound, SpectrogramForm};

use super::{Item, MediaError, Medium, Read, Source, content_hash, guarded};
use crate::{
    Form,
    clip::{self, ClipOptions, ClipSource, Sampling, decode_clip},
    sound::{
        self, Keep, LogMel, LogMelConfig, SoundError, SoundLimits, Spectrogram, decode_sound,
        fit_length,
    },
};

pub(super) struct Sounds;

impl From<SoundError> for MediaError {
    fn from(error: SoundError) -> Self {
        Self::new(error.reason_code, error.text)
    }
}

impl Medium for Sounds {
    fn modality(&self) -> Modality {
        Modality::Audio
    }

    fn singular(&self) -> &'static str {
        "sound"
    }

    fn plural(&self) -> &'static str {
        "sounds"
    }

    fn format(&self, start: &[u8]) -> Option<&'static str> {
        sound::sound_format(start).map(sound::SoundFormat::name)
    }

    fn endings(&self) -> &'static [&'static str] {
        &["wav", "flac", "ogg", "oga", "mp3", "m4a", "aac"]
    }

    fn name_words(&self) -> &'static [&'static str] {
        &["audio", "sound", "voice", "speech", "wav", "recording"]
    }

    fn read(&self, source: &Source<'_>, forms: &[Form]) -> Result<Read, MediaError> {
        let bytes = source.bytes()?;
        let sound = guarded(|| decode(&bytes))?;
        let mut items = Vec::with_capacity(forms.len());
        for form in forms {
            if let Form::Spectrogram(form) = form {
                items.push(Item::Spectrogram(Arc::new(spectrogram(&sound, form)?)));
            }
        }
        Ok((content_hash(&bytes), items))
    }
}

/// The sound of a sound file, or the track of a video.
fn decode(bytes: &[u8]) -> Result<Sound, MediaError> {
    if clip::known_format(bytes).is_none() {
        return Ok(decode_sound(bytes, &SoundLimits::default())?);
    }
    let options = ClipOptions {
        size_px: Some(8),
        ..ClipOptions::new(Sampling::Count(1))
    };
    let clip = decode_clip(ClipSource::Bytes(bytes), &options)?;
    match clip.sound {
        Some(sound) => Ok(Arc::unwrap_or_clone(sound)),
        None => Err(MediaError::new("no_sound", "a video without a sound track")),
    }
}

/// A sound at the rate, of the length and in the bands of a form.
fn spectrogram(sound: &Sound, form: &SpectrogramForm) -> Result<Spectrogram, MediaError> {
    let resampled = sound::resample(sound, form.rate_hz)?;
    let num_samples = (u64::from(form.len_ms) * u64::from(form.rate_hz) / 1000) as usize;
    // Nothing is drawn: the middle is taken.
    let seed = schema::Seed(0);
    let samples = fit_length(&resampled.samples, num_samples, Keep::Centre, seed);
    let spectrogram = log_mel(form)?.transform(&samples);
    Ok(spectrogram.fit_frames(form.num_frames()))
}

/// The transform of a form: its plan and filters are made once.
fn log_mel(form: &SpectrogramForm) -> Result<Arc<LogMel>, MediaError> {
    static MADE: Mutex<BTreeMap<SpectrogramForm, Arc<LogMel>>> = Mutex::new(BTreeMap::new());
    // A panic elsewhere leaves the map whole: entries are put in when they are done.
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(log_mel) = made.get(form) {
        return Ok(Arc::clone(log_mel));
    }
    let usual = LogMelConfig::small(form.rate_hz);
    let hop_len = (form.rate_hz * form.hop_ms / 1000).max(1) as usize;
    let window_len = hop_len * 5 / 2;
    let config = LogMelConfig {
        num_mels: form.num_mels,
        hop_len,
        window_len,
        fft_len: window_len.next_power_of_two().max(usual.fft_len),
        ..usual
    };
    let log_mel = Arc::new(LogMel::new(config)?);
    made.insert(*form, Arc::clone(&log_mel));
    Ok(log_mel)
}
