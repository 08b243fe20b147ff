//! Sums, products and functions of each number.

use std::sync::Arc;

use crate::buffer::Buffer;
use crate::error::{EngineError, require};
use crate::kernels::{Binary, Unary, kernels};
use crate::tape::{Backward, Tape, Var, owned};
use crate::tensor::Tensor;

fn same_shape(op: &'static str, a: &Var, b: &Var) -> Result<(), EngineError> {
    require(
        a.shape() == b.shape(),
        op,
        || format!("{:?}", b.shape()),
        || format!("the shape of the first, {:?}", a.shape()),
    )
}

impl Tape<'_> {
    /// `a + b`, of one shape.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn add(&mut self, a: &Var, b: &Var) -> Result<Var, EngineError> {
        same_shape("add", a, b)?;
        let mut out = Buffer::scratch(a.data().len());
        kernels().binary(Binary::Add, a.data(), b.data(), &mut out);
        let (slot_a, slot_b) = (a.slot(), b.slot());
        let back = move |backward: &mut Backward<'_>, gradient: Arc<Buffer>| {
            backward.add_shared(slot_a, gradient.clone());
            backward.add_shared(slot_b, gradient);
        };
        let needs = a.needs_gradient() || b.needs_gradient();
        Ok(self.record(Tensor::from_buffer(a.shape(), out), needs, back))
    }

    /// `a - b`, of one shape.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn sub(&mut self, a: &Var, b: &Var) -> Result<Var, EngineError> {
        same_shape("sub", a, b)?;
        let mut out = Buffer::scratch(a.data().len());
        kernels().binary(Binary::Sub, a.data(), b.data(), &mut out);
        let (slot_a, slot_b) = (a.slot(), b.slot());
        let back = move |backward: &mut Backward<'_>, gradient: Arc<Buffer>| {
            backward.add_shared(slot_a, gradient.clone());
            if slot_b.is_some() {
                let mut db = owned(gradient);
                kernels().scale_in_place(&mut db, -1.0);
                backward.add(slot_b, db);
            }
        };
        let needs = a.needs_gradient() || b.needs_gradient();
        Ok(self.record(Tensor::from_buffer(a.shape(), out), needs, back))
    }

    /// `a * b` number by number, of one shape.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn mul(&mut self, a: &Var, b: &Var) -> Result<Var, EngineError> {
        same_shape("mul", a, b)?;
        let mut out = Buffer::scratch(a.data().len());
        kernels().binary(Binary::Mul, a.data(), b.data(), &mut out);
        let needs = a.needs_gradient() || b.needs_gradient();
        let (a, b) = (a.clone(), b.clone());
        let shape = a.shape().to_vec();
        let back = move |backward: &mut Backward<'_>, gradient: Arc<Buffer>| {
            for (this, other) in [(&a, &b), (&b, &a)] {
                if this.needs_gradient() {
                    let mut out = Buffer::scratch(gradient.len());
                    kernels().binary(Binary::Mul, &gradient, other.data(), &mut out);
                    backward.add(this.slot(), out);
                }
            }
        };
        Ok(self.record(Tensor::from_buffer(&shape, out), needs, back))
    }

    /// `x + row` for every row of `x`.
    ///
    /// # Shapes
    /// - `x`: `[.., D]`, or any shape whose last axes are the axes of `row`
    /// - `row`: `[D]`, or several axes such as `[T, D]`
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn add_row(&mut self, x: &Var, row: &Var) -> Result<Var, EngineError> {
        let dim = row.data().len();
        require(
            !row.shape().is_empty() && x.shape().ends_with(row.shape()) && dim > 0,
            "add_row",
            || format!("row {:?}", row.shape()),
            || format!("the last axes of x {:?}", x.shape()),
        )?;
        let mut out = Buffer::scratch(x.data().len());
        kernels().add_row(x.data(), row.data(), &mut out);
        let (slot_x, slot_row) = (x.slot(), row.slot());
        let back = move |backward: &mut Backward<'_>, gradient: Arc<Buffer>| {
            if slot_row.is_some() {
                let mut sum = Buffer::scratch(dim);
                kernels().sum_rows(&gradient, dim, &mut sum, false);
                backward.add(slot_row, sum);
            }
            backward.add_shared(slot_x, gradient);
        };
        let needs = x.needs_gradient() || row.needs_gradient();
        Ok(self.record(Tensor::from_buffer(x.shape(), out), needs, back))
    }

    /// Every row of `x` times its factor.
    ///
    /// # Shapes
    /// - `x`: `[.., D]`, `factors`: `[..]` (or `[.., 1]`)
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn mul_column(&mut self, x: &Var, factors: &Var) -> Result<Var, EngineError> {
        let dim = x.tensor().last_dim();
        let rows = x.data().len() / dim.max(1);
        let leading = &x.shape()[..x.shape().len().saturating_sub(1)];
        let shape = factors.shape();
        let with_one = shape.split_last() == Some((&1, leading));
        require(
            factors.data().len() == rows && (shape == leading || with_one),
            "mul_column",
            || format!("factors {shape:?}"),
            || format!("one for each row of x {:?}", x.shape()),
        )?;
        let mut out = Buffer::scratch(x.data().len());
        kernels().scale_rows(x.data(), factors.data(), dim, &mut out);
        let needs = x.needs_gradient() || factors.needs_gradient();
        let (x, factors) = (x.clone(), factors.clone());
        let shape = x.shape().to_vec();
        let back = move |backward: &mut Backward<'_>, gradient: Arc<Buffer>| {
            if factors.needs_gradient() {
                let mut dots = Buffer::scratch(rows);
                kernels().row_dots(x.data(), &gradient, dim, &mut dots);
                backward.add(factors.slot(), dots);
            }
            if x.needs_gradient() {
                let mut dx = Buffer::scratch(gradient.len());
                kernels().scale_rows(&gradient, factors.data(), dim, &mut dx);
                backward.add(x.slot(), dx);
            }
        };
        Ok(self.record(Tensor::from_buffer(&shape, out), needs, back))
    }

    /// `x * factor`
    ///
    /// # Errors
    /// None today; operations share the signature.
    pub fn scale(&mut self, x: &Var, factor: f32) -> Result<Var, EngineError> {
        Ok(self.unary(Unary::Scale(factor), x))
    }

    /// `x + value`
    ///
    /// # Errors
    /// None today; operations share the signature.
    pub fn add_scalar(&mut self, x: &Var, value: f32) -> Result<Var, EngineError> {
        Ok(self.unary(Unary::AddScalar(value), x))
    }

    /// `e^x`
    ///
    /// # Errors
    /// None today; operations share the signature.
    pub fn exp(&mut self, x: &Var) -> Result<Var, EngineError> {
        Ok(self.unary(Unary::Exp, x))
    }

    /// Natural logarithm. Zero gives minus infinity, a negative number gives none.
    ///
    /// # Errors
    /// None today; operations share the signature.
    pub fn ln(&mut self, x: &Var) -> Result<Var, EngineError> {
        Ok(self.unary(Unary::Ln, x))
    }

    /// `x * x`
    ///
    /// # Errors
    /// None today; operations share the signature.
    pub fn square(&mut self, x: &Var) -> Result<Var, EngineError> {
        Ok(self.unary(Unary::Square, x))
    }

    /// Square root. The slope at 0 is infinite.
    ///
    /// # Errors
    /// None today; operations share the signature.
    pub fn sqrt(&mut self, x: &Var) -> Result<Var, EngineError> {
        Ok(self.unary(Unary::Sqrt, x))
    }

    /// `|x|`; its slope at 0 is 0.
    ///
    /// # Errors
    /// None today; operations share the signature.
    pub fn abs(&mut self, x: &Var) -> Result<Var, EngineError> {
        Ok(self.unary(Unary::Abs, x))
    }

    /// `ln(1 + e^x)`, without overflow.
    ///
    /// # Errors
    /// None today; operations share the signature.
    pub fn softplus(&mut self, x: &Var) -> Result<Var, EngineError> {
        Ok(self.unary(Unary::Softplus, x))
    }

    /// `sin(x)`, for periodic encodings.
    ///
    /// # Errors
    /// None today; operations share the signature.
    pub fn sin(&mut self, x: &Var) -> Result<Var, EngineError> {
        Ok(self.unary(Unary::Sin, x))
    }

    /// `cos(x)`, for periodic encodings.
    ///
    /// # Errors
    /// None today; operations share the signature.
    pub fn cos(&mut self, x: &Var) -> Result<Var, EngineError> {
        Ok(self.unary(Unary::Cos, x))
    }

    fn unary(&mut self, f: Unary, x: &Var) -> Var {
        let mut out = Buffer::scratch(x.data().len());
        kernels().unary(f, x.data(), &mut out);
        let (input, slot) = (x.tensor().clone(), x.slot());
        let back = move |backward: &mut Backward<'_>, gradient: Arc<Buffer>| {
            let mut dx = owned(gradient);
            kernels().unary_backward(f, input.data(), &mut dx);
            backward.add(slot, dx);
        };
        self.record(
            Tensor::from_buffer(x.shape(), out),
            x.needs_gradient(),
            back,
        )
    }
}
