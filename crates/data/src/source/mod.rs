//! Files to tables, one file a format.

use std::path::Path;

use crate::{DataError, Table};

mod delimited;
mod json_lines;
mod parquet_file;

/// The file extensions that [`Table::open`] reads.
pub const FORMATS: [&str; 6] = [".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".pq"];

/// Reads a table by the extension of its file.
pub(crate) fn open(path: &Path) -> Result<Table, DataError> {
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    match extension.as_str() {
        "csv" => delimited::open(path, b','),
        "jsonl" | "ndjson" => json_lines::open(path),
        "parquet" | "pq" => parquet_file::open(path),
        "tsv" => delimited::open(path, b'\t'),
        _ => Err(DataError::UnknownFormat {
            path: path.to_owned(),
        }),
    }
}

/// Name of a file and the folder that its media paths are relative to.
pub(crate) fn name_and_folder(path: &Path) -> (String, std::path::PathBuf) {
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
