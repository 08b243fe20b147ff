//! The named values of a model: what an optimiser changes and what a file holds.

use std::collections::HashMap;

use crate::error::EngineError;
use crate::kernels::{Kept, Weight};
use crate::tape::Statistics;
use crate::tensor::Tensor;

/// The place of a parameter in its [`Parameters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParamId(pub(crate) usize);

/// What an optimiser may do with a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamKind {
    /// Trained; weight decay applies.
    Weight,
    /// Trained without weight decay: biases, scales of norms, single embeddings.
    Bias,
    /// An embedding table `[V, D]`: trained, and its gradient may hold only some rows. Weight decay applies to them.
    Table,
    /// Not trained: running means and variances, or anything frozen.
    Statistic,
}

impl ParamKind {
    /// Whether an optimiser changes it.
    pub fn is_trained(self) -> bool {
        self != Self::Statistic
    }

    /// Whether weight decay applies to it.
    pub fn is_decayed(self) -> bool {
        matches!(self, Self::Weight | Self::Table)
    }
}

struct Parameter {
    name: String,
    kind: ParamKind,
    value: Tensor,
    kept: Kept,
}

/// All parameters of a model, in the order in which they were added.
#[derive(Default)]
pub struct Parameters {
    list: Vec<Parameter>,
    by_name: HashMap<String, ParamId>,
    keeps_packed: bool,
}

impl Parameters {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one; names are paths such as `text.block.0.norm.weight`.
    ///
    /// # Errors
    /// [`EngineError::NameTaken`].
    pub fn add(
        &mut self,
        name: &str,
        kind: ParamKind,
        value: Tensor,
    ) -> Result<ParamId, EngineError> {
        let id = ParamId(self.list.len());
        if self.by_name.contains_key(name) {
            return Err(EngineError::NameTaken {
                name: name.to_owned(),
            });
        }
        self.by_name.insert(name.to_owned(), id);
        self.list.push(Parameter {
            name: name.to_owned(),
            kind,
            value,
            kept: Kept::default(),
        });
        Ok(id)
    }

    /// The value of a parameter.
    ///
    /// # Panics
    /// If `id` comes from other `Parameters` and lies beyond these.
    pub fn get(&self, id: ParamId) -> &Tensor {
        &self.list[id.0].value
    }

    /// The name of a parameter.
    ///
    /// # Panics
    /// If `id` comes from other `Parameters` and lies beyond these.
    pub fn name(&self, id: ParamId) -> &str {
        &self.list[id.0].name
    }

    /// The kind of a parameter.
    ///
    /// # Panics
    /// If `id` comes from other `Parameters` and lies beyond these.
    pub fn kind(&self, id: ParamId) -> ParamKind {
        self.list[id.0].kind
    }

    /// Changes what an optimiser may do with a parameter: `Statistic` freezes it.
    ///
    /// # Panics
    /// If `id` comes from other `Parameters` and lies beyond these.
    pub fn set_kind(&mut self, id: ParamId, kind: ParamKind) {
        self.list[id.0].kind = kind;
    }

    /// Replaces a value by one of the same shape.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if the shapes differ.
    ///
    /// # Panics
    /// If `id` comes from other `Parameters` and lies beyond these.
    pub fn set(&mut self, id: ParamId, value: Tensor) -> Result<(), EngineError> {
        let parameter = &mut self.list[id.0];
        if parameter.value.shape() != value.shape() {
            return Err(EngineError::Shape {
                op: "set parameter",
                got: format!("{:?}", value.shape()),
                expected: format!("\"{}\" {:?}", parameter.name, parameter.value.shape()),
            });
        }
        parameter.value = value;
        parameter.kept = Kept::default();
        Ok(())
    }

    /// The values for writing; memory that a clone of the tensor shares is copied first.
    ///
    /// # Panics
    /// If `id` comes from other `Parameters` and lies beyond these.
    pub fn data_mut(&mut self, id: ParamId) -> &mut [f32] {
        let parameter = &mut self.list[id.0];
        parameter.kept = Kept::default();
        parameter.value.data_mut()
    }

    /// From now on inference keeps the weights of linear layers and of 3 x 3 convolutions in the order in which its
    /// products read them, from their second use on: as much memory again, and a tenth or more of the time of a small
    /// batch. What a weight keeps is forgotten when it changes.
    pub fn keep_packed(&mut self) {
        self.keeps_packed = true;
    }

    /// The values of a weight for a product, on a tape that trains or not.
    pub(crate) fn weight(&self, id: ParamId, trains: bool) -> Weight<'_> {
        let parameter = &self.list[id.0];
        Weight {
            values: parameter.value.data(),
            kept: (self.keeps_packed && !trains).then_some(&parameter.kept),
        }
    }

    /// The parameter of a name.
    pub fn by_name(&self, name: &str) -> Option<ParamId> {
        self.by_name.get(name).copied()
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = (ParamId, &str, ParamKind, &Tensor)> {
        self.list.iter().enumerate().map(|(index, parameter)| {
            let Parameter {
                name, kind, value, ..
            } = parameter;
            (ParamId(index), name.as_str(), *kind, value)
        })
    }

    /// How many parameters there are, trained or not.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many numbers are trained.
    pub fn num_values(&self) -> usize {
        let trained = self.list.iter().filter(|one| one.kind.is_trained());
        trained.map(|one| one.value.len()).sum()
    }

    /// Takes over the running statistics that a training tape gathered.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if they come from other parameters.
    pub fn apply(&mut self, statistics: &Statistics) -> Result<(), EngineError> {
        for (id, value) in &statistics.values {
            self.set(*id, value.clone())?;
        }
        Ok(())
    }
}

impl Clone for Parameters {
    /// A deep copy: changing one leaves the other alone and costs no copy later.
    fn clone(&self) -> Self {
        let copy = |one: &Parameter| Parameter {
            name: one.name.clone(),
            kind: one.kind,
            value: one.value.deep_copy(),
            kept: Kept::default(),
        };
        Self {
            list: self.list.iter().map(copy).collect(),
            by_name: self.by_name.clone(),
            keeps_packed: self.keeps_packed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::random_tensor;
    use crate::op::Activation;
    use crate::tape::Tape;

    #[test]
    fn refuses_a_taken_name_and_another_shape() {
        let mut parameters = Parameters::new();
        let id = parameters
            .add("w", ParamKind::Weight, Tensor::zeros(&[2, 3]))
            .unwrap();
        let again = parameters.add("w", ParamKind::Bias, Tensor::zeros(&[1]));
        assert_eq!(again, Err(EngineError::NameTaken { name: "w".into() }));
        assert!(parameters.set(id, Tensor::zeros(&[3, 2])).is_err());
        assert_eq!(parameters.by_name("w"), Some(id));
    }

    #[test]
    fn statistics_are_not_counted_as_trained() {
        let mut parameters = Parameters::new();
        for (name, kind) in [("w", ParamKind::Weight), ("mean", ParamKind::Statistic)] {
            parameters.add(name, kind, Tensor::zeros(&[4])).unwrap();
        }
        assert_eq!((parameters.len(), parameters.num_values()), (2, 4));
    }

    #[test]
    fn kept_weights_answer_the_same_and_are_forgotten_when_they_change() {
        let mut parameters = Parameters::new();
        let weight = random_tensor(&[24, 40], 1);
        let id = parameters.add("w", ParamKind::Weight, weight).unwrap();
        parameters.keep_packed();
        let x = random_tensor(&[12, 40], 2);
        let answer = |parameters: &Parameters| {
            let mut tape = Tape::inference(parameters);
            let x = tape.constant(x.clone());
            let y = tape.linear(&x, id, None, Activation::None).unwrap();
            y.data().to_vec()
        };
        let first = answer(&parameters);
        for _ in 0..3 {
            assert_eq!(answer(&parameters), first);
        }
        parameters.data_mut(id).iter_mut().for_each(|w| *w *= 2.0);
        let doubled: Vec<f32> = first.iter().map(|y| y * 2.0).collect();
        for _ in 0..3 {
            assert_eq!(answer(&parameters), doubled);
        }
    }
}
