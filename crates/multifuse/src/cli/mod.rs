//! The command line: parse, act, print, exit code.

mod args;
mod choices;
mod console;
mod demo;
mod doctor;
mod evaluate;
mod init;
mod inspect;
mod interrupt;
mod list;
mod output;
mod plan;
mod predict;
mod report;
mod sample;
mod train;

use std::{panic, process::ExitCode, sync::OnceLock, time::Instant};

use args::{Cli, Command, Common};
use clap::{Parser, error::ErrorKind};
use output::Output;
use schema::{Code, Problem};

/// How a command that did its work ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// Exit code 0.
    Well,
    /// Exit code 1: the work is done, but a limit that was asked for is missed.
    MissedLimit,
}

/// When the program began: a time limit is on the whole command.
pub(crate) fn start_of_program() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// Runs the program.
pub(crate) fn run() -> ExitCode {
    start_of_program();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let output = Output::new(&cli.common);
    panic::set_hook(Box::new(|_| {}));
    match panic::catch_unwind(|| dispatch(&cli, output)) {
        Ok(Ok(Done::Well)) => ExitCode::SUCCESS,
        Ok(Ok(Done::MissedLimit)) => ExitCode::from(1),
        Ok(Err(problem)) => failed(output, &problem),
        Err(cause) => failed(output, &internal_fault(cause.as_ref())),
    }
}

fn dispatch(cli: &Cli, output: Output) -> Result<Done, Problem> {
    set_threads(&cli.common)?;
    let common = &cli.common;
    match &cli.command {
        Command::Demo(options) => demo::run(options, common, output),
        Command::Sample(options) => well(sample::run(options, common, output)),
        Command::Inspect(options) => well(inspect::run(options, output)),
        Command::Init(options) => well(init::run(options, common, output)),
        Command::Plan(options) => well(plan::run(options, common, output)),
        Command::Train(options) => train::run(options, common, output),
        Command::Evaluate(options) => evaluate::run(options, common, output),
        Command::Predict(options) => well(predict::run(options, common, output)),
        Command::Report(options) => well(report::run(options, output)),
        Command::List(options) => well(list::run(options, output)),
        Command::Doctor => well(doctor::run(output)),
    }
}

fn well(result: Result<(), Problem>) -> Result<Done, Problem> {
    result.map(|()| Done::Well)
}

fn set_threads(common: &Common) -> Result<(), Problem> {
    /// More threads than any machine of today runs well.
    const MOST: usize = 1024;
    match common.threads {
        None => Ok(()),
        Some(threads) if (1..=MOST).contains(&threads) => multifuse::set_threads(threads),
        Some(threads) => Err(Problem::new(Code::Config, "--threads")
            .expected(format!("1 to {MOST}"))
            .got(threads.to_string())),
    }
}

/// Tells which limit was missed; exit code 1 says that one was.
pub(crate) fn say_missed(metric: &str, value: f64, limit: f64) {
    let (value, limit) = (evaluate::number(value), evaluate::number(limit));
    output::say(format!(
        "missed: {metric} {value} does not reach the required {limit}"
    ));
}

/// Help and version go to standard output with exit code 0, everything else to standard error with 2.
fn usage(error: &clap::Error) -> ExitCode {
    let is_answer = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    // A closed pipe behind `--help | head` is no fault.
    let _ = error.print();
    if is_answer {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(2)
    }
}

fn failed(output: Output, problem: &Problem) -> ExitCode {
    if output.is_json() {
        let value = serde_json::json!({ "error": problem });
        // Nothing more can be said if this cannot be printed either.
        let _ = output.print(&value.to_string());
    }
    output::say(problem.terminal());
    let code = if interrupt::was_pressed() {
        interrupt::INTERRUPTED
    } else {
        problem.exit_code()
    };
    ExitCode::from(code)
}

fn internal_fault(cause: &(dyn std::any::Any + Send)) -> Problem {
    let text = cause
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| cause.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Problem::new(Code::Internal, "a fault of multifuse itself")
        .got(text)
        .help("please report it with the command that you ran; the data and earlier runs are untouched")
}
