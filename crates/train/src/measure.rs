//! How long a step takes, so that the epochs of a run can be planned for a time limit.

use std::time::Instant;

use data::Loader;
use engine::{Gradients, Optimizer};
use nn::Network;
use schema::Seed;

use crate::{
    config::TrainerConfig,
    ema::Ema,
    error::TrainError,
    update::{Part, forward_backward},
};

/// Steps before the clock starts: memory is fetched, caches fill, loader threads start.
const WARMUP_STEPS: usize = 2;

/// Median seconds of a training step on one batch (reading it, forward, backward, update, average), over `steps` steps
/// on a copy of the weights. Neither network nor loader is changed.
///
/// # Errors
/// [`TrainError::NoRecords`] if the loader has none; [`TrainError::Network`] if network and batches do not fit.
pub fn measure_step_secs(
    network: &Network,
    train: &Loader,
    config: &TrainerConfig,
    steps: usize,
) -> Result<f64, TrainError> {
    if train.num_batches() == 0 {
        return Err(TrainError::NoRecords);
    }
    let mut parameters = network.parameters.clone();
    let mut gradients = Gradients::new(&parameters);
    let mut optimizer = Optimizer::new(
        config.optimizer.for_engine(config.weight_decay),
        &parameters,
    );
    let mut ema = (config.ema_decay > 0.0).then(|| Ema::new(&parameters, config.ema_decay));
    let mut times = Vec::with_capacity(steps);
    let mut clock = Instant::now();
    // Epoch after epoch, as in training, so that batches are prepared ahead where training does so.
    let batches = (0..).flat_map(|epoch| train.epoch(epoch));
    for (step, batch) in batches.take(WARMUP_STEPS + steps.max(1)).enumerate() {
        gradients.clear();
        let part = Part {
            share: 1.0,
            seed: Seed(step as u64),
            precision: config.precision.into(),
        };
        let (_, statistics) = forward_backward(network, &parameters, &batch, part, &mut gradients)?;
        parameters.apply(&statistics)?;
        // A rate this small leaves the weights, and so the speed, as they are.
        optimizer.step(&mut parameters, &gradients, 1e-12)?;
        ema.as_mut().map_or(Ok(()), |ema| ema.update(&parameters))?;
        if step >= WARMUP_STEPS {
            times.push(clock.elapsed().as_secs_f64());
        }
        clock = Instant::now();
    }
    times.sort_by(f64::total_cmp);
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}
