//! Saving a model in one step: a reader finds the earlier model or the new one, never a mixture.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use schema::Pack;

use crate::{
    ArtifactError, FORMAT_VERSION, Manifest, ManifestInput, Part, PartFile,
    manifest::sha256,
    name::{MANIFEST, MOST_PART_BYTES, stem_for},
    open, tensors,
};

/// Saves a model as a folder: `(name, kind, pack)` of each part.
///
/// Everything is written to a hidden folder beside `dir`, flushed to the disk, opened and verified, and only then
/// renamed to `dir`. An earlier model there survives any failure.
///
/// # Errors
/// [`ArtifactError`] if the disk refuses, `dir` holds files that are not of a saved model, or a part has no usable
/// name or shape.
pub fn save(
    dir: &Path,
    input: ManifestInput,
    parts: &[(String, String, Pack)],
) -> Result<(), ArtifactError> {
    save_through(dir, input, parts, &mut |path, bytes| {
        schema::write_atomic(path, bytes)
    })
}

/// Writes one file; tests put a failing disk here.
type Write<'a> = &'a mut dyn FnMut(&Path, &[u8]) -> io::Result<()>;

fn save_through(
    dir: &Path,
    input: ManifestInput,
    parts: &[(String, String, Pack)],
    write: Write<'_>,
) -> Result<(), ArtifactError> {
    check_parts(parts)?;
    let dir = settle(dir)?;
    check_replaceable(&dir)?;
    let temporary = beside(
        &dir,
        &format!("{}-{}.saving", std::process::id(), next_number()),
    );
    let saved = fs::create_dir(&temporary)
        .map_err(io_error("create", &temporary))
        .and_then(|()| write_all(&temporary, input, parts, write))
        .and_then(|()| open(&temporary).map(drop))
        .and_then(|()| replace(&temporary, &dir));
    if saved.is_err() {
        // The first error is the one worth telling.
        let _ = fs::remove_dir_all(&temporary);
    }
    saved
}

fn next_number() -> u64 {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    COUNTER.fetch_add(1, Ordering::Relaxed)
}

fn check_parts(parts: &[(String, String, Pack)]) -> Result<(), ArtifactError> {
    let mut names = HashSet::new();
    for (name, _, pack) in parts {
        let is_usable = !name.is_empty() && name.len() <= MOST_PART_BYTES;
        if !is_usable || !names.insert(name) {
            return Err(ArtifactError::PartName { name: name.clone() });
        }
        for (tensor, content) in &pack.tensors {
            let size = content
                .shape
                .iter()
                .try_fold(1_usize, |size, axis| size.checked_mul(*axis));
            let got = tensors::num_values(content);
            if size != Some(got) {
                return Err(ArtifactError::Shape {
                    part: name.clone(),
                    tensor: tensor.clone(),
                    shape: content.shape.clone(),
                    got,
                });
            }
        }
    }
    Ok(())
}

/// Follows a link to the folder, makes its parent, and brings back an earlier model that a cut-off save set aside.
fn settle(dir: &Path) -> Result<PathBuf, ArtifactError> {
    if dir.exists() {
        return dir.canonicalize().map_err(io_error("read", dir));
    }
    let previous = previous_of(dir);
    if previous.is_dir() {
        fs::rename(&previous, dir).map_err(io_error("restore", dir))?;
    } else if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent).map_err(io_error("create", parent))?;
    }
    Ok(dir.to_owned())
}

/// Replacing deletes what is there, so there must be nothing but a saved model.
fn check_replaceable(dir: &Path) -> Result<(), ArtifactError> {
    if !dir.exists() {
        return Ok(());
    }
    let occupied = |path| Err(ArtifactError::Occupied { path });
    if !dir.is_dir() {
        return occupied(dir.to_owned());
    }
    let has_manifest = dir.join(MANIFEST).is_file();
    for entry in fs::read_dir(dir).map_err(io_error("read", dir))? {
        let path = entry.map_err(io_error("read", dir))?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        let is_ours =
            has_manifest && path.is_file() && matches!(ending, Some("json" | "safetensors"));
        if !is_ours {
            return occupied(path);
        }
    }
    Ok(())
}

fn write_all(
    dir: &Path,
    input: ManifestInput,
    parts: &[(String, String, Pack)],
    write: Write<'_>,
) -> Result<(), ArtifactError> {
    let mut taken = HashSet::new();
    let mut listed = Vec::new();
    for (name, kind, pack) in parts {
        let stem = stem_for(name, &mut taken);
        let mut put = |ending: &str, bytes: &[u8]| {
            let name = format!("{stem}.{ending}");
            let path = dir.join(&name);
            write(&path, bytes).map_err(io_error("write", &path))?;
            Ok(PartFile {
                name,
                num_bytes: bytes.len() as u64,
                sha256: sha256(bytes),
            })
        };
        let file = dir.join(format!("{stem}.json"));
        let description = serde_json::to_vec(&pack.description);
        let description = description.map_err(|source| ArtifactError::Json { file, source })?;
        let file = dir.join(format!("{stem}.safetensors"));
        let numbers = tensors::to_bytes(&file, &pack.tensors)?;
        let num_values = pack
            .tensors
            .values()
            .map(tensors::num_values)
            .sum::<usize>() as u64;
        listed.push(Part {
            name: name.clone(),
            kind: kind.clone(),
            files: vec![put("json", &description)?, put("safetensors", &numbers)?],
            num_values,
        });
    }
    let file = dir.join(MANIFEST);
    let manifest = manifest(input, listed).to_bytes();
    let manifest = manifest.map_err(|source| ArtifactError::Json {
        file: file.clone(),
        source,
    })?;
    write(&file, &manifest).map_err(io_error("write", &file))
}

fn manifest(input: ManifestInput, parts: Vec<Part>) -> Manifest {
    Manifest {
        format_version: FORMAT_VERSION,
        multifuse_version: env!("CARGO_PKG_VERSION").to_owned(),
        created: input.created,
        task: input.target.task,
        target: input.target,
        columns: input.columns,
        parts,
        metrics: input.metrics,
        data: input.data,
        licence: input.licence,
        notes: input.notes,
        settings: input.settings,
        manifest_sha256: String::new(),
    }
}

/// Puts the new folder in the old one's place. A folder with files in it cannot be renamed over, so the old one
/// steps aside first; [`open`] and the next save find it there should the program end in between.
fn replace(new: &Path, dir: &Path) -> Result<(), ArtifactError> {
    if !dir.exists() {
        fs::rename(new, dir).map_err(io_error("rename to", dir))?;
        return sync_parent(dir);
    }
    let previous = previous_of(dir);
    if previous.exists() {
        fs::remove_dir_all(&previous).map_err(io_error("remove", &previous))?;
    }
    fs::rename(dir, &previous).map_err(io_error("set aside", dir))?;
    if let Err(source) = fs::rename(new, dir) {
        // Back to how it was; if even that fails, `open` still finds it.
        let _ = fs::rename(&previous, dir);
        return Err(io_error("rename to", dir)(source));
    }
    sync_parent(dir)?;
    // The new model is in place: an old one that cannot be removed costs room, nothing else.
    let _ = fs::remove_dir_all(&previous);
    Ok(())
}

/// Makes the renames survive a power cut. Only Unix lets a folder be opened and flushed.
fn sync_parent(dir: &Path) -> Result<(), ArtifactError> {
    let parent = match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !cfg!(unix) {
        return Ok(());
    }
    let synced = fs::File::open(parent).and_then(|folder| folder.sync_all());
    synced.map_err(io_error("flush", parent))
}

/// Where an earlier model waits while the new one takes its place.
pub(crate) fn previous_of(dir: &Path) -> PathBuf {
    beside(dir, "previous")
}

fn beside(dir: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(dir.file_name().unwrap_or_else(|| "artifact".as_ref()));
    name.push(".");
    name.push(ending);
    dir.with_file_name(name)
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ArtifactError {
    let path = path.to_owned();
    move |source| ArtifactError::Io {
        doing,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile::{example_input, example_parts};

    /// Names in a folder, sorted.
    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn noted(notes: &str) -> ManifestInput {
        ManifestInput {
            notes: notes.into(),
            ..example_input()
        }
    }

    fn notes(dir: &Path) -> String {
        open(dir).unwrap().manifest.notes
    }

    #[test]
    fn saving_again_replaces_everything_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("runs/new/artifact");
        save(&dir, noted("first"), &example_parts()).unwrap();
        assert_eq!(names(&dir).len(), 5);
        save(&dir, noted("second"), &example_parts()[..1]).unwrap();
        assert_eq!(
            names(&dir),
            ["joint.json", "joint.safetensors", "manifest.json"]
        );
        assert_eq!(notes(&dir), "second");
        assert_eq!(names(dir.parent().unwrap()), ["artifact"]);
    }

    #[test]
    fn a_write_that_fails_anywhere_keeps_the_earlier_model() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("artifact");
        save(&dir, noted("first"), &example_parts()).unwrap();
        for failing in 0..5 {
            let mut count = 0;
            let mut full_disk = |path: &Path, bytes: &[u8]| {
                count += 1;
                if count <= failing {
                    return schema::write_atomic(path, bytes);
                }
                // Half of it fits.
                fs::write(path, &bytes[..bytes.len() / 2])?;
                Err(io::ErrorKind::StorageFull.into())
            };
            let error = save_through(&dir, noted("second"), &example_parts(), &mut full_disk);
            let problem = schema::Problem::from(error.unwrap_err());
            assert!(problem.help.unwrap().contains("make room"));
            assert_eq!(problem.code, schema::Code::Internal);
            assert_eq!(notes(&dir), "first");
            assert_eq!(names(folder.path()), ["artifact"]);
        }
    }

    #[test]
    fn bytes_that_the_disk_changes_are_found_before_the_earlier_model_goes() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("artifact");
        save(&dir, noted("first"), &example_parts()).unwrap();
        let mut lying_disk = |path: &Path, bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            bytes[0] ^= 1;
            fs::write(path, bytes)
        };
        assert!(save_through(&dir, noted("second"), &example_parts(), &mut lying_disk).is_err());
        assert_eq!(notes(&dir), "first");
    }

    #[test]
    fn a_save_cut_off_between_its_renames_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("artifact");
        save(&dir, noted("first"), &example_parts()).unwrap();
        fs::rename(&dir, previous_of(&dir)).unwrap();
        assert_eq!(notes(&dir), "first");
        save(&dir, noted("second"), &example_parts()).unwrap();
        assert_eq!(notes(&dir), "second");
        assert_eq!(names(folder.path()), ["artifact"]);
    }

    #[test]
    fn files_of_others_are_never_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let with = |name: &str| {
            let dir = folder.path().join("artifact");
            let _ = fs::remove_dir_all(&dir);
            save(&dir, noted("first"), &example_parts()).unwrap();
            fs::write(dir.join(name), "mine").unwrap();
            save(&dir, noted("second"), &example_parts())
        };
        assert!(matches!(
            with("thesis.txt"),
            Err(ArtifactError::Occupied { .. })
        ));
        let home = folder.path().join("home");
        fs::create_dir(&home).unwrap();
        save(&home, noted("an empty folder is fine"), &example_parts()).unwrap();
        fs::remove_file(home.join(MANIFEST)).unwrap();
        let error = save(&home, noted("no manifest"), &example_parts()).unwrap_err();
        assert!(matches!(error, ArtifactError::Occupied { .. }), "{error}");
        let file = folder.path().join("file");
        fs::write(&file, "mine").unwrap();
        assert!(save(&file, example_input(), &example_parts()).is_err());
        let below = save(&file.join("artifact"), example_input(), &example_parts());
        assert!(matches!(below, Err(ArtifactError::Io { .. })));
        assert_eq!(fs::read(&file).unwrap(), b"mine");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_cannot_be_written_is_an_error_that_names_it() {
        // Even root may not make files there.
        let error = save(
            Path::new("/proc/artifact"),
            example_input(),
            &example_parts(),
        );
        let problem = schema::Problem::from(error.unwrap_err());
        assert!(problem.what.contains("/proc/"), "{problem}");
        assert_eq!(
            problem.help.as_deref(),
            Some("choose a folder that can be written")
        );
    }

    #[test]
    fn parts_without_a_usable_name_or_shape_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("artifact");
        let part = example_parts().swap_remove(0);
        let twice = [part.clone(), part.clone()];
        let error = save(&dir, example_input(), &twice).unwrap_err();
        assert!(matches!(error, ArtifactError::PartName { .. }), "{error}");
        let mut wrong = part;
        wrong.2.tensors.get_mut("weight").unwrap().shape = vec![3];
        let error = save(&dir, example_input(), &[wrong]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "tensor \"weight\" of part \"joint\" has shape [3] but 4 values"
        );
        assert!(names(folder.path()).is_empty());
    }
}
