//! The project's own chores: `cargo xtask check`, `cargo xtask quality`, `cargo xtask bench`, `cargo xtask scaling`.

mod bench;
mod check;
mod map;
mod quality;
mod release;
mod results;
mod scaling;
mod size;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <chore>

  check                 everything a change must pass, cheapest first
  quality [--only NAME] [--data DIR] [--seed N]
                        the accuracy and start-up bars on real data with the release binary;
                        writes the table into benches/RESULTS.md
  bench [--rounds N] [--only S1..S5] [--phase train|infer1|..] [--json] [--quick] [--data DIR]
                        training steps and inference beside PyTorch and TensorFlow, which it installs
                        into target/peers; writes the table into benches/RESULTS.md
  scaling               how a step grows with batch, sequence, picture, width and records;
                        writes benches/SCALING.md";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((chore, [])) if chore == "check" => check::run(),
        Some((chore, options)) if chore == "quality" => quality::run(options),
        Some((chore, options)) if chore == "bench" => bench::run(options),
        Some((chore, options)) if chore == "scaling" => scaling::run(options),
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
