//! How cost grows along one axis at a time, written into `benches/SCALING.md`.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use serde_json::Value;

use crate::release;

/// Records of the generated sets; each is trained on for one epoch.
const RECORDS: [usize; 4] = [1_000, 2_000, 4_000, 8_000];

/// One measured point.
struct Point {
    value: f64,
    ms: f64,
    mb: f64,
    num_parameters: Option<u64>,
}

/// Measures every axis and writes the table.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if !arguments.is_empty() {
        return Err(format!("scaling takes no options, got {arguments:?}"));
    }
    let mut axes = steps()?;
    axes.push(("records, one epoch of posts".to_owned(), records()?));
    let mut text = String::from(
        "# How cost grows\n\nWritten by `cargo xtask scaling` on an idle machine with 2 cores: one training step (forward, \
         backward, AdamW) of a network with one encoder of default settings, along one axis at a time; for records the \
         wall time of `train --experts joint --epochs 1` on generated posts, reading and judging included. The exponent \
         is the slope of the logarithm of the time over that of the axis, by least squares: 1 is proportional.\n",
    );
    for (axis, points) in &axes {
        text.push_str(&table(axis, points));
    }
    fs::write("benches/SCALING.md", text).map_err(|error| format!("benches/SCALING.md: {error}"))
}

/// The axes of a training step, from the bench.
fn steps() -> Result<Vec<(String, Vec<Point>)>, String> {
    let bench = release::build_bench("multifuse-nn", "scaling")?;
    let (_, text) = release::output(&bench, &["2"])?;
    let mut order = Vec::new();
    let mut axes = BTreeMap::<String, Vec<Point>>::new();
    for line in text.lines() {
        let Ok(value) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let number = |key: &str| value[key].as_f64().ok_or(format!("no `{key}` in {line}"));
        let axis = value["axis"].as_str().unwrap_or_default().to_owned();
        if !order.contains(&axis) {
            order.push(axis.clone());
        }
        axes.entry(axis).or_default().push(Point {
            value: number("value")?,
            ms: number("ms")?,
            mb: number("mb")?,
            num_parameters: value["num_parameters"].as_u64(),
        });
    }
    Ok(order
        .into_iter()
        .filter_map(|axis| axes.remove_entry(&axis))
        .collect())
}

/// Wall time of a training by number of records.
fn records() -> Result<Vec<Point>, String> {
    let binary = release::build_binary()?;
    let folder = Path::new("target/scaling");
    let mut points = Vec::new();
    for num in RECORDS {
        let set = folder.join(format!("posts-{num}"));
        let run = folder.join(format!("run-{num}"));
        let _ = fs::remove_dir_all(&run);
        let set_text = set.display().to_string();
        if !set.join("train.csv").exists() {
            let num = num.to_string();
            release::output(&binary, &["sample", "posts", &set_text, "--records", &num])?;
        }
        let train = set.join("train.csv").display().to_string();
        let out = run.display().to_string();
        let arguments = [
            "train",
            &train,
            "--target",
            "label",
            "--experts",
            "joint",
            "--epochs",
            "1",
            "--out",
            &out,
            "--quiet",
        ];
        let (secs, _) = release::output(&binary, &arguments)?;
        points.push(Point {
            value: num as f64,
            ms: secs * 1e3,
            mb: f64::NAN,
            num_parameters: None,
        });
    }
    Ok(points)
}

fn table(axis: &str, points: &[Point]) -> String {
    let mut text = format!(
        "\n## {axis}\n\nExponent {:.2}.\n\n| {axis} | ms | MB | parameters |\n|---|---|---|---|\n",
        exponent(points)
    );
    for point in points {
        let mb = if point.mb.is_nan() {
            String::new()
        } else {
            format!("{:.0}", point.mb)
        };
        let parameters = point
            .num_parameters
            .map_or_else(String::new, |num| num.to_string());
        let _ = writeln!(
            text,
            "| {} | {:.1} | {mb} | {parameters} |",
            point.value, point.ms
        );
    }
    text
}

/// Slope of the logarithm of the time over that of the axis.
fn exponent(points: &[Point]) -> f64 {
    let logs = points.iter().map(|point| (point.value.ln(), point.ms.ln()));
    let n = points.len() as f64;
    let (x, y) = logs
        .clone()
        .fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x / n, sum.1 + y / n));
    let covariance: f64 = logs.clone().map(|log| (log.0 - x) * (log.1 - y)).sum();
    let variance: f64 = logs.map(|log| (log.0 - x).powi(2)).sum();
    covariance / variance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_law_has_the_exponent_two() {
        let point = |value: f64| Point {
            value,
            ms: 3.0 * value * value,
            mb: 0.0,
            num_parameters: None,
        };
        let points = [1.0, 2.0, 5.0].map(point);
        assert!((exponent(&points) - 2.0).abs() < 1e-12);
    }
}
