//! `evaluate` and `predict`: their fields, their formats, and that they agree with each other.

use multifuse::{Cell, Table};
use serde_json::Value;

use crate::{
    program::{fresh_folder, multifuse, write},
    shared, tables,
};

/// Numbers are written with six digits: each of two probabilities is off by half of the last one at most.
const SUM_TOL: f64 = 1e-6;

#[test]
fn evaluate_gives_every_field_of_the_contract() {
    let judged = multifuse(&shared::binary().folder, "evaluate run table.csv --json").json();
    assert_eq!(judged["num_records"], 60);
    assert_eq!(judged["num_skipped"], 0);
    let names = [
        "accuracy",
        "balanced_accuracy",
        "f1_macro",
        "roc_auc",
        "log_loss",
    ];
    for name in names {
        let field = |key: &str| judged["metrics"][name][key].as_f64().unwrap();
        let (value, low, high) = (field("value"), field("low"), field("high"));
        assert!(
            low <= value && value <= high,
            "{name}: {value} in [{low}, {high}]"
        );
    }
    let classes: Vec<&Value> = judged["per_class"]
        .as_array()
        .unwrap()
        .iter()
        .map(|class| &class["class"])
        .collect();
    assert_eq!(classes, ["sky", "street"]);
    let patterns = judged["by_presence"].as_array().unwrap();
    assert_eq!(patterns[0]["name"], "words+size+kind");
    assert_eq!(patterns[0]["num_records"], 60);
}

#[test]
fn the_accuracy_of_evaluate_is_the_share_of_right_answers_of_predict() {
    let folder = fresh_folder();
    let at = folder.path();
    // Other records than those of training, with cells missing and some labels turned around.
    let records: Vec<_> = tables::drawn(100).into_iter().skip(60).collect();
    let mut text = tables::csv("label", &records, |record| record.label().to_owned());
    for (line, column, cell) in [
        (0, 0, ""),
        (1, 1, ""),
        (2, 2, ""),
        (3, 3, "street"),
        (4, 3, "sky"),
    ] {
        text = tables::with_cell(&text, line, column, cell);
    }
    write(at, "new.csv", text);
    let run = shared::binary().folder.join("run");
    let judged = multifuse(at, &format!("evaluate {} new.csv --json", run.display())).json();
    let words = format!("predict {} new.csv --out answers.csv", run.display());
    multifuse(at, &words).succeeds();
    let (truth, answers) = (open(at, "new.csv"), open(at, "answers.csv"));
    let num_right = (0..40)
        .filter(|row| truth.record(*row).cell("label") == answers.record(*row).cell("prediction"))
        .count();
    assert_eq!(
        judged["metrics"]["accuracy"]["value"].as_f64().unwrap(),
        num_right as f64 / 40.0
    );
    let patterns = judged["by_presence"].as_array().unwrap();
    let counts: Vec<u64> = patterns
        .iter()
        .map(|p| p["num_records"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [37, 1, 1, 1]);
}

#[test]
fn a_dropped_column_is_hidden_from_the_model() {
    let at = &shared::binary().folder;
    let all = multifuse(at, "evaluate run table.csv --json").json();
    let judged = multifuse(at, "evaluate run table.csv --drop words --drop size --json").json();
    assert_eq!(judged["dropped"], serde_json::json!(["words", "size"]));
    assert_eq!(judged["by_presence"][0]["name"], "kind");
    let accuracy = |judged: &Value| judged["metrics"]["accuracy"]["value"].as_f64().unwrap();
    // The kind is drawn without regard to the label.
    assert!(accuracy(&judged) < accuracy(&all));
    let nothing = "evaluate run table.csv --drop words --drop size --drop kind --json";
    let nothing = multifuse(at, nothing).json();
    assert_eq!(nothing["by_presence"][0]["name"], "nothing");
    assert_eq!(
        accuracy(&nothing),
        0.5,
        "thirty of each class, one answer for all"
    );
}

#[test]
fn every_format_holds_the_same_answers() {
    let folder = fresh_folder();
    let run = shared::binary().folder.join("run");
    let at = folder.path();
    write(at, "table.csv", tables::binary(60));
    let predict = format!("predict {} table.csv", run.display());
    for file in ["a.csv", "a.jsonl", "a.parquet"] {
        let said = multifuse(at, &format!("{predict} --out {file}")).succeeds();
        assert!(said.contains("60 answers"), "{said}");
    }
    let stdout = multifuse(at, &predict).succeeds();
    assert_eq!(stdout, std::fs::read_to_string(at.join("a.csv")).unwrap());
    let lines = multifuse(at, &format!("{predict} --json")).succeeds();
    assert_eq!(lines, std::fs::read_to_string(at.join("a.jsonl")).unwrap());

    let tables = ["a.csv", "a.jsonl", "a.parquet"].map(|file| open(at, file));
    for table in &tables {
        let expected = [
            "line",
            "prediction",
            "probability",
            "p_sky",
            "p_street",
            "error",
        ];
        assert_eq!(table.columns(), expected);
        for row in 0..60 {
            let number = |name: &str| match table.record(row).cell(name) {
                Cell::Number(number) => *number,
                Cell::Text(text) => text.parse().unwrap(),
                other => panic!("{name}: {other:?}"),
            };
            let (sky, street) = (number("p_sky"), number("p_street"));
            assert!((sky + street - 1.0).abs() < SUM_TOL);
            assert_eq!(number("probability"), sky.max(street));
            assert_eq!(number("line"), row as f64 + 2.0, "the header is line 1");
            assert!(table.record(row).cell("error").is_missing());
            let first = tables[0].record(row);
            assert_eq!(
                first.cell("prediction"),
                table.record(row).cell("prediction")
            );
        }
    }
}

#[test]
fn shards_together_are_the_whole() {
    let at = &shared::binary().folder;
    let whole = multifuse(at, "predict run table.csv").succeeds();
    let mut parts = String::new();
    for shard in 1..=3 {
        let part = multifuse(at, &format!("predict run table.csv --shard {shard}/3")).succeeds();
        let body = part.split_once('\n').unwrap();
        parts.push_str(if shard == 1 { &part } else { body.1 });
    }
    assert_eq!(parts, whole);
}

#[test]
fn a_column_that_training_did_not_see_changes_nothing_and_a_gone_one_is_missing() {
    let folder = fresh_folder();
    let at = folder.path();
    let run = shared::binary().folder.join("run");
    let records = tables::drawn(20);
    let mut more = String::from("new,kind,words,size\n");
    let mut fewer = String::from("words,kind\n");
    let mut empty = String::from("words,size,kind\n");
    for record in &records {
        let (words, size, kind) = (&record.words, record.size, record.kind);
        more.push_str(&format!("7,{kind},{words},{size:.3}\n"));
        fewer.push_str(&format!("{words},{kind}\n"));
        empty.push_str(&format!("{words},,{kind}\n"));
    }
    write(at, "same.csv", tables::binary(20));
    write(at, "more.csv", more);
    write(at, "fewer.csv", fewer);
    write(at, "empty.csv", empty);
    let predict =
        |file: &str| multifuse(at, &format!("predict {} {file}", run.display())).succeeds();
    assert_eq!(predict("more.csv"), predict("same.csv"));
    assert_eq!(predict("fewer.csv"), predict("empty.csv"));
}

fn open(folder: &std::path::Path, file: &str) -> Table {
    Table::open(folder.join(file)).unwrap()
}
