//! Saving a run and going on from what was saved.

use serde_json::Value;

use crate::{
    checkpoint::{Checkpoint, Progress, put_into, tensors_of},
    ema::Ema,
    error::TrainError,
    run::Run,
};

/// Settings that may differ in a run that goes on: they say when it ends or how often something is written, not what
/// is computed.
const FREE_SETTINGS: [&str; 4] = [
    "stop_after_epochs",
    "stop_after_steps",
    "evaluate_every_epochs",
    "checkpoint_every_secs",
];

impl Run<'_> {
    /// Takes over the checkpoint of an earlier process, if the run has one and may.
    pub(crate) fn go_on_from_checkpoint(&mut self) -> Result<(), TrainError> {
        let Some(folder) = self
            .context
            .checkpoint_folder
            .filter(|_| self.context.resume)
        else {
            return Ok(());
        };
        let num_values = self
            .network
            .parameters
            .iter()
            .map(|(.., value)| value.len())
            .sum();
        let Some(checkpoint) = Checkpoint::open(folder, num_values)? else {
            return Ok(());
        };
        let path = Checkpoint::path(folder);
        let refuse = |reason: String| TrainError::checkpoint(&path, reason);
        if let Some(reason) = difference(&checkpoint.progress.settings, &self.settings()) {
            return Err(refuse(reason));
        }
        let Checkpoint {
            progress,
            weights,
            average,
            best,
            optimizer,
        } = checkpoint;
        put_into(&mut self.network.parameters, weights).map_err(refuse)?;
        if self.ema.is_some() {
            let mut parameters = self.network.parameters.clone();
            put_into(&mut parameters, average).map_err(refuse)?;
            let decay = self.config.ema_decay;
            self.ema = Some(Ema::restore(parameters, progress.num_averaged, decay));
        }
        if !best.is_empty() {
            let mut parameters = self.network.parameters.clone();
            put_into(&mut parameters, best).map_err(refuse)?;
            self.best = Some(parameters);
        }
        let optimizer: Vec<_> = optimizer.into_iter().collect();
        self.optimizer
            .load_state(&self.network.parameters, &optimizer)
            .map_err(|error| refuse(error.to_string()))?;
        self.cursor = progress.cursor;
        self.schedule.restore(progress.schedule);
        self.early_stop = progress.early_stop;
        self.history = progress.history;
        Ok(())
    }

    /// Writes the checkpoint. A disk that refuses is reported, and the run goes on.
    pub(crate) fn save(&mut self) {
        if self.context.checkpoint_folder.is_none() {
            return;
        }
        let checkpoint = self.checkpoint();
        if let Err(error) = self.saver.save(&checkpoint) {
            let text =
                format!("the checkpoint could not be written, the earlier one stays: {error}");
            self.reporter.warn(text);
        }
    }

    fn checkpoint(&self) -> Checkpoint {
        let parameters = &self.network.parameters;
        Checkpoint {
            progress: Progress {
                format: 0,
                cursor: self.cursor.clone(),
                num_averaged: self.ema.as_ref().map_or(0, Ema::num_updates),
                schedule: self.schedule.state(),
                early_stop: self.early_stop,
                history: self.history.clone(),
                settings: self.settings(),
            },
            weights: tensors_of(parameters),
            average: self
                .ema
                .as_ref()
                .map(|ema| tensors_of(ema.parameters()))
                .unwrap_or_default(),
            best: self.best.as_ref().map(tensors_of).unwrap_or_default(),
            optimizer: self.optimizer.state(parameters).into_iter().collect(),
        }
    }

    /// What a run that goes on must have in common with the one that was saved.
    fn settings(&self) -> Value {
        let mut settings = serde_json::to_value(self.config).unwrap_or_default();
        if let Value::Object(keys) = &mut settings {
            FREE_SETTINGS
                .iter()
                .for_each(|key| drop(keys.shift_remove(*key)));
            keys.insert("seed".to_owned(), self.context.seed.0.into());
            keys.insert("training records".to_owned(), self.num_train_records.into());
        }
        settings
    }
}

/// The first setting that differs, in words.
fn difference(saved: &Value, now: &Value) -> Option<String> {
    let (Value::Object(saved), Value::Object(now)) = (saved, now) else {
        return (saved != now).then(|| "it does not say with which settings".to_owned());
    };
    let mut names: Vec<&String> = saved.keys().chain(now.keys()).collect();
    names.dedup();
    let key = names
        .into_iter()
        .find(|key| saved.get(*key) != now.get(*key))?;
    let text = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
    let (then, today) = (text(saved.get(key)), text(now.get(key)));
    Some(format!(
        "it was written with {key} = {then}, this run has {today}"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_setting_that_differs_is_named_with_both_values() {
        let saved = json!({"lr": 0.003, "epochs": 4});
        assert_eq!(difference(&saved, &saved), None);
        let reason = difference(&saved, &json!({"lr": 0.003, "epochs": 6})).unwrap();
        assert_eq!(reason, "it was written with epochs = 4, this run has 6");
        let reason = difference(&saved, &json!({"lr": 0.003, "epochs": 4, "clip_norm": 1.0}));
        assert_eq!(
            reason.unwrap(),
            "it was written with clip_norm = nothing, this run has 1.0"
        );
    }
}
