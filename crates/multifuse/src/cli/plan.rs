//! `multifuse plan`: parts, widths, parameters and memory before any training.

use std::fmt::Write as _;

use data::Table;
use multifuse::{Plan as Planned, Trainer};
use schema::{Code, Problem};

use super::{
    args::{Common, Plan},
    choices,
    output::Output,
};

pub(crate) fn run(options: &Plan, common: &Common, output: Output) -> Result<(), Problem> {
    let is_config = options
        .data
        .extension()
        .is_some_and(|ending| ending == "toml");
    let file = if is_config {
        Some(options.data.as_path())
    } else {
        options.config.as_deref()
    };
    let config = choices::config(file, options.target.as_deref(), &options.choices, common)?;
    let path =
        match (&config.data.train, is_config) {
            (_, false) => options.data.clone(),
            (Some(table), true) => table.clone(),
            (None, true) => {
                return Err(Problem::new(Code::Config, "the configuration names no table")
                .at(options.data.display().to_string())
                .help("set data.train, or give the table: `multifuse plan DATA --config FILE`"));
            }
        };
    let trainer = choices::trainer(Trainer::from_config(config), &options.choices)?;
    let plan = trainer.plan(&Table::open(&path)?)?;
    let value = serde_json::to_value(&plan).map_err(|error| {
        Problem::new(Code::Internal, "the plan is no JSON").got(error.to_string())
    })?;
    output.result(&text(&plan), &value)
}

fn text(plan: &Planned) -> String {
    let mut text = format!(
        "{} of \"{}\" from {}; {} records to fit on, {} held out",
        plan.task,
        plan.target,
        plan.inputs.join(", "),
        plan.num_fit,
        plan.num_held_out
    );
    for expert in &plan.experts {
        let _ = write!(
            text,
            "\n{} ({}) reads {}",
            expert.name,
            expert.kind,
            expert.inputs.join(", ")
        );
        let width = expert
            .parts
            .iter()
            .map(|part| part.name.chars().count())
            .max()
            .unwrap_or(0);
        for part in &expert.parts {
            let _ = write!(
                text,
                "\n  {:<width$}  {:<18} {:<14} {:>10}",
                part.name, part.kind, part.shape, part.num_parameters
            );
        }
        if let Some(total) = expert.num_parameters {
            let _ = write!(text, "\n  {total} parameters");
        }
        if let Some(bytes) = expert.memory_bytes {
            let _ = write!(text, ", about {} MiB while training", bytes >> 20);
        }
    }
    for (name, why) in &plan.notes {
        let _ = write!(text, "\n{name}: {why}");
    }
    text
}
