//! `multifuse evaluate`.

use std::fmt::Write as _;

use data::Table;
use multifuse::{Judgement, Predictor};
use schema::{Code, Problem};

use super::{
    Done,
    args::{Common, Evaluate},
    output::Output,
};

pub(crate) fn run(options: &Evaluate, common: &Common, output: Output) -> Result<Done, Problem> {
    let model = Predictor::open(&options.run)?.threads(common.threads.unwrap_or(0));
    let judgement = model.evaluate(
        &Table::open(&options.data)?,
        &options.drop,
        common.seed.unwrap_or(0),
    )?;
    let value = serde_json::to_value(&judgement).map_err(|error| {
        Problem::new(Code::Internal, "the judgement is no JSON").got(error.to_string())
    })?;
    output.result(&text(&judgement, options), &value)?;
    let missed = options
        .require
        .is_some_and(|limit| !judgement.reaches(limit));
    Ok(if missed {
        let reached = judgement.metrics.get(&judgement.metric);
        let value = reached.map_or(f64::NAN, |interval| interval.value);
        super::say_missed(
            &judgement.metric,
            value,
            options.require.unwrap_or(f64::NAN),
        );
        Done::MissedLimit
    } else {
        Done::Well
    })
}

fn text(judgement: &Judgement, options: &Evaluate) -> String {
    let mut text = format!("{} records judged", judgement.num_records);
    if judgement.num_skipped > 0 {
        let _ = write!(text, ", {} skipped:", judgement.num_skipped);
        for (reason, count) in &judgement.skipped {
            let _ = write!(text, "\n  {count:>6}  {reason}");
        }
    }
    if !options.drop.is_empty() {
        let _ = write!(text, "\nwithout {}", options.drop.join(", "));
    }
    for (name, interval) in &judgement.metrics {
        let mark = if *name == judgement.metric { "*" } else { " " };
        let _ = write!(
            text,
            "\n{mark} {name:<20} {:>10}  [{}, {}]",
            number(interval.value),
            number(interval.low),
            number(interval.high)
        );
    }
    if judgement.by_presence.len() > 1 {
        text.push_str("\nby what the records have:");
        for pattern in &judgement.by_presence {
            let value = pattern.value.map_or_else(|| "-".to_owned(), number);
            let _ = write!(
                text,
                "\n  {:>6} records  {} {value}  {}",
                pattern.num_records, judgement.metric, pattern.name
            );
        }
    }
    text
}

/// Four digits for shares, none for large values.
pub(crate) fn number(value: f64) -> String {
    if value.abs() >= 1000.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.4}")
    }
}
