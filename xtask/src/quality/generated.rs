//! Bars on generated sets: within a little of the best that any model can reach.

use std::{fs, path::Path};

use serde_json::Value;

use super::{Options, Row, output};

/// Sets that are drawn, with the inputs that are trained on.
const SETS: [(&str, &str); 3] = [
    ("clips", "video,sound"),
    ("sentiment", "text,voice,face"),
    ("patients", "image,vitals,note,age,sex,crp,leukocytes"),
];
/// How far from the best of `truth.json` the accuracy may stay.
const WITHIN: f64 = 0.03;
const TIME_LIMIT_SECS: f64 = 120.0;

/// The names of the bars.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    SETS.iter().map(|(name, _)| *name)
}

/// Measures the bars that are wanted.
pub(super) fn run(
    wanted: &dyn Fn(&str) -> bool,
    binary: &Path,
    work: &Path,
    options: &Options,
) -> Result<Vec<Row>, String> {
    SETS.iter()
        .filter(|(name, _)| wanted(name))
        .map(|set| measure(*set, binary, work, options))
        .collect()
}

fn measure(
    (name, inputs): (&str, &str),
    binary: &Path,
    work: &Path,
    options: &Options,
) -> Result<Row, String> {
    let folder = work.join(format!("{name}-data"));
    let _ = fs::remove_dir_all(&folder);
    let path = |file: &str| folder.join(file).display().to_string();
    let seed = options.seed.as_str();
    let data = folder.display().to_string();
    output(binary, &["sample", name, &data, "--seed", seed, "--quiet"])?;
    let (train, test, run) = (path("train.csv"), path("test.csv"), path("run"));
    let limit = TIME_LIMIT_SECS.to_string();
    let arguments = [
        "train",
        &train,
        "--target",
        "label",
        "--inputs",
        inputs,
        "--time-limit",
        &limit,
        "--out",
        &run,
        "--seed",
        seed,
        "--quiet",
    ];
    let (secs, _) = output(binary, &arguments)?;
    let (_, reply) = output(binary, &["evaluate", &run, &test, "--json"])?;
    let reply = parse(&reply)?;
    let truth = fs::read_to_string(path("truth.json"));
    let truth = parse(&truth.map_err(|error| format!("truth.json: {error}"))?)?;
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let best = |key: &str| number(&truth["best"][key]);
    let accuracy = &reply["metrics"]["accuracy"];
    let alone = inputs.split(',').map(best).fold(f64::NAN, f64::max);
    let value = number(&accuracy["value"]);
    Ok(Row {
        name: name.to_owned(),
        command: format!(
            "sample {name} data; train data/train.csv --target label --inputs {inputs} --time-limit {limit}"
        ),
        value: format!(
            "accuracy {value:.4} [{:.4}, {:.4}], best possible {:.4}, of one input {alone:.4}",
            number(&accuracy["low"]),
            number(&accuracy["high"]),
            best("all")
        ),
        limit: format!("within {WITHIN} of the best"),
        stretch: String::new(),
        secs,
        holds: value >= best("all") - WITHIN && secs <= TIME_LIMIT_SECS * 1.1,
    })
}

fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))
}
