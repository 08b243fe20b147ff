//! Embedding tables, whose gradients hold only the rows that were used.

use std::sync::Arc;

use crate::buffer::Buffer;
use crate::error::{EngineError, require};
use crate::kernels::{Use, kernels};
use crate::parameters::ParamId;
use crate::tape::{Backward, Tape, Var};
use crate::tensor::Tensor;

impl Tape<'_> {
    /// Rows of a table.
    ///
    /// # Shapes
    /// - `table`: `[V, D]`; `ids`: as many as `shape` says, each below `V`
    /// - returns `[shape.., D]`
    ///
    /// # Errors
    /// [`EngineError::Shape`], [`EngineError::Index`].
    pub fn embedding(
        &mut self,
        table: ParamId,
        ids: &[u32],
        shape: &[usize],
    ) -> Result<Var, EngineError> {
        const OP: &str = "embedding";
        let dim = self.check_table(OP, table, ids)?;
        require(
            shape.iter().product::<usize>() == ids.len(),
            OP,
            || format!("{} ids", ids.len()),
            || format!("as many as shape {shape:?}"),
        )?;
        let mut out = Buffer::scratch(ids.len() * dim);
        kernels().gather_rows(self.parameters().get(table).data(), dim, ids, &mut out);
        let mut out_shape = shape.to_vec();
        out_shape.push(dim);
        let trains = self.trains(table);
        let uses: Vec<Use> = if trains { uses_of(ids) } else { Vec::new() };
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let (rows, values) = kernels().scatter(uses, dim, &dy);
            backward.gradients.add_rows(table, rows, values);
        };
        Ok(self.record(Tensor::from_buffer(&out_shape, out), trains, back))
    }

    /// Weighted sums of rows of a table, one a record: the text encoder of n-grams.
    ///
    /// # Shapes
    /// - `table`: `[V, D]`; `offsets`: `[B]`, ascending, where in `ids` each record begins
    /// - `ids` and `weights`: all records one after the other
    /// - returns `[B, D]`; a record without ids gives zeros
    ///
    /// # Errors
    /// [`EngineError::Shape`], [`EngineError::Index`].
    pub fn embedding_bag(
        &mut self,
        table: ParamId,
        offsets: &[usize],
        ids: &[u32],
        weights: &[f32],
    ) -> Result<Var, EngineError> {
        const OP: &str = "embedding_bag";
        let dim = self.check_table(OP, table, ids)?;
        require(
            weights.len() == ids.len(),
            OP,
            || format!("{} weights", weights.len()),
            || format!("one for each of {} ids", ids.len()),
        )?;
        let ascending = offsets.is_sorted() && offsets.last().is_none_or(|&last| last <= ids.len());
        let starts = offsets.first().map_or(ids.is_empty(), |&first| first == 0);
        require(
            ascending && starts,
            OP,
            || "offsets out of order".to_owned(),
            || format!("ascending from 0 up to {} ids", ids.len()),
        )?;
        let batch = offsets.len();
        let mut out = Buffer::scratch(batch * dim);
        let values = self.parameters().get(table).data();
        kernels().bag(values, dim, offsets, (ids, weights), &mut out);
        let trains = self.trains(table);
        let uses = if trains {
            bag_uses(offsets, ids, weights)
        } else {
            Vec::new()
        };
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let (rows, values) = kernels().scatter(uses, dim, &dy);
            backward.gradients.add_rows(table, rows, values);
        };
        Ok(self.record(Tensor::from_buffer(&[batch, dim], out), trains, back))
    }

    /// Refuses a parameter that is not `[V, D]`, and ids beyond `V`. Gives `D`.
    fn check_table(
        &self,
        op: &'static str,
        table: ParamId,
        ids: &[u32],
    ) -> Result<usize, EngineError> {
        let shape = self.parameters().get(table).shape();
        let &[num_rows, dim] = shape else {
            return Err(EngineError::Shape {
                op,
                got: format!("table \"{}\" {shape:?}", self.parameters().name(table)),
                expected: "[V, D]".to_owned(),
            });
        };
        match ids.iter().find(|&&id| id as usize >= num_rows) {
            Some(&id) => Err(EngineError::Index {
                op,
                got: id as usize,
                limit: num_rows,
            }),
            None => Ok(dim),
        }
    }
}

fn uses_of(ids: &[u32]) -> Vec<Use> {
    let uses = ids.iter().enumerate().map(|(row, &id)| Use {
        id,
        row: row as u32,
        weight: 1.0,
    });
    uses.collect()
}

fn bag_uses(offsets: &[usize], ids: &[u32], weights: &[f32]) -> Vec<Use> {
    let mut uses = Vec::with_capacity(ids.len());
    for (row, &start) in offsets.iter().enumerate() {
        let end = offsets.get(row + 1).copied().unwrap_or(ids.len());
        for (&id, &weight) in ids[start..end].iter().zip(&weights[start..end]) {
            let row = row as u32;
            uses.push(Use { id, row, weight });
        }
    }
    uses
}
