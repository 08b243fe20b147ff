//! The seed document's network, by its template.

use std::fs;

use crate::program::{fresh_folder, multifuse, write};

#[test]
fn the_seed_template_has_the_documents_size_and_trains() {
    let folder = fresh_folder();
    let at = folder.path();
    multifuse(at, "sample seed data --records 60").succeeds();
    let template = multifuse(at, "init --template seed").succeeds();
    write(at, "seed.toml", template);
    let plan = multifuse(at, "plan data/train.csv --config seed.toml").succeeds();
    assert!(plan.contains("2087681 parameters"), "{plan}");
    let plan = multifuse(at, "plan data/train.csv --config seed.toml --json").json();
    assert_eq!(plan["num_parameters"], 2_087_681);

    let train = "train data/train.csv --config seed.toml --epochs 2 --out run";
    multifuse(at, train).succeeds();
    let log = fs::read_to_string(at.join("run/logs/seed/log.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 2, "a line an epoch\n{log}");
    let events = fs::read_dir(at.join("run/logs/seed/events"))
        .unwrap()
        .count();
    assert_eq!(events, 1);
    let answers = multifuse(at, "predict run data/test.csv").succeeds();
    assert!(answers.starts_with("line,prediction,probability,p_0,p_1,error\n"));
    assert_eq!(answers.lines().count(), 25);
    for drop in ["text", "image"] {
        let words = format!("evaluate run data/test.csv --drop {drop} --json");
        assert_eq!(multifuse(at, &words).json()["num_records"], 24);
    }
}
