//! What every preparation must keep, over every one of them.

use schema::{
    Cell, InputBatch, Modality, Payload, Preparation, Record, SeriesScale, SpectrogramForm,
    Tokenizer,
};

use super::{Augment, Augmentation, Fitted};
use crate::{
    DataError, Dataset, DatasetOptions, Form, ImageAugment, SeriesAugment,
    fixture::{dataset, input, plain_png, wav},
    sound::augment::SpecAugment,
};

/// Number of training rows; the rows after them hold what training never saw.
const NUM_FIT: usize = 6;
/// A row without any cell.
const EMPTY_ROW: usize = 6;
/// A row of values far from the training ones.
const STRANGE_ROW: usize = 7;

const SOUND: SpectrogramForm = SpectrogramForm {
    rate_hz: 4000,
    len_ms: 100,
    hop_ms: 10,
    num_mels: 8,
    keep: schema::Keep::Centre,
};

fn series(scale: SeriesScale) -> Preparation {
    Preparation::Series { len: 12, scale }
}

fn frames(normalise: bool) -> Preparation {
    Preparation::Frames {
        num_frames: 3,
        size_px: 4,
        normalise,
    }
}

fn preparations() -> Vec<(Modality, Preparation)> {
    vec![
        (
            Modality::Text,
            Preparation::Tokens {
                tokenizer: Tokenizer::Word,
                vocab_size: 20,
                max_len: 5,
            },
        ),
        (
            Modality::Text,
            Preparation::Ngrams {
                buckets: 1000,
                min_records: 1,
            },
        ),
        (
            Modality::Text,
            Preparation::Ngrams {
                buckets: 8,
                min_records: 1,
            },
        ),
        (
            Modality::Image,
            Preparation::Pixels {
                size_px: 4,
                normalise: true,
            },
        ),
        (
            Modality::Image,
            Preparation::Pixels {
                size_px: 4,
                normalise: false,
            },
        ),
        (Modality::Audio, Preparation::Spectrogram(SOUND)),
        (Modality::Series, series(SeriesScale::Centred)),
        (Modality::Series, series(SeriesScale::Own)),
        (Modality::Series, series(SeriesScale::Train)),
        (Modality::Video, frames(true)),
        (Modality::Video, frames(false)),
        (Modality::Number, Preparation::Number { num_bins: 0 }),
        (Modality::Number, Preparation::Number { num_bins: 3 }),
        (Modality::Category, Preparation::Category { max_values: 3 }),
        (Modality::Date, Preparation::Date),
    ]
}

fn cell(modality: Modality, row: usize) -> Cell {
    let texts = [
        "so cute",
        "not cute at all",
        "a dog",
        "the red dog",
        "so so",
        "cats, and dogs",
    ];
    if row == STRANGE_ROW {
        return match modality {
            Modality::Text => "zzz \u{1f600} qqq ".repeat(50).into(),
            Modality::Image => plain_png(1, [255, 0, 255]).into(),
            Modality::Audio => wav(11, |_| 1.0).into(),
            Modality::Series => "[[1e30, -1e30], [3, nan]]".into(),
            Modality::Video => plain_png(1, [0, 255, 9]).into(),
            Modality::Volume => unreachable!("frames are tested on videos"),
            Modality::Number => (-1e300).into(),
            Modality::Category => "never seen".into(),
            Modality::Date => "9999-12-31T23:59:59Z".into(),
        };
    }
    match modality {
        Modality::Text => texts[row].into(),
        Modality::Image => plain_png(6, [row as u8 * 40, 10, 200]).into(),
        Modality::Audio => wav(700, |at| (at as f32 * (0.1 + row as f32)).sin() * 0.5).into(),
        Modality::Series => format!("[[{row}, 2], [3, {row}], [-1, 5]]").into(),
        // A picture is a clip of one frame.
        Modality::Video => plain_png(6, [10, row as u8 * 40, 200]).into(),
        Modality::Volume => unreachable!("frames are tested on videos"),
        Modality::Number => (row as f64 * 1.5 - 2.0).into(),
        Modality::Category => ["red", "blue", "red", "green", "blue", "red"][row].into(),
        Modality::Date => format!("2024-0{}-1{row}T0{row}:30:00", row + 1).into(),
    }
}

fn open(modality: Modality) -> Dataset {
    let records = (0..8)
        .map(|row| match row {
            EMPTY_ROW => Record::new(),
            _ => Record::new().with("x", cell(modality, row)),
        })
        .collect();
    let options = DatasetOptions {
        forms: vec![
            Form::Picture { size_px: 4 },
            Form::Spectrogram(SOUND),
            Form::Series { len: 12 },
            Form::Frames {
                num_frames: 3,
                size_px: 4,
            },
        ],
        ..DatasetOptions::default()
    };
    dataset(records, &[input("x", modality)], &options)
}

fn fit(preparation: &Preparation, dataset: &Dataset) -> Fitted {
    let rows: Vec<usize> = (0..NUM_FIT).collect();
    Fitted::fit(preparation, dataset, 0, &rows).unwrap()
}

/// The values of one row of a batch, padding cut off.
fn row_of(batch: &InputBatch, at: usize) -> (bool, Vec<u32>, Vec<f32>) {
    let width = |shape: &[usize]| shape[1..].iter().product::<usize>();
    let (ids, values) = match &batch.payload {
        Payload::Floats { shape, data } => {
            let width = width(shape);
            (Vec::new(), data[at * width..(at + 1) * width].to_vec())
        }
        Payload::Ids { shape, data, valid } => {
            let range = at * width(shape)..(at + 1) * width(shape);
            let kept = data[range.clone()]
                .iter()
                .zip(&valid[range])
                .filter(|(_, valid)| **valid);
            (kept.map(|(id, _)| *id).collect(), Vec::new())
        }
        Payload::Bags {
            offsets,
            ids,
            weights,
        } => {
            let range = offsets[at]..offsets[at + 1];
            (ids[range.clone()].to_vec(), weights[range].to_vec())
        }
    };
    (batch.present[at], ids, values)
}

#[test]
fn a_row_alone_equals_the_row_in_a_batch() {
    for (modality, preparation) in preparations() {
        let dataset = open(modality);
        let fitted = fit(&preparation, &dataset);
        let augment = Augmentation {
            amounts: Augment {
                image: Some(ImageAugment::default()),
                sound: Some(SpecAugment::default()),
                series: Some(SeriesAugment::default()),
            },
            seed: schema::Seed(3),
        };
        for augment in [None, Some(&augment)] {
            let together = fitted.collate(&dataset, 0, &[3, 1, 6, 7, 0], augment);
            for (at, row) in [3, 1, 6, 7, 0].into_iter().enumerate() {
                let alone = fitted.collate(&dataset, 0, &[row], augment);
                assert_eq!(
                    row_of(&together, at),
                    row_of(&alone, 0),
                    "{preparation:?} row {row}"
                );
            }
        }
    }
}

#[test]
fn a_missing_cell_is_absent_and_all_zeros() {
    for (modality, preparation) in preparations() {
        let dataset = open(modality);
        let batch = fit(&preparation, &dataset).collate(&dataset, 0, &[0, EMPTY_ROW], None);
        assert_eq!(batch.present, [true, false], "{preparation:?}");
        let (_, ids, values) = row_of(&batch, 1);
        assert!(
            ids.is_empty() && values.iter().all(|value| *value == 0.0),
            "{preparation:?}"
        );
    }
}

#[test]
fn only_training_rows_are_learned_from() {
    for (modality, preparation) in preparations() {
        let dataset = open(modality);
        let fitted = fit(&preparation, &dataset);
        let records = (0..NUM_FIT)
            .map(|row| Record::new().with("x", cell(modality, row)))
            .collect();
        let alone = crate::fixture::dataset(records, dataset.columns(), &DatasetOptions::default());
        assert_eq!(fitted, fit(&preparation, &alone), "{preparation:?}");
    }
}

#[test]
fn what_was_learned_survives_being_stored() {
    for (modality, preparation) in preparations() {
        let dataset = open(modality);
        let fitted = fit(&preparation, &dataset);
        let stored = serde_json::to_string(&fitted).unwrap();
        let opened: Fitted = serde_json::from_str(&stored).unwrap();
        assert_eq!(opened, fitted, "{stored}");
        let rows = [0, 5, 6, 7];
        assert_eq!(
            opened.collate(&dataset, 0, &rows, None),
            fitted.collate(&dataset, 0, &rows, None),
            "{preparation:?}"
        );
    }
}

#[test]
fn strange_values_stay_finite_and_within_the_fitted_sizes() {
    for (modality, preparation) in preparations() {
        let dataset = open(modality);
        let fitted = fit(&preparation, &dataset);
        let batch = fitted.collate(&dataset, 0, &[STRANGE_ROW], None);
        assert_eq!(batch.present, [true], "{preparation:?}");
        let (_, ids, values) = row_of(&batch, 0);
        assert!(
            values.iter().all(|value| value.is_finite()),
            "{preparation:?} {values:?}"
        );
        assert!(
            ids.iter().all(|id| (*id as usize) < fitted.vocab_size()),
            "{preparation:?}"
        );
        match &batch.payload {
            Payload::Floats { shape, .. } => {
                assert_eq!(
                    shape[1..].iter().product::<usize>(),
                    fitted.width(),
                    "{preparation:?}"
                );
            }
            Payload::Ids { shape, .. } => assert!(shape[1] <= fitted.width(), "{preparation:?}"),
            Payload::Bags { .. } => assert_eq!(fitted.width(), 0),
        }
    }
}

#[test]
fn nothing_to_learn_from_still_gives_finite_values() {
    for (modality, preparation) in preparations() {
        let dataset = open(modality);
        for rows in [&[][..], &[EMPTY_ROW], &[0]] {
            let fitted = Fitted::fit(&preparation, &dataset, 0, rows).unwrap();
            let batch = fitted.collate(&dataset, 0, &[0, EMPTY_ROW, STRANGE_ROW], None);
            for at in 0..3 {
                let (_, ids, values) = row_of(&batch, at);
                assert!(
                    values.iter().all(|value| value.is_finite()),
                    "{preparation:?}"
                );
                assert!(ids.iter().all(|id| (*id as usize) < fitted.vocab_size()));
            }
            assert_eq!(fitted.collate(&dataset, 0, &[], None).present.len(), 0);
        }
    }
}

#[test]
fn a_preparation_of_another_modality_is_refused() {
    for (modality, preparation) in preparations() {
        let other = if modality == Modality::Text {
            Modality::Category
        } else {
            Modality::Text
        };
        let dataset = crate::fixture::column(other, ["a"]);
        let error = Fitted::fit(&preparation, &dataset, 0, &[0]).unwrap_err();
        assert!(
            matches!(error, DataError::WrongPreparation { .. }),
            "{error}"
        );
        assert!(Fitted::fit(&preparation, &dataset, 1, &[0]).is_err());
    }
}
