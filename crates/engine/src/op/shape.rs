//! Reshape, exchange of axes, concatenation and slices.

use std::sync::Arc;

use crate::buffer::Buffer;
use crate::error::{EngineError, require, require_setting};
use crate::kernels::{Stretches, kernels};
use crate::tape::{Backward, Tape, Var};
use crate::tensor::Tensor;

/// Product of the axes before and after `axis`.
fn around(shape: &[usize], axis: usize) -> (usize, usize) {
    (
        shape[..axis].iter().product(),
        shape[axis + 1..].iter().product(),
    )
}

fn check_axis(op: &'static str, shape: &[usize], axis: usize) -> Result<(), EngineError> {
    let expected = "below the number of axes";
    require_setting(axis < shape.len(), op, "axis", axis, expected)
}

impl Tape<'_> {
    /// The same values under another shape; costs nothing.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if the number of values differs.
    pub fn reshape(&mut self, x: &Var, shape: &[usize]) -> Result<Var, EngineError> {
        let tensor = x.tensor().reshaped(shape)?;
        let slot = x.slot();
        let back =
            move |backward: &mut Backward<'_>, dy: Arc<Buffer>| backward.add_shared(slot, dy);
        Ok(self.record(tensor, x.needs_gradient(), back))
    }

    /// Exchanges two axes.
    ///
    /// # Errors
    /// [`EngineError::Setting`] for an axis that does not exist.
    pub fn transpose(&mut self, x: &Var, a: usize, b: usize) -> Result<Var, EngineError> {
        check_axis("transpose", x.shape(), a)?;
        check_axis("transpose", x.shape(), b)?;
        if a == b {
            return Ok(x.clone());
        }
        let (a, b) = (a.min(b), a.max(b));
        let shape = x.shape();
        let middle: usize = shape[a + 1..b].iter().product();
        let inner: usize = shape[b + 1..].iter().product();
        let (len_a, len_b) = (shape[a], shape[b]);
        let mut out_shape = shape.to_vec();
        out_shape.swap(a, b);
        let mut y = Buffer::scratch(x.data().len());
        kernels().swap_axes(x.data(), (len_a, middle, len_b, inner), &mut y);
        let slot = x.slot();
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let mut dx = Buffer::scratch(dy.len());
            kernels().swap_axes(&dy, (len_b, middle, len_a, inner), &mut dx);
            backward.add(slot, dx);
        };
        Ok(self.record(Tensor::from_buffer(&out_shape, y), x.needs_gradient(), back))
    }

    /// Values one after the other along an axis; all other axes are the same.
    ///
    /// # Errors
    /// [`EngineError::Shape`], also for an empty list; [`EngineError::Setting`] for an axis that does not exist.
    pub fn concat(&mut self, parts: &[Var], axis: usize) -> Result<Var, EngineError> {
        const OP: &str = "concat";
        let Some(first) = parts.first() else {
            return Err(EngineError::Shape {
                op: OP,
                got: "nothing".to_owned(),
                expected: "at least one value".to_owned(),
            });
        };
        check_axis(OP, first.shape(), axis)?;
        let mut shape = first.shape().to_vec();
        shape[axis] = 0;
        for part in parts {
            let mut other = part.shape().to_vec();
            let len = other.get(axis).copied().unwrap_or(0);
            if let Some(other) = other.get_mut(axis) {
                *other = shape[axis];
            }
            require(
                other == shape,
                OP,
                || format!("{:?}", part.shape()),
                || format!("the axes of {:?} except axis {axis}", first.shape()),
            )?;
            shape[axis] += len;
        }
        let (outer, inner) = around(&shape, axis);
        let row_len = shape[axis] * inner;
        let mut y = Buffer::scratch(outer * row_len);
        let mut places = Vec::with_capacity(parts.len());
        let mut at = 0;
        for part in parts {
            let len = part.shape()[axis] * inner;
            let stretches = Stretches {
                rows: outer,
                len,
                from: 0,
                from_stride: len,
                to: at,
                to_stride: row_len,
            };
            kernels().copy(part.data(), &mut y, stretches);
            places.push((part.slot(), stretches));
            at += len;
        }
        let needs = parts.iter().any(Var::needs_gradient);
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            for (slot, stretches) in places {
                if slot.is_some() {
                    let mut dx = Buffer::scratch(stretches.rows * stretches.len);
                    kernels().copy(&dy, &mut dx, stretches.reversed());
                    backward.add(slot, dx);
                }
            }
        };
        Ok(self.record(Tensor::from_buffer(&shape, y), needs, back))
    }

    /// The places `start..start + len` of an axis.
    ///
    /// # Errors
    /// [`EngineError::Index`] beyond the axis, [`EngineError::Setting`] for an axis that does not exist.
    pub fn slice(
        &mut self,
        x: &Var,
        axis: usize,
        start: usize,
        len: usize,
    ) -> Result<Var, EngineError> {
        const OP: &str = "slice";
        check_axis(OP, x.shape(), axis)?;
        let full = x.shape()[axis];
        let end = start.checked_add(len).filter(|&end| end <= full);
        if end.is_none() {
            return Err(EngineError::Index {
                op: OP,
                got: start.saturating_add(len),
                limit: full + 1,
            });
        }
        let (outer, inner) = around(x.shape(), axis);
        let stretches = Stretches {
            rows: outer,
            len: len * inner,
            from: start * inner,
            from_stride: full * inner,
            to: 0,
            to_stride: len * inner,
        };
        let mut shape = x.shape().to_vec();
        shape[axis] = len;
        let mut y = Buffer::scratch(outer * len * inner);
        kernels().copy(x.data(), &mut y, stretches);
        let (slot, full_len) = (x.slot(), x.data().len());
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let mut dx = Buffer::zeros(full_len);
            kernels().copy(&dy, &mut dx, stretches.reversed());
            backward.add(slot, dx);
        };
        Ok(self.record(Tensor::from_buffer(&shape, y), x.needs_gradient(), back))
    }
}
