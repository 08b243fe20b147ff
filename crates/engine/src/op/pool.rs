//! Pooling of pictures and of tokens.

use std::sync::Arc;

use crate::buffer::Buffer;
use crate::error::{EngineError, named_shape, require};
use crate::kernels::kernels;
use crate::tape::{Backward, Tape, Var};
use crate::tensor::Tensor;

/// Windows of a pooling; `[vertical, horizontal]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool2d {
    /// Size of a window.
    pub kernel: [usize; 2],
    /// Pixels from one window to the next.
    pub stride: [usize; 2],
    /// Pixels around the picture: never the largest, and zeros in a mean.
    pub padding: [usize; 2],
}

impl Pool2d {
    /// Square windows side by side without padding.
    pub fn square(kernel: usize) -> Self {
        Self {
            kernel: [kernel; 2],
            stride: [kernel; 2],
            padding: [0; 2],
        }
    }
}

/// All axes of one pooling, checked.
#[derive(Debug, Clone)]
pub(crate) struct PoolShape {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) out_height: usize,
    pub(crate) out_width: usize,
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) padding: [usize; 2],
}

impl PoolShape {
    pub(crate) fn check(
        op: &'static str,
        x: &[usize],
        pool: Pool2d,
    ) -> Result<(Self, Vec<usize>), EngineError> {
        let refuse = |expected: &str| EngineError::Shape {
            op,
            got: format!("x {}, {pool:?}", named_shape(&["B", "C", "H", "W"], x)),
            expected: expected.to_owned(),
        };
        let &[batch, channels, height, width] = x else {
            return Err(refuse("x [B, C, H, W]"));
        };
        let Pool2d {
            kernel,
            stride,
            padding,
        } = pool;
        let half = |axis: usize| padding[axis] * 2 <= kernel[axis];
        if kernel.contains(&0) || stride.contains(&0) || !half(0) || !half(1) {
            return Err(refuse(
                "kernel and stride of at least 1, padding of at most half a kernel",
            ));
        }
        let out = |axis: usize, len: usize| {
            let room = (len + 2 * padding[axis]).checked_sub(kernel[axis])?;
            (len > 0).then_some(room / stride[axis] + 1)
        };
        let (Some(out_height), Some(out_width)) = (out(0, height), out(1, width)) else {
            return Err(refuse("pictures at least as large as a window"));
        };
        let shape = Self {
            height,
            width,
            out_height,
            out_width,
            kernel,
            stride,
            padding,
        };
        Ok((shape, vec![batch, channels, out_height, out_width]))
    }

    /// Pixels of one channel.
    pub(crate) fn plane(&self) -> usize {
        self.height * self.width
    }

    /// Windows of one channel.
    pub(crate) fn out_plane(&self) -> usize {
        self.out_height * self.out_width
    }

    /// Whether windows of two by two lie side by side.
    pub(crate) fn is_halving(&self) -> bool {
        (self.kernel, self.stride, self.padding) == ([2, 2], [2, 2], [0, 0])
    }
}

impl Tape<'_> {
    /// Largest value of every window.
    ///
    /// # Shapes
    /// - `x`: `[B, C, H, W]`
    /// - returns `[B, C, H', W']`, `H' = (H + 2 padding - kernel) / stride + 1`
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn max_pool2d(&mut self, x: &Var, pool: Pool2d) -> Result<Var, EngineError> {
        let (shape, out_shape) = PoolShape::check("max_pool2d", x.shape(), pool)?;
        let mut y = Buffer::scratch(out_shape.iter().product());
        if !self.is_training() || !x.needs_gradient() {
            kernels().max_pool2d_values(&shape, x.data(), &mut y);
            return Ok(self.constant(Tensor::from_buffer(&out_shape, y)));
        }
        let mut places = vec![0_u32; y.len()];
        kernels().max_pool2d(&shape, x.data(), &mut y, &mut places);
        let (slot, len) = (x.slot(), x.data().len());
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let mut dx = Buffer::scratch(len);
            kernels().max_pool2d_backward(&shape, &dy, &places, &mut dx);
            backward.add(slot, dx);
        };
        Ok(self.record(Tensor::from_buffer(&out_shape, y), x.needs_gradient(), back))
    }

    /// Mean of every window; padding counts as zeros (PyTorch's default).
    ///
    /// # Shapes
    /// As [`Tape::max_pool2d`].
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn avg_pool2d(&mut self, x: &Var, pool: Pool2d) -> Result<Var, EngineError> {
        let (shape, out_shape) = PoolShape::check("avg_pool2d", x.shape(), pool)?;
        let mut y = Buffer::scratch(out_shape.iter().product());
        kernels().avg_pool2d(&shape, x.data(), &mut y);
        let (slot, len) = (x.slot(), x.data().len());
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let mut dx = Buffer::scratch(len);
            kernels().avg_pool2d_backward(&shape, &dy, &mut dx);
            backward.add(slot, dx);
        };
        Ok(self.record(Tensor::from_buffer(&out_shape, y), x.needs_gradient(), back))
    }

    /// Mean of every channel.
    ///
    /// # Shapes
    /// - `x`: `[B, C, ..]`, returns `[B, C]`
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn global_avg_pool(&mut self, x: &Var) -> Result<Var, EngineError> {
        let fits = x.shape().len() >= 3 && !x.shape().contains(&0);
        require(
            fits,
            "global_avg_pool",
            || format!("x {:?}", x.shape()),
            || "[B, C, ..]".to_owned(),
        )?;
        let plane: usize = x.shape()[2..].iter().product();
        let out_shape = x.shape()[..2].to_vec();
        self.mean_over(x, (plane, 1), &out_shape)
    }

    /// Mean over the tokens that are valid; a record without a valid token gives zeros.
    ///
    /// # Shapes
    /// - `x`: `[B, T, D]`, `valid`: `[B, T]` row-major, true for a real token
    /// - returns `[B, D]`
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn mean_tokens(&mut self, x: &Var, valid: Option<&[bool]>) -> Result<Var, EngineError> {
        const OP: &str = "mean_tokens";
        let &[batch, tokens, dim] = x.shape() else {
            return Err(EngineError::Shape {
                op: OP,
                got: format!("x {:?}", x.shape()),
                expected: "[B, T, D]".to_owned(),
            });
        };
        let Some(valid) = valid else {
            require(
                tokens > 0,
                OP,
                || "no tokens".to_owned(),
                || "at least one".to_owned(),
            )?;
            return self.mean_over(x, (tokens, dim), &[batch, dim]);
        };
        require(
            valid.len() == batch * tokens,
            OP,
            || format!("a mask of {} tokens", valid.len()),
            || format!("[B={batch}, T={tokens}]"),
        )?;
        let mut factors = vec![0.0_f32; valid.len()];
        for (factors, valid) in factors
            .chunks_exact_mut(tokens.max(1))
            .zip(valid.chunks_exact(tokens.max(1)))
        {
            let count = valid.iter().filter(|&&valid| valid).count();
            for (factor, &valid) in factors.iter_mut().zip(valid) {
                *factor = if valid { 1.0 / count as f32 } else { 0.0 };
            }
        }
        let mut y = Buffer::scratch(batch * dim);
        kernels().weighted_tokens(x.data(), (tokens, dim), &factors, &mut y);
        let (slot, len) = (x.slot(), x.data().len());
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let mut dx = Buffer::scratch(len);
            kernels().spread_tokens(&dy, (tokens, dim), &factors, &mut dx);
            backward.add(slot, dx);
        };
        Ok(self.record(
            Tensor::from_buffer(&[batch, dim], y),
            x.needs_gradient(),
            back,
        ))
    }
}
