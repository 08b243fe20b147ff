//! What is learned from a column's training rows, and how its cells become numbers; one file a preparation.

use schema::{InputBatch, Preparation, Seed};

use crate::{DataError, Dataset, ImageAugment};

mod category;
#[cfg(test)]
mod conformance;
mod date;
mod image;
mod number;
mod text_ngrams;
mod text_tokens;

pub use category::FittedCategory;
pub use date::{DATE_WIDTH, FittedDate};
pub use image::FittedPixels;
pub use number::FittedNumber;
pub use text_ngrams::{FittedNgrams, SparseRows};
pub use text_tokens::{FittedTokens, words};

/// Random changes of pictures in one epoch of training.
#[derive(Debug, Clone, Copy)]
pub struct Augmentation {
    /// How much.
    pub image: ImageAugment,
    /// Place of this epoch in the tree of random decisions; each row draws from its own place below.
    pub seed: Seed,
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
            Self::Pixels(_) | Self::Number(_) | Self::Date(_) => 0,
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
            Self::Number(fitted) => fitted.width(),
            Self::Date(_) => DATE_WIDTH,
        }
    }

    /// Side of the pictures in pixels; 0 for other forms.
    pub fn size_px(&self) -> usize {
        match self {
            Self::Pixels(fitted) => fitted.size_px(),
            _ => 0,
        }
    }
}

fn check_modality(
    preparation: &Preparation,
    dataset: &Dataset,
    col: usize,
) -> Result<(), DataError> {
    use schema::Modality::{Category, Date, Image, Number, Text};
    let (wanted, name) = match preparation {
        Preparation::Tokens { .. } => (Text, "tokens"),
        Preparation::Ngrams { .. } => (Text, "ngrams"),
        Preparation::Pixels { .. } => (Image, "pixels"),
        Preparation::Number { .. } => (Number, "number"),
        Preparation::Category { .. } => (Category, "category"),
        Preparation::Date => (Date, "date"),
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
    if column.modality == wanted {
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
