//! Numbers and labels as targets.

use multifuse::{Cell, Table};

use crate::{
    program::{fresh_folder, multifuse, write},
    tables,
};

#[test]
fn a_number_is_estimated_with_an_interval() {
    let folder = fresh_folder();
    let at = folder.path();
    write(at, "houses.csv", tables::regression(80));
    let inspection = multifuse(at, "inspect houses.csv --target price --json").json();
    assert_eq!(inspection["task"], "regression");
    multifuse(at, "train houses.csv --target price --out run").succeeds();
    let judged = multifuse(at, "evaluate run houses.csv --json").json();
    for name in ["mae", "rmse", "r2"] {
        assert!(
            judged["metrics"][name]["value"].is_f64(),
            "{name}: {judged}"
        );
    }
    assert!(judged["per_class"].as_array().unwrap().is_empty());
    let of_sentiment = |name: &str| name.starts_with("acc_") || name.starts_with("f1_");
    let metrics = judged["metrics"].as_object().unwrap();
    assert!(!metrics.keys().any(|name| of_sentiment(name)), "{judged}");
    // The price is three times the size and a little: half of its spread explained is little to ask.
    assert!(judged["metrics"]["r2"]["value"].as_f64().unwrap() > 0.5);

    multifuse(at, "predict run houses.csv --out answers.jsonl").succeeds();
    let answers = Table::open(at.join("answers.jsonl")).unwrap();
    assert_eq!(
        answers.columns(),
        ["line", "prediction", "low", "high", "error"]
    );
    let (mut error, prices) = (0.0, Table::open(at.join("houses.csv")).unwrap());
    for row in 0..80 {
        let [low, value, high] =
            ["low", "prediction", "high"].map(|name| number(&answers, row, name));
        assert!(low <= value && value <= high, "{low} {value} {high}");
        error += (value - number(&prices, row, "price")).abs() / 80.0;
    }
    let mae = judged["metrics"]["mae"]["value"].as_f64().unwrap();
    // Answers below 10 are written with six digits: each is off by half of the last one at most.
    const DIGITS_TOL: f64 = 5e-6;
    assert!((error - mae).abs() < DIGITS_TOL, "{error} {mae}");
    // Less is better: a limit above the error is reached, one below is missed.
    for (limit, code) in [(mae * 1.01, 0), (mae * 0.99, 1)] {
        let words = format!("evaluate run houses.csv --require {limit}");
        multifuse(at, &words).exits_with(code);
    }
}

#[test]
fn labels_apply_in_any_number() {
    let folder = fresh_folder();
    let at = folder.path();
    write(at, "tagged.csv", tables::multilabel(60));
    let said = multifuse(at, "train tagged.csv --target tags --out run --json").json();
    assert_eq!(said["task"], "multilabel");
    let judged = multifuse(at, "evaluate run tagged.csv --json").json();
    assert!(judged["metrics"]["f1_micro"]["value"].is_f64(), "{judged}");
    assert_eq!(judged["per_class"].as_array().unwrap().len(), 2);

    let answers = multifuse(at, "predict run tagged.csv").succeeds();
    assert!(
        answers.starts_with("line,prediction,p_big,p_wet,error\n"),
        "{answers}"
    );
    let known = ["", "big", "wet", "big;wet"];
    for line in answers.lines().skip(1) {
        let prediction = line.split(',').nth(1).unwrap();
        assert!(known.contains(&prediction), "{line}");
    }
}

#[test]
fn one_network_alone_learns_each_task() {
    let folder = fresh_folder();
    let at = folder.path();
    let tasks = [
        ("label", "binary", tables::binary(40)),
        ("price", "regression", tables::regression(40)),
        ("tags", "multilabel", tables::multilabel(40)),
    ];
    for (target, task, text) in tasks {
        write(at, "table.csv", text);
        let words = format!(
            "train table.csv --target {target} --experts joint --epochs 1 --out {task} --json"
        );
        let said = multifuse(at, &words).json();
        assert_eq!(said["task"], task);
        assert!(at.join(task).join("logs").is_dir(), "a network keeps a log");
        multifuse(at, &format!("predict {task} table.csv")).succeeds();
    }
}

#[test]
fn a_named_task_goes_before_the_looks_of_the_target() {
    let folder = fresh_folder();
    let at = folder.path();
    let stars = tables::csv("stars", &tables::drawn(60), |record| {
        u8::from(record.is_sky).to_string()
    });
    write(at, "table.csv", stars);
    let words = "train table.csv --target stars --task regression --out run --json";
    assert_eq!(multifuse(at, words).json()["task"], "regression");
}

fn number(table: &Table, row: usize, name: &str) -> f64 {
    match table.record(row).cell(name) {
        Cell::Number(number) => *number,
        Cell::Text(text) => text.parse().unwrap(),
        other => panic!("{name}: {other:?}"),
    }
}
