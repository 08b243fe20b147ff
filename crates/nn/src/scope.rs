//! Where parameters are made: a name, a first value drawn from it, a place in the engine's arena.

use engine::{ParamId, ParamKind, Parameters, Tensor};
use schema::{Rng, Seed};

use crate::NnError;

/// How the first values of a parameter are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// Every value the same.
    Constant(f32),
    /// Uniform in [-bound, bound].
    Uniform(f64),
    /// Normal with mean 0 and this deviation.
    Normal(f64),
}

impl Init {
    /// Zeros: biases of Glorot layers, offsets of norms.
    pub const ZEROS: Self = Self::Constant(0.0);
    /// Ones: scales of norms.
    pub const ONES: Self = Self::Constant(1.0);

    /// What PyTorch gives weights and biases of linear and convolution layers: uniform within 1/sqrt(`fan_in`).
    ///
    /// # Source
    /// `torch.nn.Linear.reset_parameters`: Kaiming uniform with a = sqrt(5), which comes to this bound.
    pub fn torch(fan_in: usize) -> Self {
        Self::Uniform(1.0 / (fan_in.max(1) as f64).sqrt())
    }

    /// Uniform within sqrt(6 / (`fan_in` + `fan_out`)), what Keras gives dense layers.
    ///
    /// # Source
    /// Glorot, Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", eq. 16.
    pub fn glorot(fan_in: usize, fan_out: usize) -> Self {
        Self::Uniform((6.0 / (fan_in + fan_out).max(1) as f64).sqrt())
    }

    fn draw(self, count: usize, rng: &mut Rng) -> Vec<f32> {
        match self {
            Self::Constant(value) => vec![value; count],
            Self::Uniform(bound) => (0..count)
                .map(|_| rng.between(-bound, bound) as f32)
                .collect(),
            Self::Normal(deviation) => (0..count)
                .map(|_| (deviation * rng.normal()) as f32)
                .collect(),
        }
    }
}

/// A place in the tree of parameter names, such as `encoder.photo.blocks.0`.
///
/// A parameter's first values depend on the seed and on its own full name only, never on what was made before it.
pub struct Scope<'a> {
    parameters: &'a mut Parameters,
    seed: Seed,
    prefix: String,
    is_blank: bool,
}

impl<'a> Scope<'a> {
    /// The root, over an arena.
    pub fn new(parameters: &'a mut Parameters, seed: Seed) -> Self {
        Self {
            parameters,
            seed,
            prefix: String::new(),
            is_blank: false,
        }
    }

    /// A root that draws nothing: all zeros, to be filled from a saved network.
    pub fn blank(parameters: &'a mut Parameters) -> Self {
        Self {
            is_blank: true,
            ..Self::new(parameters, Seed(0))
        }
    }

    /// The place below this one with a name.
    pub fn child(&mut self, name: &str) -> Scope<'_> {
        let prefix = self.full_name(name);
        Scope {
            parameters: self.parameters,
            seed: self.seed,
            prefix,
            is_blank: self.is_blank,
        }
    }

    /// Makes a parameter.
    ///
    /// # Errors
    /// [`NnError::Engine`] if the name is taken.
    pub fn parameter(
        &mut self,
        name: &str,
        kind: ParamKind,
        shape: &[usize],
        init: Init,
    ) -> Result<ParamId, NnError> {
        let parts = [(shape.first().copied().unwrap_or(1), init)];
        self.stacked(name, kind, shape, &parts)
    }

    /// Makes a parameter whose first axis is cut into parts with inits of their own, such as a packed projection.
    ///
    /// # Errors
    /// [`NnError::Engine`] if the name is taken.
    pub fn stacked(
        &mut self,
        name: &str,
        kind: ParamKind,
        shape: &[usize],
        parts: &[(usize, Init)],
    ) -> Result<ParamId, NnError> {
        let full = self.full_name(name);
        let tensor = if self.is_blank {
            // Fresh memory is zeroed by the system once it is touched, and this never is.
            Tensor::from_vec(shape, vec![0.0; shape.iter().product()])?
        } else {
            let mut rng = self.seed.named(&full).rng();
            let width: usize = shape.iter().skip(1).product();
            let mut data = Vec::with_capacity(shape.iter().product());
            for (length, init) in parts {
                data.extend(init.draw(length * width, &mut rng));
            }
            Tensor::from_vec(shape, data)?
        };
        Ok(self.parameters.add(&full, kind, tensor)?)
    }

    /// Makes a parameter from values that are already known, such as fixed frequencies.
    ///
    /// # Errors
    /// [`NnError::Engine`] if the name is taken or the values do not fill the shape.
    pub fn given(
        &mut self,
        name: &str,
        kind: ParamKind,
        shape: &[usize],
        values: Vec<f32>,
    ) -> Result<ParamId, NnError> {
        let full = self.full_name(name);
        let tensor = Tensor::from_vec(shape, values)?;
        Ok(self.parameters.add(&full, kind, tensor)?)
    }

    fn full_name(&self, name: &str) -> String {
        if self.prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.prefix)
        }
    }
}

/// A column's name as one step of a parameter name: dots would make two columns' names collide.
pub fn column_step(column: &str) -> String {
    column.replace('%', "%25").replace('.', "%2E")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_values_depend_on_the_full_name_only() {
        let draw = |before: &[&str]| {
            let mut parameters = Parameters::new();
            let mut root = Scope::new(&mut parameters, Seed(3));
            for name in before {
                root.parameter(name, ParamKind::Weight, &[4], Init::Normal(1.0))
                    .unwrap();
            }
            let mut scope = root.child("a");
            let id = scope
                .parameter("w", ParamKind::Weight, &[2, 2], Init::torch(2))
                .unwrap();
            parameters.get(id).data().to_vec()
        };
        assert_eq!(draw(&[]), draw(&["b", "c"]));
        // 1/sqrt(2) bounds the draw.
        assert!(draw(&[]).iter().all(|value| value.abs() <= 0.7072));
    }

    #[test]
    fn a_name_cannot_be_taken_twice() {
        let mut parameters = Parameters::new();
        let mut root = Scope::new(&mut parameters, Seed(0));
        let mut make = || root.parameter("w", ParamKind::Bias, &[1], Init::ZEROS);
        assert!(make().is_ok());
        assert!(make().is_err());
    }

    #[test]
    fn columns_with_dots_keep_names_of_their_own() {
        assert_ne!(column_step("a.b"), column_step("a%2Eb"));
        assert!(!column_step("a.b").contains('.'));
    }
}
