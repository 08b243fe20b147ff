//! Parameters to tensors and back.

use engine::{Parameters, Tensor};
use schema::{FittedTarget, Pack, PackTensor, Seed};

use super::{Network, NetworkConfig, body::Body};
use crate::{InputInfo, NnError, Scope};

/// What a saved network says about itself.
#[derive(serde::Serialize, serde::Deserialize)]
struct Description {
    config: NetworkConfig,
    inputs: Vec<InputInfo>,
    target: FittedTarget,
}

/// Puts every parameter and statistic into a pack, by name.
pub fn save_parameters(parameters: &Parameters, pack: &mut Pack) {
    for (_, name, _, value) in parameters.iter() {
        let tensor = PackTensor::f32(value.shape(), value.data().to_vec());
        pack.tensors.insert(name.to_owned(), tensor);
    }
}

/// Sets every parameter and statistic from a pack, by name; other tensors of the pack are left alone.
///
/// # Errors
/// [`NnError::Weight`] if one is missing or has another shape.
pub fn load_parameters(parameters: &mut Parameters, pack: &Pack) -> Result<(), NnError> {
    let all: Vec<_> = parameters
        .iter()
        .map(|(id, name, _, value)| (id, name.to_owned(), value.shape().to_vec()))
        .collect();
    for (id, name, shape) in all {
        let got = pack.tensors.get(&name);
        let values = match got {
            Some(tensor) if tensor.shape == shape => pack.floats(&name, shape.iter().product()),
            _ => None,
        };
        let Some(values) = values else {
            return Err(NnError::Weight {
                name,
                got: got.map_or("nothing".to_owned(), |tensor| {
                    format!("{:?} {}", tensor.shape, kind_of(tensor))
                }),
                expected: format!("{shape:?} f32"),
            });
        };
        parameters.set(id, Tensor::from_numbers(&shape, values.clone())?)?;
    }
    Ok(())
}

fn kind_of(tensor: &PackTensor) -> &'static str {
    match tensor.values {
        schema::PackValues::F32(_) => "f32",
        schema::PackValues::F64(_) => "f64",
        schema::PackValues::U32(_) => "u32",
    }
}

impl Network {
    /// Description and parameters.
    ///
    /// # Errors
    /// [`NnError::Description`] if the settings do not serialise.
    pub fn save(&self) -> Result<Pack, NnError> {
        let description = Description {
            config: self.config().clone(),
            inputs: self.inputs().to_vec(),
            target: self.target().clone(),
        };
        let mut pack = Pack {
            description: serde_json::to_value(description)?,
            ..Pack::default()
        };
        save_parameters(&self.parameters, &mut pack);
        Ok(pack)
    }

    /// The network that [`Network::save`] wrote.
    ///
    /// # Errors
    /// [`NnError::Description`] if it does not parse, [`NnError::Settings`] if its settings cannot be built,
    /// [`NnError::Weight`] if a tensor is missing or has another shape.
    pub fn open(pack: &Pack) -> Result<Self, NnError> {
        let description: Description = serde_json::from_value(pack.description.clone())?;
        let Description {
            config,
            inputs,
            target,
        } = description;
        let mut parameters = Parameters::new();
        let mut scope = Scope::blank(&mut parameters);
        let body = Body::build(&config, &inputs, &target, &mut scope)?;
        load_parameters(&mut parameters, pack)?;
        Ok(Self::from_parts(parameters, config, inputs, target, body))
    }

    /// Draws first values from a seed; the same seed gives the same network.
    ///
    /// `inputs` are in the order of [`Batch::inputs`](schema::Batch).
    ///
    /// # Errors
    /// [`NnError::Settings`] with everything that cannot be built, [`NnError::EmbedDim`] if unprojected embeddings
    /// of different width reach a fusion that needs one.
    pub fn build(
        config: &NetworkConfig,
        inputs: &[InputInfo],
        target: &FittedTarget,
        seed: Seed,
    ) -> Result<Self, NnError> {
        let mut parameters = Parameters::new();
        let mut scope = Scope::new(&mut parameters, seed);
        let body = Body::build(config, inputs, target, &mut scope)?;
        let (config, inputs) = (config.clone(), inputs.to_vec());
        Ok(Self::from_parts(
            parameters,
            config,
            inputs,
            target.clone(),
            body,
        ))
    }
}
