//! The other side: `benches/peers/pictures.py`.

use std::{path::Path, process::Command};

use data::Dataset;

use crate::Speed;

const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../benches/peers/pictures.py"
);

/// How fast each way of decoding is, by one epoch of each; empty without an interpreter.
pub(crate) fn speeds(
    python: Option<&String>,
    folder: &Path,
    size_px: usize,
) -> Vec<(String, Speed)> {
    let Some(python) = python else {
        return Vec::new();
    };
    let size = size_px.to_string();
    let printed = run(python, folder, &["--size", &size, "--rounds", "1"]);
    printed.lines().map(parse).collect()
}

/// A line of the script: way, images a second, processor time.
fn parse(line: &str) -> (String, Speed) {
    let mut parts = line.split('\t');
    let mut part = || parts.next().unwrap();
    let way = part().to_owned();
    let speed = Speed {
        rate: part().parse().unwrap(),
        busy_us: part().parse().unwrap(),
    };
    (way, speed)
}

/// How far our scaled pictures are from Pillow's, in words; `None` without an interpreter.
pub(crate) fn difference(
    python: Option<&String>,
    folder: &Path,
    dataset: &Dataset,
    size_px: usize,
) -> Option<String> {
    let pictures = dataset.good_rows().iter();
    let pixels: Vec<u8> = pictures
        .flat_map(|row| dataset.image(0, *row, size_px).unwrap().rgb.clone())
        .collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pixels).unwrap();
    let path = file.path().to_str().unwrap();
    let arguments = ["--size", &size_px.to_string(), "--compare", path];
    python.map(|python| run(python, folder, &arguments).trim().to_owned())
}

fn run(python: &str, folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(python)
        .arg(SCRIPT)
        .arg(folder)
        .args(arguments)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}
