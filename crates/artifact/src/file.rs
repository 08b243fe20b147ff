//! Files of a saved model: regular ones only, of the size that is expected, read or mapped.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use memmap2::MmapOptions;
use schema::SharedBytes;

use crate::ArtifactError;

/// A regular file and its size in bytes, never more than `limit`.
pub(crate) fn open_regular(file: &Path, limit: u64) -> Result<(File, u64), ArtifactError> {
    let failed = |source| failed(file, source);
    let not_regular = || ArtifactError::NotRegular {
        file: file.to_owned(),
    };
    // A link could lead out of the folder, a pipe could wait for ever.
    if !fs::symlink_metadata(file).map_err(failed)?.is_file() {
        return Err(not_regular());
    }
    let opened = File::open(file).map_err(failed)?;
    let facts = opened.metadata().map_err(failed)?;
    if !facts.is_file() {
        return Err(not_regular());
    }
    if facts.len() > limit {
        return Err(too_large(file, facts.len(), limit));
    }
    Ok((opened, facts.len()))
}

/// The bytes of a regular file, never more than `limit`.
pub(crate) fn read(file: &Path, limit: u64) -> Result<Vec<u8>, ArtifactError> {
    let (opened, size) = open_regular(file, limit)?;
    let failed = |source| failed(file, source);
    let mut bytes = Vec::new();
    let reserved = bytes.try_reserve_exact(size as usize);
    reserved.map_err(|_| failed(io::ErrorKind::OutOfMemory.into()))?;
    // One more than allowed tells a file that grew from one that fits.
    let mut bounded = opened.take(limit.saturating_add(1));
    bounded.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(too_large(file, bytes.len() as u64, limit));
    }
    Ok(bytes)
}

/// The bytes of an open file as memory: only what is looked at is read.
#[allow(
    unsafe_code,
    reason = "numbers of a model are read where they lie on the disk"
)]
pub(crate) fn map(file: &Path, opened: &File) -> Result<SharedBytes, ArtifactError> {
    let size = opened.metadata().map_err(|source| failed(file, source))?;
    let size =
        usize::try_from(size.len()).map_err(|_| failed(file, io::ErrorKind::OutOfMemory.into()))?;
    // SAFETY: the map is read only, and exactly as long as the file is now. Its bytes must not change while it lives:
    // multifuse never writes to a file of a saved model, it writes new ones in a new folder and renames that folder
    // into place, and an old file lives on under its map. Somebody else who writes into a model that is in use makes
    // its numbers wrong, or ends the program where the file became shorter; no pointer or length is read from them.
    let mapped = unsafe { MmapOptions::new().len(size).map(opened) };
    Ok(Arc::new(mapped.map_err(|source| failed(file, source))?))
}

/// What a failing disk means for a file.
pub(crate) fn failed(file: &Path, source: io::Error) -> ArtifactError {
    match source.kind() {
        io::ErrorKind::NotFound => ArtifactError::Missing {
            file: file.to_owned(),
        },
        _ => ArtifactError::Io {
            doing: "read",
            path: file.to_owned(),
            source,
        },
    }
}

fn too_large(file: &Path, got: u64, limit: u64) -> ArtifactError {
    ArtifactError::TooLarge {
        file: file.to_owned(),
        what: "bytes",
        got,
        limit,
    }
}
