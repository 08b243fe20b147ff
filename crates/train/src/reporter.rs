//! What a run says while it goes: events for whoever watches, the log, TensorBoard.

use std::time::{Duration, Instant};

use crate::{
    error::TrainError,
    events::EventWriter,
    fit::FitContext,
    history::{EpochRecord, History},
    log::EpochLog,
    observer::Event,
};

/// Time between two progress events.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Speaks for one run.
pub(crate) struct Reporter<'a> {
    context: FitContext<'a>,
    started: Instant,
    last_progress: Instant,
    /// Records that were done when this process began.
    first_record: usize,
    log: Option<EpochLog>,
    events: Option<EventWriter>,
}

/// How far a run is.
pub(crate) struct Standing {
    /// Records done over all epochs.
    pub(crate) done: usize,
    /// Records in all epochs.
    pub(crate) total: usize,
    /// Mean loss of the epoch so far.
    pub(crate) loss: f64,
    /// The last judgement: name and value.
    pub(crate) metric: Option<(String, f64)>,
}

impl<'a> Reporter<'a> {
    /// Says nothing yet.
    pub(crate) fn silent(context: FitContext<'a>) -> Self {
        let now = Instant::now();
        Self {
            context,
            started: now,
            last_progress: now,
            first_record: 0,
            log: None,
            events: None,
        }
    }

    /// Opens the files, so that a folder that cannot be written stops the run at once, and announces the part.
    pub(crate) fn open(
        &mut self,
        history: &History,
        (done, total): (usize, usize),
    ) -> Result<(), TrainError> {
        if let Some(folder) = self.context.log_folder {
            self.log = Some(EpochLog::create(
                &folder.join("log.jsonl"),
                &history.epochs,
            )?);
            self.events = Some(EventWriter::create(&folder.join("events"))?);
        }
        self.first_record = done;
        let name = self.context.name.to_owned();
        self.context
            .observer
            .event(&Event::PartStarted { name, total });
        Ok(())
    }

    /// Sends a progress event, unless the last one was a moment ago.
    pub(crate) fn progress(&mut self, standing: Standing) {
        if self.last_progress.elapsed() < PROGRESS_EVERY {
            return;
        }
        self.last_progress = Instant::now();
        let Standing {
            done,
            total,
            loss,
            metric,
        } = standing;
        let secs = self.started.elapsed().as_secs_f64();
        let records_per_sec = done.saturating_sub(self.first_record) as f64 / secs;
        let left = total.saturating_sub(done) as f64;
        self.context.observer.event(&Event::Progress {
            name: self.context.name.to_owned(),
            done,
            total,
            records_per_sec,
            eta_secs: (records_per_sec > 0.0).then(|| left / records_per_sec),
            loss: loss.is_finite().then_some(loss),
            metric,
        });
    }

    /// Announces an epoch and writes it down. A disk that refuses costs the line, not the run.
    pub(crate) fn epoch(&mut self, record: &EpochRecord, num_epochs: usize) {
        if let Some(log) = &mut self.log
            && let Err(error) = log.append(record)
        {
            self.log = None;
            self.warn(format!("the log ends here: {error}"));
        }
        if let Some(events) = &mut self.events
            && let Err(error) = events.scalars(record.step, &scalars(record))
        {
            self.events = None;
            self.warn(format!("TensorBoard events end here: {error}"));
        }
        let name = self.context.name.to_owned();
        let record = record.clone();
        self.context.observer.event(&Event::EpochEnded {
            name,
            num_epochs,
            record,
        });
    }

    /// Passes on what a person should know.
    pub(crate) fn warn(&self, text: String) {
        self.context
            .observer
            .event(&Event::Warning(format!("{}: {text}", self.context.name)));
    }

    /// Announces the end.
    pub(crate) fn end(&self) {
        let name = self.context.name.to_owned();
        let secs = self.started.elapsed().as_secs_f64();
        self.context
            .observer
            .event(&Event::PartEnded { name, secs });
    }
}

fn scalars(record: &EpochRecord) -> Vec<(&str, f64)> {
    let mut scalars = vec![
        ("loss/train", record.train_loss),
        ("learning_rate", record.learning_rate),
        ("records_per_sec", record.records_per_sec),
        ("data_wait_fraction", record.data_wait_fraction),
    ];
    scalars.extend(record.validation_loss.map(|loss| ("loss/validation", loss)));
    scalars.extend(
        record
            .metrics
            .iter()
            .map(|(name, value)| (name.as_str(), *value)),
    );
    scalars
}
