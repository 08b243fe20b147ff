//! A run folder: everything that decided a run, and everything that came of it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use artifact::{ArtifactError, DataFacts, ManifestInput};
use expert::EnsembleFit;
use report::RunSummary;
use schema::{Code, Column, Config, Problem, Role};
use serde_json::json;

use crate::prepare::Prepared;

/// Name of the configuration in a run folder.
const CONFIG_FILE: &str = "config.toml";
/// Folder of the saved model in a run folder.
const ARTIFACT_FOLDER: &str = "artifact";
/// Name of the summary in a run folder, written after the model.
const METRICS_FILE: &str = "metrics.json";
/// Folder of what an interrupted run needs to go on.
const CHECKPOINT_FOLDER: &str = "checkpoints";

/// A finished run.
pub struct Run {
    folder: PathBuf,
    report: RunSummary,
}

impl Run {
    pub(crate) fn new(folder: PathBuf, report: RunSummary) -> Self {
        Self { folder, report }
    }

    /// Opens the folder of a finished run.
    ///
    /// # Errors
    /// If it holds no finished run.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, Problem> {
        let folder = folder.as_ref().to_owned();
        let report = RunSummary::open(&folder)?;
        Ok(Self { folder, report })
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything that the reports show.
    pub fn report(&self) -> &RunSummary {
        &self.report
    }

    /// Metric, interval, baselines, what mattered and where the run lies, in a few lines.
    pub fn summary(&self) -> String {
        report::summary_text(&self.report)
    }

    /// Whether the run's metric on the held-out records is at least as good as a limit.
    pub fn reaches(&self, limit: f64) -> bool {
        let Some(interval) = self.report.result() else {
            return false;
        };
        if self.report.higher_is_better() {
            interval.value >= limit
        } else {
            interval.value <= limit
        }
    }

    /// Writes `metrics.json`, `report.md` and `report.html` again.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write_report(&self) -> Result<Vec<PathBuf>, Problem> {
        Ok(report::write(&self.report, &self.folder)?)
    }

    pub(crate) fn set_report(&mut self, report: RunSummary) {
        self.report = report;
    }

    /// Writes configuration, artifact, plan and reports, and clears the checkpoints.
    pub(crate) fn write(&self, prepared: &Prepared, fitted: &EnsembleFit) -> Result<(), Problem> {
        let config = trained_config(prepared, fitted);
        write_config(&self.folder, &config)?;
        self.write_artifact(prepared, fitted)?;
        let plan = serde_json::to_string_pretty(&json!({
            "time_limit_secs": prepared.config.run.time_limit_secs,
            "experts": fitted.configs,
            "left_out": fitted.left_out,
            "seconds": fitted.times,
            "parts": self.report.plan,
        }))
        .map_err(|error| {
            Problem::new(Code::Internal, "the plan is no JSON").got(error.to_string())
        })?;
        write_file(&self.folder.join("plan.json"), plan.as_bytes())?;
        self.write_report()?;
        let checkpoints = self.folder.join(CHECKPOINT_FOLDER);
        if checkpoints.exists() {
            fs::remove_dir_all(&checkpoints).map_err(|error| unwritable(&checkpoints, &error))?;
        }
        Ok(())
    }

    fn write_artifact(&self, prepared: &Prepared, fitted: &EnsembleFit) -> Result<(), Problem> {
        let mut columns = prepared.columns.clone();
        columns.extend(prepared.id_column.iter().map(|id| Column {
            role: Role::Id,
            ..id.clone()
        }));
        let input = ManifestInput {
            created: self.report.created.clone(),
            target: prepared.target.clone(),
            columns,
            metrics: json!({ "metrics": self.report.held_out.evaluation.metrics }),
            data: DataFacts {
                name: self.report.table.clone(),
                num_records: self.report.num_fit,
                num_held_out: self.report.num_held_out,
                sha256: None,
            },
            licence: None,
            notes: String::new(),
            settings: json!({ "metric": self.report.metric, "channels": channels(prepared) }),
        };
        let parts: Vec<_> = fitted
            .ensemble
            .save()?
            .into_iter()
            .map(|part| (part.name, part.kind, part.pack))
            .collect();
        let folder = self.folder.join(ARTIFACT_FOLDER);
        artifact::save(&folder, input, &parts).map_err(|error| match error {
            ArtifactError::Io { path, source, .. } => unwritable(&path, &source),
            other => other.into(),
        })
    }
}

/// Channels of every column of series: records to answer must have as many.
fn channels(prepared: &Prepared) -> BTreeMap<&str, usize> {
    let dataset = &prepared.dataset;
    let columns = dataset.columns().iter().enumerate();
    columns
        .filter_map(|(col, column)| Some((column.name.as_str(), dataset.num_channels(col)?)))
        .collect()
}

/// The configuration that makes the same run again: what was planned for the time limit stands in it, the limit no
/// longer does.
pub(crate) fn trained_config(prepared: &Prepared, fitted: &EnsembleFit) -> Config {
    let mut config = prepared.config.clone();
    config.experts.clone_from(&fitted.configs);
    config.run.time_limit_secs = None;
    config
}

/// The run folder, made if need be; a folder that holds a finished run is not written over.
pub(crate) fn folder(out: Option<PathBuf>, name: &str, resume: bool) -> Result<PathBuf, Problem> {
    let folder = match out {
        Some(folder) => folder,
        None => free_folder(name),
    };
    let is_used = folder.join(ARTIFACT_FOLDER).exists() || folder.join(CONFIG_FILE).exists();
    if is_used && !resume {
        return Err(Problem::new(Code::Config, "the run folder is in use")
            .at(folder.display().to_string())
            .help("choose another --out, remove the folder, or go on with --resume if the run was interrupted"));
    }
    let is_finished = folder.join(ARTIFACT_FOLDER).exists() && folder.join(METRICS_FILE).exists();
    if resume && is_finished {
        return Err(Problem::new(Code::Config, "the run is finished")
            .at(folder.display().to_string())
            .help("leave --resume out and choose another --out to train again"));
    }
    if !resume {
        fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
    }
    Ok(folder)
}

/// Makes the folder of a run that failed free again, unless it holds something that is worth keeping.
pub(crate) fn give_back(folder: &Path) {
    let is_kept = |name: &str| folder.join(name).exists();
    if is_kept(ARTIFACT_FOLDER) || is_kept(CHECKPOINT_FOLDER) {
        return;
    }
    // What cannot be removed is no worse than the failure itself; only an empty folder goes.
    let _ = fs::remove_file(folder.join(CONFIG_FILE));
    let _ = fs::remove_dir(folder);
}

fn free_folder(name: &str) -> PathBuf {
    let is_plain = |letter: char| letter.is_alphanumeric() || letter == '-' || letter == '_';
    let name: String = name
        .chars()
        .map(|letter| if is_plain(letter) { letter } else { '_' })
        .collect();
    (1..)
        .map(|number| Path::new("runs").join(format!("{name}-{number}")))
        .find(|folder| !folder.exists())
        .unwrap_or_else(|| Path::new("runs").join(name))
}

pub(crate) fn saved_config(folder: &Path) -> Result<Config, Problem> {
    let path = folder.join(CONFIG_FILE);
    let text = fs::read_to_string(&path).map_err(|error| {
        Problem::new(Code::Config, "there is no run to go on with")
            .at(path.display().to_string())
            .got(error.to_string())
            .help("leave --resume out to begin a new run")
    })?;
    Config::parse(&text).map_err(|problem| problem.at(path.display().to_string()))
}

pub(crate) fn write_config(folder: &Path, config: &Config) -> Result<(), Problem> {
    write_file(&folder.join(CONFIG_FILE), config.to_toml()?.as_bytes())
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    schema::write_atomic(path, bytes).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(Code::Data, "cannot be written")
        .at(path.display().to_string())
        .got(error.to_string())
        .help("choose another --out, or make room on the disk")
}

/// Now, as RFC 3339 in UTC.
pub(crate) fn now() -> String {
    let secs = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (days, rest) = (secs / 86_400, secs % 86_400);
    let (year, month, day) = civil(days as i64);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

/// Year, month and day of a day since 1970-01-01.
///
/// Source: Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_781), (2026, 11, 24));
    }
}
