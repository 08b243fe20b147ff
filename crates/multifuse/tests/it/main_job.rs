//! sample -> inspect -> init -> plan -> train -> evaluate -> predict -> report, and the commands beside it.

use std::{fs, path::Path};

use multifuse::Table;
use serde_json::Value;

use crate::{
    program::{fresh_folder, multifuse, write},
    shared, tables,
};

/// Settings of the picture expert that make it quick and poor: the way through it is the same.
const SMALL: &str =
    "--set experts.1.num_centres=40 --set experts.1.num_patches=2000 --set experts.1.rounds=2";

#[test]
fn posts_go_all_the_way_from_sample_to_report() {
    let folder = fresh_folder();
    let at = folder.path();
    let num_test = samples_inspects_and_plans(at);

    let train = format!("train posts/train.csv --config run.toml {SMALL} --out run");
    let summary = multifuse(at, &train).succeeds();
    assert!(summary.contains("this model"), "{summary}");
    assert!(summary.contains("the most frequent answer"), "{summary}");
    assert!(summary.contains("run/report.html"), "{summary}");
    for file in [
        "config.toml",
        "plan.json",
        "metrics.json",
        "report.html",
        "report.md",
    ] {
        assert!(at.join("run").join(file).is_file(), "{file}");
    }

    let judged = multifuse(at, "evaluate run posts/test.csv --json").json();
    assert_eq!(judged["num_records"], num_test);
    let answers = multifuse(at, "predict run posts/test.csv").succeeds();
    let head = "id,prediction,probability,p_city,";
    assert!(answers.starts_with(head), "{answers}");
    let table = fs::read_to_string(at.join("posts/test.csv")).unwrap();
    let id = |text: &str| {
        text.lines()
            .nth(1)
            .unwrap()
            .split(',')
            .next()
            .map(str::to_owned)
    };
    assert_eq!(id(&answers), id(&table));

    fs::remove_file(at.join("run/report.html")).unwrap();
    multifuse(at, "report run").succeeds();
    let report = fs::read_to_string(at.join("run/report.html")).unwrap();
    assert!(report.contains("posts") && report.contains("</html>"));
    let outside = ["src=\"http", "href=\"http", "url(http", "@import"];
    assert!(outside.iter().all(|link| !report.contains(link)));
}

/// Everything before training; gives the number of test records.
fn samples_inspects_and_plans(at: &Path) -> Value {
    let said = multifuse(at, "sample posts posts --records 60 --json").json();
    assert_eq!(said["num_train"], 60);
    let truth: Value = read_json(&at.join("posts/truth.json"));
    assert_eq!(truth["target"], "label");

    let inspection = multifuse(at, "inspect posts/train.csv --target label --json").json();
    let modalities: Vec<(&str, &str)> = inspection["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| {
            (
                column["modality"].as_str().unwrap(),
                column["role"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        modalities,
        [
            ("text", "id"),
            ("image", "input"),
            ("text", "input"),
            ("category", "target")
        ]
    );

    let config = multifuse(at, "init posts/train.csv --target label").succeeds();
    write(at, "run.toml", &config);
    let plan = multifuse(at, "plan posts/train.csv --config run.toml --json").json();
    assert_eq!(plan["experts"].as_array().unwrap().len(), 2);
    assert_eq!(
        plan["num_fit"].as_u64().unwrap() + plan["num_held_out"].as_u64().unwrap(),
        60
    );
    assert_eq!(
        multifuse(at, "plan run.toml --json").json(),
        plan,
        "the configuration knows its table"
    );
    said["num_test"].clone()
}

#[test]
fn a_run_is_named_after_its_data_and_numbered_when_no_folder_is_given() {
    let folder = fresh_folder();
    write(folder.path(), "weather.csv", tables::binary(40));
    for number in 1..=2 {
        let said = multifuse(folder.path(), "train weather.csv --target label -q").succeeds();
        let run = format!("runs/weather-{number}");
        assert!(said.contains(&run), "{said}");
        assert!(
            folder
                .path()
                .join(run)
                .join("artifact/manifest.json")
                .is_file()
        );
    }
}

#[test]
fn a_missed_limit_gives_exit_code_1_and_a_reached_one_0() {
    let at = &shared::binary().folder;
    for (limit, code) in [("0.1", 0), ("1.01", 1), ("-1", 0)] {
        let words = format!("evaluate run table.csv --require {limit}");
        multifuse(at, &words).exits_with(code);
        let folder = fresh_folder();
        let out = folder.path().join("run");
        let words = format!(
            "train table.csv --target label --require {limit} --out {}",
            out.display()
        );
        let outcome = multifuse(at, &words).exits_with(code);
        assert!(outcome.stdout.contains("this model"), "the work is done");
        assert!(out.join("artifact/manifest.json").is_file());
    }
}

#[test]
fn train_says_as_json_what_its_run_holds() {
    let trained = shared::binary();
    let kept: Value = read_json(&trained.folder.join("run/metrics.json"));
    for key in ["metric", "num_fit", "num_held_out"] {
        assert!(!trained.said[key].is_null(), "{key}: {}", trained.said);
    }
    assert_eq!(trained.said["metric"], kept["metric"]);
}

#[test]
fn quiet_leaves_standard_error_empty() {
    let at = &shared::binary().folder;
    let outcome = multifuse(at, "predict run table.csv --quiet").exits_with(0);
    assert!(outcome.stderr.is_empty(), "{}", outcome.told());
    let folder = fresh_folder();
    let words = format!(
        "train table.csv --target label --quiet --out {}",
        folder.path().join("run").display()
    );
    let outcome = multifuse(at, &words).exits_with(0);
    assert!(outcome.stderr.is_empty(), "{}", outcome.told());
}

#[test]
fn list_shows_every_section_alone_and_all_together() {
    let folder = fresh_folder();
    let all = multifuse(folder.path(), "list --json").json();
    let sections: Vec<&String> = all.as_object().unwrap().keys().collect();
    for section in [
        "experts",
        "encoders",
        "fusions",
        "heads",
        "losses",
        "schedules",
        "optimizers",
        "metrics",
        "modalities",
        "samples",
        "templates",
    ] {
        assert!(sections.iter().any(|name| *name == section), "{section}");
    }
    let text = multifuse(folder.path(), "list").succeeds();
    for (section, entries) in all.as_object().unwrap() {
        let alone = multifuse(folder.path(), &format!("list {section} --json")).json();
        assert_eq!(&alone[section], entries);
        assert!(!entries.as_object().unwrap().is_empty(), "{section}");
        for (name, about) in entries.as_object().unwrap() {
            assert!(text.contains(name.as_str()), "{name}");
            assert!(!about.as_str().unwrap().is_empty(), "{name}");
        }
    }
}

#[test]
fn doctor_tells_of_this_machine() {
    let folder = fresh_folder();
    let facts = multifuse(folder.path(), "doctor --json").json();
    assert!(facts.is_object() && !facts.as_object().unwrap().is_empty());
    assert!(!multifuse(folder.path(), "doctor").succeeds().is_empty());
}

#[test]
fn a_generated_set_is_the_same_for_the_same_seed_and_another_for_another() {
    let folder = fresh_folder();
    let at = folder.path();
    for (name, seed) in [("a", 1), ("b", 1), ("c", 2)] {
        let words = format!("sample posts {name} --records 40 --seed {seed}");
        multifuse(at, &words).succeeds();
    }
    let table = |name: &str| fs::read(at.join(name).join("train.csv")).unwrap();
    assert_eq!(table("a"), table("b"));
    assert_ne!(table("a"), table("c"));
    let num = Table::open(at.join("a/train.csv")).unwrap().num_records();
    assert_eq!(num, 40);
}

fn read_json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap()
}
