//! One optimiser step: gradients of a group of batches, the change of the weights, their average.

use std::time::Instant;

use engine::{Gradient, Gradients, Parameters, Precision, Statistics, Tape};
use nn::Network;
use schema::{Batch, Seed};

use crate::{error::TrainError, run::Run};

/// Steps after one another that may be left out because something is not finite, before the run stops.
const MOST_SKIPPED: usize = 3;

/// The loss of one step.
pub(crate) struct StepLoss {
    /// Sum over the records.
    pub(crate) sum: f64,
    /// Records of the step.
    pub(crate) num_records: usize,
}

/// How a batch takes part in a step.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    /// Its share of the records of the step.
    pub(crate) share: f32,
    /// Seed of dropout.
    pub(crate) seed: Seed,
    /// What products multiply.
    pub(crate) precision: Precision,
}

/// Forward and backward of one batch. Adds `share` times the gradients of what is minimised to `gradients`; gives the
/// mean loss of the fused network (so that it compares with the held-out one) and the running statistics. If what is
/// minimised is not finite, nothing is added and the loss is not a number.
pub(crate) fn forward_backward(
    network: &Network,
    parameters: &Parameters,
    batch: &Batch,
    part: Part,
    gradients: &mut Gradients,
) -> Result<(f32, Statistics), TrainError> {
    let mut tape = Tape::training(parameters, part.seed.0).with_precision(part.precision);
    let output = network.forward(&mut tape, batch)?;
    let losses = network.losses(&mut tape, &output, batch)?;
    if losses.total.tensor().item().is_finite() {
        let minimised = if part.share == 1.0 {
            losses.total
        } else {
            tape.scale(&losses.total, part.share)?
        };
        tape.backward(&minimised, gradients)?;
        Ok((losses.main.tensor().item(), tape.take_statistics()))
    } else {
        Ok((f32::NAN, tape.take_statistics()))
    }
}

impl Run<'_> {
    /// The batches of one optimiser step; `None` at the end of the epoch. What the loop waits for them is counted.
    pub(crate) fn next_group(
        &mut self,
        batches: &mut impl Iterator<Item = Batch>,
    ) -> Option<Vec<Batch>> {
        let asked = Instant::now();
        let size = self.config.accumulate_steps.max(1);
        let group: Vec<Batch> = batches.take(size).collect();
        self.cursor.data_wait_secs += asked.elapsed().as_secs_f64();
        (!group.is_empty()).then_some(group)
    }

    /// Gradients of the mean loss over all records of the group.
    pub(crate) fn gradients(&mut self, group: &[Batch]) -> Result<StepLoss, TrainError> {
        self.gradients.clear();
        let num_records: usize = group.iter().map(Batch::size).sum();
        let seed = self.context.seed.named("step").at(self.cursor.step as u64);
        let mut sum = 0.0;
        for (place, batch) in group.iter().enumerate() {
            // Batches of a group may differ in size, so each counts by its records.
            let part = Part {
                share: batch.size() as f32 / num_records.max(1) as f32,
                seed: seed.at(place as u64),
                precision: self.config.precision.into(),
            };
            let parameters = &self.network.parameters;
            let (mean, statistics) =
                forward_backward(self.network, parameters, batch, part, &mut self.gradients)?;
            sum += f64::from(mean) * batch.size() as f64;
            if mean.is_finite() {
                self.network.parameters.apply(&statistics)?;
            }
        }
        Ok(StepLoss { sum, num_records })
    }

    /// Clips the gradients, moves the weights by the rate of this step and averages them. A step with a loss or
    /// gradient that is not finite moves nothing.
    pub(crate) fn update(&mut self, loss: &StepLoss) -> Result<(), TrainError> {
        let step = self.cursor.step;
        let rate = self.schedule.rate(step);
        self.cursor.step += 1;
        if let Some(part) = self.part_not_finite(loss) {
            return self.skip_step(part, rate);
        }
        self.num_skipped = 0;
        self.last_loss = loss.sum / loss.num_records as f64;
        if let Some(most) = self.config.clip_value {
            self.gradients.clip_value(most as f32);
        }
        if let Some(most) = self.config.clip_norm {
            self.gradients.clip_norm(most as f32);
        }
        if let Some(beta1) = self.schedule.beta1(step) {
            self.optimizer.set_beta1(beta1 as f32);
        }
        let parameters = &mut self.network.parameters;
        self.optimizer
            .step(parameters, &self.gradients, rate as f32)?;
        match &mut self.ema {
            Some(ema) => ema.update(parameters),
            None => Ok(()),
        }
    }

    fn part_not_finite(&self, loss: &StepLoss) -> Option<String> {
        if !loss.sum.is_finite() {
            return Some("the loss".to_owned());
        }
        if self.gradients.is_finite() {
            return None;
        }
        let is_bad = |values: &[f32]| values.iter().any(|value| !value.is_finite());
        let culprit =
            self.network
                .parameters
                .iter()
                .find(|(id, ..)| match self.gradients.get(*id) {
                    Gradient::None => false,
                    Gradient::Dense(values) | Gradient::Rows { values, .. } => is_bad(values),
                });
        let name = culprit.map_or("a weight".to_owned(), |(_, name, ..)| format!("`{name}`"));
        Some(format!("the gradient of {name}"))
    }

    fn skip_step(&mut self, part: String, learning_rate: f64) -> Result<(), TrainError> {
        let (step, last_loss) = (self.cursor.step, self.last_loss);
        self.num_skipped += 1;
        if self.num_skipped > MOST_SKIPPED {
            return Err(TrainError::NotFinite {
                part,
                step,
                last_loss,
                learning_rate,
            });
        }
        self.reporter.warn(format!(
            "step {step} left out: {part} is not finite (last finite loss {last_loss:.4}, \
             learning rate {learning_rate:.3e})"
        ));
        Ok(())
    }
}
