//! One workload for `cargo xtask bench`: checks first, then rounds on demand, as `benches/peers/protocol.py` says.

use std::io::BufRead as _;
use std::path::Path;
use std::time::Instant;

use engine::{Precision, Tensor};
use serde_json::{Value, json};

use crate::net::{Batch, Net};
use crate::networks;
use crate::source::Source;

const NUM_STEPS: usize = 10;
const WARM_UP: usize = 1;
const FEWEST: usize = 3;

/// `serve WORKLOAD PHASE PRECISION [FILE]`: without a file the numbers are random and nothing is checked.
pub(crate) fn run(arguments: &[String]) {
    let [workload, phase, precision, file @ ..] = arguments else {
        panic!("usage: serve WORKLOAD PHASE PRECISION [FILE]");
    };
    let mut all = networks::ALL.iter();
    let named = all
        .find(|named| named.workload == Some(workload.as_str()))
        .unwrap();
    let source = match file {
        [file, ..] => Source::file(Path::new(file)),
        [] => Source::random(),
    };
    let precision = match precision.as_str() {
        "f32" => Precision::F32,
        "bf16" => Precision::Bf16,
        other => panic!("no precision {other:?}"),
    };
    let net = (named.build)(&source).with_precision(precision);
    if phase == "train" {
        drop(source);
        train(net);
    } else {
        let batch_size = phase.strip_prefix("infer").unwrap().parse().unwrap();
        let expected = source.values("expected.output");
        drop(source);
        let net = net.for_answers();
        infer(&net, phase, &net.batch.first(batch_size), expected);
    }
}

fn train(mut net: Net) {
    let losses: Vec<f32> = (0..NUM_STEPS).map(|_| net.step()).collect();
    serve("train", json!({ "losses": losses }), || {
        net.step();
    });
}

fn infer(net: &Net, phase: &str, batch: &Batch, expected: Option<Vec<f32>>) {
    let answer = net.answer(batch);
    let checks = expected.map_or_else(|| json!({}), |expected| difference(&answer, &expected));
    serve(phase, checks, || {
        net.answer(batch);
    });
}

/// How far the answers are from the first ones of the file.
fn difference(answer: &Tensor, expected: &[f32]) -> Value {
    let pairs = answer.data().iter().zip(expected);
    let differences = pairs.map(|(got, expected)| (got - expected).abs());
    // A number that is not one stays, where `f32::max` would lose it; JSON has no such number and writes null.
    let largest = differences.fold(0.0, |largest: f32, next| {
        if next > largest || next.is_nan() {
            next
        } else {
            largest
        }
    });
    json!({ "max_difference": largest })
}

fn serve(phase: &str, checks: Value, mut step: impl FnMut()) {
    let mut ready = json!({ "phase": phase, "ready": true, "peak_mb": peak_mb() });
    if let (Value::Object(ready), Value::Object(checks)) = (&mut ready, checks) {
        ready.extend(checks);
    }
    println!("{ready}");
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let Some(("round", seconds)) = line.split_once(' ') else {
            break;
        };
        let times = round(&mut step, seconds.parse().unwrap());
        println!(
            "{}",
            json!({
                "phase": phase,
                "median_ms": median(&times),
                "min_ms": times[0],
                "n": times.len(),
                "peak_mb": peak_mb(),
            })
        );
    }
}

/// Milliseconds of each repetition, ascending.
fn round(step: &mut impl FnMut(), seconds: f64) -> Vec<f64> {
    for _ in 0..WARM_UP {
        step();
    }
    let mut times = Vec::new();
    let start = Instant::now();
    while times.len() < FEWEST || start.elapsed().as_secs_f64() < seconds {
        let begin = Instant::now();
        step();
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    times
}

fn median(ascending: &[f64]) -> f64 {
    let middle = ascending.len() / 2;
    if ascending.len() % 2 == 1 {
        ascending[middle]
    } else {
        f64::midpoint(ascending[middle - 1], ascending[middle])
    }
}

/// Most resident memory that this process ever had, where the system tells.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}
