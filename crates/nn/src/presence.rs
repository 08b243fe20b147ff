//! Which record has which modality, and how absence is made an ordinary input.

use engine::{ParamId, Tape, Tensor, Var};

use crate::{NnError, input::draws};

/// The presence mask of a batch: `[B, M]`, true where the record has the modality.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    flags: Vec<bool>,
    num_inputs: usize,
}

impl Presence {
    /// From one mask an input, each B long.
    pub fn new(columns: &[&[bool]]) -> Self {
        let batch_size = columns.first().map_or(0, |column| column.len());
        let mut flags = Vec::with_capacity(batch_size * columns.len());
        for record in 0..batch_size {
            flags.extend(columns.iter().map(|column| column[record]));
        }
        Self {
            flags,
            num_inputs: columns.len(),
        }
    }

    /// Number of inputs, M.
    pub fn num_inputs(&self) -> usize {
        self.num_inputs
    }

    /// Number of records, B.
    pub fn batch_size(&self) -> usize {
        self.flags.len() / self.num_inputs.max(1)
    }

    /// Whether a record has an input.
    pub fn has(&self, record: usize, input: usize) -> bool {
        self.flags[record * self.num_inputs + input]
    }

    /// The mask as it lies: `[B, M]` row-major.
    pub fn flags(&self) -> &[bool] {
        &self.flags
    }

    /// The mask of one input, B long.
    pub fn of(&self, input: usize) -> Vec<bool> {
        (0..self.batch_size())
            .map(|record| self.has(record, input))
            .collect()
    }

    /// Whether a record has anything, B long.
    pub fn any(&self) -> Vec<bool> {
        self.flags
            .chunks(self.num_inputs.max(1))
            .map(|record| record.contains(&true))
            .collect()
    }

    /// Whether every record has everything.
    pub fn is_full(&self) -> bool {
        !self.flags.contains(&false)
    }

    /// 1 where present, 0 where not, `[B, M]`.
    pub(crate) fn as_floats(&self) -> Vec<f32> {
        self.flags.iter().map(|flag| f32::from(*flag)).collect()
    }

    /// Hides each present modality of each record with a probability, but never the last one.
    ///
    /// Draws nothing outside training or at rate 0.
    ///
    /// # Errors
    /// [`NnError::Engine`] if the tape refuses to draw.
    ///
    /// # Source
    /// Neverova et al. 2015, "ModDrop", arXiv:1501.00102. Differs: one modality, picked at random, is always kept.
    pub fn dropped(&self, tape: &mut Tape<'_>, rate: f64) -> Result<Self, NnError> {
        if !tape.is_training() || rate <= 0.0 || self.num_inputs < 2 {
            return Ok(self.clone());
        }
        let mut rng = draws(tape)?;
        let mut flags = self.flags.clone();
        for record in flags.chunks_mut(self.num_inputs) {
            let present: Vec<usize> = (0..record.len()).filter(|input| record[*input]).collect();
            let kept = rng.pick(&present).copied();
            for input in present {
                // Drawn for every modality, so that one record's fate does not move the next one's.
                record[input] = !rng.chance(rate);
            }
            if let Some(kept) = kept
                && !record.contains(&true)
            {
                record[kept] = true;
            }
        }
        Ok(Self {
            flags,
            num_inputs: self.num_inputs,
        })
    }
}

/// Spreads the embeddings of present records over the batch; absent ones get `empty`, or zeros without one.
///
/// # Shapes
/// - `embedding`: `[P, D]`, the records where `present` is true in order; `None` if there are none
/// - `empty`: parameter `[D]`
/// - returns: `[B, D]`
///
/// # Errors
/// [`NnError::Engine`] if the shapes do not fit.
pub(crate) fn spread(
    tape: &mut Tape<'_>,
    embedding: Option<&Var>,
    present: &[bool],
    empty: Option<ParamId>,
    dim: usize,
) -> Result<Var, NnError> {
    if let Some(embedding) = embedding
        && !present.contains(&false)
    {
        return Ok(embedding.clone());
    }
    let blank = match empty {
        Some(id) => {
            let vector = tape.param(id);
            tape.reshape(&vector, &[1, dim])?
        }
        None => tape.constant(Tensor::zeros(&[1, dim])),
    };
    let mut parts: Vec<Var> = embedding.into_iter().cloned().collect();
    let absent = parts.first().map_or(0, |embedding| embedding.shape()[0]);
    parts.push(blank);
    let rows = tape.concat(&parts, 0)?;
    let mut next = 0;
    let places: Vec<usize> = present
        .iter()
        .map(|is_present| {
            if *is_present {
                next += 1;
                next - 1
            } else {
                absent
            }
        })
        .collect();
    Ok(tape.select_rows(&rows, &places)?)
}

/// Replaces the rows of hidden records, `[B, D]`: by `empty`, or by zeros without one.
///
/// # Errors
/// [`NnError::Engine`] if the shapes do not fit.
pub(crate) fn hide(
    tape: &mut Tape<'_>,
    embedding: &Var,
    shown: &[bool],
    empty: Option<ParamId>,
) -> Result<Var, NnError> {
    if !shown.contains(&false) {
        return Ok(embedding.clone());
    }
    let dim = embedding.shape()[1];
    let blank = match empty {
        Some(id) => tape.param(id),
        None => tape.constant(Tensor::zeros(&[dim])),
    };
    Ok(tape.where_rows(shown, embedding, &blank)?)
}

#[cfg(test)]
mod tests {
    use engine::{ParamKind, Parameters};

    use super::*;

    #[test]
    fn dropping_never_hides_the_last_modality_and_shows_nothing_new() {
        let parameters = Parameters::new();
        let (texts, images) = (
            vec![true; 500],
            [vec![true; 400], vec![false; 100]].concat(),
        );
        let presence = Presence::new(&[&texts, &images]);
        let mut tape = Tape::training(&parameters, 1);
        let dropped = presence.dropped(&mut tape, 0.5).unwrap();
        assert!(dropped.any().iter().all(|any| *any));
        assert!((400..500).all(|record| dropped.has(record, 0) && !dropped.has(record, 1)));
        // Both present, rate one half: 1/4 + 1/4 + 1/4 * 1/2 = 3/8 of the texts are hidden, 150 of 400; 5 deviations.
        let hidden = (0..400).filter(|record| !dropped.has(*record, 0)).count();
        assert!((100..200).contains(&hidden), "{hidden}");
    }

    #[test]
    fn inference_hides_nothing() {
        let parameters = Parameters::new();
        let presence = Presence::new(&[&[true], &[false]]);
        let mut tape = Tape::inference(&parameters);
        assert_eq!(presence.dropped(&mut tape, 0.9).unwrap(), presence);
    }

    #[test]
    fn absent_records_get_the_empty_embedding() {
        let mut parameters = Parameters::new();
        let value = Tensor::from_vec(&[2], vec![7.0, 8.0]).unwrap();
        let empty = parameters.add("empty", ParamKind::Bias, value).unwrap();
        let mut tape = Tape::inference(&parameters);
        let rows = tape.constant(Tensor::from_vec(&[2, 2], vec![1.0, 2.0, 3.0, 4.0]).unwrap());
        let present = [false, true, false, true];
        let spread_out = spread(&mut tape, Some(&rows), &present, Some(empty), 2).unwrap();
        let expected = [7.0, 8.0, 1.0, 2.0, 7.0, 8.0, 3.0, 4.0];
        assert_eq!(tape.value(&spread_out).data(), expected);
        let none = spread(&mut tape, None, &[false], Some(empty), 2).unwrap();
        assert_eq!(tape.value(&none).data(), [7.0, 8.0]);
    }
}
