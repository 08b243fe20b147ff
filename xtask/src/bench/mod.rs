//! Ours beside PyTorch and TensorFlow on the same cores, interleaved; written into `benches/RESULTS.md`.

mod emoji;
mod interleave;
mod machine;
mod peers;
mod side;
mod table;
mod workload;

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::{release, results};
use interleave::Pace;
use machine::Machine;
use peers::Peers;
use table::Row;
use workload::{Task, WORKLOADS};

struct Options {
    only: Option<String>,
    phase: Option<String>,
    json: bool,
    data: PathBuf,
    pace: Pace,
}

/// Runs the lines that were asked for, prints them and writes their table.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let options = parse(arguments)?;
    let tasks = tasks(&options)?;
    let bench = release::build_bench("multifuse-engine", "step")?;
    let peers = Peers::prepare();
    let peers = match &peers {
        Ok(peers) => Some(peers),
        Err(reason) => {
            eprintln!("without PyTorch and TensorFlow: {reason}\nours runs alone");
            None
        }
    };
    let machine = Machine::measure(&bench, peers)?;
    eprintln!("{}", machine.text());
    let mut rows = Vec::new();
    let mut wrong = Vec::new();
    // Each line at once: a long run that is stopped keeps what it measured, and one that fails costs no other.
    let mut note = |row: Result<Row, String>| match row {
        Ok(row) => {
            if row.holds() == Some(false) {
                wrong.push(format!("missed: {}", row.name()));
            }
            let written = write(&machine, &row, &options);
            rows.push(row);
            written
        }
        Err(message) => {
            wrong.push(message);
            Ok(())
        }
    };
    for task in &tasks {
        note(measure(task, &machine, &bench, peers, options.pace))?;
    }
    if options.wants("S5", "train") {
        note(emoji::measure(&options.data, peers, options.pace.rounds))?;
    }
    if options.json {
        print_json(&machine, &rows);
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

/// A line of S1 to S4; an error if the sides do not compute the same.
fn measure(
    task: &Task,
    machine: &Machine,
    bench: &Path,
    peers: Option<&Peers>,
    pace: Pace,
) -> Result<Row, String> {
    let outcome = interleave::measure(task, bench, peers, pace)?;
    if let Some(disagreement) = outcome.disagreement {
        return Err(disagreement);
    }
    Ok(Row {
        workload: task.workload.name.to_owned(),
        phase: task.label(),
        ours: outcome.ours,
        peer: outcome.peers.into_iter().next(),
        bar: task.bar,
        memory_bar: task.memory_bar,
        floor_ms: Some(machine.floor_ms(task)),
    })
}

fn write(machine: &Machine, row: &Row, options: &Options) -> Result<(), String> {
    let preface = format!(
        "{} Last run: {} rounds of {} s, inference {} s; a line that was not run is older. Floor: floating-point operations / peak of the product + bytes of the optimiser \
         (28 for each parameter that the step changes) / speed of the copy. S5: milliseconds for \
         1000 records, ours as whole processes.",
        machine.text(),
        options.pace.rounds,
        options.pace.train_secs,
        options.pace.infer_secs
    );
    let cells = row.cells();
    eprintln!("| {} |", cells.join(" | "));
    if row.peer.is_none() {
        // Half a line would take the place of a whole one.
        return Ok(());
    }
    results::write(
        &results::Table {
            chore: "bench",
            preface: &preface,
            columns: &table::COLUMNS,
        },
        &[cells],
    )
}

#[allow(clippy::print_stdout, reason = "the answer of `--json`")]
fn print_json(machine: &Machine, rows: &[Row]) {
    let rows: Vec<_> = rows.iter().map(Row::json).collect();
    println!("{:#}", json!({ "machine": machine.json(), "rows": rows }));
}

impl Options {
    /// Whether a line was asked for.
    fn wants(&self, workload: &str, phase: &str) -> bool {
        let fits = |option: &Option<String>, name: &str| {
            let only = option.as_deref();
            only.is_none_or(|only| name.eq_ignore_ascii_case(only))
        };
        fits(&self.only, workload) && fits(&self.phase, phase)
    }
}

/// The lines of S1 to S4 that were asked for.
fn tasks(options: &Options) -> Result<Vec<Task>, String> {
    let all: Vec<Task> = WORKLOADS.iter().flat_map(Task::all).collect();
    let names: Vec<String> = all.iter().map(Task::name).collect();
    let wants = |task: &Task| options.wants(task.workload.name, &task.label());
    let tasks: Vec<Task> = all.into_iter().filter(wants).collect();
    if tasks.is_empty() && !options.wants("S5", "train") {
        return Err(format!(
            "no such line (known: {}, S5 train)",
            names.join(", ")
        ));
    }
    Ok(tasks)
}

fn parse(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options {
        only: None,
        phase: None,
        json: false,
        data: PathBuf::from("../shared/data"),
        pace: Pace::FULL,
    };
    let mut rounds = None;
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--only" => options.only = Some(value()?.clone()),
            "--phase" => options.phase = Some(value()?.clone()),
            "--rounds" => {
                let text = value()?;
                let number = text.parse().ok().filter(|rounds| *rounds > 0);
                let wrong = || format!("--rounds takes a number above 0, got {text:?}");
                rounds = Some(number.ok_or_else(wrong)?);
            }
            "--data" => options.data = PathBuf::from(value()?),
            "--json" => options.json = true,
            "--quick" => options.pace = Pace::QUICK,
            other => {
                return Err(format!(
                    "bench takes --rounds N, --only NAME, --phase NAME, --data DIR, --json, --quick, got {other:?}"
                ));
            }
        }
    }
    options.pace.rounds = rounds.unwrap_or(options.pace.rounds);
    Ok(options)
}
