//! Files, archives and folders to tables, one file a format.

use std::path::{Path, PathBuf};

use crate::{DataError, Table};

mod delimited;
mod folder;
mod json_lines;
mod lists;
mod parquet_file;
mod pattern;
mod shards;
mod tar;
mod url;

pub(crate) use shards::KEY;

/// The endings that [`Table::open`] reads; folders beside them.
pub const FORMATS: [&str; 9] = [
    ".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".pq", ".tar", ".tar.gz", ".tgz",
];

/// Reads a table by what its path is: a folder, archives, or a file by its ending; several by a pattern.
pub(crate) fn open(path: &Path) -> Result<Table, DataError> {
    if let Some(found) = url::of(path) {
        return url::open(&found);
    }
    if path.is_dir() {
        return folder::open(path);
    }
    let files = if path.exists() {
        vec![path.to_owned()]
    } else {
        pattern::expand(path)
    };
    open_files(path, &files, false)
}

/// Reads some files that a path stands for; those that will be gone soon are held open if they are read later.
fn open_files(path: &Path, files: &[PathBuf], hold: bool) -> Result<Table, DataError> {
    if files.iter().all(|file| shards::is_archive(file)) {
        return shards::open(files, hold);
    }
    let tables = files
        .iter()
        .map(|file| open_file(file, hold))
        .collect::<Result<Vec<_>, _>>()?;
    match <[Table; 1]>::try_from(tables) {
        Ok([table]) => Ok(table),
        Err(tables) => Table::concat(&tables)?.ok_or_else(|| unknown(path)),
    }
}

fn open_file(path: &Path, hold: bool) -> Result<Table, DataError> {
    match ending(path).as_str() {
        "csv" => delimited::open(path, b','),
        "jsonl" | "ndjson" => json_lines::open(path),
        "parquet" | "pq" => parquet_file::open(path),
        "tsv" => delimited::open(path, b'\t'),
        _ if shards::is_archive(path) => shards::open(&[path.to_owned()], hold),
        _ => Err(unknown(path)),
    }
}

fn unknown(path: &Path) -> DataError {
    DataError::UnknownFormat {
        path: path.to_owned(),
    }
}

/// What follows the last dot of a name, in lower case.
fn ending(path: &Path) -> String {
    path.extension()
        .map(|extension| extension.to_string_lossy().to_lowercase())
        .unwrap_or_default()
}

/// Whether a file is a table of its own, by its name.
fn is_table(path: &Path) -> bool {
    FORMATS.contains(&format!(".{}", ending(path)).as_str()) && !shards::is_archive(path)
}

/// Name of a file and the folder that its media paths are relative to.
pub(crate) fn name_and_folder(path: &Path) -> (String, PathBuf) {
    let name = path.file_name().map_or_else(
        || path.to_string_lossy().into_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    (name, path.parent().map(Path::to_owned).unwrap_or_default())
}

/// Refuses two columns of one name.
pub(crate) fn check_names(path: &Path, columns: &[String]) -> Result<(), DataError> {
    let mut sorted: Vec<&String> = columns.iter().collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(DataError::TwoColumns {
            path: path.to_owned(),
            name: pair[0].clone(),
        }),
        None => Ok(()),
    }
}
