//! Opening a saved model: every byte is accounted for before any of it is used.

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
};

use schema::{Pack, SharedBytes};

use crate::{
    ArtifactError, Check, Manifest, PartFile,
    check::Expected,
    file,
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
    let (artifact, check) = open_while_checking(dir)?;
    check.wait()?;
    Ok(artifact)
}

/// Opens a saved model whose numbers can be used at once, while their digests are still being computed.
///
/// Everything else - sizes, names, the manifest, descriptions, the form of tensor files - is verified first. Numbers
/// are mapped: only those that are looked at are read into memory.
///
/// # Errors
/// As [`open`]; that numbers have changed is known only from [`Check::wait`].
pub fn open_while_checking(dir: &Path) -> Result<(Artifact, Check), ArtifactError> {
    let (dir, manifest) = find(dir)?;
    check(&dir, &manifest)?;
    let (mut mapped, mut expected) = (Vec::new(), Vec::new());
    for part in &manifest.parts {
        let (memory, file) = map_numbers(&dir, &part.files[1])?;
        mapped.push(memory);
        expected.push(file);
    }
    let names: Vec<PathBuf> = expected.iter().map(|one| one.file.clone()).collect();
    let check = Check::start(expected);
    let mut packs = BTreeMap::new();
    for ((part, memory), file) in manifest.parts.iter().zip(&mapped).zip(&names) {
        let pack = Pack {
            description: description(&dir, &part.files[0])?,
            // What is no tensor file has most likely changed, which says more.
            tensors: tensors::parse(file, memory).or_else(|error| check.wait().and(Err(error)))?,
        };
        packs.insert(part.name.clone(), pack);
    }
    Ok((Artifact { manifest, packs }, check))
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
    let bytes = match file::read(&path, MOST_MANIFEST_BYTES) {
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

/// The numbers of a part as memory, and the file with the digest that it should have.
fn map_numbers(dir: &Path, listed: &PartFile) -> Result<(SharedBytes, Expected), ArtifactError> {
    let file = dir.join(&listed.name);
    let (opened, got) = file::open_regular(&file, MOST_TOTAL_BYTES)
        .map_err(|error| as_size(error, &file, listed))?;
    check_size(&file, got, listed)?;
    let memory = file::map(&file, &opened)?;
    // The file may have changed its size between the two looks at it.
    check_size(&file, (*memory).as_ref().len() as u64, listed)?;
    let expected = Expected {
        file,
        opened,
        sha256: listed.sha256.clone(),
    };
    Ok((memory, expected))
}

/// The description of a part, its digest verified.
fn description(dir: &Path, listed: &PartFile) -> Result<serde_json::Value, ArtifactError> {
    let file = dir.join(&listed.name);
    let limit = MOST_DESCRIPTION_BYTES;
    let bytes = file::read(&file, limit.min(listed.num_bytes)).map_err(|error| {
        if listed.num_bytes <= limit {
            as_size(error, &file, listed)
        } else {
            error
        }
    })?;
    check_size(&file, bytes.len() as u64, listed)?;
    let got = sha256(&bytes);
    if got != listed.sha256 {
        let expected = listed.sha256.clone();
        return Err(ArtifactError::Changed {
            file,
            got,
            expected,
        });
    }
    serde_json::from_slice(&bytes).map_err(|source| ArtifactError::Json { file, source })
}

/// A file that is larger than it was saved has another size, which says more than that it is too large.
fn as_size(error: ArtifactError, file: &Path, listed: &PartFile) -> ArtifactError {
    match error {
        ArtifactError::TooLarge { got, .. } => ArtifactError::Size {
            file: file.to_owned(),
            got,
            expected: listed.num_bytes,
        },
        other => other,
    }
}

fn check_size(file: &Path, got: u64, listed: &PartFile) -> Result<(), ArtifactError> {
    if got == listed.num_bytes {
        return Ok(());
    }
    Err(ArtifactError::Size {
        file: file.to_owned(),
        got,
        expected: listed.num_bytes,
    })
}
