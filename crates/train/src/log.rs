//! `log.jsonl`: one JSON object an epoch, on the disk as soon as the epoch ends.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use crate::{error::TrainError, history::EpochRecord};

/// Writes the epochs of a run as JSON lines.
pub struct EpochLog {
    file: File,
    path: PathBuf,
}

impl EpochLog {
    /// Begins the log with the epochs that a resumed run already has (none for a new run), so that epochs after the
    /// checkpoint that the earlier run logged and lost do not stand there twice.
    ///
    /// # Errors
    /// [`TrainError::Write`] if the file cannot be made or written.
    pub fn create(path: &Path, past: &[EpochRecord]) -> Result<Self, TrainError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| TrainError::write(folder, error))?;
        }
        let file = File::create(path).map_err(|error| TrainError::write(path, error))?;
        let mut log = Self {
            file,
            path: path.to_owned(),
        };
        past.iter().try_for_each(|record| log.append(record))?;
        Ok(log)
    }

    /// Appends an epoch. One write a line, so a reader never sees half of one.
    ///
    /// # Errors
    /// [`TrainError::Write`] if the disk refuses.
    pub fn append(&mut self, record: &EpochRecord) -> Result<(), TrainError> {
        let refused = |error| TrainError::write(&self.path, error);
        let mut line = serde_json::to_string(record).map_err(|error| refused(error.into()))?;
        line.push('\n');
        self.file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.flush())
            .map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: usize) -> EpochRecord {
        EpochRecord {
            epoch,
            step: epoch * 4,
            learning_rate: 0.003,
            train_loss: 0.5,
            validation_loss: None,
            metrics: [("accuracy".to_owned(), 0.75)].into(),
            secs: 1.5,
            data_wait_secs: 0.03,
            data_wait_fraction: 0.02,
            records_per_sec: 100.0,
        }
    }

    #[test]
    fn a_resumed_log_has_every_epoch_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/log.jsonl");
        let mut log = EpochLog::create(&path, &[]).unwrap();
        (1..=3).for_each(|epoch| log.append(&record(epoch)).unwrap());
        let mut resumed = EpochLog::create(&path, &[record(1), record(2)]).unwrap();
        resumed.append(&record(3)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let epochs: Vec<EpochRecord> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(epochs, [record(1), record(2), record(3)]);
    }

    /// A line that an earlier version wrote does not say how long the loop waited.
    #[test]
    fn lines_say_how_long_the_loop_waited_and_old_lines_are_read() {
        let line = serde_json::to_string(&record(1)).unwrap();
        let waited = "\"data_wait_secs\":0.03,\"data_wait_fraction\":0.02,";
        let old = line.replace(waited, "");
        assert_ne!(old, line);
        let read: EpochRecord = serde_json::from_str(&old).unwrap();
        assert_eq!((read.secs, read.data_wait_fraction), (1.5, 0.0));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = EpochLog::create(&file.path().join("log.jsonl"), &[])
            .err()
            .unwrap();
        assert!(matches!(error, TrainError::Write { .. }), "{error}");
    }
}
