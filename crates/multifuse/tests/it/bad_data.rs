//! Tables that are not as they should be: a clear refusal, or records that are skipped and counted.

use std::path::Path;

use multifuse::Table;

use crate::{
    program::{Outcome, fresh_folder, multifuse, write},
    shared, tables,
};

/// `inspect` and `train` on a table whose target column is `label`.
fn inspect_and_train(folder: &Path, file: &str) -> [Outcome; 2] {
    let stem = file.split('.').next().unwrap();
    [
        multifuse(folder, &format!("inspect {file} --target label")),
        multifuse(
            folder,
            &format!("train {file} --target label --out run_{stem}"),
        ),
    ]
}

#[test]
fn files_that_hold_no_table_are_refused_with_their_name() {
    let folder = fresh_folder();
    let at = folder.path();
    let deep = format!("{{\"a\":{}{}}}\n", "[".repeat(50_000), "]".repeat(50_000));
    let files: [(&str, Vec<u8>, &str); 10] = [
        ("empty.csv", vec![], "no columns"),
        ("blank.csv", b"\n\n\n".to_vec(), "no columns"),
        ("header.csv", b"words,label\n".to_vec(), "no records"),
        (
            "binary.csv",
            (0..=255).cycle().take(3000).collect(),
            "binary.csv",
        ),
        ("zeros.csv", vec![0; 3000], "zeros.csv"),
        ("empty.jsonl", vec![], "empty.jsonl"),
        ("deep.jsonl", deep.into_bytes(), "deep.jsonl"),
        ("empty.parquet", vec![], "empty.parquet"),
        ("cut.parquet", b"PAR1 no more PAR1".to_vec(), "cut.parquet"),
        ("table.txt", b"words,label\na,b\n".to_vec(), "table.txt"),
    ];
    for (file, bytes, says) in files {
        write(at, file, bytes);
        for outcome in inspect_and_train(at, file) {
            outcome.refuses_with(&[file, says]);
        }
    }
    for outcome in inspect_and_train(at, "not_there.csv") {
        outcome.refuses_with(&["not_there.csv"]);
    }
    multifuse(at, "inspect .").refuses_with(&["expected"]);
    let run = shared::binary().folder.join("run");
    for command in ["predict", "evaluate"] {
        let words = format!("{command} {} header.csv", run.display());
        multifuse(at, &words).refuses_with(&["header.csv", "no records"]);
    }
}

#[test]
fn ragged_rows_are_skipped_and_counted_with_their_line() {
    let folder = fresh_folder();
    let at = folder.path();
    let mut lines: Vec<String> = tables::binary(60).lines().map(str::to_owned).collect();
    lines[3].push_str(",more");
    lines[7] = "alone".to_owned();
    write(at, "ragged.csv", lines.join("\n"));
    let inspection = multifuse(at, "inspect ragged.csv --target label").succeeds();
    assert!(
        inspection.contains("58 records, 2 more could not be read"),
        "{inspection}"
    );
    assert!(inspection.contains("line 4"), "{inspection}");
    let summary = multifuse(at, "train ragged.csv --target label --out run").succeeds();
    assert!(summary.contains("2 records left out"), "{summary}");
    let judged = multifuse(at, "evaluate run ragged.csv --json").json();
    assert_eq!(judged["num_records"], 58);
    assert_eq!(judged["num_skipped"], 2);
    assert_eq!(judged["skipped"]["bad_row"], 2);
}

#[test]
fn names_of_columns_and_classes_may_hold_anything() {
    let folder = fresh_folder();
    let at = folder.path();
    let mut text = String::from("\"wo\"\"rds\nof, it\",../size,,\"la\"\"bel\"\n");
    for record in tables::drawn(60) {
        let class = if record.is_sky {
            "\"a,b\n\"\"c\"\"\""
        } else {
            "error"
        };
        text.push_str(&format!("{},{class}\n", record.cells()));
    }
    write(at, "table.csv", text);
    multifuse(at, "inspect table.csv --target la\"bel").succeeds();
    multifuse(at, "train table.csv --target la\"bel --out run").succeeds();
    multifuse(at, "predict run table.csv --out answers.csv").succeeds();
    let answers = Table::open(at.join("answers.csv")).unwrap();
    let expected = [
        "line",
        "prediction",
        "probability",
        "p_a,b\n\"c\"",
        "p_error",
        "error",
    ];
    assert_eq!(answers.columns(), expected);
    assert_eq!(answers.num_records(), 60);
    let config = "train table.csv --config run/config.toml --out again";
    multifuse(at, config).succeeds();
    let mut entries: Vec<_> = std::fs::read_dir(at)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    entries.sort();
    assert_eq!(
        entries,
        ["again", "answers.csv", "run", "table.csv"],
        "nothing lies elsewhere"
    );
}

#[test]
fn an_id_column_that_is_called_like_an_answer_is_told_apart() {
    let folder = fresh_folder();
    let at = folder.path();
    let mut text = String::from("prediction,words,label\n");
    for (row, record) in tables::drawn(60).iter().enumerate() {
        let id = row * 7919 % 10_007;
        text.push_str(&format!("k{id:05}x,{},{}\n", record.words, record.label()));
    }
    write(at, "table.csv", text);
    multifuse(at, "train table.csv --target label --out run").succeeds();
    let answers = multifuse(at, "predict run table.csv").succeeds();
    let head = "id_prediction,prediction,probability,p_sky,p_street,error\nk00000x,street,";
    assert!(answers.starts_with(head), "{answers}");
}

#[test]
fn other_separators_line_ends_and_marks_make_no_difference() {
    let folder = fresh_folder();
    let at = folder.path();
    let text = tables::binary(30);
    write(at, "plain.csv", &text);
    write(at, "mark.csv", format!("\u{feff}{text}"));
    write(at, "lines.csv", text.replace('\n', "\r\n"));
    write(at, "semicolons.csv", text.replace(',', ";"));
    write(at, "tabs.tsv", text.replace(',', "\t"));
    write(at, "last.csv", text.trim_end());
    let predict = |file: &str| {
        let run = shared::binary().folder.join("run");
        multifuse(at, &format!("predict {} {file}", run.display())).succeeds()
    };
    let expected = predict("plain.csv");
    for file in [
        "mark.csv",
        "lines.csv",
        "semicolons.csv",
        "tabs.tsv",
        "last.csv",
    ] {
        assert_eq!(predict(file), expected, "{file}");
    }
}

#[test]
fn two_columns_of_one_name_are_refused() {
    let folder = fresh_folder();
    let text = tables::binary(20).replacen(tables::INPUTS, "words,size,size", 1);
    write(folder.path(), "twice.csv", text);
    for outcome in inspect_and_train(folder.path(), "twice.csv") {
        outcome.refuses_with(&["twice.csv", "\"size\"", "help"]);
    }
}

#[test]
fn a_target_from_which_nothing_can_be_learned_is_refused() {
    let folder = fresh_folder();
    let at = folder.path();
    let records = tables::drawn(30);
    let (one, none) = (
        tables::csv("label", &records, |_| "sky".to_owned()),
        tables::csv("label", &records, |_| String::new()),
    );
    write(at, "one.csv", one);
    write(at, "none.csv", none);
    let [inspected, trained] = inspect_and_train(at, "one.csv");
    assert!(inspected.succeeds().contains("100.0 %"));
    trained.refuses_with(&["\"label\"", "one class, \"sky\"", "at least two", "help"]);
    let [inspected, trained] = inspect_and_train(at, "none.csv");
    assert!(inspected.succeeds().contains("no value"));
    trained.refuses_with(&["\"label\"", "expected", "help"]);
    let same = tables::csv("label", &records, |_| "4.5".to_owned());
    write(at, "same.csv", same);
    let words = "train same.csv --target label --task regression --out run_same";
    multifuse(at, words).refuses_with(&["\"label\"", "expected"]);
}

#[test]
fn a_class_that_only_the_test_table_has_is_counted_not_guessed() {
    let folder = fresh_folder();
    let at = folder.path();
    let text = tables::with_cell(&tables::binary(20), 3, 3, "sea");
    write(at, "test.csv", text);
    let run = shared::binary().folder.join("run");
    let judged = multifuse(at, &format!("evaluate {} test.csv --json", run.display())).json();
    assert_eq!(judged["num_records"], 19);
    assert_eq!(judged["num_skipped"], 1);
    let only = tables::csv("label", &tables::drawn(5), |_| "sea".to_owned());
    write(at, "only.csv", only);
    let words = format!("evaluate {} only.csv", run.display());
    multifuse(at, &words).refuses_with(&["no record is left to judge", "5 "]);

    write(at, "train.csv", tables::binary(60));
    let words = "train train.csv --target label --validation test.csv --out run";
    let summary = multifuse(at, words).succeeds();
    assert!(summary.contains("1 record left out"), "{summary}");
}

#[test]
fn columns_without_any_value_are_left_out_and_a_table_of_nothing_else_is_refused() {
    let folder = fresh_folder();
    let at = folder.path();
    let (mut some, mut none) = (String::from("words,size,kind,label\n"), String::new());
    none.push_str(&some);
    for record in tables::drawn(60) {
        some.push_str(&format!(",{:.3},,{}\n", record.size, record.label()));
        none.push_str(&format!(",,,{}\n", record.label()));
    }
    write(at, "some.csv", some);
    write(at, "none.csv", none);
    let [inspected, trained] = inspect_and_train(at, "some.csv");
    let inspected = inspected.succeeds();
    for column in ["words", "kind"] {
        let warning = format!("warning: column \"{column}\": no record has a value; left out");
        assert!(inspected.contains(&warning), "{inspected}");
    }
    trained.succeeds();
    let [inspected, trained] = inspect_and_train(at, "none.csv");
    inspected.succeeds();
    trained.refuses_with(&["no column can serve as an input", "help"]);
}

#[test]
fn numbers_that_are_not_finite_are_skipped_and_counted() {
    let folder = fresh_folder();
    let at = folder.path();
    let mut text = tables::binary(60);
    let cells = ["NaN", "inf", "-1e400", "1e308", "-1e308"];
    for (line, cell) in cells.iter().enumerate() {
        text = tables::with_cell(&text, line, 1, cell);
    }
    write(at, "table.csv", text);
    let said = "train table.csv --target label --column size=number --out run --json";
    let said = multifuse(at, said).json();
    let num = said["num_fit"].as_u64().unwrap() + said["num_held_out"].as_u64().unwrap();
    assert_eq!(
        num, 58,
        "NaN is a missing value, huge is a number, infinite is neither"
    );
    let answers = multifuse(at, "predict run table.csv").succeeds();
    for (line, bad) in [(2, false), (3, true), (4, true), (5, false), (6, false)] {
        let answer = answers.lines().nth(line - 1).unwrap();
        assert!(answer.starts_with(&format!("{line},")), "{answer}");
        assert_eq!(answer.contains("expected a finite number"), bad, "{answer}");
        let is_number = |cell: &str| cell.parse().is_ok_and(f64::is_finite);
        let p_sky = answer.split(',').nth(3).unwrap();
        assert!(bad || is_number(p_sky), "{answer}");
    }
    let words = "train table.csv --target label --column size=number --fail-on-bad --out other";
    multifuse(at, words).refuses_with(&["table.csv:3", "\"size\"", "inf", "finite number"]);
}

#[test]
fn a_target_number_that_is_not_finite_refuses_with_its_line() {
    let folder = fresh_folder();
    for cell in ["inf", "-1e400", "a lot"] {
        let text = tables::with_cell(&tables::regression(40), 8, 3, cell);
        write(folder.path(), "table.csv", text);
        let words = "train table.csv --target price --task regression --out run";
        multifuse(folder.path(), words).refuses_with(&["table.csv:10", "\"price\"", cell]);
    }
}

#[test]
fn a_column_that_does_not_exist_refuses_with_the_nearest_name() {
    let at = &shared::binary().folder;
    for command in ["inspect", "train", "plan", "init"] {
        let words = format!("{command} table.csv --target lable");
        multifuse(at, &words).refuses_with(&["\"lable\"", "\"label\""]);
    }
    multifuse(at, "train table.csv --target label --inputs word")
        .refuses_with(&["no column \"word\"", "did you mean \"words\"?"]);
    multifuse(at, "evaluate run table.csv --drop siz")
        .refuses_with(&["no input column \"siz\"", "did you mean \"size\"?"]);
    for option in ["--group-by knd", "--time-by knd", "--column knd=text"] {
        let words = format!("train table.csv --target label {option} --out unused");
        multifuse(at, &words).refuses_with(&["\"knd\"", "kind"]);
        assert!(!at.join("unused").exists(), "{option}");
    }
}

#[test]
fn a_table_without_the_target_or_without_any_input_is_refused() {
    let folder = fresh_folder();
    let at = folder.path();
    let run = shared::binary().folder.join("run");
    write(at, "price.csv", tables::regression(10));
    let words = format!("evaluate {} price.csv", run.display());
    multifuse(at, &words).refuses_with(&["\"label\"", "price"]);
    write(at, "other.csv", "a,b\n1,2\n3,4\n");
    let words = format!("predict {} other.csv", run.display());
    multifuse(at, &words).refuses_with(&["a, b", "words, size, kind"]);
}

#[test]
fn a_table_of_which_no_record_can_be_read_refuses_with_the_reasons() {
    let folder = fresh_folder();
    let at = folder.path();
    write(at, "table.csv", tables::binary(30));
    for modality in ["image", "date", "number"] {
        let words = format!("train table.csv --target label --column words={modality} --out run");
        let told = multifuse(at, &words).refuses_with(&["no record can be read", "30 "]);
        assert!(told.contains("table.csv:2, column \"words\""), "{told}");
    }
}

#[test]
fn too_few_records_to_split_are_refused() {
    let folder = fresh_folder();
    for num in 1..=3 {
        write(folder.path(), "few.csv", tables::binary(num));
        let outcome = multifuse(folder.path(), "train few.csv --target label --out run");
        if outcome.code != Some(0) {
            outcome.refuses_with(&["error"]);
        }
    }
}
