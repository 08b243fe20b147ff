//! Texts that people read first, reviewed and kept: the help and some errors.

use std::{fs, path::Path};

use crate::{
    program::{fresh_folder, multifuse, write},
    tables,
};

#[test]
fn the_help_is_as_reviewed() {
    let folder = fresh_folder();
    let texts: Vec<String> = ["--help", "train --help", "predict --help"]
        .iter()
        .map(|words| {
            format!(
                "$ multifuse {words}\n{}",
                multifuse(folder.path(), words).succeeds()
            )
        })
        .collect();
    check("help.txt", &texts.join("\n"));
}

#[test]
fn errors_are_as_reviewed() {
    let folder = fresh_folder();
    let at = folder.path();
    let table = tables::binary(30);
    write(at, "table.csv", &table);
    write(
        at,
        "one.csv",
        tables::csv("label", &tables::drawn(30), |_| "sky".to_owned()),
    );
    write(at, "bad.csv", tables::with_cell(&table, 6, 1, "inf"));
    write(
        at,
        "run.toml",
        "[data]\ntarget = \"label\"\n\n[run]\nsede = 1\n",
    );
    let commands = [
        "trian table.csv",
        "inspect table.txt",
        "train table.csv",
        "train table.csv --target lable",
        "train one.csv --target label",
        "train bad.csv --target label --column size=number --fail-on-bad",
        "train table.csv --config run.toml",
        "train table.csv --target label --metric acuracy",
        "train table.csv --target label --out table.csv/run",
        "predict table.csv table.csv",
        "list encoder",
    ];
    let texts: Vec<String> = commands
        .iter()
        .map(|words| {
            let said = multifuse(at, &format!("{words} --quiet")).refuses_with(&[]);
            format!("$ multifuse {words}\n{said}")
        })
        .collect();
    check("errors.txt", &texts.join("\n"));
}

/// Compares with the kept text, line by line in full, or writes it under `UPDATE_GOLDEN=1`.
fn check(name: &str, got: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, got).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == got,
        "{name} differs; after a review, UPDATE_GOLDEN=1 writes it anew\n--- expected\n{expected}\n--- got\n{got}"
    );
}
