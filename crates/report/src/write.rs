//! The files of a report in the run folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{ReportError, RunSummary, html, markdown};

/// Name of the summary in a run folder.
pub const METRICS_FILE: &str = "metrics.json";

impl RunSummary {
    /// Reads the summary of a run folder.
    ///
    /// # Errors
    /// [`ReportError::Read`] if there is none, [`ReportError::Parse`] if it is not one of this version.
    pub fn open(run_dir: &Path) -> Result<Self, ReportError> {
        let path = run_dir.join(METRICS_FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(ReportError::Read { path, source }),
        };
        serde_json::from_str(&text).map_err(|source| ReportError::Parse { path, source })
    }

    /// Writes the summary into a run folder; an earlier one is replaced whole.
    ///
    /// # Errors
    /// [`ReportError::Write`] if it cannot be written.
    pub fn save(&self, run_dir: &Path) -> Result<PathBuf, ReportError> {
        let path = run_dir.join(METRICS_FILE);
        match serde_json::to_string_pretty(self) {
            Ok(text) => replace(path, &text),
            Err(source) => Err(ReportError::Parse { path, source }),
        }
    }
}

/// Writes `metrics.json`, `report.md` and `report.html` into a run folder and returns where they lie.
///
/// # Errors
/// [`ReportError::Write`] if one of them cannot be written.
pub fn write(summary: &RunSummary, run_dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    Ok(vec![
        summary.save(run_dir)?,
        replace(run_dir.join("report.md"), &markdown(summary))?,
        replace(run_dir.join("report.html"), &html(summary))?,
    ])
}

fn replace(path: PathBuf, text: &str) -> Result<PathBuf, ReportError> {
    match schema::write_atomic(&path, text.as_bytes()) {
        Ok(()) => Ok(path),
        Err(source) => Err(ReportError::Write { path, source }),
    }
}
