//! `multifuse demo`: the main job without any input.

use multifuse::demo;
use schema::{Code, Problem, Seed};

use super::{
    Done,
    args::{Common, Demo},
    console::Console,
    interrupt,
    output::Output,
};

pub(crate) fn run(options: &Demo, common: &Common, output: Output) -> Result<Done, Problem> {
    let console = Console::new(output);
    let demo = demo::run(&demo::Options {
        folder: &options.out,
        seed: Seed(common.seed.unwrap_or(0)),
        threads: common.threads.unwrap_or(0),
        observer: &console,
        stop: interrupt::flag(),
        started: super::start_of_program(),
    })?;
    let value = serde_json::to_value(&demo).map_err(|error| {
        Problem::new(Code::Internal, "the result is no JSON").got(error.to_string())
    })?;
    output.result(&demo.story(), &value)?;
    Ok(Done::Well)
}
