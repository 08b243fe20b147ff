//! The use cases, each by its template on its generated set: few records and epochs, but all the way.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{fresh_folder, multifuse, write};

/// Settings that make a picture expert quick and poor.
const SMALL_PICTURES: &str =
    "--set experts.4.num_centres=40 --set experts.4.num_patches=2000 --set experts.4.rounds=2";

/// Writes a set and its template, trains two epochs into `run`, and gives the judgement of the test table.
fn trained(at: &Path, name: &str, settings: &str) -> Value {
    multifuse(at, &format!("sample {name} data --records 160")).succeeds();
    let template = multifuse(at, &format!("init --template {name}")).succeeds();
    write(at, "template.toml", template);
    let train = "train data/train.csv --config template.toml --epochs 2 --out run";
    multifuse(at, &format!("{train} {settings}")).succeeds();
    multifuse(at, "evaluate run data/test.csv --json").json()
}

fn value(judged: &Value, metric: &str) -> f64 {
    judged["metrics"][metric]["value"]
        .as_f64()
        .unwrap_or(f64::NAN)
}

/// The best that `truth.json` says of all inputs.
fn best(folder: &TempDir) -> f64 {
    let text = fs::read_to_string(folder.path().join("data/truth.json")).unwrap();
    let truth: Value = serde_json::from_str(&text).unwrap();
    truth["best"]["all"].as_f64().unwrap()
}

#[test]
fn clips_are_told_from_video_and_sound() {
    let folder = fresh_folder();
    let judged = trained(folder.path(), "clips", "");
    // Chance is one in eight, and either input alone reaches one half at best.
    let accuracy = value(&judged, "accuracy");
    assert!(
        accuracy > 0.4 && accuracy <= best(&folder) + 0.06,
        "{judged}"
    );
}

#[test]
fn sentiment_is_a_class_or_a_score_and_neither_is_learned_from_the_other() {
    let folder = fresh_folder();
    let at = folder.path();
    let judged = trained(at, "sentiment", "");
    // The most frequent class has a third of the records and a little.
    let accuracy = value(&judged, "accuracy");
    assert!(
        accuracy > 0.5 && accuracy <= best(&folder) + 0.09,
        "{judged}"
    );
    assert!(judged["metrics"]["acc_7"].is_null());

    for (target, other) in [("label", "score"), ("score", "label")] {
        let words = format!("inspect data/train.csv --target {target} --json");
        let inspection = multifuse(at, &words).json();
        let columns = inspection["columns"].as_array().unwrap();
        let role = |name: &str| {
            let column = columns.iter().find(|column| column["name"] == *name);
            column.unwrap()["role"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            (role(target), role(other)),
            ("target".to_owned(), "ignored".to_owned())
        );
    }

    let train = "train data/train.csv --config template.toml --target score --task regression \
                 --epochs 2 --out score-run";
    multifuse(at, train).succeeds();
    let judged = multifuse(at, "evaluate score-run data/test.csv --json").json();
    assert!(value(&judged, "pearson") > 0.3, "{judged}");
    assert!(value(&judged, "acc_2") > 0.55, "{judged}");
    for metric in ["f1_2", "acc_2_non0", "f1_2_non0", "acc_7"] {
        assert!((0.0..=1.0).contains(&value(&judged, metric)), "{metric}");
    }
    let report = fs::read_to_string(at.join("score-run/report.md")).unwrap();
    assert!(report.contains("acc\\_7"), "{report}");
}

#[test]
fn patients_are_judged_by_what_they_have_and_by_what_is_taken_from_them() {
    let folder = fresh_folder();
    let at = folder.path();
    let judged = trained(at, "patients", SMALL_PICTURES);
    // The more frequent class has 0.55 of the records.
    let accuracy = value(&judged, "accuracy");
    assert!(accuracy > 0.65, "{judged}");
    let patterns = judged["by_presence"].as_array().unwrap();
    assert!(patterns.len() > 4, "{judged}");
    let num: u64 = patterns
        .iter()
        .map(|pattern| pattern["num_records"].as_u64().unwrap())
        .sum();
    assert_eq!(num, judged["num_records"].as_u64().unwrap());

    let words = "evaluate run data/test.csv --drop image --drop vitals";
    let dropped = multifuse(at, &format!("{words} --json")).json();
    let patterns = dropped["by_presence"].as_array().unwrap();
    assert!(
        patterns
            .iter()
            .all(|pattern| !pattern["name"].as_str().unwrap().contains("image"))
    );
    let loss = &dropped["drop_loss"];
    assert_eq!(loss["with"].as_f64(), Some(accuracy));
    assert_eq!(loss["without"].as_f64(), Some(value(&dropped, "accuracy")));
    let change = loss["change"]["difference"].as_f64().unwrap();
    let expected = value(&dropped, "accuracy") - accuracy;
    assert!((change - expected).abs() < 1e-9, "{loss}");
    let text = multifuse(at, words).succeeds();
    assert!(text.contains("without image, vitals: accuracy "), "{text}");
    assert!(text.contains("by what the records have"), "{text}");

    let report = fs::read_to_string(at.join("run/report.md")).unwrap();
    for heading in ["By which inputs a record has", "metric without it"] {
        assert!(report.contains(heading), "{report}");
    }
}
