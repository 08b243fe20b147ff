//! What the chores build and run: the release binary and benches.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use serde_json::Value;

/// Where cargo builds.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from)
}

/// Builds the release binary; its path.
pub(crate) fn build_binary() -> Result<PathBuf, String> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--package", "multifuse"])
        .status()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    let binary = target_dir().join("release/multifuse");
    if status.success() && binary.exists() {
        Ok(binary)
    } else {
        Err("the release binary does not build".to_owned())
    }
}

/// Builds a bench of a package; its path, which has a hash in its name.
pub(crate) fn build_bench(package: &str, bench: &str) -> Result<PathBuf, String> {
    let output = Command::new(env!("CARGO"))
        .args(["bench", "--package", package, "--bench", bench, "--no-run"])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executables = messages.filter_map(|message| {
        let is_it = message["target"]["name"] == bench;
        let path = message["executable"].as_str()?;
        is_it.then(|| PathBuf::from(path))
    });
    executables
        .next()
        .filter(|_| output.status.success())
        .ok_or_else(|| format!("the bench {bench} of {package} does not build"))
}

/// Runs the binary; seconds and standard output.
pub(crate) fn output(binary: &Path, arguments: &[&str]) -> Result<(f64, String), String> {
    eprintln!("   multifuse {}", arguments.join(" "));
    let start = Instant::now();
    let output = Command::new(binary)
        .args(arguments)
        .output()
        .map_err(|error| format!("{}: {error}", binary.display()))?;
    let secs = start.elapsed().as_secs_f64();
    if output.status.success() {
        Ok((secs, String::from_utf8_lossy(&output.stdout).into_owned()))
    } else {
        Err(format!(
            "multifuse {} failed\n{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        ))
    }
}
