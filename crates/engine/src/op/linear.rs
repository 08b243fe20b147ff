//! The linear layer.

use crate::buffer::Buffer;
use crate::error::{EngineError, require};
use crate::kernels::{LinearEnd, LinearShape, kernels};
use crate::op::Activation;
use crate::op::activation::Activated;
use crate::parameters::ParamId;
use crate::tape::{Backward, Tape, Var};

impl Tape<'_> {
    /// `activation(x weight^T + bias)`
    ///
    /// # Shapes
    /// - `x`: `[.., I]`, `weight`: `[O, I]`, `bias`: `[O]`
    /// - returns `[.., O]`
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn linear(
        &mut self,
        x: &Var,
        weight: ParamId,
        bias: Option<ParamId>,
        activation: Activation,
    ) -> Result<Var, EngineError> {
        let layer = self.linear_shape(x, weight)?;
        let out_dim = layer.out_dim;
        self.check_vector("linear", "bias", bias, out_dim)?;
        let mut shape = x.shape().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = out_dim;
        }
        let trains = self.trains(weight) || bias.is_some_and(|bias| self.trains(bias));
        let needs = self.is_training() && (x.needs_gradient() || trains);
        let mut result = Buffer::scratch(shape.iter().product());
        let mut kept = (needs && !activation.keeps_output()).then(|| Buffer::scratch(result.len()));
        let end = LinearEnd {
            bias: bias.map(|bias| self.parameters().get(bias).data()),
            activation,
            kept: kept.as_deref_mut(),
        };
        let values = self.parameters().weight(weight, self.is_training());
        kernels().linear(layer, x.data(), values, end, &mut result);
        let activated = match kept {
            Some(kept) => Activated::with_input(activation, &shape, result, kept),
            None => Activated::done(activation, &shape, result, needs),
        };
        let slope = activated.slope();
        let (input, slot) = (x.tensor().clone(), x.slot());
        let back = move |backward: &mut Backward<'_>, gradient| {
            let dy = slope.apply(gradient);
            backward.weight(weight, |dw, accumulate| {
                kernels().linear_backward_weight(layer, &dy, input.data(), dw, accumulate);
            });
            if let Some(bias) = bias {
                backward.weight(bias, |db, accumulate| {
                    kernels().sum_rows(&dy, out_dim, db, accumulate);
                });
            }
            if slot.is_some() {
                let mut dx = Buffer::scratch(input.len());
                let weight = backward.parameters.get(weight).data();
                kernels().linear_backward_input(layer, &dy, weight, &mut dx);
                backward.add(slot, dx);
            }
        };
        Ok(self.record(activated.output, needs, back))
    }

    /// The layer of a weight `[O, I]` for an input `[.., I]`.
    fn linear_shape(&self, x: &Var, weight: ParamId) -> Result<LinearShape, EngineError> {
        let parameters = self.parameters();
        let (name, shape) = (parameters.name(weight), parameters.get(weight).shape());
        require(
            shape.len() == 2,
            "linear",
            || format!("weight \"{name}\" {shape:?}"),
            || "weight [O, I]".to_owned(),
        )?;
        let (out_dim, in_dim) = (shape[0], shape[1]);
        require(
            x.shape().last() == Some(&in_dim),
            "linear",
            || format!("x {:?}", x.shape()),
            || format!("[.., I={in_dim}] (from \"{name}\")"),
        )?;
        Ok(LinearShape {
            in_dim,
            out_dim,
            precision: self.precision(),
        })
    }

    /// Refuses a parameter that is not `[len]`.
    pub(crate) fn check_vector(
        &self,
        op: &'static str,
        role: &'static str,
        id: Option<ParamId>,
        len: usize,
    ) -> Result<(), EngineError> {
        let Some(id) = id else { return Ok(()) };
        let shape = self.parameters().get(id).shape();
        require(
            shape == [len],
            op,
            || format!("{role} \"{}\" {shape:?}", self.parameters().name(id)),
            || format!("[{len}]"),
        )
    }
}
