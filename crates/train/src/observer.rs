//! What a run tells whoever watches. Nothing is printed here: the binary draws bars, tests count events.

use crate::history::EpochRecord;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A part began, such as an expert or reading the pictures.
    PartStarted {
        /// Name of the part.
        name: String,
        /// Units of work in it (records over all epochs for training); 0 if unknown.
        total: usize,
    },
    /// A part went on; sent a few times a second at most.
    Progress {
        /// Name of the part.
        name: String,
        /// Units done.
        done: usize,
        /// Units in all; 0 if unknown.
        total: usize,
        /// Speed over the part so far.
        records_per_sec: f64,
        /// Seconds that remain at this speed; `None` if the total is unknown.
        eta_secs: Option<f64>,
        /// Mean training loss of the epoch so far.
        loss: Option<f64>,
        /// The last evaluation of the watched metric: name and value.
        metric: Option<(String, f64)>,
    },
    /// An epoch ended.
    EpochEnded {
        /// Name of the part.
        name: String,
        /// Epochs that the run will have, unless it stops early.
        num_epochs: usize,
        /// What the epoch gave.
        record: EpochRecord,
    },
    /// A part ended.
    PartEnded {
        /// Name of the part.
        name: String,
        /// How long it took.
        secs: f64,
    },
    /// Something a person should know that did not stop the run.
    Warning(String),
}

/// Whoever watches a run. Called from the training thread, so it should return soon.
pub trait Observer: Send + Sync {
    /// Takes note of an event.
    fn event(&self, event: &Event);
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn event(&self, _event: &Event) {}
}
