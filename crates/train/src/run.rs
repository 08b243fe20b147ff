//! The state of a fit and the steps that the loop in `fit.rs` is made of.

use std::{collections::BTreeMap, time::Instant};

use data::Loader;
use engine::{Gradients, Optimizer, Parameters};
use nn::Network;
use schema::Batch;

use crate::{
    checkpoint::Cursor,
    config::TrainerConfig,
    control::StoppedBy,
    ema::Ema,
    error::TrainError,
    evaluate::{Judgement, judge},
    fit::FitContext,
    history::{EpochRecord, FitResult, History},
    reporter::{Reporter, Standing},
    saver::Saver,
    schedule::Schedule,
    stop::{EarlyStop, Verdict, Watched},
    update::StepLoss,
};

/// A fit in progress.
pub(crate) struct Run<'a> {
    pub(crate) network: &'a mut Network,
    pub(crate) config: &'a TrainerConfig,
    pub(crate) context: FitContext<'a>,
    pub(crate) schedule: Schedule,
    pub(crate) optimizer: Optimizer,
    pub(crate) gradients: Gradients,
    pub(crate) ema: Option<Ema>,
    pub(crate) cursor: Cursor,
    /// Steps left out one after another because something was not finite.
    pub(crate) num_skipped: usize,
    pub(crate) last_loss: f64,
    pub(crate) reporter: Reporter<'a>,
    validation: Option<&'a Loader>,
    pub(crate) num_train_records: usize,
    watched: Watched,
    last_judgement: Option<f64>,
    pub(crate) early_stop: EarlyStop,
    /// Weights of the best epoch, with early stopping.
    pub(crate) best: Option<Parameters>,
    pub(crate) history: History,
    pub(crate) saver: Saver<'a>,
    clock: Instant,
}

impl<'a> Run<'a> {
    /// Checks everything that can be checked before the first step, and goes on from a checkpoint if asked to.
    pub(crate) fn begin(
        network: &'a mut Network,
        train: &'a Loader,
        validation: Option<&'a Loader>,
        config: &'a TrainerConfig,
        context: &FitContext<'a>,
    ) -> Result<Self, TrainError> {
        let task = network.target().task;
        config.checked(task)?;
        let validation = validation.filter(|loader| !loader.rows().is_empty());
        refuse_without_records(config, train, validation)?;
        let saver = Saver::new(context.checkpoint_folder, config.checkpoint_every_secs)?;
        let epoch_steps = train.num_batches().div_ceil(config.accumulate_steps);
        let total_steps = epoch_steps * config.epochs;
        let mut run = Self {
            schedule: Schedule::new(&config.schedule, config.lr, total_steps, epoch_steps),
            optimizer: Optimizer::new(
                config.optimizer.for_engine(config.weight_decay),
                &network.parameters,
            ),
            gradients: Gradients::new(&network.parameters),
            ema: (config.ema_decay > 0.0).then(|| Ema::new(&network.parameters, config.ema_decay)),
            cursor: Cursor::default(),
            num_skipped: 0,
            last_loss: f64::NAN,
            reporter: Reporter::silent(*context),
            validation,
            num_train_records: train.rows().len(),
            watched: config.watched(task)?,
            last_judgement: None,
            early_stop: EarlyStop::default(),
            best: None,
            history: History::default(),
            saver,
            clock: Instant::now(),
            network,
            config,
            context: *context,
        };
        run.go_on_from_checkpoint()?;
        let total = run.num_train_records * config.num_epochs();
        run.reporter
            .open(&run.history, (run.records_done(), total))?;
        Ok(run)
    }

    /// The next epoch (from 0) to run or to finish; `None` if the run is complete.
    pub(crate) fn next_epoch(&mut self) -> Option<u64> {
        self.clock = Instant::now();
        let is_left = self.cursor.epoch < self.config.num_epochs() && !self.has_made_all_steps();
        (is_left && !self.has_waited_enough()).then_some(self.cursor.epoch as u64)
    }

    /// Batches of the epoch that an earlier process has done.
    pub(crate) fn batches_done(&self) -> usize {
        self.cursor.batch
    }

    /// Moves the cursor behind a step, shows progress, saves if it is time.
    pub(crate) fn note_step(&mut self, group: &[Batch], loss: &StepLoss) {
        let now = Instant::now();
        self.cursor.secs += (now - self.clock).as_secs_f64();
        self.clock = now;
        self.cursor.batch += group.len();
        if loss.sum.is_finite() {
            self.cursor.loss_sum += loss.sum;
            self.cursor.num_records += loss.num_records;
        }
        let standing = Standing {
            done: self.records_done(),
            total: self.num_train_records * self.config.num_epochs(),
            loss: self.epoch_loss(),
            metric: self
                .last_judgement
                .map(|value| (self.watched.name().to_owned(), value)),
        };
        self.reporter.progress(standing);
        if self.saver.is_due() {
            self.save();
        }
    }

    /// Why the run should end in the middle of an epoch, if it should.
    pub(crate) fn wants_stop(&self) -> Option<StoppedBy> {
        if self.has_made_all_steps() {
            return Some(StoppedBy::Finished);
        }
        self.context.control.wants_stop()
    }

    /// Judges the weights that would be kept now on the held-out records, if this epoch is one to judge.
    pub(crate) fn evaluate(&self) -> Result<Option<Judgement>, TrainError> {
        let epoch = self.cursor.epoch + 1;
        let Some(loader) = self.validation else {
            return Ok(None);
        };
        if !self.config.evaluates(epoch, self.config.num_epochs()) {
            return Ok(None);
        }
        judge(self.network, self.kept_parameters(), loader, self.config).map(Some)
    }

    /// Ends an epoch: early stopping and the schedule hear the judgement, the log gets its line.
    pub(crate) fn note_epoch(&mut self, judgement: Option<Judgement>) {
        let cursor = std::mem::take(&mut self.cursor);
        let train_loss = cursor.loss_sum / cursor.num_records as f64;
        self.cursor = Cursor {
            epoch: cursor.epoch + 1,
            step: cursor.step,
            ..Cursor::default()
        };
        if let Some(judgement) = &judgement {
            self.hear(judgement);
        }
        let (validation_loss, metrics) = judgement.map_or((None, BTreeMap::new()), |judgement| {
            (Some(judgement.loss), judgement.metrics)
        });
        let record = EpochRecord {
            epoch: self.cursor.epoch,
            step: self.cursor.step,
            learning_rate: self.schedule.rate(self.cursor.step.saturating_sub(1)),
            train_loss,
            validation_loss: validation_loss.filter(|loss| loss.is_finite()),
            metrics,
            secs: cursor.secs,
            data_wait_secs: cursor.data_wait_secs,
            data_wait_fraction: cursor.data_wait_secs / cursor.secs.max(f64::MIN_POSITIVE),
            records_per_sec: cursor.num_records as f64 / cursor.secs.max(f64::MIN_POSITIVE),
        };
        self.reporter.epoch(&record, self.config.num_epochs());
        self.history.epochs.push(record);
    }

    /// Puts the weights to keep into the network and tells how it went.
    pub(crate) fn finish(mut self, stopped: Option<StoppedBy>) -> FitResult {
        self.save();
        let patience_ended = self.has_waited_enough();
        let by_itself = if patience_ended {
            StoppedBy::EarlyStop
        } else {
            StoppedBy::Finished
        };
        let best_epoch = self.best.is_some().then_some(self.early_stop.best_epoch);
        let average = self.ema.take().map(Ema::into_parameters);
        if let Some(kept) = self.best.take().or(average) {
            self.network.parameters = kept;
        }
        self.reporter.end();
        FitResult {
            epochs_run: self.cursor.epoch,
            steps_run: self.cursor.step,
            best_epoch,
            secs_per_epoch: self.history.secs_per_epoch(),
            history: self.history,
            stopped_by: stopped.unwrap_or(by_itself),
        }
    }

    /// The average, or the last weights if none is kept.
    fn kept_parameters(&self) -> &Parameters {
        self.ema
            .as_ref()
            .map_or(&self.network.parameters, Ema::parameters)
    }

    fn hear(&mut self, judgement: &Judgement) {
        let higher_is_better = self.watched.higher_is_better();
        let Some(value) = judgement.value(self.watched) else {
            let name = self.watched.name();
            let epoch = self.cursor.epoch;
            self.reporter
                .warn(format!("\"{name}\" has no value after epoch {epoch}"));
            return;
        };
        self.last_judgement = Some(value);
        self.schedule.observe(value, higher_is_better);
        if let Some(config) = &self.config.early_stop {
            let verdict =
                self.early_stop
                    .observe(config, higher_is_better, self.cursor.epoch, value);
            if verdict == Verdict::Best {
                self.best = Some(self.kept_parameters().clone());
            }
        }
    }

    fn has_waited_enough(&self) -> bool {
        let patience = self
            .config
            .early_stop
            .as_ref()
            .map(|config| config.patience);
        patience.is_some_and(|patience| self.early_stop.num_waited >= patience)
    }

    fn has_made_all_steps(&self) -> bool {
        self.config
            .stop_after_steps
            .is_some_and(|most| self.cursor.step >= most)
    }

    fn records_done(&self) -> usize {
        self.cursor.epoch * self.num_train_records + self.cursor.num_records
    }

    fn epoch_loss(&self) -> f64 {
        self.cursor.loss_sum / self.cursor.num_records as f64
    }
}

fn refuse_without_records(
    config: &TrainerConfig,
    train: &Loader,
    validation: Option<&Loader>,
) -> Result<(), TrainError> {
    if train.num_batches() == 0 {
        return Err(TrainError::NoRecords);
    }
    let what = if config.early_stop.is_some() {
        "early_stop"
    } else if config.schedule.follows_metric() {
        "schedule plateau"
    } else {
        return Ok(());
    };
    if validation.is_none() {
        Err(TrainError::NoValidation { what })
    } else {
        Ok(())
    }
}
