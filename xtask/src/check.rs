//! The one command before a change is handed in: cheapest check first, stop at the first that fails.

use std::{process::Command, time::Instant};

use crate::{map, size};

/// Runs every check.
pub(crate) fn run() -> Result<(), String> {
    step("format", || cargo(&["fmt", "--all", "--check"]))?;
    step("map: every room depends only on rooms above it", map::check)?;
    step("size: files of a few hundred lines", size::check)?;
    step("clippy", || {
        cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ])
    })?;
    step("tests", || cargo(&["test", "--workspace"]))?;
    step("docs", || {
        cargo(&["doc", "--workspace", "--no-deps", "--quiet"])
    })
}

fn step(name: &str, work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    eprintln!("== {name}");
    let start = Instant::now();
    work().map_err(|message| format!("{name} failed\n{message}"))?;
    eprintln!(
        "== {name}: passed in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

fn cargo(arguments: &[&str]) -> Result<(), String> {
    let status = Command::new(env!("CARGO"))
        .args(arguments)
        .env("RUSTDOCFLAGS", "-D warnings")
        .status()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("cargo {} ended with {status}", arguments.join(" ")))
    }
}
