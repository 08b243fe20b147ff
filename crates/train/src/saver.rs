//! When a run writes its checkpoint, and what happens if the disk refuses.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{checkpoint::Checkpoint, error::TrainError};

/// Writing takes at most one part in this many of a run's time.
const MOST_TIME_SHARE: u32 = 20;

/// Writes checkpoints now and then.
pub(crate) struct Saver<'a> {
    folder: Option<&'a Path>,
    every: Duration,
    last: Instant,
    /// What the last write took.
    cost: Duration,
}

impl<'a> Saver<'a> {
    /// Makes the folder, so that one that cannot be written stops the run before its first step.
    pub(crate) fn new(folder: Option<&'a Path>, every_secs: f64) -> Result<Self, TrainError> {
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(|error| TrainError::write(folder, error))?;
        }
        let every = Duration::try_from_secs_f64(every_secs).unwrap_or(Duration::MAX);
        Ok(Self {
            folder,
            every,
            last: Instant::now(),
            cost: Duration::ZERO,
        })
    }

    /// Whether there is a folder and it is time.
    pub(crate) fn is_due(&self) -> bool {
        let wait = self.every.max(self.cost * MOST_TIME_SHARE);
        self.folder.is_some() && (self.every.is_zero() || self.last.elapsed() >= wait)
    }

    /// Writes a checkpoint, if there is a folder. On an error the earlier file stays and the next write is tried at
    /// the next interval.
    pub(crate) fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        let Some(folder) = self.folder else {
            return Ok(());
        };
        let begin = Instant::now();
        let result = checkpoint.save(folder);
        self.last = Instant::now();
        self.cost = self.last - begin;
        result
    }
}
