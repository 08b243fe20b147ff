//! What the epochs of a run gave.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::control::StoppedBy;

/// What one epoch gave; one line of `log.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Optimiser steps since the start of the run.
    pub step: usize,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Mean loss over the epoch's records, as trained (augmented, dropped out, smoothed).
    #[serde(with = "null_for_nan")]
    pub train_loss: f64,
    /// Mean loss over the held-out records; `None` if this epoch was not evaluated.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub validation_loss: Option<f64>,
    /// Metrics on the held-out records by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub metrics: BTreeMap<String, f64>,
    /// Seconds of training, evaluation left out.
    pub secs: f64,
    /// Of these, seconds in which the loop waited for its next batch.
    #[serde(default)]
    pub data_wait_secs: f64,
    /// The same as a share of `secs`.
    #[serde(default)]
    pub data_wait_fraction: f64,
    /// Training speed.
    pub records_per_sec: f64,
}

/// The epochs of a run in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// One record an epoch.
    pub epochs: Vec<EpochRecord>,
}

/// How a fit went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FitResult {
    /// Whole epochs that were run, those of a resumed run included.
    pub epochs_run: usize,
    /// Optimiser steps that were run; with `stop_after_steps` set to it a run that was cut repeats exactly.
    pub steps_run: usize,
    /// Epoch (from 1) whose weights were kept, if early stopping chose one.
    pub best_epoch: Option<usize>,
    /// What the epochs gave.
    pub history: History,
    /// Why the run ended.
    pub stopped_by: StoppedBy,
    /// Mean seconds of an epoch's training; 0 if none was finished.
    pub secs_per_epoch: f64,
}

impl History {
    /// Mean seconds of an epoch's training; 0 without epochs.
    pub fn secs_per_epoch(&self) -> f64 {
        let total: f64 = self.epochs.iter().map(|epoch| epoch.secs).sum();
        total / self.epochs.len().max(1) as f64
    }
}

/// JSON has no word for "not a number": it is written as null and read back from it.
mod null_for_nan {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() {
            serializer.serialize_f64(*value)
        } else {
            serializer.serialize_none()
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
    }
}
