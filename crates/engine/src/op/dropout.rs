//! Dropout.

use std::sync::Arc;

use crate::buffer::Buffer;
use crate::error::{EngineError, require_setting};
use crate::kernels::kernels;
use crate::tape::{Backward, Tape, Var};
use crate::tensor::Tensor;

impl Tape<'_> {
    /// Sets values to zero with probability `rate` and scales the others by `1 / (1 - rate)`, on a training tape only.
    ///
    /// What is dropped is a function of the seed of the tape, of how many draws came before, and of the place.
    ///
    /// # Errors
    /// [`EngineError::Setting`] unless `rate` lies in `0..1`.
    ///
    /// # Source
    /// Srivastava et al. 2014, "Dropout", JMLR 15.
    pub fn dropout(&mut self, x: &Var, rate: f32) -> Result<Var, EngineError> {
        let fits = (0.0..1.0).contains(&rate);
        require_setting(fits, "dropout", "rate", rate, "at least 0 and below 1")?;
        if !self.is_training() || rate == 0.0 {
            return Ok(x.clone());
        }
        let draw = self.next_draw();
        let mut y = Buffer::scratch(x.data().len());
        kernels().dropout(x.data(), rate, draw, &mut y);
        let slot = x.slot();
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let mut dx = Buffer::scratch(dy.len());
            kernels().dropout(&dy, rate, draw, &mut dx);
            backward.add(slot, dx);
        };
        Ok(self.record(Tensor::from_buffer(x.shape(), y), x.needs_gradient(), back))
    }
}
