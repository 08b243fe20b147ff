//! Reading what an expert saved, with an error that names the part that is wrong.

use schema::{FittedTarget, Pack, PackTensor, PackValues};

use crate::{ExpertError, expert::link, softmax_regression::LinearModel};

/// Parts of a saved expert by name.
pub(crate) struct Parts<'a> {
    /// Name of the expert, for errors.
    pub(crate) expert: &'a str,
    /// What it saved.
    pub(crate) pack: &'a Pack,
}

impl<'a> Parts<'a> {
    pub(crate) fn bad(&self, part: &str) -> ExpertError {
        ExpertError::BadPack {
            expert: self.expert.to_owned(),
            part: part.to_owned(),
        }
    }

    /// The description as the type that was saved.
    pub(crate) fn description<T: serde::de::DeserializeOwned>(&self) -> Result<T, ExpertError> {
        serde::Deserialize::deserialize(&self.pack.description).map_err(|_| self.bad("description"))
    }

    /// The floats of a tensor, whatever their number.
    pub(crate) fn floats(&self, name: &str) -> Result<&'a [f32], ExpertError> {
        match self.pack.tensors.get(name).map(|tensor| &tensor.values) {
            Some(PackValues::F32(values)) => Ok(values),
            _ => Err(self.bad(name)),
        }
    }

    /// The codes of a tensor, whatever their number.
    pub(crate) fn codes(&self, name: &str) -> Result<&'a [u32], ExpertError> {
        match self.pack.tensors.get(name).map(|tensor| &tensor.values) {
            Some(PackValues::U32(values)) => Ok(values),
            _ => Err(self.bad(name)),
        }
    }

    /// The linear model of a target over `width` features.
    pub(crate) fn linear(
        &self,
        target: &FittedTarget,
        width: usize,
    ) -> Result<LinearModel, ExpertError> {
        let num_outputs = target.width();
        let floats = |name: &str, count: usize| {
            let found = self.pack.floats(name, count);
            found.cloned().ok_or_else(|| self.bad(name))
        };
        Ok(LinearModel {
            link: link(target),
            width,
            num_outputs,
            weights: floats("weights", width * num_outputs)?,
            bias: floats("bias", num_outputs)?,
        })
    }
}

/// Adds a linear model to what is saved.
pub(crate) fn add_linear(pack: &mut Pack, model: &LinearModel) {
    let shape = [model.width, model.num_outputs];
    add(
        pack,
        "weights",
        PackTensor::f32(&shape, model.weights.clone()),
    );
    add(
        pack,
        "bias",
        PackTensor::f32(&[model.num_outputs], model.bias.clone()),
    );
}

/// Adds a tensor.
pub(crate) fn add(pack: &mut Pack, name: &str, tensor: PackTensor) {
    pack.tensors.insert(name.to_owned(), tensor);
}

/// A description from fitted facts.
pub(crate) fn describe<T: serde::Serialize>(
    expert: &str,
    facts: &T,
) -> Result<serde_json::Value, ExpertError> {
    serde_json::to_value(facts).map_err(|_| ExpertError::BadPack {
        expert: expert.to_owned(),
        part: "description".to_owned(),
    })
}
