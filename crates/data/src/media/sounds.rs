//! Sound files, and the sound tracks of video files.

use std::{
    collections::BTreeMap,
    io::Read as _,
    sync::{Arc, Mutex, PoisonError},
};

use schema::{Modality, Picture, Sound, SpectrogramForm};

use super::{
    Item, MediaError, Medium, Read, Source,
    clips::{self, Content},
    content_hash, guarded,
    part::Parts,
    preview,
};
use crate::{
    CellRef, Form, clip,
    sound::{
        self, Keep, LogMel, LogMelConfig, SoundError, SoundLimits, Spectrogram, decode_sound,
        fit_length, sound_header,
    },
};

pub(super) struct Sounds;

/// The spectrogram that a person is shown, but for its length.
const SHOWN: SpectrogramForm = SpectrogramForm {
    rate_hz: 16_000,
    len_ms: 1000,
    hop_ms: 10,
    num_mels: 48,
    keep: schema::Keep::Centre,
};

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
        let (hash, sound) = decode(source)?;
        let mut items = Vec::with_capacity(forms.len());
        for form in forms {
            if let Form::Spectrogram(form) = form {
                items.push(Item::Spectrogram(Arc::new(spectrogram(&sound, form)?)));
            }
        }
        Ok((hash, items))
    }

    fn preview(&self, source: &Source<'_>) -> Result<Picture, MediaError> {
        let (_, sound) = decode(source)?;
        let len_ms = (sound::duration_secs(&sound) * 1000.0).ceil() as u32;
        let form = SpectrogramForm {
            len_ms: len_ms.max(20),
            ..SHOWN
        };
        Ok(preview::heat(&spectrogram(&sound, &form)?))
    }
}

/// The sound of a sound file, or the track of a video, and a number that is equal for equal content.
fn decode(source: &Source<'_>) -> Result<(u64, Arc<Sound>), MediaError> {
    if !is_video(source) {
        let bytes = source.bytes()?;
        let sound = guarded(|| Ok(decode_sound(&bytes, &SoundLimits::default())?))?;
        return Ok((content_hash(&bytes), Arc::new(sound)));
    }
    let content = Content::of(source)?;
    match clips::sound_track(&content)? {
        Some(sound) => Ok((content.hash()?, sound)),
        None => Err(MediaError::new(NO_SOUND, "a video without a sound track")),
    }
}

/// Whether the track of a video is meant: a part of one, or a cell of a sound column that holds one.
fn is_video(source: &Source<'_>) -> bool {
    const HEAD_BYTES: u64 = 512;
    if source.part.is_some() {
        return true;
    }
    let mut head = Vec::new();
    match (&source.cell, source.path()) {
        (CellRef::Bytes(bytes), _) => return clip::known_format(bytes).is_some(),
        (_, Some(path)) if path.is_file() => {
            // What cannot be read is told by whoever reads it.
            if let Ok(file) = std::fs::File::open(path) {
                let _ = file.take(HEAD_BYTES).read_to_end(&mut head);
            }
        }
        _ => {}
    }
    clip::known_format(&head).is_some()
}

/// Samples a second and seconds of a sound, as its header says; 0 seconds if it does not.
pub(super) fn length(source: &Source<'_>) -> Option<(u32, f64)> {
    if is_video(source) {
        let header = clips::header(source).ok()?;
        return Some((header.sound_hz?, header.duration_secs.unwrap_or(0.0)));
    }
    let header = sound_header(&source.bytes().ok()?).ok()?;
    Some((header.rate_hz, header.secs().unwrap_or(0.0)))
}

/// Sound tracks of videos as columns of their own: `video.sound`.
pub(super) struct Tracks;

const NO_SOUND: &str = "no_sound";

impl Parts for Tracks {
    fn about(&self) -> &'static str {
        "sound track of videos"
    }

    fn names(&self) -> Vec<&'static str> {
        vec!["sound"]
    }

    fn track(&self) -> Option<Modality> {
        Some(Modality::Audio)
    }

    fn may_be_in(&self, modality: Modality) -> bool {
        modality == Modality::Video
    }

    fn held(&self, source: &Source<'_>) -> Vec<Option<String>> {
        let has_sound = clips::header(source)
            .ok()
            .and_then(|header| header.has_sound);
        vec![has_sound.unwrap_or(false).then(String::new)]
    }

    fn is_absence(&self, error: &MediaError) -> bool {
        error.reason_code == NO_SOUND
    }
}

/// A sound at the rate, of the length and in the bands of a form.
fn spectrogram(sound: &Sound, form: &SpectrogramForm) -> Result<Spectrogram, MediaError> {
    let resampled = sound::resample(sound, form.rate_hz)?;
    let num_samples = (u64::from(form.len_ms) * u64::from(form.rate_hz) / 1000) as usize;
    let log_mel = log_mel(form)?;
    let mut whole = Spectrogram {
        num_frames: 0,
        num_mels: form.num_mels,
        values: Vec::new(),
    };
    for samples in stretches(&resampled.samples, num_samples, form) {
        let window = log_mel.transform(&samples).fit_frames(form.num_frames());
        whole.num_frames += window.num_frames;
        whole.values.extend_from_slice(&window.values);
    }
    Ok(whole)
}

/// The parts of a sound that a form keeps, each of the same length, in order.
fn stretches(samples: &[f32], wanted: usize, form: &SpectrogramForm) -> Vec<Vec<f32>> {
    let spare = samples.len().saturating_sub(wanted);
    let keep = match form.keep {
        schema::Keep::Windows if spare > 0 => {
            // No more than it takes to hear everything, and of those always the middle one.
            let num = samples.len().div_ceil(wanted.max(1)).next_multiple_of(2) - 1;
            let num = num.clamp(3, form.max_windows());
            let start = |window: usize| spare * window / (num - 1);
            let cut = |window: usize| samples[start(window)..start(window) + wanted].to_vec();
            return (0..num).map(cut).collect();
        }
        schema::Keep::Windows | schema::Keep::Centre => Keep::Centre,
        schema::Keep::Start => Keep::Start,
        schema::Keep::End => Keep::End,
        schema::Keep::Loudest => Keep::Loudest,
    };
    // Nothing is drawn.
    vec![fit_length(samples, wanted, keep, schema::Seed(0))]
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
