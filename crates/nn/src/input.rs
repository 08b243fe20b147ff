//! What the data room found out about an input column, and the numbers of a batch as an encoder takes them.

use engine::{Tape, Tensor, Var};
use schema::{Batch, InputBatch, Modality, Payload, Preparation, Rng, Seed};

use crate::NnError;

/// The widths of one input column, fitted on the training split.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InputInfo {
    /// Name of the column.
    pub column: String,
    /// What its cells hold.
    pub modality: Modality,
    /// How wide its numbers are.
    pub width: InputWidth,
}

/// How wide the numbers of a column are; one kind a form of [`Preparation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputWidth {
    /// Token numbers `[B, T]`.
    Tokens {
        /// Token numbers are below this.
        vocab_size: usize,
        /// T is at most this.
        max_len: usize,
    },
    /// Weighted bags.
    Ngrams {
        /// Buckets of both blocks together; bucket numbers are below this.
        num_buckets: usize,
    },
    /// Pixels `[B, 3, H, W]`.
    Pixels {
        /// Height and width.
        size_px: usize,
    },
    /// A spectrogram `[B, F, M]`.
    Spectrogram {
        /// Frames, F.
        num_frames: usize,
        /// Bands, M.
        num_mels: usize,
    },
    /// A series `[B, C, T]`.
    Series {
        /// Channels, C.
        num_channels: usize,
        /// Moments, T.
        len: usize,
    },
    /// Frames or slices `[B, N, 3, H, W]`.
    Frames {
        /// How many, N.
        num_frames: usize,
        /// Height and width.
        size_px: usize,
    },
    /// Floats `[B, width]`: a number with its bins, or the parts of a date.
    Floats {
        /// Values a record.
        width: usize,
    },
    /// One code a record, `[B, 1]`.
    Codes {
        /// Codes are below this; 0 is "not seen in training".
        num_values: usize,
    },
}

impl InputInfo {
    /// Puts name and widths together.
    pub fn new(column: &str, modality: Modality, width: InputWidth) -> Self {
        Self {
            column: column.to_owned(),
            modality,
            width,
        }
    }

    pub(crate) fn mismatch(&self, got: impl Into<String>, expected: &str) -> NnError {
        NnError::Input {
            column: self.column.clone(),
            got: got.into(),
            expected: expected.to_owned(),
        }
    }
}

impl InputWidth {
    /// The greatest widths that a preparation can come to, for plans made before any data is read.
    pub fn most(preparation: &Preparation) -> Self {
        match *preparation {
            Preparation::Tokens {
                vocab_size,
                max_len,
                ..
            } => Self::Tokens {
                vocab_size,
                max_len,
            },
            Preparation::Ngrams { buckets, .. } => Self::Ngrams {
                num_buckets: 2 * buckets,
            },
            Preparation::Pixels { size_px, .. } => Self::Pixels { size_px },
            Preparation::Spectrogram(form) => Self::Spectrogram {
                num_frames: form.num_frames(),
                num_mels: form.num_mels,
            },
            // How many channels a column has shows when it is fitted.
            Preparation::Series { len, .. } => Self::Series {
                num_channels: 1,
                len,
            },
            Preparation::Frames {
                num_frames,
                size_px,
                ..
            } => Self::Frames {
                num_frames,
                size_px,
            },
            Preparation::Number { num_bins } => Self::Floats {
                width: 1 + num_bins,
            },
            Preparation::Category { max_values } => Self::Codes {
                num_values: max_values,
            },
            Preparation::Date => Self::Floats { width: 9 },
        }
    }
}

/// The dense floats of an input as a constant.
///
/// # Errors
/// [`NnError::Input`] if the payload is of another kind, or its axes after the first are not `shape`.
pub(crate) fn floats(
    tape: &mut Tape<'_>,
    input: &InputBatch,
    info: &InputInfo,
    shape: &[usize],
) -> Result<Var, NnError> {
    let expected = || format!("floats [B, {}]", join(shape));
    match &input.payload {
        Payload::Floats { shape: got, data } if got.get(1..) == Some(shape) => {
            Ok(tape.constant(Tensor::from_slice(got, data)?))
        }
        other => Err(info.mismatch(describe(other), &expected())),
    }
}

/// Codes, their shape, and which are real.
pub(crate) type Codes<'a> = (&'a [u32], &'a [usize], &'a [bool]);

/// The codes of an input.
///
/// # Errors
/// [`NnError::Input`] if the payload is of another kind, has not two axes, or a code is not below `limit`.
pub(crate) fn codes<'a>(
    input: &'a InputBatch,
    info: &InputInfo,
    limit: usize,
) -> Result<Codes<'a>, NnError> {
    match &input.payload {
        Payload::Ids { shape, data, valid }
            if shape.len() == 2
                && data.len() == valid.len()
                && data.len() == shape[0] * shape[1] =>
        {
            if let Some(code) = data.iter().find(|code| **code as usize >= limit) {
                return Err(info.mismatch(format!("code {code}"), &format!("codes below {limit}")));
            }
            Ok((data, shape, valid))
        }
        other => Err(info.mismatch(describe(other), "codes [B, T]")),
    }
}

/// What a payload is, for messages.
pub(crate) fn describe(payload: &Payload) -> String {
    match payload {
        Payload::Floats { shape, .. } => format!("floats [{}]", join(shape)),
        Payload::Ids { shape, .. } => format!("codes [{}]", join(shape)),
        Payload::Bags { offsets, .. } => format!("bags [B={}]", offsets.len().saturating_sub(1)),
    }
}

fn join(shape: &[usize]) -> String {
    let parts: Vec<String> = shape.iter().map(usize::to_string).collect();
    parts.join(", ")
}

/// Number of records that a payload holds.
fn num_records(payload: &Payload) -> usize {
    match payload {
        Payload::Floats { shape, .. } | Payload::Ids { shape, .. } => {
            shape.first().copied().unwrap_or(0)
        }
        Payload::Bags { offsets, .. } => offsets.len().saturating_sub(1),
    }
}

/// Refuses a batch that has not `num_inputs` inputs of equally many records.
///
/// # Errors
/// [`NnError::Batch`].
pub(crate) fn check_batch(batch: &Batch, num_inputs: usize) -> Result<(), NnError> {
    let wrong = |got: String, expected: String| Err(NnError::Batch { got, expected });
    if batch.inputs.len() != num_inputs {
        return wrong(
            format!("{} inputs", batch.inputs.len()),
            format!("{num_inputs}"),
        );
    }
    if batch.size() == 0 {
        return wrong("no records".to_owned(), "at least one".to_owned());
    }
    for (index, input) in batch.inputs.iter().enumerate() {
        let got = (num_records(&input.payload), input.present.len());
        if got != (batch.size(), batch.size()) {
            return wrong(
                format!(
                    "input {index} with {} records, {} present marks",
                    got.0, got.1
                ),
                format!("{} of each", batch.size()),
            );
        }
    }
    Ok(())
}

/// The records at some places of an input; all of them must exist.
pub(crate) fn select(input: &InputBatch, records: &[usize]) -> InputBatch {
    let payload = match &input.payload {
        Payload::Floats { shape, data } => Payload::Floats {
            shape: resized(shape, records.len()),
            data: rows(data, shape, records),
        },
        Payload::Ids { shape, data, valid } => Payload::Ids {
            shape: resized(shape, records.len()),
            data: rows(data, shape, records),
            valid: rows(valid, shape, records),
        },
        Payload::Bags {
            offsets,
            ids,
            weights,
        } => {
            let mut picked = (vec![0], Vec::new(), Vec::new());
            for record in records {
                let range = offsets[*record]..offsets[record + 1];
                picked.1.extend_from_slice(&ids[range.clone()]);
                picked.2.extend_from_slice(&weights[range]);
                picked.0.push(picked.1.len());
            }
            Payload::Bags {
                offsets: picked.0,
                ids: picked.1,
                weights: picked.2,
            }
        }
    };
    InputBatch {
        present: records
            .iter()
            .map(|record| input.present[*record])
            .collect(),
        payload,
    }
}

fn resized(shape: &[usize], num_records: usize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    shape[0] = num_records;
    shape
}

fn rows<T: Copy>(data: &[T], shape: &[usize], records: &[usize]) -> Vec<T> {
    let width: usize = shape[1..].iter().product();
    let mut picked = Vec::with_capacity(records.len() * width);
    for record in records {
        picked.extend_from_slice(&data[record * width..(record + 1) * width]);
    }
    picked
}

/// Random numbers of a training step, a function of the tape's seed and of how many operations drew before.
///
/// The tape gives randomness through dropout only, so 64 coins at rate one half are its next 64 bits.
pub(crate) fn draws(tape: &mut Tape<'_>) -> Result<Rng, NnError> {
    let coins = tape.constant(Tensor::full(&[64], 1.0));
    let tossed = tape.dropout(&coins, 0.5)?;
    let bits = tape
        .value(&tossed)
        .data()
        .iter()
        .fold(0_u64, |bits, coin| (bits << 1) | u64::from(*coin != 0.0));
    Ok(Seed(bits).rng())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selecting_records_keeps_their_values_in_order() {
        let bags = InputBatch {
            present: vec![true, false, true],
            payload: Payload::Bags {
                offsets: vec![0, 2, 2, 3],
                ids: vec![5, 6, 7],
                weights: vec![0.5, 0.6, 0.7],
            },
        };
        let picked = select(&bags, &[2, 0]);
        assert_eq!(picked.present, [true, true]);
        assert_eq!(
            picked.payload,
            Payload::Bags {
                offsets: vec![0, 1, 3],
                ids: vec![7, 5, 6],
                weights: vec![0.7, 0.5, 0.6],
            }
        );
    }

    #[test]
    fn draws_differ_from_call_to_call_and_repeat_with_the_seed() {
        let parameters = engine::Parameters::new();
        let sequence = |seed| {
            let mut tape = Tape::training(&parameters, seed);
            let mut next = || draws(&mut tape).unwrap().next_u64();
            [next(), next()]
        };
        assert_eq!(sequence(1), sequence(1));
        assert_ne!(sequence(1)[0], sequence(1)[1]);
        assert_ne!(sequence(1)[0], sequence(2)[0]);
    }
}
