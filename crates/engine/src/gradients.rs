//! Gradients of all parameters, dense or as rows of a table, in memory that is kept between steps.

use crate::buffer::Buffer;
use crate::error::EngineError;
use crate::kernels::kernels;
use crate::parameters::{ParamId, Parameters};

/// The gradient of one parameter.
#[derive(Debug, Clone, Copy)]
pub enum Gradient<'g> {
    /// Nothing flowed to it.
    None,
    /// One number for each of its values.
    Dense(&'g [f32]),
    /// Some rows of a table `[V, D]`; all others are zero.
    Rows {
        /// Row numbers, ascending, each once.
        rows: &'g [u32],
        /// `[rows, D]`.
        values: &'g [f32],
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Empty,
    Dense,
    Rows,
}

#[derive(Clone)]
struct Slot {
    state: State,
    len: usize,
    /// Length of a row of a table.
    row_dim: usize,
    dense: Option<Buffer>,
    rows: Vec<u32>,
    row_values: Vec<f32>,
}

/// One gradient a parameter. `clear` forgets the values and keeps the memory.
#[derive(Clone)]
pub struct Gradients {
    slots: Vec<Slot>,
}

impl Gradients {
    /// No gradients yet, for these parameters.
    pub fn new(parameters: &Parameters) -> Self {
        let slot = |value: &crate::Tensor| Slot {
            state: State::Empty,
            len: value.len(),
            row_dim: value.last_dim().max(1),
            dense: None,
            rows: Vec::new(),
            row_values: Vec::new(),
        };
        Self {
            slots: parameters.iter().map(|(.., value)| slot(value)).collect(),
        }
    }

    /// Forgets all gradients and keeps their memory.
    pub fn clear(&mut self) {
        for slot in &mut self.slots {
            slot.state = State::Empty;
            slot.rows.clear();
            slot.row_values.clear();
        }
    }

    /// The gradient of a parameter in the form in which it is held.
    ///
    /// # Panics
    /// If `id` comes from other parameters and lies beyond these.
    pub fn get(&self, id: ParamId) -> Gradient<'_> {
        let slot = &self.slots[id.0];
        match (slot.state, &slot.dense) {
            (State::Dense, Some(dense)) => Gradient::Dense(dense),
            (State::Rows, _) => Gradient::Rows {
                rows: &slot.rows,
                values: &slot.row_values,
            },
            _ => Gradient::None,
        }
    }

    /// The gradient if there is one for every value of the parameter.
    ///
    /// # Panics
    /// If `id` comes from other parameters and lies beyond these.
    pub fn dense(&self, id: ParamId) -> Option<&[f32]> {
        match self.get(id) {
            Gradient::Dense(values) => Some(values),
            _ => None,
        }
    }

    /// The gradient written out in full, whatever form it is held in.
    ///
    /// # Panics
    /// If `id` comes from other parameters and lies beyond these.
    pub fn to_vec(&self, id: ParamId) -> Vec<f32> {
        let slot = &self.slots[id.0];
        let mut all = vec![0.0; slot.len];
        match self.get(id) {
            Gradient::None => {}
            Gradient::Dense(values) => all.copy_from_slice(values),
            Gradient::Rows { rows, values } => {
                for (&row, value) in rows.iter().zip(values.chunks_exact(slot.row_dim)) {
                    all[row as usize * slot.row_dim..][..slot.row_dim].copy_from_slice(value);
                }
            }
        }
        all
    }

    /// Replaces the gradient of a parameter, for instance by the mean over several machines.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if there is not one number for each of its values.
    ///
    /// # Panics
    /// If `id` comes from other parameters and lies beyond these.
    pub fn set(&mut self, id: ParamId, values: &[f32]) -> Result<(), EngineError> {
        let len = self.slots[id.0].len;
        crate::error::require(
            values.len() == len,
            "set gradient",
            || format!("{} values", values.len()),
            || format!("{len}"),
        )?;
        let slot = &mut self.slots[id.0];
        (slot.state, slot.rows, slot.row_values) = (State::Empty, Vec::new(), Vec::new());
        self.dense_mut(id).0.copy_from_slice(values);
        Ok(())
    }

    /// Euclidean norm over all gradients together.
    pub fn norm(&self) -> f32 {
        let squares = self.held().map(|values| kernels().sum_of_squares(values));
        squares.sum::<f64>().sqrt() as f32
    }

    /// Scales all gradients so that their norm is at most `max`. Returns the norm before.
    ///
    /// The factor is `max / (norm + 1e-6)`, as in PyTorch's `clip_grad_norm_`.
    pub fn clip_norm(&mut self, max: f32) -> f32 {
        const GUARD: f32 = 1e-6;
        let norm = self.norm();
        let factor = max / (norm + GUARD);
        if factor < 1.0 {
            self.scale(factor);
        }
        norm
    }

    /// Limits every value to `-max..=max`.
    pub fn clip_value(&mut self, max: f32) {
        self.for_each_mut(|values| kernels().limit_in_place(values, max.abs()));
    }

    /// Multiplies all gradients.
    pub fn scale(&mut self, factor: f32) {
        self.for_each_mut(|values| kernels().scale_in_place(values, factor));
    }

    /// Adds the gradients of another micro-batch.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if they belong to other parameters.
    pub fn add(&mut self, other: &Self) -> Result<(), EngineError> {
        let lens = |one: &Self| one.slots.iter().map(|slot| slot.len).collect::<Vec<_>>();
        if lens(self) != lens(other) {
            return Err(EngineError::Shape {
                op: "add gradients",
                got: format!("{} gradients", other.slots.len()),
                expected: "gradients of the same parameters".to_owned(),
            });
        }
        for index in 0..self.slots.len() {
            let id = ParamId(index);
            match other.get(id) {
                Gradient::None => {}
                Gradient::Dense(values) => {
                    let (target, has_values) = self.dense_mut(id);
                    if has_values {
                        kernels().add_in_place(target, values);
                    } else {
                        target.copy_from_slice(values);
                    }
                }
                Gradient::Rows { rows, values } => {
                    self.add_rows(id, rows.to_vec(), values.to_vec());
                }
            }
        }
        Ok(())
    }

    /// Whether every gradient is finite.
    pub fn is_finite(&self) -> bool {
        self.held().all(|values| kernels().all_finite(values))
    }

    /// The dense memory of a parameter, and whether it holds a gradient to add to. If not, its content is
    /// unspecified and the caller must write all of it: so nothing is zeroed for the first gradient of a step.
    pub(crate) fn dense_mut(&mut self, id: ParamId) -> (&mut Buffer, bool) {
        let slot = &mut self.slots[id.0];
        let len = slot.len;
        let dense = slot.dense.get_or_insert_with(|| Buffer::scratch(len));
        let has_values = slot.state != State::Empty;
        if slot.state == State::Rows {
            dense.fill(0.0);
            add_rows_to_dense(dense, &slot.rows, &slot.row_values, slot.row_dim);
            slot.rows.clear();
            slot.row_values.clear();
        }
        slot.state = State::Dense;
        (dense, has_values)
    }

    /// Adds rows (ascending, each once) to the gradient of a table.
    pub(crate) fn add_rows(&mut self, id: ParamId, rows: Vec<u32>, values: Vec<f32>) {
        let slot = &mut self.slots[id.0];
        match (slot.state, &mut slot.dense) {
            (State::Dense, Some(dense)) => {
                add_rows_to_dense(dense, &rows, &values, slot.row_dim);
            }
            (State::Rows, _) => {
                let held = (slot.rows.as_slice(), slot.row_values.as_slice());
                (slot.rows, slot.row_values) = merge_rows(held, (&rows, &values), slot.row_dim);
            }
            _ => {
                slot.rows = rows;
                slot.row_values = values;
                slot.state = State::Rows;
            }
        }
    }

    fn held(&self) -> impl Iterator<Item = &[f32]> {
        (0..self.slots.len()).filter_map(|index| match self.get(ParamId(index)) {
            Gradient::None => None,
            Gradient::Dense(values) | Gradient::Rows { values, .. } => Some(values),
        })
    }

    fn for_each_mut(&mut self, mut change: impl FnMut(&mut [f32])) {
        for slot in &mut self.slots {
            match (slot.state, &mut slot.dense) {
                (State::Dense, Some(dense)) => change(dense),
                (State::Rows, _) => change(&mut slot.row_values),
                _ => {}
            }
        }
    }
}

fn add_rows_to_dense(dense: &mut [f32], rows: &[u32], values: &[f32], row_dim: usize) {
    for (&row, value) in rows.iter().zip(values.chunks_exact(row_dim)) {
        let target = &mut dense[row as usize * row_dim..][..row_dim];
        for (target, value) in target.iter_mut().zip(value) {
            *target += value;
        }
    }
}

/// The sum of two lists of rows, each ascending.
fn merge_rows(
    left: (&[u32], &[f32]),
    right: (&[u32], &[f32]),
    row_dim: usize,
) -> (Vec<u32>, Vec<f32>) {
    let mut rows = Vec::with_capacity(left.0.len() + right.0.len());
    let mut values = Vec::with_capacity(left.1.len() + right.1.len());
    let (mut at_left, mut at_right) = (0, 0);
    while at_left < left.0.len() || at_right < right.0.len() {
        let left_row = left.0.get(at_left).copied();
        let right_row = right.0.get(at_right).copied();
        let row = match (left_row, right_row) {
            (Some(left), Some(right)) => left.min(right),
            (Some(row), None) | (None, Some(row)) => row,
            (None, None) => break,
        };
        rows.push(row);
        let start = values.len();
        values.resize(start + row_dim, 0.0);
        for (held, at, values_of) in [
            (left_row, &mut at_left, left.1),
            (right_row, &mut at_right, right.1),
        ] {
            if held == Some(row) {
                let from = &values_of[*at * row_dim..][..row_dim];
                for (target, value) in values[start..].iter_mut().zip(from) {
                    *target += value;
                }
                *at += 1;
            }
        }
    }
    (rows, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ParamKind, Tensor};

    fn table() -> (Parameters, ParamId) {
        let mut parameters = Parameters::new();
        let id = parameters
            .add("table", ParamKind::Table, Tensor::zeros(&[4, 2]))
            .unwrap();
        (parameters, id)
    }

    #[test]
    fn rows_add_up_to_rows_and_to_dense() {
        let (parameters, id) = table();
        let mut gradients = Gradients::new(&parameters);
        gradients.add_rows(id, vec![0, 2], vec![1.0, 2.0, 3.0, 4.0]);
        gradients.add_rows(id, vec![2, 3], vec![10.0, 20.0, 5.0, 6.0]);
        assert_eq!(
            gradients.to_vec(id),
            [1.0, 2.0, 0.0, 0.0, 13.0, 24.0, 5.0, 6.0]
        );
        assert!(gradients.dense(id).is_none());
        let (dense, has_values) = gradients.dense_mut(id);
        assert!(has_values);
        dense[2] += 7.0;
        gradients.add_rows(id, vec![1], vec![1.0, 1.0]);
        assert_eq!(
            gradients.to_vec(id),
            [1.0, 2.0, 8.0, 1.0, 13.0, 24.0, 5.0, 6.0]
        );
    }

    #[test]
    fn clear_forgets_values() {
        let (parameters, id) = table();
        let mut gradients = Gradients::new(&parameters);
        gradients.add_rows(id, vec![1], vec![f32::NAN, 1.0]);
        assert!(!gradients.is_finite());
        gradients.clear();
        assert_eq!(gradients.norm(), 0.0);
        assert!(matches!(gradients.get(id), Gradient::None));
    }
}
