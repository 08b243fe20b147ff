//! The project's own chores: `cargo xtask check`, `cargo xtask quality`.

mod check;
mod map;
mod quality;
mod size;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <chore>

  check                 everything a change must pass, cheapest first
  quality [--only NAME] [--data DIR] [--seed N]
                        the accuracy and start-up bars on real data with the release binary;
                        writes the table into benches/RESULTS.md";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((chore, [])) if chore == "check" => check::run(),
        Some((chore, options)) if chore == "quality" => quality::run(options),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(1)
        }
    }
}
