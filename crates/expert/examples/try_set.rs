//! Fits every classical expert and the stack on a set and prints scores and seconds: a development tool.
//!
//!     cargo run --release -p multifuse-expert --example try_set -- DIR TARGET INPUT[:MODALITY],...

use std::{sync::Arc, time::Instant};

use data::{Dataset, DatasetOptions, Table, Truth};
use expert::{Combined, Context, Judged, Voice, registry};
use schema::{Column, ExpertConfig, FittedTarget, Modality, Role, Seed, Settings, Task};
use train::{Control, NoObserver};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (dir, target, inputs) = (&arguments[0], &arguments[1], &arguments[2]);
    let settings: Settings = toml::from_str(arguments.get(3).map_or("", String::as_str))?;
    let columns: Vec<Column> = inputs.split(',').map(column).collect::<Fallible<_>>()?;
    let start = Instant::now();
    let train = open(&format!("{dir}/train.csv"), &columns)?;
    let test = open(&format!("{dir}/test.csv"), &columns)?;
    println!(
        "{:24} {:6.2} s",
        "decode both",
        start.elapsed().as_secs_f64()
    );
    let task = if train
        .table()
        .column_index(target)
        .is_some_and(|col| is_number(&train, col))
    {
        Task::Regression
    } else {
        Task::Class
    };
    let rows = train.good_rows().to_vec();
    let fitted = data::fit_target(train.table(), &rows, target, task)?;
    let all: Vec<usize> = (0..train.num_rows()).collect();
    let truth = data::truth(train.table(), &all, &fitted)?;
    let groups = data::split::groups(&train, &rows, None)?;
    let (fit, held) = data::split::holdout(
        &rows,
        &groups,
        Some(&truth.select(&rows, fitted.width())),
        0.2,
        Seed(1),
    )?;
    let test_truth = data::truth(test.table(), test.good_rows(), &fitted)?;
    let context = Context {
        dataset: &train,
        target: &fitted,
        truth: &truth,
        weights: None,
        seed: Seed(1),
        threads: 0,
        observer: &NoObserver,
        control: &Control::new(),
        folder: None,
        resume: false,
    };
    let held_truth = truth.select(&held, fitted.width());
    let (mut held_voices, mut voices) = (Vec::new(), Vec::new());
    for config in experts(&columns, settings) {
        let kind = registry::by_name(&config.kind)?;
        let start = Instant::now();
        let (expert, config) = kind.fit(&config, &context, &fit, &held)?;
        let secs = start.elapsed().as_secs_f64();
        let held_voice = expert.speak(&train, &held)?;
        let start = Instant::now();
        let full = expert.refit(&config, &context, &rows)?;
        let refit = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let voice = full.speak(&test, test.good_rows())?;
        let speak = start.elapsed().as_secs_f64();
        let shown = |key: &str| {
            config
                .settings
                .get(key)
                .map(ToString::to_string)
                .unwrap_or_default()
        };
        println!(
            "{:24} fit {secs:6.2} s  refit {refit:6.2} s  speak {speak:6.2} s  l2 {} rounds {}",
            config.name,
            shown("l2"),
            shown("max_rounds"),
        );
        let first = expert.speak(&test, test.good_rows())?;
        let of = |voice: &Voice, truth: &Truth| {
            let answers = Combined::from_voice(&fitted, voice);
            score(&fitted, &answers, truth)
        };
        println!("    held out {}", of(&held_voice[0], &held_truth)?);
        println!("    test     {}", of(&first[0], &test_truth)?);
        println!("    refitted {}", of(&voice[0], &test_truth)?);
        held_voices.extend(held_voice);
        voices.extend(voice);
    }
    let start = Instant::now();
    let stack = expert::stack::fit(&fitted, &held_truth, &held_voices, Seed(1))?;
    println!(
        "stack {:.2} s: {:?}",
        start.elapsed().as_secs_f64(),
        stack.stack.weights().collect::<Vec<_>>()
    );
    for worth in &stack.worth.voices {
        println!("    {worth:?}");
    }
    for worth in &stack.worth.modalities {
        println!("    {worth:?}");
    }
    let nested = Combined::from_scores(&fitted, &stack.scores, 0.0);
    println!("    held out {}", score(&fitted, &nested, &held_truth)?);
    let scores = stack
        .stack
        .combine(&fitted, &voices, test.good_rows().len())?;
    let answers = Combined::from_scores(&fitted, &scores, stack.stack.half_width());
    println!("    test     {}", score(&fitted, &answers, &test_truth)?);
    if let Truth::Values(values) = &test_truth {
        let inside = answers
            .intervals
            .iter()
            .zip(values)
            .filter(|((low, high), v)| low <= v && *v <= high);
        println!(
            "    in the interval {:.3}",
            inside.count() as f64 / values.len() as f64
        );
    }
    Ok(())
}

fn column(text: &str) -> Fallible<Column> {
    let (name, modality) = text.split_once(':').unwrap_or((text, "text"));
    Ok(Column {
        name: name.to_owned(),
        modality: modality.parse()?,
        role: Role::Input,
    })
}

fn open(path: &str, columns: &[Column]) -> Fallible<Arc<Dataset>> {
    let options = DatasetOptions {
        image_sizes: vec![64, 96],
        ..DatasetOptions::default()
    };
    Ok(Arc::new(Dataset::open(
        Arc::new(Table::open(path)?),
        columns,
        &options,
    )?))
}

fn is_number(dataset: &Dataset, col: usize) -> bool {
    (0..20.min(dataset.num_rows())).all(|row| match dataset.table().cell(row, col) {
        data::CellRef::Number(_) => true,
        data::CellRef::Text(text) => text.parse::<f64>().is_ok(),
        _ => false,
    })
}

fn experts(columns: &[Column], settings: Settings) -> Vec<ExpertConfig> {
    let expert = |kind: &str, name: &str, inputs: Vec<String>| ExpertConfig {
        kind: kind.to_owned(),
        name: name.to_owned(),
        inputs,
        settings: settings
            .get(kind)
            .and_then(|s| s.as_table().cloned())
            .unwrap_or_default(),
    };
    let mut experts = Vec::new();
    for column in columns {
        match column.modality {
            Modality::Text => {
                experts.push(expert(
                    "text_ngram",
                    &column.name,
                    vec![column.name.clone()],
                ));
            }
            Modality::Image => {
                experts.push(expert(
                    "image_feature",
                    &column.name,
                    vec![column.name.clone()],
                ));
            }
            _ => {}
        }
    }
    let tabular: Vec<String> = columns
        .iter()
        .filter(|c| c.modality.is_tabular())
        .map(|c| c.name.clone())
        .collect();
    if !tabular.is_empty() {
        experts.push(expert("table", "table", tabular.clone()));
        experts.push(expert("boost", "boost", tabular));
    }
    experts
}

fn score(target: &FittedTarget, answers: &Combined, truth: &Truth) -> Fallible<String> {
    let judged = Judged::new(target, truth);
    let metrics = match target.task {
        Task::Regression => ["mae", "r2"],
        _ => ["accuracy", "log_loss"],
    };
    let mut text = String::new();
    for metric in metrics {
        text += &format!("{metric} {:.4}  ", judged.value(answers, metric)?);
    }
    Ok(text)
}
