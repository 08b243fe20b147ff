//! A table of vectors, read by code or as weighted bags.

use engine::{ParamId, ParamKind, Tape, Var};

use crate::{Init, NnError, Scope};

/// A table `[V, D]`.
#[derive(Debug, Clone)]
pub struct Embedding {
    table: ParamId,
    num_rows: usize,
    dim: usize,
}

impl Embedding {
    /// A table of `num_rows` vectors of width `dim`.
    ///
    /// # Errors
    /// [`NnError::Engine`] if the name is taken.
    pub fn build(
        scope: &mut Scope<'_>,
        name: &str,
        num_rows: usize,
        dim: usize,
        init: Init,
    ) -> Result<Self, NnError> {
        let table =
            scope
                .child(name)
                .parameter("table", ParamKind::Table, &[num_rows, dim], init)?;
        Ok(Self {
            table,
            num_rows,
            dim,
        })
    }

    /// Number of vectors, V.
    pub fn num_rows(&self) -> usize {
        self.num_rows
    }

    /// Width of a vector, D.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Looks codes up.
    ///
    /// # Shapes
    /// - `ids`: row-major over `shape`, each below V
    /// - returns: `[..shape, D]`
    ///
    /// # Errors
    /// [`NnError::Engine`] if a code is not below V or the number of codes is not that of `shape`.
    pub fn forward(
        &self,
        tape: &mut Tape<'_>,
        ids: &[u32],
        shape: &[usize],
    ) -> Result<Var, NnError> {
        Ok(tape.embedding(self.table, ids, shape)?)
    }

    /// Adds up the vectors of each bag, times their weights.
    ///
    /// # Shapes
    /// - `offsets`: `B + 1`, where each bag starts
    /// - returns: `[B, D]`; zeros for an empty bag
    ///
    /// # Errors
    /// [`NnError::Engine`] if a code is not below V or the offsets do not fit.
    pub fn forward_bag(
        &self,
        tape: &mut Tape<'_>,
        offsets: &[usize],
        ids: &[u32],
        weights: &[f32],
    ) -> Result<Var, NnError> {
        // The engine takes where bags start only, as PyTorch does.
        let starts = &offsets[..offsets.len().saturating_sub(1)];
        Ok(tape.embedding_bag(self.table, starts, ids, weights)?)
    }
}
