//! A value of the engine: a shape and shared memory.

use std::sync::Arc;

use schema::Numbers;

use crate::EngineError;
use crate::buffer::Buffer;

/// Numbers in `f32`, row-major and without gaps. A clone shares the memory.
#[derive(Clone)]
pub struct Tensor {
    shape: Vec<usize>,
    buffer: Arc<Buffer>,
}

impl Tensor {
    /// A tensor from its values in row-major order.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if `data` has not as many values as `shape` says.
    pub fn from_vec(shape: &[usize], data: Vec<f32>) -> Result<Self, EngineError> {
        check_len(shape, data.len())?;
        Ok(Self::from_buffer(shape, Buffer::from_vec(data)))
    }

    /// A tensor from a copy of its values in row-major order.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if `data` has not as many values as `shape` says.
    pub fn from_slice(shape: &[usize], data: &[f32]) -> Result<Self, EngineError> {
        check_len(shape, data.len())?;
        // From the pool: a block of the system would end in the pool for each batch, and none would leave it.
        Ok(Self::from_buffer(shape, Buffer::copy_of(data)))
    }

    /// A tensor of numbers that a file may hold; they are copied when they are first written to.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if there are not as many values as `shape` says.
    pub fn from_numbers(shape: &[usize], numbers: Numbers<f32>) -> Result<Self, EngineError> {
        check_len(shape, numbers.len())?;
        Ok(Self::from_buffer(shape, Buffer::from_numbers(numbers)))
    }

    /// All zeros.
    pub fn zeros(shape: &[usize]) -> Self {
        Self::from_buffer(shape, Buffer::zeros(shape.iter().product()))
    }

    /// The same value everywhere.
    pub fn full(shape: &[usize], value: f32) -> Self {
        let mut buffer = Buffer::scratch(shape.iter().product());
        buffer.fill(value);
        Self::from_buffer(shape, buffer)
    }

    /// One value, of shape `[1]`.
    pub fn scalar(value: f32) -> Self {
        Self::full(&[1], value)
    }

    /// The lengths of the axes, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values in row-major order.
    pub fn data(&self) -> &[f32] {
        &self.buffer
    }

    /// The values for writing. Memory that a clone shares is copied first.
    pub fn data_mut(&mut self) -> &mut [f32] {
        let buffer: &mut Buffer = Arc::make_mut(&mut self.buffer);
        buffer
    }

    /// The first value: the value of a tensor of one element, and not a number for an empty one.
    pub fn item(&self) -> f32 {
        self.buffer.first().copied().unwrap_or(f32::NAN)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Whether every value is finite.
    pub fn is_finite(&self) -> bool {
        self.buffer.iter().all(|value| value.is_finite())
    }

    /// The same values under another shape, sharing the memory.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if the shapes have different numbers of values.
    pub fn reshaped(&self, shape: &[usize]) -> Result<Self, EngineError> {
        if shape.iter().product::<usize>() != self.len() {
            return Err(EngineError::Shape {
                op: "reshape",
                got: format!("{:?}", self.shape),
                expected: format!("as many values as {shape:?}"),
            });
        }
        Ok(Self::from_shared(shape, Arc::clone(&self.buffer)))
    }

    /// Length of the last axis; 1 for a tensor without axes.
    pub(crate) fn last_dim(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    pub(crate) fn from_buffer(shape: &[usize], buffer: Buffer) -> Self {
        Self::from_shared(shape, Arc::new(buffer))
    }

    pub(crate) fn from_shared(shape: &[usize], buffer: Arc<Buffer>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), buffer.len());
        Self {
            shape: shape.to_vec(),
            buffer,
        }
    }

    /// A copy that shares nothing.
    pub(crate) fn deep_copy(&self) -> Self {
        Self::from_buffer(&self.shape, Buffer::copy_of(&self.buffer))
    }
}

fn check_len(shape: &[usize], len: usize) -> Result<(), EngineError> {
    if shape.iter().product::<usize>() == len {
        return Ok(());
    }
    Err(EngineError::Shape {
        op: "tensor",
        got: format!("{len} values"),
        expected: format!("the values of shape {shape:?}"),
    })
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHOWN: usize = 8;
        let data = self.data();
        let shown = &data[..data.len().min(SHOWN)];
        let more = if data.len() > SHOWN { " .." } else { "" };
        write!(f, "Tensor{:?} {shown:?}{more}", self.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_wrong_number_of_values() {
        assert!(Tensor::from_vec(&[2, 3], vec![0.0; 5]).is_err());
    }

    #[test]
    fn writing_leaves_a_clone_alone() {
        let first = Tensor::full(&[2], 1.0);
        let mut second = first.clone();
        second.data_mut()[0] = 5.0;
        assert_eq!(first.data(), [1.0, 1.0]);
        assert_eq!(second.data(), [5.0, 1.0]);
    }
}
