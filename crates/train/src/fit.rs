//! The training loop.

use std::path::Path;

use data::Loader;
use nn::Network;
use schema::Seed;

use crate::{
    config::TrainerConfig, control::Control, error::TrainError, history::FitResult,
    observer::Observer, run::Run,
};

/// What surrounds a fit.
#[derive(Clone, Copy)]
pub struct FitContext<'a> {
    /// Name of the part in events, such as the expert's.
    pub name: &'a str,
    /// Who watches.
    pub observer: &'a dyn Observer,
    /// What may end the run early.
    pub control: &'a Control,
    /// Folder for `log.jsonl` and TensorBoard events; `None` for none.
    pub log_folder: Option<&'a Path>,
    /// Folder for the checkpoint; `None` for none.
    pub checkpoint_folder: Option<&'a Path>,
    /// Whether to go on from the checkpoint if there is one.
    pub resume: bool,
    /// Seed of dropout.
    pub seed: Seed,
}

/// Fits a network in place: afterwards it holds the average of the weights, or the best ones where early stopping
/// chose them.
///
/// The result depends on the network, the loaders, the configuration and the seed, not on the number of threads; it
/// depends on the clock only if a deadline or a person cuts it.
///
/// # Errors
/// [`TrainError::Config`], [`TrainError::NoRecords`], [`TrainError::NoValidation`], [`TrainError::Write`] and
/// [`TrainError::Checkpoint`] before the first step; [`TrainError::NotFinite`] if the loss stays infinite;
/// [`TrainError::Network`] if network and batches do not fit.
pub fn fit(
    network: &mut Network,
    train: &Loader,
    validation: Option<&Loader>,
    config: &TrainerConfig,
    context: &FitContext<'_>,
) -> Result<FitResult, TrainError> {
    let mut run = Run::begin(network, train, validation, config, context)?;
    while let Some(epoch) = run.next_epoch() {
        let mut batches = train.epoch_from(epoch, run.batches_done());
        while let Some(group) = run.next_group(&mut batches) {
            // 1. Gradients of the mean loss over the records of the group.
            let loss = run.gradients(&group)?;
            // 2. Clip, move the weights by the rate of this step, average them.
            run.update(&loss)?;
            // 3. Tell whoever watches, save now and then.
            run.note_step(&group, &loss);
            if let Some(reason) = run.wants_stop() {
                return Ok(run.finish(Some(reason)));
            }
        }
        // 4. Judge the average on the held-out records, where something goes by it.
        let judgement = run.evaluate()?;
        run.note_epoch(judgement);
    }
    Ok(run.finish(None))
}
