//! A temporary file for what would take too much memory: without a name, so that it is gone with the process however
//! that ends, written behind its end and read by position from any thread.

use std::{
    fs::File,
    io,
    sync::atomic::{AtomicU64, Ordering},
};

/// Bytes in an unlinked file of the temporary folder.
#[derive(Debug)]
pub(crate) struct SpillFile {
    file: File,
    end: AtomicU64,
}

impl SpillFile {
    /// An empty file.
    ///
    /// # Errors
    /// If the temporary folder takes none.
    pub(crate) fn create() -> io::Result<Self> {
        Ok(Self {
            file: tempfile::tempfile()?,
            end: AtomicU64::new(0),
        })
    }

    /// Puts bytes behind the others; returns where they lie.
    ///
    /// # Errors
    /// If the disk does not take them all.
    pub(crate) fn push(&self, bytes: &[u8]) -> io::Result<u64> {
        let at = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        write_all_at(&self.file, bytes, at)?;
        Ok(at)
    }

    /// Bytes that lie at a place.
    ///
    /// # Errors
    /// If there are not so many, or the disk fails.
    pub(crate) fn read(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        read_exact_at(&self.file, &mut bytes, at)?;
        Ok(bytes)
    }

    /// Where the next bytes will lie.
    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Relaxed)
    }

    /// Makes the file shorter; a length of 0 gives all room back to the disk.
    ///
    /// # Errors
    /// If the disk fails.
    pub(crate) fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    /// Bytes that the disk of the file has free, where the system tells.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        #[cfg(unix)]
        {
            let about = rustix::fs::fstatvfs(&self.file).ok()?;
            Some(about.f_bavail.saturating_mul(about.f_frsize))
        }
        #[cfg(not(unix))]
        None
    }
}

#[cfg(unix)]
pub(crate) fn read_exact_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
pub(crate) fn read_exact_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                bytes = &mut bytes[read..];
                at += read as u64;
            }
        }
    }
    Ok(())
}

#[cfg(windows)]
fn write_all_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, bytes, at)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => {
                bytes = &bytes[written..];
                at += written as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    #[test]
    fn what_many_threads_write_is_read_back() {
        let file = SpillFile::create().unwrap();
        let record = |number: usize| vec![number as u8; number % 17 + 1];
        let places: Vec<u64> = (0..500_usize)
            .into_par_iter()
            .map(|number| file.push(&record(number)).unwrap())
            .collect();
        for (number, at) in places.iter().enumerate() {
            let expected = record(number);
            assert_eq!(file.read(*at, expected.len()).unwrap(), expected);
        }
        assert!(file.read(file.end(), 1).is_err());
        file.truncate(0).unwrap();
        assert!(file.read(0, 1).is_err());
    }
}
