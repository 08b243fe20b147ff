//! Opening a saved model: every byte is accounted for before any of it is used.

use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use schema::Pack;

use crate::{
    ArtifactError, Manifest, Part, PartFile,
    manifest::sha256,
    name::{MANIFEST, MOST_PART_BYTES, is_plain},
    save::previous_of,
    tensors,
};

/// Largest manifest, in bytes.
const MOST_MANIFEST_BYTES: u64 = 16 << 20;
/// Largest description of a part, in bytes; vocabularies stand there, a few MiB. Parsed JSON takes some 16 times as
/// much memory.
const MOST_DESCRIPTION_BYTES: u64 = 64 << 20;
/// Largest model, all files together, in bytes.
const MOST_TOTAL_BYTES: u64 = 8 << 30;
/// Most parts.
const MOST_PARTS: usize = 1000;

/// A saved model that has passed every check.
#[derive(Debug)]
pub struct Artifact {
    /// What it says about itself.
    pub manifest: Manifest,
    packs: BTreeMap<String, Pack>,
}

impl Artifact {
    /// A part by its name.
    pub fn part(&self, name: &str) -> Option<&Pack> {
        self.packs.get(name)
    }

    /// A part by its name, moved out, so that its numbers are not copied.
    pub fn take(&mut self, name: &str) -> Option<Pack> {
        self.packs.remove(name)
    }

    /// Size of all files except the manifest, in bytes.
    pub fn num_bytes(&self) -> u64 {
        self.manifest.files().map(|file| file.num_bytes).sum()
    }
}

impl Manifest {
    fn files(&self) -> impl Iterator<Item = &PartFile> {
        self.parts.iter().flat_map(|part| &part.files)
    }
}

/// Opens a saved model and verifies it.
///
/// # Errors
/// [`ArtifactError`] that names the file if anything is missing, changed by so much as one byte, larger than is safe
/// to read, not where it should be, or of a newer format.
pub fn open(dir: &Path) -> Result<Artifact, ArtifactError> {
    let (dir, manifest) = find(dir)?;
    check(&dir, &manifest)?;
    let mut packs = BTreeMap::new();
    for part in &manifest.parts {
        packs.insert(part.name.clone(), read_part(&dir, part)?);
    }
    Ok(Artifact { manifest, packs })
}

/// Reads only what a saved model says about itself; its parts are not looked at.
///
/// # Errors
/// [`ArtifactError`] if there is no manifest, or it is damaged or of a newer format.
pub fn open_manifest(dir: &Path) -> Result<Manifest, ArtifactError> {
    Ok(find(dir)?.1)
}

/// The manifest and the folder it was found in: the given one or, if a save was cut off between its two renames,
/// the earlier model that it had set aside.
fn find(dir: &Path) -> Result<(PathBuf, Manifest), ArtifactError> {
    let previous = previous_of(dir);
    let dir = if !dir.exists() && previous.is_dir() {
        previous
    } else {
        dir.to_owned()
    };
    let path = dir.join(MANIFEST);
    let bytes = match read(&path, MOST_MANIFEST_BYTES) {
        Err(ArtifactError::Missing { .. }) => return Err(ArtifactError::NotThere { path: dir }),
        other => other?,
    };
    let manifest = Manifest::parse(&dir, &bytes)?;
    Ok((dir, manifest))
}

/// What can be known to be wrong before any file is read.
fn check(dir: &Path, manifest: &Manifest) -> Result<(), ArtifactError> {
    let file = || dir.join(MANIFEST);
    let too_large = |what, got, limit| ArtifactError::TooLarge {
        file: file(),
        what,
        got,
        limit,
    };
    if manifest.parts.len() > MOST_PARTS {
        let got = manifest.parts.len() as u64;
        return Err(too_large("parts", got, MOST_PARTS as u64));
    }
    let (mut file_names, mut part_names) = (HashSet::new(), HashSet::new());
    for part in &manifest.parts {
        let endings = part.files.iter().map(|file| ending(&file.name));
        let is_complete = endings.eq([Some("json"), Some("safetensors")]);
        let is_named = !part.name.is_empty() && part.name.len() <= MOST_PART_BYTES;
        if !is_complete || !is_named || !part_names.insert(part.name.as_str()) {
            return Err(ArtifactError::Part {
                file: file(),
                part: part.name.clone(),
            });
        }
        for PartFile { name, .. } in &part.files {
            let is_own = file_names.insert(name.to_lowercase()) && name != MANIFEST;
            if !is_plain(name) || !is_own {
                return Err(ArtifactError::FileName {
                    file: file(),
                    name: name.clone(),
                });
            }
        }
    }
    let sizes = manifest.files().map(|file| file.num_bytes);
    let total = sizes.fold(0, u64::saturating_add);
    if total > MOST_TOTAL_BYTES {
        return Err(too_large("bytes in all files", total, MOST_TOTAL_BYTES));
    }
    Ok(())
}

fn ending(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(_, ending)| ending)
}

/// `check` has made sure of the two files and their order.
fn read_part(dir: &Path, part: &Part) -> Result<Pack, ArtifactError> {
    let mut pack = Pack::default();
    for listed in &part.files {
        let file = dir.join(&listed.name);
        let bytes = read_listed(&file, listed)?;
        if ending(&listed.name) == Some("json") {
            let description = serde_json::from_slice(&bytes);
            pack.description = description.map_err(|source| ArtifactError::Json {
                file: file.clone(),
                source,
            })?;
        } else {
            pack.tensors = tensors::parse(&file, &bytes)?;
        }
    }
    Ok(pack)
}

fn read_listed(file: &Path, listed: &PartFile) -> Result<Vec<u8>, ArtifactError> {
    let limit = match ending(&listed.name) {
        Some("json") => MOST_DESCRIPTION_BYTES,
        _ => MOST_TOTAL_BYTES,
    };
    let bytes = read(file, limit.min(listed.num_bytes)).map_err(|error| match error {
        ArtifactError::TooLarge { got, .. } if listed.num_bytes <= limit => ArtifactError::Size {
            file: file.to_owned(),
            got,
            expected: listed.num_bytes,
        },
        other => other,
    })?;
    if bytes.len() as u64 != listed.num_bytes {
        return Err(ArtifactError::Size {
            file: file.to_owned(),
            got: bytes.len() as u64,
            expected: listed.num_bytes,
        });
    }
    let got = sha256(&bytes);
    if got != listed.sha256 {
        return Err(ArtifactError::Changed {
            file: file.to_owned(),
            got,
            expected: listed.sha256.clone(),
        });
    }
    Ok(bytes)
}

/// The bytes of a regular file, never more than `limit`.
fn read(file: &Path, limit: u64) -> Result<Vec<u8>, ArtifactError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ArtifactError::Missing {
            file: file.to_owned(),
        },
        _ => ArtifactError::Io {
            doing: "read",
            path: file.to_owned(),
            source,
        },
    };
    let too_large = |got| ArtifactError::TooLarge {
        file: file.to_owned(),
        what: "bytes",
        got,
        limit,
    };
    // A link could lead out of the folder, a pipe could wait for ever.
    let facts = fs::symlink_metadata(file).map_err(failed)?;
    if !facts.is_file() {
        return Err(ArtifactError::NotRegular {
            file: file.to_owned(),
        });
    }
    if facts.len() > limit {
        return Err(too_large(facts.len()));
    }
    let mut bytes = Vec::new();
    let reserved = bytes.try_reserve_exact(facts.len() as usize);
    reserved.map_err(|_| failed(io::ErrorKind::OutOfMemory.into()))?;
    let opened = File::open(file).map_err(failed)?;
    // One more than allowed tells a file that grew from one that fits.
    let mut bounded = opened.take(limit.saturating_add(1));
    bounded.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}
