//! Digests of the large files, computed beside the work that already reads their numbers.

use std::{
    fs::File,
    io::{Read, Seek},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
};

use sha2::{Digest, Sha256};

use crate::{ArtifactError, file::failed, manifest::hexadecimal};

/// Bytes that are hashed at a time: they fit the nearest caches, and the file takes no memory of the process.
const PIECE: usize = 128 << 10;

/// A file and the digest that it should have.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) file: PathBuf,
    pub(crate) opened: File,
    pub(crate) sha256: String,
}

/// A check of digests that runs while the model is already being built.
///
/// Whoever uses the model asks [`Check::wait`] before handing out anything that came of its numbers.
#[derive(Debug)]
pub struct Check {
    files: Arc<Vec<Expected>>,
    is_dropped: Arc<AtomicBool>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Running(JoinHandle<Result<(), ArtifactError>>),
    /// Failed, or never started: the next to ask finds out.
    Open,
    Good,
}

impl Check {
    /// Starts on a thread of its own.
    pub(crate) fn start(files: Vec<Expected>) -> Self {
        let files = Arc::new(files);
        let is_dropped = Arc::new(AtomicBool::new(false));
        let work = {
            let (files, is_dropped) = (Arc::clone(&files), Arc::clone(&is_dropped));
            move || check(&files, &is_dropped)
        };
        let started = Builder::new().name("digests".to_owned()).spawn(work);
        Self {
            files,
            is_dropped,
            state: Mutex::new(started.map_or(State::Open, State::Running)),
        }
    }

    /// Waits for the check; at once if it is done.
    ///
    /// # Errors
    /// [`ArtifactError::Changed`] that names the first file in which so much as one byte differs.
    pub fn wait(&self) -> Result<(), ArtifactError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = match std::mem::replace(&mut *state, State::Open) {
            State::Good => Ok(()),
            State::Open => check(&self.files, &self.is_dropped),
            State::Running(worker) => worker
                .join()
                .unwrap_or_else(|_| check(&self.files, &self.is_dropped)),
        };
        if result.is_ok() {
            *state = State::Good;
        }
        result
    }
}

impl Drop for Check {
    /// Ends the thread: a folder may be about to be deleted.
    fn drop(&mut self) {
        self.is_dropped.store(true, Ordering::Relaxed);
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let State::Running(worker) = std::mem::replace(state, State::Open) {
            // Nobody is left to be told what it found.
            let _ = worker.join();
        }
    }
}

fn check(files: &[Expected], is_dropped: &AtomicBool) -> Result<(), ArtifactError> {
    let mut piece = vec![0; PIECE];
    for expected in files {
        let file: &Path = &expected.file;
        let mut opened = &expected.opened;
        opened.rewind().map_err(|source| failed(file, source))?;
        let mut digest = Sha256::new();
        loop {
            let count = match opened.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(failed(file, source)),
            };
            digest.update(&piece[..count]);
            if is_dropped.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
        let got = hexadecimal(&digest.finalize());
        if got != expected.sha256 {
            return Err(ArtifactError::Changed {
                file: file.to_owned(),
                got,
                expected: expected.sha256.clone(),
            });
        }
    }
    Ok(())
}
