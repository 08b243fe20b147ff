//! What a person may decide about a run, in TOML. Every field has a default; the run folder keeps the full text.
//!
//! Only the parts that every room shares have types here. An expert's own settings stay a table until the room
//! that owns the expert parses them, so a new component touches no other room.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{ByteSize, Code, Modality, Problem, Task};

/// Settings of one component, parsed by the room that owns it.
pub type Settings = toml::Table;

/// The whole configuration of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What is learned from.
    pub data: DataConfig,
    /// What the run does.
    pub run: RunConfig,
    /// Modality of columns, where inference should be overridden.
    pub columns: BTreeMap<String, Modality>,
    /// The experts in training order; empty for the automatic recipe.
    pub experts: Vec<ExpertConfig>,
}

/// What is learned from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// The table, for commands that are given a configuration alone.
    pub train: Option<PathBuf>,
    /// Target column.
    pub target: Option<String>,
    /// What is predicted; inferred from the target's cells if not given.
    pub task: Option<Task>,
    /// Input columns; inferred if empty.
    pub inputs: Vec<String>,
    /// Column whose values stay on one side of every split.
    pub group_by: Option<String>,
    /// Column by whose order the newest records are held out.
    pub time_by: Option<String>,
    /// Column with the weight of each record in the loss.
    pub weight: Option<String>,
    /// Held-out records: a fraction in (0, 0.9], or a table.
    pub validation: Validation,
    /// What to do with a record that cannot be read.
    pub on_bad: OnBad,
    /// Most memory for decoded media, in MiB.
    pub cache_mib: usize,
    /// Most room of the temporary folder for decoded media beyond that, in MiB; at most half of what is free.
    pub cache_disk_mib: usize,
    /// Most memory of the process: bounds the cache of media and the records that experts are fitted on.
    pub memory_limit: Option<ByteSize>,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            train: None,
            target: None,
            task: None,
            inputs: Vec::new(),
            group_by: None,
            time_by: None,
            weight: None,
            validation: Validation::default(),
            on_bad: OnBad::default(),
            cache_mib: 128,
            cache_disk_mib: 4096,
            memory_limit: None,
        }
    }
}

/// Where held-out records come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Validation {
    /// A fraction of the training table.
    Fraction(f64),
    /// A table of its own.
    File(PathBuf),
}

impl Default for Validation {
    fn default() -> Self {
        Self::Fraction(0.2)
    }
}

/// What to do with a record that cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBad {
    /// Leave it out and count it.
    #[default]
    Skip,
    /// Stop with an error.
    Fail,
}

/// What the run does.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunConfig {
    /// Seed of every random decision.
    pub seed: u64,
    /// Wall time of the whole command in seconds; experts and epochs are planned to fit.
    pub time_limit_secs: Option<f64>,
    /// Metric that choices and early stopping go by; the task's usual one if not given.
    pub metric: Option<String>,
    /// Which experts the automatic recipe may use when `experts` is empty: `auto` or `joint`.
    pub recipe: Option<String>,
    /// Weight classes by the inverse of their frequency.
    pub balance_classes: bool,
    /// Whether the stack's weights go by every record, each judged by quick experts that did not see it, and not by
    /// the held-out ones alone; if not given, where there are few records.
    pub cross_fit: Option<bool>,
}

/// One expert: which kind, which columns, and its own settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExpertConfig {
    /// Kind, from `multifuse list experts`.
    pub kind: String,
    /// Name within the run; unique.
    pub name: String,
    /// Columns it reads.
    pub inputs: Vec<String>,
    /// Settings of its kind.
    #[serde(flatten)]
    pub settings: Settings,
}

impl Config {
    /// Reads a configuration from TOML text.
    ///
    /// # Errors
    /// A problem with line and key if the text is not TOML or a key is unknown or of the wrong type.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        toml::from_str(text).map_err(|error| parse_problem(text, &error))
    }

    /// The configuration as TOML text, every field included.
    ///
    /// # Errors
    /// If a setting cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String, Problem> {
        toml::to_string_pretty(self).map_err(|error| {
            Problem::new(
                Code::Internal,
                format!("configuration does not serialise: {error}"),
            )
        })
    }
}

fn parse_problem(text: &str, error: &toml::de::Error) -> Problem {
    let problem = Problem::new(Code::Config, error.message().to_owned())
        .help("`multifuse init` prints every setting with its default");
    match error.span() {
        Some(span) => {
            let line = text
                .bytes()
                .take(span.start)
                .filter(|byte| *byte == b'\n')
                .count()
                + 1;
            problem.at(format!("line {line}"))
        }
        None => problem,
    }
}

/// Sets a value by its dotted path, such as `experts.0.epochs` or `run.seed`.
///
/// `value` is read as TOML if it is TOML (numbers, true, lists), otherwise taken as text.
///
/// # Errors
/// If the path runs through something that is no table or list.
pub fn set_by_path(config: &mut toml::Table, path: &str, value: &str) -> Result<(), Problem> {
    let parsed = toml::from_str::<toml::Table>(&format!("v = {value}"))
        .ok()
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let keys: Vec<&str> = path.split('.').collect();
    let (last, parents) = match keys.split_last() {
        Some((last, parents)) if keys.iter().all(|key| !key.is_empty()) => (*last, parents),
        _ => return Err(bad_path(path, "a dotted key such as run.seed")),
    };
    if parents.is_empty() {
        config.insert(last.to_owned(), parsed);
        return Ok(());
    }
    let mut place = config
        .entry(parents[0].to_owned())
        .or_insert_with(|| toml::Value::Table(toml::Table::new()));
    for key in &parents[1..] {
        place = child(place, key, path)?;
    }
    *child(place, last, path)? = parsed;
    Ok(())
}

fn child<'a>(
    place: &'a mut toml::Value,
    key: &str,
    path: &str,
) -> Result<&'a mut toml::Value, Problem> {
    match place {
        toml::Value::Table(table) => Ok(table
            .entry(key.to_owned())
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))),
        toml::Value::Array(list) => {
            let length = list.len();
            key.parse::<usize>()
                .ok()
                .and_then(|index| list.get_mut(index))
                .ok_or_else(|| {
                    bad_path(
                        path,
                        &format!("an index below {length} where \"{key}\" stands"),
                    )
                })
        }
        _ => Err(bad_path(path, &format!("a table or list before \"{key}\""))),
    }
}

fn bad_path(path: &str, expected: &str) -> Problem {
    Problem::new(Code::Config, format!("cannot set \"{path}\"")).expected(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_text_is_the_default() {
        assert_eq!(Config::parse("").unwrap(), Config::default());
    }

    #[test]
    fn the_written_text_reads_back_with_an_experts_own_settings() {
        let mut config = Config::default();
        let settings = toml::from_str("epochs = 3\n[fusion]\ntype = \"concat\"\n").unwrap();
        config.experts.push(ExpertConfig {
            kind: "network".into(),
            name: "joint".into(),
            inputs: vec!["text".into()],
            settings,
        });
        let text = config.to_toml().unwrap();
        assert_eq!(Config::parse(&text).unwrap(), config, "{text}");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = Config::parse("[run]\nsede = 1\n").unwrap_err();
        assert_eq!(error.place, "line 2");
        assert!(
            error.what.contains("sede") && error.what.contains("seed"),
            "{}",
            error.what
        );
    }

    #[test]
    fn paths_reach_tables_and_lists_and_keep_types() {
        let mut table: toml::Table = toml::from_str("[[experts]]\nname = \"a\"\n").unwrap();
        set_by_path(&mut table, "run.seed", "7").unwrap();
        set_by_path(&mut table, "experts.0.trainer.lr", "1e-3").unwrap();
        set_by_path(&mut table, "data.target", "label").unwrap();
        assert_eq!(table["run"]["seed"].as_integer(), Some(7));
        assert_eq!(table["experts"][0]["trainer"]["lr"].as_float(), Some(1e-3));
        assert_eq!(table["data"]["target"].as_str(), Some("label"));
        assert!(set_by_path(&mut table, "experts.4.name", "b").is_err());
        assert!(set_by_path(&mut table, "data.target.deep", "b").is_err());
    }
}
