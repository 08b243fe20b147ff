//! Where the bytes of cells lie that are not copied into the table.

use std::{fs::File, io, path::PathBuf, sync::Arc};

use crate::spill::read_exact_at;

/// A file whose bytes are read by position when a cell is asked for.
#[derive(Debug, Clone)]
pub(crate) enum Archive {
    /// By its path: opened for each read, because there may be more archives than a process may hold open.
    Path(PathBuf),
    /// A file without a name.
    Open(Arc<File>),
}

impl Archive {
    /// Reads `len` bytes from `at` on.
    ///
    /// # Errors
    /// What the system says; also if the file ends before.
    pub(crate) fn read(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        match self {
            Self::Path(path) => read_exact_at(&File::open(path)?, &mut bytes, at)?,
            Self::Open(file) => read_exact_at(file, &mut bytes, at)?,
        }
        Ok(bytes)
    }
}
