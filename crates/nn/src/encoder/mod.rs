//! One modality -> one embedding a record.
//!
//! An encoder is one file: settings, what it wants the data room to do, build, forward. It sees present records
//! only; the network puts the learned empty embedding in the place of the others.

mod audio_conv;
mod audio_patch;
mod category;
mod date;
mod image_conv;
mod image_patch;
mod image_plain;
mod number;
mod registry;
mod series_conv;
mod series_patch;
mod text_ngram;
mod text_transformer;
mod video_conv;
mod video_frames;

use engine::{Tape, Var};
use schema::{InputBatch, Modality, Preparation, Problem, Settings};

use crate::{InputInfo, NnError, Scope};

pub use audio_conv::{AudioConv, AudioConvConfig};
pub use audio_patch::{AudioPatch, AudioPatchConfig};
pub use category::{Category, CategoryConfig};
pub use date::{Date, DateConfig};
pub use image_conv::{ImageConv, ImageConvConfig, ImageStyle};
pub use image_patch::{ImagePatch, ImagePatchConfig};
pub use image_plain::{ImagePooling, PlainConv, PlainLayerConfig};
pub use number::{Number, NumberConfig, NumberStyle};
pub use registry::{ENCODERS, EncoderRow, default_for, find};
pub use series_conv::{SeriesConv, SeriesConvConfig};
pub use series_patch::{SeriesPatch, SeriesPatchConfig};
pub use text_ngram::{TextNgram, TextNgramConfig};
pub use text_transformer::{TextPooling, TextTransformer, TextTransformerConfig};
pub use video_conv::{VideoConv, VideoConvConfig};
pub use video_frames::{VideoFrames, VideoFramesConfig};

/// A built encoder.
pub trait Encoder: Send + Sync {
    /// Width of its embedding, D.
    fn embed_dim(&self) -> usize;

    /// Floats kept a record for the backward pass, about; for memory estimates.
    fn num_activations(&self) -> usize;

    /// Encodes present records.
    ///
    /// # Shapes
    /// - `input`: B records in the form that [`EncoderConfig::preparation`] asked for
    /// - returns: `[B, D]`
    ///
    /// # Errors
    /// [`NnError::Input`] if the numbers are of another kind or width than the encoder was built for.
    fn forward(&self, tape: &mut Tape<'_>, input: &InputBatch) -> Result<Var, NnError>;
}

/// The settings of an encoder.
pub trait EncoderConfig: Send + Sync {
    /// What lies outside its range, placed below `place`.
    fn check(&self, place: &str) -> Vec<Problem>;

    /// What the data room must make of the column.
    fn preparation(&self) -> Preparation;

    /// Makes the encoder for a column as fitted.
    ///
    /// # Errors
    /// [`NnError::Input`] if the column was fitted in another form than [`EncoderConfig::preparation`].
    fn build(&self, info: &InputInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Encoder>, NnError>;

    /// The settings as a table, every key included.
    ///
    /// # Errors
    /// If a value has no form in TOML.
    fn table(&self) -> Result<Settings, Vec<Problem>>;
}

/// Whether an encoder reads a modality.
pub fn reads(row: &EncoderRow, modality: Modality) -> bool {
    row.modalities.contains(&modality)
}
