//! A matrix and a bias.

use engine::{Activation, ParamId, ParamKind, Tape, Var};

use crate::{Init, NnError, Scope, layer::ActivationKind};

/// `y = activation(x W^T + b)`.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: ParamId,
    bias: Option<ParamId>,
    activation: Activation,
    in_dim: usize,
    out_dim: usize,
}

impl Linear {
    /// With PyTorch's first values: weight and bias uniform within 1/sqrt(`in_dim`).
    ///
    /// # Errors
    /// [`NnError::Engine`] if the name is taken.
    pub fn build(
        scope: &mut Scope<'_>,
        name: &str,
        in_dim: usize,
        out_dim: usize,
    ) -> Result<Self, NnError> {
        let init = Init::torch(in_dim);
        Self::with_init(scope, name, [in_dim, out_dim], init, Some(init))
    }

    /// With Keras' first values: Glorot uniform weight, bias 0.
    ///
    /// # Errors
    /// [`NnError::Engine`] if the name is taken.
    pub fn glorot(
        scope: &mut Scope<'_>,
        name: &str,
        in_dim: usize,
        out_dim: usize,
    ) -> Result<Self, NnError> {
        let init = Init::glorot(in_dim, out_dim);
        Self::with_init(scope, name, [in_dim, out_dim], init, Some(Init::ZEROS))
    }

    /// With any first values; `bias` of `None` for a layer without one. `dims` are input and output width.
    ///
    /// # Errors
    /// [`NnError::Engine`] if the name is taken.
    pub fn with_init(
        scope: &mut Scope<'_>,
        name: &str,
        dims: [usize; 2],
        weight: Init,
        bias: Option<Init>,
    ) -> Result<Self, NnError> {
        let [in_dim, out_dim] = dims;
        let mut scope = scope.child(name);
        let weight = scope.parameter("weight", ParamKind::Weight, &[out_dim, in_dim], weight)?;
        let bias = bias
            .map(|init| scope.parameter("bias", ParamKind::Bias, &[out_dim], init))
            .transpose()?;
        Ok(Self {
            weight,
            bias,
            activation: Activation::None,
            in_dim,
            out_dim,
        })
    }

    /// The same layer with an activation behind it.
    #[must_use]
    pub fn activated(mut self, kind: ActivationKind) -> Self {
        self.activation = kind.into();
        self
    }

    /// Input width.
    pub fn in_dim(&self) -> usize {
        self.in_dim
    }

    /// Output width.
    pub fn out_dim(&self) -> usize {
        self.out_dim
    }

    /// # Shapes
    /// - `x`: `[.., in_dim]`
    /// - returns: `[.., out_dim]`
    ///
    /// # Errors
    /// [`NnError::Engine`] if the last axis is not `in_dim`.
    pub fn forward(&self, tape: &mut Tape<'_>, x: &Var) -> Result<Var, NnError> {
        Ok(tape.linear(x, self.weight, self.bias, self.activation)?)
    }
}

#[cfg(test)]
mod tests {
    use engine::{Parameters, Tensor};
    use schema::Seed;

    use super::*;

    #[test]
    fn it_is_the_matrix_product_with_bias() {
        let mut parameters = Parameters::new();
        let mut scope = Scope::new(&mut parameters, Seed(0));
        let layer = Linear::build(&mut scope, "l", 2, 1)
            .unwrap()
            .activated(ActivationKind::Relu);
        let set = |parameters: &mut Parameters, name: &str, shape: &[usize], data: Vec<f32>| {
            let id = parameters.by_name(name).unwrap();
            parameters
                .set(id, Tensor::from_vec(shape, data).unwrap())
                .unwrap();
        };
        set(&mut parameters, "l.weight", &[1, 2], vec![2.0, -1.0]);
        set(&mut parameters, "l.bias", &[1], vec![0.5]);
        let mut tape = Tape::inference(&parameters);
        let x = tape.constant(Tensor::from_vec(&[2, 2], vec![1.0, 1.0, 0.0, 3.0]).unwrap());
        let y = layer.forward(&mut tape, &x).unwrap();
        // By hand: 2 - 1 + 0.5 = 1.5; -3 + 0.5 < 0.
        assert_eq!(tape.value(&y).data(), [1.5, 0.0]);
    }
}
