//! From a configuration file and options to one configuration: options win over the file.

use std::path::{Path, PathBuf};

use multifuse::{PrecisionConfig, Trainer};
use schema::{Code, Config, OnBad, Problem, Validation, set_by_path};

use super::{
    args::{Choices, Common},
    inspect::column_overrides,
};

/// Reads the configuration file, if there is one, and lays the options over it.
pub(crate) fn config(
    file: Option<&Path>,
    target: Option<&str>,
    choices: &Choices,
    common: &Common,
) -> Result<Config, Problem> {
    let mut table = match file {
        // Without --set the text itself is parsed below, so that problems carry its own line numbers.
        Some(path) if !choices.set.is_empty() => read_table(path)?,
        _ => toml::Table::new(),
    };
    for assignment in &choices.set {
        let (key, value) = assignment.split_once('=').ok_or_else(|| {
            Problem::new(Code::Config, "--set")
                .got(assignment.clone())
                .expected("KEY=VALUE, such as run.seed=1")
        })?;
        if key.trim().starts_with("experts.") && !table.contains_key("experts") {
            return Err(Problem::new(Code::Config, "no expert is configured")
                .at(format!("--set {}", key.trim()))
                .help("`multifuse init` prints the experts: give what it prints with --config"));
        }
        set_by_path(&mut table, key.trim(), value.trim())?;
    }
    let place = file.map_or_else(|| "--set".to_owned(), |path| path.display().to_string());
    let text = match (file, choices.set.is_empty()) {
        (Some(path), true) => read_text(path)?,
        _ => table.to_string(),
    };
    let mut config = Config::parse(&text).map_err(|problem| problem.at(place))?;
    lay_over(&mut config, target, choices, common)?;
    Ok(config)
}

/// Lays the options over a trainer that have no place in the configuration before its experts are known.
///
/// # Errors
/// If a value is none that the option takes.
pub(crate) fn trainer<'a>(
    mut trainer: Trainer<'a>,
    choices: &Choices,
) -> Result<Trainer<'a>, Problem> {
    if let Some(epochs) = choices.epochs {
        trainer = trainer.epochs(epochs);
    }
    if let Some(name) = &choices.precision {
        let precision = PrecisionConfig::by_name(name).ok_or_else(|| {
            let names = PrecisionConfig::ALL.map(PrecisionConfig::name);
            Problem::new(Code::Config, "--precision")
                .got(format!("\"{name}\"{}", schema::known(name, &names)))
        })?;
        trainer = trainer.precision(precision);
    }
    Ok(trainer)
}

fn lay_over(
    config: &mut Config,
    target: Option<&str>,
    choices: &Choices,
    common: &Common,
) -> Result<(), Problem> {
    if let Some(target) = target {
        config.data.target = Some(target.to_owned());
    }
    if !choices.inputs.is_empty() {
        config.data.inputs.clone_from(&choices.inputs);
    }
    if let Some(task) = &choices.task {
        config.data.task = Some(task.parse()?);
    }
    if let Some(validation) = &choices.validation {
        config.data.validation = match validation.parse() {
            Ok(fraction) => Validation::Fraction(fraction),
            Err(_) => Validation::File(PathBuf::from(validation)),
        };
    }
    let optional = [
        (&choices.group_by, &mut config.data.group_by),
        (&choices.time_by, &mut config.data.time_by),
        (&choices.experts, &mut config.run.recipe),
        (&choices.metric, &mut config.run.metric),
    ];
    for (choice, setting) in optional {
        if choice.is_some() {
            setting.clone_from(choice);
        }
    }
    if choices.fail_on_bad {
        config.data.on_bad = OnBad::Fail;
    }
    if let Some(limit) = &choices.memory_limit {
        let limit = limit
            .parse()
            .map_err(|problem: Problem| problem.at("--memory-limit"))?;
        config.data.memory_limit = Some(limit);
    }
    if choices.time_limit.is_some() {
        config.run.time_limit_secs = choices.time_limit;
    }
    if let Some(seed) = common.seed {
        config.run.seed = seed;
    }
    config.columns.extend(column_overrides(&choices.columns)?);
    Ok(())
}

fn read_text(path: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(path).map_err(|error| {
        Problem::new(Code::Config, "the configuration cannot be read")
            .at(path.display().to_string())
            .got(error.to_string())
            .help("`multifuse init` prints one")
    })
}

fn read_table(path: &Path) -> Result<toml::Table, Problem> {
    let text = read_text(path)?;
    // The text as it was typed has the line numbers; whether its values fit shows once --set has been laid over.
    text.parse().map_err(|error: toml::de::Error| {
        let place = path.display().to_string();
        let before = text
            .get(..error.span().map_or(0, |span| span.start))
            .unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        Problem::new(Code::Config, error.message().to_owned()).at(format!("{place}, line {line}"))
    })
}
