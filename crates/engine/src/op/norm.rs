//! Layer norm, RMS norm, group norm, and rows of unit length.

use std::sync::Arc;

use crate::buffer::Buffer;
use crate::error::{EngineError, named_shape, require, require_setting};
use crate::kernels::{GroupNormGradient, GroupShape, RowNorm, RowNormGradient, kernels};
use crate::parameters::ParamId;
use crate::tape::{Backward, Tape, Var};
use crate::tensor::Tensor;

impl Tape<'_> {
    /// `(x - mean) / sqrt(variance + eps) * weight + bias` over the last axis.
    ///
    /// # Shapes
    /// - `x`: `[.., D]`, `weight` and `bias`: `[D]`
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    ///
    /// # Source
    /// Ba, Kiros, Hinton 2016, arXiv:1607.06450.
    pub fn layer_norm(
        &mut self,
        x: &Var,
        weight: ParamId,
        bias: Option<ParamId>,
        eps: f32,
    ) -> Result<Var, EngineError> {
        self.row_norm(RowNorm::Layer, x, (weight, bias), eps)
    }

    /// `layer_norm(x + residual)` and the sum itself, for networks that norm before each part.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn add_layer_norm(
        &mut self,
        x: &Var,
        residual: &Var,
        weight: ParamId,
        bias: Option<ParamId>,
        eps: f32,
    ) -> Result<(Var, Var), EngineError> {
        let sum = self.add(x, residual)?;
        let normed = self.layer_norm(&sum, weight, bias, eps)?;
        Ok((normed, sum))
    }

    /// `x / sqrt(mean(x^2) + eps) * weight` over the last axis.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    ///
    /// # Source
    /// Zhang and Sennrich 2019, arXiv:1910.07467.
    pub fn rms_norm(&mut self, x: &Var, weight: ParamId, eps: f32) -> Result<Var, EngineError> {
        self.row_norm(RowNorm::Rms, x, (weight, None), eps)
    }

    fn row_norm(
        &mut self,
        norm: RowNorm,
        x: &Var,
        (weight, bias): (ParamId, Option<ParamId>),
        eps: f32,
    ) -> Result<Var, EngineError> {
        let op = match norm {
            RowNorm::Layer => "layer_norm",
            RowNorm::Rms => "rms_norm",
        };
        let dim = x.tensor().last_dim();
        require(
            !x.shape().is_empty() && dim > 0,
            op,
            || format!("x {:?}", x.shape()),
            || "[.., D]".to_owned(),
        )?;
        self.check_vector(op, "weight", Some(weight), dim)?;
        self.check_vector(op, "bias", bias, dim)?;
        let parameters = self.parameters();
        let mut y = Buffer::scratch(x.data().len());
        let bias_values = bias.map(|bias| parameters.get(bias).data());
        let values = (parameters.get(weight).data(), bias_values);
        kernels().row_norm(norm, x.data(), values, eps, &mut y);
        let trains = self.trains(weight) || bias.is_some_and(|bias| self.trains(bias));
        let (input, slot) = (x.tensor().clone(), x.slot());
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let mut dx = Buffer::scratch(input.len());
            let gradient = RowNormGradient {
                norm,
                x: input.data(),
                weight: backward.parameters.get(weight).data(),
                dy: &dy,
                eps,
            };
            let (dw, db) = kernels().row_norm_backward(&gradient, &mut dx);
            backward.add_weight(weight, &dw);
            if let Some(bias) = bias {
                backward.add_weight(bias, &db);
            }
            backward.add(slot, dx);
        };
        let needs = x.needs_gradient() || trains;
        Ok(self.record(Tensor::from_buffer(x.shape(), y), needs, back))
    }

    /// Layer norm over groups of neighbouring channels.
    ///
    /// # Shapes
    /// - `x`: `[B, C, ..]`, `weight` and `bias`: `[C]`
    ///
    /// # Errors
    /// [`EngineError::Shape`], [`EngineError::Setting`] if `groups` does not divide `C`.
    ///
    /// # Source
    /// Wu and He 2018, arXiv:1803.08494.
    pub fn group_norm(
        &mut self,
        x: &Var,
        groups: usize,
        weight: ParamId,
        bias: ParamId,
        eps: f32,
    ) -> Result<Var, EngineError> {
        const OP: &str = "group_norm";
        let &[_, channels, ref rest @ ..] = x.shape() else {
            let got = || format!("x {}", named_shape(&[], x.shape()));
            require(false, OP, got, || "[B, C, ..]".to_owned())?;
            return Ok(x.clone());
        };
        let plane: usize = rest.iter().product();
        let divides = groups > 0 && channels % groups == 0;
        require_setting(divides, OP, "groups", groups, "a divisor of the channels")?;
        require(
            channels * plane > 0,
            OP,
            || format!("x {:?}", x.shape()),
            || "no empty axis".to_owned(),
        )?;
        self.check_vector(OP, "weight", Some(weight), channels)?;
        self.check_vector(OP, "bias", Some(bias), channels)?;
        let parameters = self.parameters();
        let shape = GroupShape {
            channels,
            plane,
            groups,
        };
        let mut y = Buffer::scratch(x.data().len());
        let values = (parameters.get(weight).data(), parameters.get(bias).data());
        kernels().group_norm(shape, x.data(), values, eps, &mut y);
        let needs = x.needs_gradient() || self.trains(weight) || self.trains(bias);
        let (input, slot) = (x.tensor().clone(), x.slot());
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let mut dx = Buffer::scratch(input.len());
            let gradient = GroupNormGradient {
                shape,
                x: input.data(),
                weight: backward.parameters.get(weight).data(),
                dy: &dy,
                eps,
            };
            let (dw, db) = kernels().group_norm_backward(&gradient, &mut dx);
            backward.add_weight(weight, &dw);
            backward.add_weight(bias, &db);
            backward.add(slot, dx);
        };
        Ok(self.record(Tensor::from_buffer(x.shape(), y), needs, back))
    }

    /// Rows of length 1: `x / max(|x|, eps)` over the last axis, eps 1e-12 as in PyTorch's `normalize`.
    ///
    /// # Errors
    /// None today; operations share the signature.
    pub fn normalize_rows(&mut self, x: &Var) -> Result<Var, EngineError> {
        const EPS: f32 = 1e-12;
        let dim = x.tensor().last_dim();
        let inverse = kernels().inverse_lengths(x.data(), dim, EPS);
        let mut y = Buffer::scratch(x.data().len());
        kernels().scale_rows(x.data(), &inverse, dim, &mut y);
        let y = Tensor::from_buffer(x.shape(), y);
        let (output, slot) = (y.clone(), x.slot());
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let mut dx = Buffer::scratch(dy.len());
            kernels().unit_rows_backward(output.data(), &dy, &inverse, &mut dx);
            backward.add(slot, dx);
        };
        Ok(self.record(y, x.needs_gradient(), back))
    }
}
