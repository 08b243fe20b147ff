//! `multifuse report`: the report of a run, written again.

use multifuse::Run;
use schema::Problem;
use serde_json::json;

use super::{args::Report, output::Output};

pub(crate) fn run(options: &Report, output: Output) -> Result<(), Problem> {
    let run = Run::open(&options.run)?;
    let written = run.write_report()?;
    let text = written
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join("\n");
    output.result(&text, &json!({ "written": written }))
}
