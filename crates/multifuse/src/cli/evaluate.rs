//! `multifuse evaluate`.

use std::fmt::Write as _;

use data::Table;
use multifuse::{DropLoss, Judgement, Predictor};
use schema::{Code, Problem};

use super::{
    Done,
    args::{Common, Evaluate},
    output::Output,
};

pub(crate) fn run(options: &Evaluate, common: &Common, output: Output) -> Result<Done, Problem> {
    let model = Predictor::open(&options.run)?.threads(common.threads.unwrap_or(0));
    let (table, seed) = (Table::open(&options.data)?, common.seed.unwrap_or(0));
    let judgement = model.evaluate(&table, &options.drop, seed)?;
    // Of one or two records that can be read whole the metric may be undefined; the judgement stands without it.
    let loss = match options.drop.is_empty() {
        true => None,
        false => model.drop_loss(&table, &options.drop, seed).ok(),
    };
    let mut value = json(&judgement)?;
    if let Some(loss) = &loss {
        value["drop_loss"] = json(loss)?;
    }
    output.result(&text(&judgement, loss.as_ref(), options), &value)?;
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

fn json(value: &impl serde::Serialize) -> Result<serde_json::Value, Problem> {
    serde_json::to_value(value).map_err(|error| {
        Problem::new(Code::Internal, "the judgement is no JSON").got(error.to_string())
    })
}

fn text(judgement: &Judgement, loss: Option<&DropLoss>, options: &Evaluate) -> String {
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
    if let Some(loss) = loss {
        let _ = write!(
            text,
            ": {} {} instead of {}, change {}  [{}, {}]",
            loss.metric,
            number(loss.without),
            number(loss.with),
            number(loss.change.difference),
            number(loss.change.low),
            number(loss.change.high)
        );
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
        /// Patterns that are listed; a table with many gaps has hundreds, of a record each.
        const MOST_LISTED: usize = 16;
        let (listed, rest) = judgement
            .by_presence
            .split_at(judgement.by_presence.len().min(MOST_LISTED));
        for pattern in listed {
            let value = pattern.value.map_or_else(|| "-".to_owned(), number);
            let _ = write!(
                text,
                "\n  {:>6} records  {} {value}  {}",
                pattern.num_records, judgement.metric, pattern.name
            );
        }
        if !rest.is_empty() {
            let num_records: usize = rest.iter().map(|pattern| pattern.num_records).sum();
            let _ = write!(
                text,
                "\n  {num_records:>6} records  of {} other patterns; --json lists them",
                rest.len()
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
