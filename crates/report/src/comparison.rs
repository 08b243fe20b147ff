//! Several runs side by side.

use crate::{
    RunSummary,
    markdown::table,
    number::{count, duration, range, short_count, value},
    sentence,
};

/// A Markdown table of runs in the order given: each run's own metric with its interval, beside its best single input,
/// its size and its time. Empty for no runs.
///
/// The best value of each metric, target and number of records is marked, since only those can be compared.
pub fn compare(runs: &[RunSummary]) -> String {
    if runs.is_empty() {
        return String::new();
    }
    let rows: Vec<[String; 8]> = runs
        .iter()
        .map(|run| row(run, is_best(run, runs)))
        .collect();
    let header = [
        "run",
        "metric",
        "value",
        "95 % interval",
        "best single input",
        "fusion",
        "parameters",
        "time",
    ];
    table(header, false, &rows)
}

fn row(run: &RunSummary, is_best: bool) -> [String; 8] {
    let name = if run.run_dir.is_empty() {
        &run.title
    } else {
        &run.run_dir
    };
    let records = run.judgement().evaluation.num_records;
    let metric = format!(
        "{} on {} {} records",
        run.metric,
        count(records),
        run.records_name()
    );
    let (number, interval) = match run.result() {
        Some(result) if is_best => (format!("{} (best)", value(result.value)), range(result)),
        Some(result) => (value(result.value), range(result)),
        None => ("undefined".to_owned(), String::new()),
    };
    let single = run
        .judgement()
        .fusion
        .as_ref()
        .map_or_else(String::new, |test| {
            format!("{} ({})", value(test.single_value), test.single)
        });
    [
        name.clone(),
        metric,
        number,
        interval,
        single,
        sentence::fusion_title(run.fusion_verdict()).to_owned(),
        short_count(run.num_parameters()),
        duration(run.total_secs),
    ]
}

/// Whether no comparable run is better, and there is one to compare with.
fn is_best(run: &RunSummary, runs: &[RunSummary]) -> bool {
    let key = |run: &RunSummary| {
        let records = run.judgement().evaluation.num_records;
        (
            run.metric.clone(),
            run.target.clone(),
            run.test.is_some(),
            records,
        )
    };
    let own = key(run);
    let others: Vec<f64> = runs
        .iter()
        .filter(|other| key(other) == own)
        .filter_map(|other| other.result())
        .map(|result| result.value)
        .collect();
    let is_better = |other: &f64, value: f64| {
        if run.higher_is_better() {
            *other > value
        } else {
            *other < value
        }
    };
    others.len() > 1
        && run
            .result()
            .is_some_and(|result| !others.iter().any(|other| is_better(other, result.value)))
}
