//! What is learned from a column's training rows, and how its cells become numbers; one file a preparation.

use schema::{InputBatch, Preparation, Rng, Seed};

use crate::{
    DataError, Dataset, Form, ImageAugment, series::SeriesAugment, sound::augment::SpecAugment,
};

mod category;
#[cfg(test)]
mod conformance;
mod date;
mod frames;
mod image;
mod number;
mod series;
mod spectrogram;
mod text_ngrams;
mod text_tokens;

pub use category::FittedCategory;
pub use date::{DATE_WIDTH, FittedDate};
pub use frames::FittedFrames;
pub use image::FittedPixels;
pub use number::FittedNumber;
pub use series::FittedSeries;
pub use spectrogram::FittedSpectrogram;
pub use text_ngrams::{FittedNgrams, SparseRows};
pub use text_tokens::{FittedTokens, words};

/// Which media are changed at random in training, and how much; `None` leaves a modality as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Augment {
    /// Pictures, and the frames of a clip alike.
    pub image: Option<ImageAugment>,
    /// Spectrograms of sounds.
    pub sound: Option<SpecAugment>,
    /// Series.
    pub series: Option<SeriesAugment>,
}

/// Random changes in one epoch of training.
#[derive(Debug, Clone, Copy)]
pub struct Augmentation {
    /// How much.
    pub amounts: Augment,
    /// Place of this epoch in the tree of random decisions; each row draws from its own place below.
    pub seed: Seed,
}

impl Augmentation {
    fn rng(&self, row: usize, col: usize) -> Rng {
        self.seed.at(row as u64).at(col as u64).rng()
    }
}

/// A column as fitted on the training split.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", tag = "form", content = "fitted")]
pub enum Fitted {
    /// Token numbers.
    Tokens(FittedTokens),
    /// Weighted bags of n-grams.
    Ngrams(FittedNgrams),
    /// Pixels.
    Pixels(FittedPixels),
    /// Spectrograms.
    Spectrogram(FittedSpectrogram),
    /// Series.
    Series(FittedSeries),
    /// Frames of videos or slices of volumes.
    Frames(FittedFrames),
    /// A standardised number.
    Number(FittedNumber),
    /// A code.
    Category(FittedCategory),
    /// Parts of a date.
    Date(FittedDate),
}

impl Fitted {
    /// Learns what a preparation needs from some rows of a column, and from nothing else.
    ///
    /// # Errors
    /// [`DataError::WrongPreparation`] if the column has another modality; [`DataError::BadTokenIds`].
    pub fn fit(
        preparation: &Preparation,
        dataset: &Dataset,
        col: usize,
        rows: &[usize],
    ) -> Result<Self, DataError> {
        check_modality(preparation, dataset, col)?;
        Ok(match preparation {
            Preparation::Tokens {
                tokenizer,
                vocab_size,
                max_len,
            } => Self::Tokens(FittedTokens::fit(
                dataset,
                col,
                rows,
                (*tokenizer, *vocab_size, *max_len),
            )?),
            Preparation::Ngrams {
                buckets,
                min_records,
            } => Self::Ngrams(FittedNgrams::fit(
                dataset,
                col,
                rows,
                *buckets,
                *min_records,
            )),
            Preparation::Pixels { size_px, normalise } => {
                Self::Pixels(FittedPixels::fit(dataset, col, rows, *size_px, *normalise))
            }
            Preparation::Spectrogram(form) => {
                Self::Spectrogram(FittedSpectrogram::fit(dataset, col, rows, *form))
            }
            Preparation::Series { len, scale } => {
                Self::Series(FittedSeries::fit(dataset, col, rows, (*len, *scale)))
            }
            Preparation::Frames {
                num_frames,
                size_px,
                normalise,
            } => Self::Frames(FittedFrames::fit(
                dataset,
                col,
                rows,
                (*num_frames, *size_px),
                *normalise,
            )),
            Preparation::Number { num_bins } => {
                Self::Number(FittedNumber::fit(dataset, col, rows, *num_bins))
            }
            Preparation::Category { max_values } => {
                Self::Category(FittedCategory::fit(dataset, col, rows, *max_values))
            }
            Preparation::Date => Self::Date(FittedDate::fit(dataset, col, rows)),
        })
    }

    /// The cells of some rows as one host batch. Absent cells are zeros; `augment` changes pictures only.
    pub fn collate(
        &self,
        dataset: &Dataset,
        col: usize,
        rows: &[usize],
        augment: Option<&Augmentation>,
    ) -> InputBatch {
        match self {
            Self::Tokens(fitted) => fitted.collate(dataset, col, rows),
            Self::Ngrams(fitted) => fitted.collate(dataset, col, rows),
            Self::Pixels(fitted) => fitted.collate(dataset, col, rows, augment),
            Self::Spectrogram(fitted) => fitted.collate(dataset, col, rows, augment),
            Self::Series(fitted) => fitted.collate(dataset, col, rows, augment),
            Self::Frames(fitted) => fitted.collate(dataset, col, rows, augment),
            Self::Number(fitted) => fitted.collate(dataset, col, rows),
            Self::Category(fitted) => fitted.collate(dataset, col, rows),
            Self::Date(fitted) => fitted.collate(dataset, col, rows),
        }
    }

    /// Number of codes or tokens that ids stay below (tokens, n-grams, category); 0 for dense values.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Tokens(fitted) => fitted.vocab_size(),
            Self::Ngrams(fitted) => fitted.num_features(),
            Self::Category(fitted) => fitted.num_values(),
            Self::Pixels(_)
            | Self::Spectrogram(_)
            | Self::Series(_)
            | Self::Frames(_)
            | Self::Number(_)
            | Self::Date(_) => 0,
        }
    }

    /// Number of dense values a record (pixels, number, date) or of entries an id sequence has at most (tokens,
    /// category); 0 for bags.
    pub fn width(&self) -> usize {
        match self {
            Self::Tokens(fitted) => fitted.max_len(),
            Self::Ngrams(_) => 0,
            Self::Category(_) => 1,
            Self::Pixels(fitted) => 3 * fitted.size_px() * fitted.size_px(),
            Self::Spectrogram(fitted) => fitted.form().num_frames() * fitted.form().num_mels,
            Self::Series(fitted) => fitted.num_channels() * fitted.num_moments(),
            Self::Frames(fitted) => 3 * fitted.size_px() * fitted.size_px() * fitted.num_frames(),
            Self::Number(fitted) => fitted.width(),
            Self::Date(_) => DATE_WIDTH,
        }
    }
}

fn check_modality(
    preparation: &Preparation,
    dataset: &Dataset,
    col: usize,
) -> Result<(), DataError> {
    use schema::Modality::{Category, Date, Number, Text};
    let name = preparation.name();
    let reads = |modality| match (Form::of(preparation), preparation) {
        (Some(form), _) => form.fits(modality),
        (None, Preparation::Tokens { .. } | Preparation::Ngrams { .. }) => modality == Text,
        (None, Preparation::Number { .. }) => modality == Number,
        (None, Preparation::Category { .. }) => modality == Category,
        (None, _) => modality == Date,
    };
    let Some(column) = dataset.columns().get(col) else {
        return Err(DataError::NoColumn {
            name: format!("number {col}"),
            known: dataset
                .columns()
                .iter()
                .map(|column| column.name.clone())
                .collect(),
        });
    };
    if reads(column.modality) {
        return Ok(());
    }
    Err(DataError::WrongPreparation {
        column: column.name.clone(),
        modality: column.modality,
        preparation: name,
    })
}

/// Presence of the cells of some rows.
fn presence(dataset: &Dataset, col: usize, rows: &[usize]) -> Vec<bool> {
    rows.iter()
        .map(|row| dataset.is_present(col, *row))
        .collect()
}
