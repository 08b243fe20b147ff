//! The `multifuse` command: a thin shell over the facade library.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
