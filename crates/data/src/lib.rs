//! Files to records, records to examples, examples to batches.
//!
//! Second room of the flow. In: a table on disk ([`Table`]) or records in memory, and what its columns are
//! ([`inspect`]). Out: decoded values ([`Dataset`]), facts learned from the training split ([`Fitted`],
//! [`fit_target`]) and host batches ([`Loader`]). Grouped splits live in [`split`], random picture changes in
//! [`augment`], generated sets in [`sample`]. It must not know tensors, networks or experts.

pub mod augment;
mod clip;
mod dataset;
mod error;
#[cfg(test)]
mod fixture;
mod form;
mod inspect;
mod loader;
mod media;
mod medical;
mod modality;
mod parse;
mod picture;
pub mod sample;
mod series;
mod shard_order;
pub mod sound;
mod source;
mod spill;
pub mod split;
mod table;
mod target;

pub use augment::ImageAugment;
pub use clip::{
    ClipError, ClipHeader, ClipLimits, ClipOptions, ClipSource, Sampling, clip_header, decode_clip,
};
pub use dataset::{BadRecord, Dataset, DatasetOptions, Progress};
pub use error::DataError;
pub use form::Form;
pub use inspect::{Balance, ColumnInfo, Inspection, Warning, constant_in_groups, inspect};
pub use loader::{Epoch, Loader, LoaderConfig, LoaderTarget};
pub use media::{Item, MediaShape, media_shape};
pub use medical::{
    Dicom, DicomOptions, MedicalError, MedicalFormat, MedicalLimits, SliceAxis, Window,
    decode_dicom, decode_nifti, dicom_field_names, medical_format, volume_slices,
};
pub use modality::{
    Augment, Augmentation, DATE_WIDTH, Fitted, FittedCategory, FittedDate, FittedFrames,
    FittedNgrams, FittedNumber, FittedPixels, FittedSeries, FittedSpectrogram, FittedTokens,
    SparseRows, words,
};
pub use parse::{is_missing_word, number_name, parse_date, parse_number};
pub use picture::{PictureError, decode_picture, median_picture_px, resize_picture};
pub use series::{
    ChannelStats, SeriesAugment, SeriesError, SeriesLimits, augment_series, channel_stats,
    decode_series, fill_gaps, parse_series, read_series, resample_len, series_feature_names,
    series_features, series_from_rows, series_from_values,
};
pub use sound::{Spectrogram, augment::SpecAugment, pool as pool_spectrogram};
pub use source::FORMATS;
pub use table::{BadRow, CellRef, Table};
pub use target::{Truth, fit_target, truth, weights};
