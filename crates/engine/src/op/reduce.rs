//! Sums and means, over all values or over one axis.

use std::sync::Arc;

use crate::buffer::Buffer;
use crate::error::{EngineError, require, require_setting};
use crate::kernels::kernels;
use crate::tape::{Backward, Tape, Var};
use crate::tensor::Tensor;

impl Tape<'_> {
    /// Sum of all values, `[1]`.
    ///
    /// # Errors
    /// None today; operations share the signature.
    pub fn sum(&mut self, x: &Var) -> Result<Var, EngineError> {
        Ok(self.scaled_sum(x, 1.0))
    }

    /// Mean of all values, `[1]`.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if there are no values.
    pub fn mean(&mut self, x: &Var) -> Result<Var, EngineError> {
        let len = x.data().len();
        let got = || format!("x {:?}", x.shape());
        require(len > 0, "mean", got, || "at least one value".to_owned())?;
        Ok(self.scaled_sum(x, 1.0 / len as f64))
    }

    fn scaled_sum(&mut self, x: &Var, factor: f64) -> Var {
        let total = Tensor::scalar((kernels().sum(x.data()) * factor) as f32);
        let (slot, len) = (x.slot(), x.data().len());
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let mut dx = Buffer::scratch(len);
            dx.fill(dy[0] * factor as f32);
            backward.add(slot, dx);
        };
        self.record(total, x.needs_gradient(), back)
    }

    /// Sum over one axis, which disappears.
    ///
    /// # Errors
    /// [`EngineError::Setting`] for an axis that does not exist.
    pub fn sum_axis(&mut self, x: &Var, axis: usize) -> Result<Var, EngineError> {
        self.reduce_axis("sum_axis", x, axis, false)
    }

    /// Mean over one axis, which disappears.
    ///
    /// # Errors
    /// [`EngineError::Setting`] for an axis that does not exist, [`EngineError::Shape`] if it is empty.
    pub fn mean_axis(&mut self, x: &Var, axis: usize) -> Result<Var, EngineError> {
        self.reduce_axis("mean_axis", x, axis, true)
    }

    fn reduce_axis(
        &mut self,
        op: &'static str,
        x: &Var,
        axis: usize,
        is_mean: bool,
    ) -> Result<Var, EngineError> {
        let expected = "below the number of axes";
        require_setting(axis < x.shape().len(), op, "axis", axis, expected)?;
        let len = x.shape()[axis];
        let inner: usize = x.shape()[axis + 1..].iter().product();
        let got = || format!("x {:?}", x.shape());
        require(len > 0 || !is_mean, op, got, || {
            "at least one value".to_owned()
        })?;
        let mut shape = x.shape().to_vec();
        shape.remove(axis);
        if shape.is_empty() {
            shape.push(1);
        }
        let factor = if is_mean { 1.0 / len as f32 } else { 1.0 };
        Ok(self.scaled_sum_over(x, (len, inner, factor), &shape))
    }

    /// Mean over the middle axis of `[outer, len, inner]`.
    pub(crate) fn mean_over(
        &mut self,
        x: &Var,
        (len, inner): (usize, usize),
        out_shape: &[usize],
    ) -> Result<Var, EngineError> {
        Ok(self.scaled_sum_over(x, (len, inner, 1.0 / len as f32), out_shape))
    }

    fn scaled_sum_over(
        &mut self,
        x: &Var,
        (len, inner, factor): (usize, usize, f32),
        out_shape: &[usize],
    ) -> Var {
        let mut y = Buffer::scratch(out_shape.iter().product());
        kernels().sum_middle(x.data(), (len, inner), factor, &mut y);
        let (slot, in_len) = (x.slot(), x.data().len());
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let mut dx = Buffer::scratch(in_len);
            kernels().spread_middle(&dy, (len, inner), factor, &mut dx);
            backward.add(slot, dx);
        };
        self.record(Tensor::from_buffer(out_shape, y), x.needs_gradient(), back)
    }
}
