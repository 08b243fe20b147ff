//! Softmax over the last axis.

use std::sync::Arc;

use crate::buffer::Buffer;
use crate::error::{EngineError, require};
use crate::kernels::kernels;
use crate::tape::{Backward, Tape, Var};
use crate::tensor::Tensor;

fn check(op: &'static str, x: &Var) -> Result<usize, EngineError> {
    let dim = x.tensor().last_dim();
    let got = || format!("x {:?}", x.shape());
    require(dim > 0 && !x.shape().is_empty(), op, got, || {
        "[.., K], K at least 1".to_owned()
    })?;
    Ok(dim)
}

impl Tape<'_> {
    /// `e^x / sum(e^x)` over the last axis. A row that is minus infinity everywhere gives zeros.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn softmax(&mut self, x: &Var) -> Result<Var, EngineError> {
        let dim = check("softmax", x)?;
        let mut y = Buffer::scratch(x.data().len());
        kernels().softmax(x.data(), dim, &mut y);
        let y = Tensor::from_buffer(x.shape(), y);
        let (output, slot) = (y.clone(), x.slot());
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let mut dx = Buffer::scratch(dy.len());
            kernels().softmax_backward(output.data(), &dy, dim, &mut dx);
            backward.add(slot, dx);
        };
        Ok(self.record(y, x.needs_gradient(), back))
    }

    /// `x - ln(sum(e^x))` over the last axis.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn log_softmax(&mut self, x: &Var) -> Result<Var, EngineError> {
        let dim = check("log_softmax", x)?;
        let mut y = Buffer::scratch(x.data().len());
        kernels().log_softmax(x.data(), dim, &mut y);
        let y = Tensor::from_buffer(x.shape(), y);
        let (output, slot) = (y.clone(), x.slot());
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let mut dx = Buffer::scratch(dy.len());
            kernels().log_softmax_backward(output.data(), &dy, dim, &mut dx);
            backward.add(slot, dx);
        };
        Ok(self.record(y, x.needs_gradient(), back))
    }
}
