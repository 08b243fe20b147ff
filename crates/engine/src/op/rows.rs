//! Choosing whole rows (records).

use std::sync::Arc;

use crate::buffer::Buffer;
use crate::error::{EngineError, require};
use crate::kernels::kernels;
use crate::tape::{Backward, Tape, Var};
use crate::tensor::Tensor;

impl Tape<'_> {
    /// Rows of `x` by number, in any order and any number of times.
    ///
    /// # Shapes
    /// - `x`: `[N, ..]`, `rows`: `[R]`, each below `N`
    /// - returns `[R, ..]`
    ///
    /// # Errors
    /// [`EngineError::Index`], [`EngineError::Shape`] if `x` has no axes.
    pub fn select_rows(&mut self, x: &Var, rows: &[usize]) -> Result<Var, EngineError> {
        const OP: &str = "select_rows";
        let Some((&num_rows, rest)) = x.shape().split_first() else {
            return Err(EngineError::Shape {
                op: OP,
                got: "a value without axes".to_owned(),
                expected: "[N, ..]".to_owned(),
            });
        };
        if let Some(&row) = rows.iter().find(|&&row| row >= num_rows) {
            return Err(EngineError::Index {
                op: OP,
                got: row,
                limit: num_rows,
            });
        }
        let dim: usize = rest.iter().product();
        let ids: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
        let mut y = Buffer::scratch(rows.len() * dim);
        kernels().gather_rows(x.data(), dim, &ids, &mut y);
        let mut shape = x.shape().to_vec();
        shape[0] = rows.len();
        let (slot, len) = (x.slot(), x.data().len());
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let mut dx = Buffer::zeros(len);
            kernels().add_to_rows(&dy, dim, &ids, &mut dx);
            backward.add(slot, dx);
        };
        Ok(self.record(Tensor::from_buffer(&shape, y), x.needs_gradient(), back))
    }

    /// One value of every row: `out[b] = x[b, columns[b]]`.
    ///
    /// # Shapes
    /// - `x`: `[.., K]`, `columns`: one for each row, below `K`
    /// - returns `[rows]`
    ///
    /// # Errors
    /// [`EngineError::Shape`], [`EngineError::Index`].
    pub fn gather_columns(&mut self, x: &Var, columns: &[u32]) -> Result<Var, EngineError> {
        const OP: &str = "gather_columns";
        let dim = x.tensor().last_dim();
        require(
            dim > 0 && columns.len() * dim == x.data().len(),
            OP,
            || format!("{} columns", columns.len()),
            || format!("one for each row of x {:?}", x.shape()),
        )?;
        if let Some(&column) = columns.iter().find(|&&column| column as usize >= dim) {
            return Err(EngineError::Index {
                op: OP,
                got: column as usize,
                limit: dim,
            });
        }
        let mut picked = Buffer::scratch(columns.len());
        kernels().gather_columns(x.data(), columns, &mut picked);
        let (slot, len) = (x.slot(), x.data().len());
        let columns = columns.to_vec();
        let rows = columns.len();
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let mut dx = Buffer::scratch(len);
            kernels().spread_columns(&dy, &columns, &mut dx);
            backward.add(slot, dx);
        };
        let picked = Tensor::from_buffer(&[rows], picked);
        Ok(self.record(picked, x.needs_gradient(), back))
    }

    /// Rows of `a` where `mask` is true, of `b` elsewhere: how a missing modality gets its learned vector.
    ///
    /// # Shapes
    /// - `mask`: `[B]`, `a`: `[B, ..]`, `b`: the shape of `a` or that of one row of it
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn where_rows(&mut self, mask: &[bool], a: &Var, b: &Var) -> Result<Var, EngineError> {
        const OP: &str = "where_rows";
        let rows = a.shape().first().copied().unwrap_or(0);
        require(
            rows == mask.len() && !a.shape().is_empty(),
            OP,
            || format!("a {:?}", a.shape()),
            || format!("[B={}, ..] (from the mask)", mask.len()),
        )?;
        let is_row = b.shape() == &a.shape()[1..];
        require(
            is_row || b.shape() == a.shape(),
            OP,
            || format!("b {:?}", b.shape()),
            || format!("the shape of a {:?} or of its rows", a.shape()),
        )?;
        let dim: usize = a.shape()[1..].iter().product();
        let mut y = Buffer::scratch(a.data().len());
        kernels().choose_rows(mask, a.data(), b.data(), &mut y);
        let (slot_a, slot_b, mask) = (a.slot(), b.slot(), mask.to_vec());
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            for (slot, keeps) in [(slot_a, true), (slot_b, false)] {
                if slot.is_none() {
                    continue;
                }
                let mut part = Buffer::scratch(dy.len());
                kernels().mask_rows(&mask, keeps, &dy, &mut part);
                if !keeps && is_row {
                    let mut sum = Buffer::scratch(dim);
                    kernels().sum_rows(&part, dim, &mut sum, false);
                    part = sum;
                }
                backward.add(slot, part);
            }
        };
        let needs = a.needs_gradient() || b.needs_gradient();
        Ok(self.record(Tensor::from_buffer(a.shape(), y), needs, back))
    }
}
