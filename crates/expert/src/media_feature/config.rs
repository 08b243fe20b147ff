//! Settings of `media_feature`, and what they ask of a column.

use data::Form;
use schema::{ExpertConfig, Keep, Modality, SpectrogramForm, Task};

use crate::{ExpertError, expert::settings};

/// Which part of a sound or video is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// All of it, by shares of its length.
    Whole,
    /// Half of the usual length, counted from the start.
    Start,
    /// Half of the usual length, counted from the end.
    End,
}

/// Settings of `media_feature`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediaFeatureConfig {
    /// Sounds: samples a second that they are brought to, default 16000.
    pub rate_hz: u32,
    /// Sounds: milliseconds that they are brought to, default 3000.
    pub len_ms: u32,
    /// Sounds as a whole: which part of a longer one is kept, `centre` (the default), `start`, `end`, `loudest`, or
    /// `windows`, which are pooled together.
    pub keep: Keep,
    /// Sounds and videos: what is described, `whole` (by statistics of its shares), or half of `len_ms` or `num_frames`
    /// counted from the `start` or from the `end` (in finer steps); of several the one with the least loss on held-out
    /// records. Default `["whole"]`. Series and volumes are always described as a whole.
    pub parts: Vec<Part>,
    /// Sounds: milliseconds from frame to frame, default 10.
    pub hop_ms: u32,
    /// Sounds: bands, default 40.
    pub num_mels: usize,
    /// Series: moments that they are brought to, default 256.
    pub len: usize,
    /// Videos and volumes: frames, default 16.
    pub num_frames: usize,
    /// Videos: milliseconds from frame to frame of a part that is counted from the start or the end, default 100.
    pub every_ms: u32,
    /// Videos and volumes: side in pixels at which frames are read, default 48.
    pub size_px: usize,
    /// Whole videos and volumes: whether the outlines of frames count; of both ways the one with the least loss on
    /// held-out records. They tell what is shown, and are noise where only movement matters. Default `[true, false]`.
    pub outlines: Vec<bool>,
    /// Most records that it is fitted on, drawn by the seed; 0 for no bound, default 32768.
    pub max_rows: usize,
    /// Strengths of the penalty to choose from; empty for the usual ones of the task.
    pub l2: Vec<f64>,
    /// Most iterations of L-BFGS for each strength.
    pub max_iterations: usize,
}

impl Default for MediaFeatureConfig {
    fn default() -> Self {
        Self {
            rate_hz: 16_000,
            len_ms: 3000,
            keep: Keep::Centre,
            parts: vec![Part::Whole],
            hop_ms: 10,
            num_mels: 40,
            len: 256,
            num_frames: 16,
            every_ms: 100,
            size_px: 48,
            outlines: vec![true, false],
            max_rows: 1 << 15,
            l2: Vec::new(),
            max_iterations: 60,
        }
    }
}

impl MediaFeatureConfig {
    /// What it asks for of a column, by part; `None` for columns that it does not read.
    pub(super) fn form(&self, modality: Modality, part: Part) -> Option<Form> {
        let half = self.num_frames.div_ceil(2);
        match modality {
            Modality::Audio => Some(Form::Spectrogram(SpectrogramForm {
                rate_hz: self.rate_hz,
                len_ms: match part {
                    Part::Whole => self.len_ms,
                    Part::Start | Part::End => (self.len_ms / 2).max(2 * self.hop_ms),
                },
                hop_ms: self.hop_ms,
                num_mels: self.num_mels,
                keep: match part {
                    Part::Whole => self.keep,
                    Part::Start => Keep::Start,
                    Part::End => Keep::End,
                },
            })),
            Modality::Series => Some(Form::Series { len: self.len }),
            Modality::Video if part != Part::Whole => Some(Form::Stretch {
                num_frames: half,
                size_px: self.size_px,
                every_ms: self.every_ms,
                at_end: part == Part::End,
            }),
            Modality::Video | Modality::Volume => Some(Form::Frames {
                num_frames: self.num_frames,
                size_px: self.size_px,
            }),
            _ => None,
        }
    }

    /// The parts that can be described of a column.
    pub(super) fn parts_of(&self, modality: Modality) -> &[Part] {
        match modality {
            Modality::Audio | Modality::Video => &self.parts,
            _ => &[Part::Whole],
        }
    }

    /// Whether outlines count, each way to try; without held-out records the first alone.
    pub(super) fn outlines_of(&self, form: Form, is_blind: bool) -> &[bool] {
        match form {
            Form::Frames { .. } if is_blind => &self.outlines[..1],
            Form::Frames { .. } => &self.outlines,
            _ => &[true],
        }
    }

    pub(super) fn strengths(&self, task: Task, part: Part) -> Vec<f64> {
        match task {
            _ if !self.l2.is_empty() => self.l2.clone(),
            Task::Regression => vec![1.0, 10.0, 100.0],
            _ if part == Part::Whole => vec![0.03, 0.1, 0.3, 1.0],
            // Thousands of features of which few tell something each have a small share: the best on spoken sentences.
            _ => vec![0.003, 0.01, 0.03, 0.1, 0.3, 1.0],
        }
    }
}

pub(super) fn read_settings(config: &ExpertConfig) -> Result<MediaFeatureConfig, ExpertError> {
    let own: MediaFeatureConfig = settings(config)?;
    let within = [
        ("rate_hz", own.rate_hz as usize, 1000, 192_000),
        ("len_ms", own.len_ms as usize, 20, 600_000),
        ("hop_ms", own.hop_ms as usize, 1, 1000),
        ("num_mels", own.num_mels, 8, 256),
        ("len", own.len, 8, 65_536),
        ("num_frames", own.num_frames, 1, 1024),
        ("every_ms", own.every_ms as usize, 1, 600_000),
        ("parts", own.parts.len(), 1, 3),
        ("outlines", own.outlines.len(), 1, 2),
        ("size_px", own.size_px, 8, 512),
    ];
    for (key, got, least, most) in within {
        if !(least..=most).contains(&got) {
            return Err(ExpertError::Setting {
                expert: config.name.clone(),
                what: format!("{key}: expected {least} to {most}, got {got}"),
            });
        }
    }
    if own.l2.iter().any(|l2| !(l2.is_finite() && *l2 > 0.0)) {
        return Err(ExpertError::Setting {
            expert: config.name.clone(),
            what: format!("l2: expected numbers above 0, got {:?}", own.l2),
        });
    }
    Ok(own)
}
