//! The forms in which media cells are kept: what a preparation or an expert asks a data set for.

use schema::{Modality, Preparation, SpectrogramForm};

/// A form of a media cell. Each cell is decoded once into every form that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// A square picture.
    Picture {
        /// Height and width in pixels.
        size_px: usize,
    },
    /// A log-mel spectrogram.
    Spectrogram(SpectrogramForm),
    /// A series of one length, gaps filled.
    Series {
        /// Moments.
        len: usize,
    },
    /// Square frames of a video, or slices of a volume, evenly spread.
    Frames {
        /// How many.
        num_frames: usize,
        /// Height and width in pixels.
        size_px: usize,
    },
    /// Square frames of a video, a fixed time apart, counted from one end: a stretch that means the same in clips of
    /// different lengths. Where a clip is shorter, its outermost frame is repeated.
    Stretch {
        /// How many.
        num_frames: usize,
        /// Height and width in pixels.
        size_px: usize,
        /// Milliseconds from one to the next, above 0.
        every_ms: u32,
        /// Whether it ends where the clip does; otherwise it starts where the clip does.
        at_end: bool,
    },
}

impl Form {
    /// The form that a preparation reads; `None` if it reads no media.
    pub fn of(preparation: &Preparation) -> Option<Self> {
        match *preparation {
            Preparation::Pixels { size_px, .. } => Some(Self::Picture { size_px }),
            Preparation::Spectrogram(form) => Some(Self::Spectrogram(form)),
            Preparation::Series { len, .. } => Some(Self::Series { len }),
            Preparation::Frames {
                num_frames,
                size_px,
                ..
            } => Some(Self::Frames {
                num_frames,
                size_px,
            }),
            Preparation::Tokens { .. }
            | Preparation::Ngrams { .. }
            | Preparation::Number { .. }
            | Preparation::Category { .. }
            | Preparation::Date => None,
        }
    }

    /// Whether cells of a modality can be kept in this form.
    pub fn fits(&self, modality: Modality) -> bool {
        match self {
            Self::Picture { .. } => modality == Modality::Image,
            Self::Spectrogram(_) => modality == Modality::Audio,
            Self::Series { .. } => modality == Modality::Series,
            Self::Frames { .. } => matches!(modality, Modality::Video | Modality::Volume),
            Self::Stretch { .. } => modality == Modality::Video,
        }
    }

    /// How many frames of which size, of a form of frames.
    pub(crate) fn frames(&self) -> Option<(usize, usize)> {
        match *self {
            Self::Frames {
                num_frames,
                size_px,
            } => Some((num_frames, size_px)),
            _ => None,
        }
    }

    /// Bytes of one cell in this form; of a series an estimate, as its channels show when it is decoded.
    pub(crate) fn num_bytes(&self) -> usize {
        const CHANNELS: usize = 4;
        match *self {
            Self::Picture { size_px } => 3 * size_px * size_px,
            Self::Spectrogram(form) => {
                size_of::<f32>() * form.num_frames() * form.max_windows() * form.num_mels
            }
            Self::Series { len } => size_of::<f32>() * len * CHANNELS,
            Self::Frames {
                num_frames,
                size_px,
            }
            | Self::Stretch {
                num_frames,
                size_px,
                ..
            } => 3 * size_px * size_px * num_frames,
        }
    }
}
