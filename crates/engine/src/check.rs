//! A check of gradients against differences, for tests of operations and of everything built from them.

use crate::error::EngineError;
use crate::gradients::Gradients;
use crate::parameters::{ParamId, Parameters};
use crate::random;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// Step of the difference quotient. In `f32` a smaller one drowns in rounding, a larger one in curvature.
const STEP: f32 = 1e-2;
/// At most so many numbers of a tensor are moved; they are spread over it.
const MOST_PLACES: usize = 24;
/// Slopes to the left and to the right that differ by more than this part of the tolerance mean a kink.
const KINK: f32 = 4.0;
const SEED: u64 = 7;

/// A gradient that does not agree with the function, or a function that fails.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The function refused its input.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A slope differs.
    #[error("{of}[{place}]: gradient {got}, difference quotient {expected}")]
    Slope {
        /// Which tensor: an input by number, or a parameter by name.
        of: String,
        /// Which number of it.
        place: usize,
        /// From the tape.
        got: f32,
        /// From moving the number.
        expected: f32,
    },
    /// Nearly everywhere there was a kink.
    #[error("{of}: no smooth place to measure a slope")]
    NoSmoothPlace {
        /// Which tensor.
        of: String,
    },
}

/// Compares all gradients of `forward` - with respect to `inputs` and to every trained parameter - with central
/// differences of a fixed weighted sum of its output. `tolerance` is relative to the larger of 1 and the slope.
///
/// Places where the slopes to both sides differ (the kink of a ReLU) are passed over.
///
/// # Errors
/// [`CheckError`] with the first place that differs.
pub fn gradients(
    parameters: &Parameters,
    inputs: &[Tensor],
    tolerance: f32,
    forward: impl Fn(&mut Tape<'_>, &[Var]) -> Result<Var, EngineError>,
) -> Result<(), CheckError> {
    let mut tape = Tape::training(parameters, SEED);
    let leaves: Vec<Var> = inputs.iter().map(|x| tape.input(x.clone())).collect();
    let out = forward(&mut tape, &leaves)?;
    let weights = tape.constant(output_weights(out.shape()));
    let weighted = tape.mul(&out, &weights)?;
    let loss = tape.sum(&weighted)?;
    let mut of_parameters = Gradients::new(parameters);
    tape.backward(&loss, &mut of_parameters)?;
    let value = |parameters: &Parameters, inputs: &[Tensor]| -> Result<f64, EngineError> {
        let mut tape = Tape::training(parameters, SEED);
        let leaves: Vec<Var> = inputs.iter().map(|x| tape.constant(x.clone())).collect();
        let out = forward(&mut tape, &leaves)?;
        let weights = output_weights(out.shape());
        let terms = out.tensor().data().iter().zip(weights.data());
        Ok(terms.map(|(&y, &w)| f64::from(y) * f64::from(w)).sum())
    };
    for (index, (leaf, input)) in leaves.iter().zip(inputs).enumerate() {
        let zeros = Tensor::zeros(input.shape());
        let gradient = tape.input_gradient(leaf).unwrap_or(&zeros);
        let of = format!("input {index}");
        compare(&of, gradient.data(), tolerance, |place, change| {
            let mut moved = inputs.to_vec();
            moved[index].data_mut()[place] += change;
            value(parameters, &moved)
        })?;
    }
    for (id, name, kind, _) in parameters.iter() {
        if kind.is_trained() {
            let gradient = of_parameters.to_vec(id);
            compare(name, &gradient, tolerance, |place, change| {
                value(&moved(parameters, id, place, change), inputs)
            })?;
        }
    }
    Ok(())
}

fn moved(parameters: &Parameters, id: ParamId, place: usize, change: f32) -> Parameters {
    let mut moved = parameters.clone();
    moved.data_mut(id)[place] += change;
    moved
}

fn compare(
    of: &str,
    gradient: &[f32],
    tolerance: f32,
    value: impl Fn(usize, f32) -> Result<f64, EngineError>,
) -> Result<(), CheckError> {
    let mut num_smooth = 0;
    let stride = gradient.len().div_ceil(MOST_PLACES).max(1);
    for place in (0..gradient.len()).step_by(stride) {
        let [low, here, high] = [-STEP, 0.0, STEP].map(|change| value(place, change));
        let (low, here, high) = (low?, here?, high?);
        let [left, right] = [here - low, high - here].map(|rise| (rise / f64::from(STEP)) as f32);
        let expected = (left + right) / 2.0;
        let allowed = tolerance * expected.abs().max(1.0);
        if (left - right).abs() > KINK * allowed.max(STEP) {
            continue;
        }
        num_smooth += 1;
        let got = gradient[place];
        // Written so that a gradient that is not a number fails.
        let agrees = (got - expected).abs() <= allowed;
        if !agrees {
            let of = of.to_owned();
            return Err(CheckError::Slope {
                of,
                place,
                got,
                expected,
            });
        }
    }
    if num_smooth == 0 && !gradient.is_empty() {
        return Err(CheckError::NoSmoothPlace { of: of.to_owned() });
    }
    Ok(())
}

fn output_weights(shape: &[usize]) -> Tensor {
    random_tensor(shape, SEED)
}

/// Numbers spread evenly over `-1..1`, a function of `seed` and place.
pub fn random_tensor(shape: &[usize], seed: u64) -> Tensor {
    let mut tensor = Tensor::zeros(shape);
    for (place, value) in tensor.data_mut().iter_mut().enumerate() {
        let bits = random::mix(random::mix(seed) ^ place as u64) >> 40;
        *value = bits as f32 / (1_u32 << 23) as f32 - 1.0;
    }
    tensor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_gradient_is_found() {
        let inputs = [random_tensor(&[3, 4], 1)];
        let twice_as_steep = |tape: &mut Tape<'_>, x: &[Var]| {
            let slot = x[0].slot();
            let back = move |backward: &mut crate::tape::Backward<'_>, dy: std::sync::Arc<_>| {
                backward.add_shared(slot, std::sync::Arc::clone(&dy));
                backward.add_shared(slot, dy);
            };
            Ok(tape.record(x[0].tensor().clone(), true, back))
        };
        let result = gradients(&Parameters::new(), &inputs, 1e-2, twice_as_steep);
        assert!(
            matches!(result, Err(CheckError::Slope { .. })),
            "{result:?}"
        );
    }

    #[test]
    fn a_lost_gradient_is_found() {
        let inputs = [random_tensor(&[3], 1), random_tensor(&[3], 2)];
        let result = gradients(&Parameters::new(), &inputs, 1e-2, |tape, x| {
            let lost = tape.constant(x[1].tensor().clone());
            tape.add(&x[0], &lost)
        });
        assert!(
            matches!(result, Err(CheckError::Slope { .. })),
            "{result:?}"
        );
    }
}
