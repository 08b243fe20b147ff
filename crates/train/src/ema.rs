//! The running average of the weights, which is evaluated and kept instead of the last weights.

use engine::{ParamId, Parameters};
use rayon::prelude::*;

use crate::error::TrainError;

/// Values that one thread averages at a time; below it threads cost more than they save.
const CHUNK: usize = 1 << 15;

/// Exponential moving average of every parameter, running statistics of batch norms included.
///
/// The decay of update `t` (from 1) is `min(decay, (1 + t) / (10 + t))`, so that the random start is soon forgotten.
///
/// # Source
/// Polyak and Juditsky 1992, "Acceleration of stochastic approximation by averaging"; the growing decay is that of
/// TensorFlow's `ExponentialMovingAverage`.
pub struct Ema {
    decay: f64,
    num_updates: u64,
    average: Parameters,
}

impl Ema {
    /// Starts at the present values. A decay of 0 follows the parameters exactly.
    pub fn new(parameters: &Parameters, decay: f64) -> Self {
        Self {
            decay,
            num_updates: 0,
            average: parameters.clone(),
        }
    }

    /// Goes on from a checkpoint.
    pub fn restore(average: Parameters, num_updates: u64, decay: f64) -> Self {
        Self {
            decay,
            num_updates,
            average,
        }
    }

    /// Takes the values after a step into the average.
    ///
    /// # Errors
    /// [`TrainError::Engine`] if the parameters are those of another model.
    pub fn update(&mut self, parameters: &Parameters) -> Result<(), TrainError> {
        self.num_updates += 1;
        let t = self.num_updates as f64;
        let decay = self.decay.min((1.0 + t) / (10.0 + t)) as f32;
        let ids: Vec<ParamId> = parameters.iter().map(|(id, ..)| id).collect();
        for id in ids {
            if self.average.get(id).shape() != parameters.get(id).shape() {
                self.average.set(id, parameters.get(id).clone())?;
                continue;
            }
            let values = parameters.get(id).data().par_chunks(CHUNK);
            let average = self.average.data_mut(id).par_chunks_mut(CHUNK);
            average
                .zip(values)
                .for_each(|(average, values)| blend(average, values, decay));
        }
        Ok(())
    }

    /// The average.
    pub fn parameters(&self) -> &Parameters {
        &self.average
    }

    /// The average, without the rest.
    pub fn into_parameters(self) -> Parameters {
        self.average
    }

    /// Updates so far.
    pub fn num_updates(&self) -> u64 {
        self.num_updates
    }
}

fn blend(average: &mut [f32], values: &[f32], decay: f32) {
    for (average, value) in average.iter_mut().zip(values) {
        *average = *average * decay + *value * (1.0 - decay);
    }
}

#[cfg(test)]
mod tests {
    use engine::{ParamKind, Tensor};

    use super::*;

    /// One rounding of an f32 a value and update.
    const F32_TOL: f32 = 1e-6;

    #[test]
    fn early_updates_decay_less_and_statistics_are_averaged_too() {
        let mut parameters = Parameters::new();
        let weight = parameters
            .add("w", ParamKind::Weight, Tensor::zeros(&[1]))
            .unwrap();
        let mean = parameters
            .add("m", ParamKind::Statistic, Tensor::zeros(&[1]))
            .unwrap();
        let mut ema = Ema::new(&parameters, 0.2);
        parameters.data_mut(weight)[0] = 1.0;
        parameters.data_mut(mean)[0] = -1.0;
        ema.update(&parameters).unwrap();
        // Decay (1 + 1) / (10 + 1): nine elevenths of the new value.
        assert!((ema.parameters().get(weight).item() - 9.0 / 11.0).abs() < F32_TOL);
        assert!((ema.parameters().get(mean).item() + 9.0 / 11.0).abs() < F32_TOL);
        ema.update(&parameters).unwrap();
        // (1 + 2) / (10 + 2) is above the asked 0.2.
        let expected = 9.0 / 11.0 * 0.2 + 0.8;
        assert!((ema.parameters().get(weight).item() - expected).abs() < F32_TOL);
        assert_eq!(ema.num_updates(), 2);
    }

    #[test]
    fn a_decay_of_zero_follows_the_parameters() {
        let mut parameters = Parameters::new();
        let id = parameters
            .add("w", ParamKind::Weight, Tensor::zeros(&[2]))
            .unwrap();
        let mut ema = Ema::new(&parameters, 0.0);
        parameters.data_mut(id).copy_from_slice(&[0.1, 0.3]);
        ema.update(&parameters).unwrap();
        assert_eq!(ema.parameters().get(id).data(), parameters.get(id).data());
    }
}
