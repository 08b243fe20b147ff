//! The accuracy and start-up bars, with the release binary on real data, written into `benches/RESULTS.md`.

mod generated;
mod noise;
mod signals;
mod tables;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::release::{self, output};
use crate::results;

/// One bar: a training and an evaluation, and the value that must be reached.
struct Bar {
    name: &'static str,
    set: &'static str,
    target: &'static str,
    inputs: &'static str,
    time_limit_secs: f64,
    metric: &'static str,
    limit: Limit,
    stretch: &'static str,
}

#[derive(Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

impl Limit {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(limit) => value >= limit,
            Self::AtMost(limit) => value <= limit,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(limit) => format!("at least {limit}"),
            Self::AtMost(limit) => format!("at most {limit}"),
        }
    }
}

const BARS: [Bar; 7] = [
    Bar {
        name: "emoji",
        set: "emoji",
        target: "label",
        inputs: "image,keywords",
        time_limit_secs: 120.0,
        metric: "accuracy",
        limit: Limit::AtLeast(0.90),
        stretch: "0.915",
    },
    Bar {
        name: "fashion",
        set: "fashion_products",
        target: "article_type",
        inputs: "image,title_masked",
        time_limit_secs: 240.0,
        metric: "accuracy",
        limit: Limit::AtLeast(0.865),
        stretch: "0.88",
    },
    Bar {
        name: "fashion-table",
        set: "fashion_products",
        target: "article_type",
        inputs: "image,title_masked,gender,season,year,usage",
        time_limit_secs: 240.0,
        metric: "accuracy",
        limit: Limit::AtLeast(0.88),
        stretch: "0.895",
    },
    Bar {
        name: "fashion-title",
        set: "fashion_products",
        target: "article_type",
        inputs: "image,title",
        time_limit_secs: 240.0,
        metric: "accuracy",
        limit: Limit::AtLeast(0.965),
        stretch: "0.975",
    },
    Bar {
        name: "fashion-colour",
        set: "fashion_products",
        target: "base_colour",
        inputs: "image,title",
        time_limit_secs: 240.0,
        metric: "accuracy",
        limit: Limit::AtLeast(0.945),
        stretch: "0.955",
    },
    Bar {
        name: "houses",
        set: "houses",
        target: "price",
        inputs: "image_frontal,image_kitchen,image_bedroom,image_bathroom,bedrooms,bathrooms,area_sqft,zipcode",
        time_limit_secs: 120.0,
        metric: "mae",
        limit: Limit::AtMost(140_000.0),
        stretch: "118000",
    },
    Bar {
        name: "nlvr",
        set: "nlvr",
        target: "label",
        inputs: "image,sentence",
        time_limit_secs: 120.0,
        metric: "accuracy",
        limit: Limit::AtMost(0.70),
        stretch: "a leak if above",
    },
];

struct Options {
    only: Option<String>,
    data: PathBuf,
    seed: String,
}

/// Runs the bars that were asked for and writes their table.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let options = parse(arguments)?;
    let binary = release::build_binary()?;
    let work = PathBuf::from("target/quality");
    fs::create_dir_all(&work).map_err(|error| format!("{}: {error}", work.display()))?;
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    let mut rows = Vec::new();
    for bar in BARS
        .iter()
        .chain(&signals::BARS)
        .filter(|bar| wanted(bar.name))
    {
        rows.push(measure(bar, &binary, &work, &options)?);
    }
    rows.extend(signals::run(&wanted, &binary, &work, &options)?);
    rows.extend(generated::run(&wanted, &binary, &work, &options)?);
    if wanted("demo") {
        rows.push(measure_demo(&binary, &work)?);
    }
    if wanted("seed") {
        rows.push(measure_seed(&binary, &work)?);
    }
    if wanted("help") {
        rows.push(measure_help(&binary)?);
    }
    if rows.is_empty() {
        let names: Vec<&str> = BARS
            .iter()
            .map(|bar| bar.name)
            .chain(signals::names())
            .chain(generated::names())
            .chain(["demo", "seed", "help"])
            .collect();
        return Err(format!("no bar of that name (known: {})", names.join(", ")));
    }
    write_results(&rows)?;
    let missed: Vec<&str> = rows
        .iter()
        .filter(|row| !row.holds)
        .map(|row| row.name.as_str())
        .collect();
    if missed.is_empty() {
        Ok(())
    } else {
        Err(format!("missed: {}", missed.join(", ")))
    }
}

fn parse(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options {
        only: None,
        data: PathBuf::from("../shared/data"),
        seed: "0".to_owned(),
    };
    for pair in arguments.chunks(2) {
        match pair {
            [flag, value] if flag == "--only" => options.only = Some(value.clone()),
            [flag, value] if flag == "--data" => options.data = PathBuf::from(value),
            [flag, value] if flag == "--seed" => options.seed.clone_from(value),
            _ => {
                return Err(format!(
                    "quality takes --only NAME, --data DIR, --seed N, got {pair:?}"
                ));
            }
        }
    }
    Ok(options)
}

/// A measured line of the table.
struct Row {
    name: String,
    command: String,
    value: String,
    limit: String,
    stretch: String,
    secs: f64,
    holds: bool,
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let holds = if self.holds { "yes" } else { "**no**" };
        vec![
            self.name.clone(),
            self.value.clone(),
            self.limit.clone(),
            self.stretch.clone(),
            format!("{:.1}", self.secs),
            holds.to_owned(),
            format!("`{}`", self.command),
        ]
    }
}

fn measure(bar: &Bar, binary: &Path, work: &Path, options: &Options) -> Result<Row, String> {
    let folder = options.data.join(bar.set);
    let out = work.join(bar.name);
    let limit = bar.time_limit_secs.to_string();
    let train = folder.join("train.csv").display().to_string();
    let out_text = out.display().to_string();
    let _ = fs::remove_dir_all(&out);
    let arguments = [
        "train",
        &train,
        "--target",
        bar.target,
        "--inputs",
        bar.inputs,
        "--time-limit",
        &limit,
        "--out",
        &out_text,
        "--seed",
        &options.seed,
        "--quiet",
    ];
    let (secs, _) = output(binary, &arguments)?;
    let test = folder.join("test.csv").display().to_string();
    let (_, text) = output(binary, &["evaluate", &out_text, &test, "--json"])?;
    let reply: Value =
        serde_json::from_str(&text).map_err(|error| format!("evaluate --json: {error}"))?;
    let metric = &reply["metrics"][bar.metric];
    let value = metric["value"]
        .as_f64()
        .ok_or("evaluate --json gave no such metric")?;
    let in_time = secs <= bar.time_limit_secs * 1.1;
    let digits = if value > 1000.0 { 0 } else { 4 };
    Ok(Row {
        name: bar.name.to_owned(),
        command: format!(
            "train {}/train.csv --target {} --inputs {} --time-limit {limit}",
            bar.set, bar.target, bar.inputs
        ),
        value: format!(
            "{} {value:.digits$} [{:.digits$}, {:.digits$}]",
            bar.metric,
            metric["low"].as_f64().unwrap_or(f64::NAN),
            metric["high"].as_f64().unwrap_or(f64::NAN)
        ),
        limit: bar.limit.text(),
        stretch: bar.stretch.to_owned(),
        secs,
        holds: bar.limit.holds(value) && in_time,
    })
}

fn measure_demo(binary: &Path, work: &Path) -> Result<Row, String> {
    let out = work.join("demo");
    let _ = fs::remove_dir_all(&out);
    let (secs, text) = output(
        binary,
        &["demo", "--out", &out.display().to_string(), "--json"],
    )?;
    let reply: Value =
        serde_json::from_str(&text).map_err(|error| format!("demo --json: {error}"))?;
    let number = |path: &str| {
        reply
            .pointer(path)
            .and_then(Value::as_f64)
            .unwrap_or(f64::NAN)
    };
    let (fused, best) = (number("/accuracy"), number("/best/all"));
    let alone = number("/alone/text").max(number("/alone/image"));
    Ok(Row {
        name: "demo".to_owned(),
        command: "demo".to_owned(),
        value: format!("accuracy {fused:.4}, best possible {best:.4}, best alone {alone:.4}"),
        limit: "within 0.03 of the best, 0.15 above either alone, under 60 s".to_owned(),
        stretch: String::new(),
        secs,
        holds: fused >= best - 0.03 && fused >= alone + 0.15 && secs < 60.0,
    })
}

fn measure_seed(binary: &Path, work: &Path) -> Result<Row, String> {
    let folder = work.join("seed");
    let _ = fs::remove_dir_all(&folder);
    let path = |name: &str| folder.join(name).display().to_string();
    output(
        binary,
        &[
            "sample",
            "seed",
            &folder.display().to_string(),
            "--records",
            "100",
        ],
    )?;
    let (_, template) = output(binary, &["init", "--template", "seed"])?;
    fs::write(path("seed.toml"), template).map_err(|error| format!("seed.toml: {error}"))?;
    let (train, run, test) = (path("train.csv"), path("run"), path("test.csv"));
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let _ = fs::remove_dir_all(&run);
        let (fit, _) = output(
            binary,
            &[
                "train",
                &train,
                "--config",
                &path("seed.toml"),
                "--out",
                &run,
                "--quiet",
            ],
        )?;
        let (answer, _) = output(
            binary,
            &["predict", &run, &test, "--out", &path("p.csv"), "--quiet"],
        )?;
        best = best.min(fit + answer);
    }
    Ok(Row {
        name: "seed".to_owned(),
        command: "train seed/train.csv --config seed.toml; predict".to_owned(),
        value: format!("{best:.2} s, best of 5"),
        limit: "under 1.5 s".to_owned(),
        stretch: String::new(),
        secs: best,
        holds: best < 1.5,
    })
}

fn measure_help(binary: &Path) -> Result<Row, String> {
    let mut times = Vec::new();
    for _ in 0..20 {
        times.push(output(binary, &["--help"])?.0 * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    Ok(Row {
        name: "help".to_owned(),
        command: "--help".to_owned(),
        value: format!("{median:.1} ms, median of 20"),
        limit: "under 20 ms".to_owned(),
        stretch: String::new(),
        secs: median / 1000.0,
        holds: median < 20.0,
    })
}

/// Writes the measured rows and keeps the others.
fn write_results(rows: &[Row]) -> Result<(), String> {
    let table = results::Table {
        chore: "quality",
        preface: "",
        columns: &[
            "bar", "measured", "at least", "stretch", "seconds", "holds", "command",
        ],
    };
    let lines: Vec<Vec<String>> = rows.iter().map(Row::cells).collect();
    for cells in &lines {
        eprintln!("| {} |", cells.join(" | "));
    }
    results::write(&table, &lines)
}
