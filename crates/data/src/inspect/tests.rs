use schema::{Cell, Record};

use super::*;
use crate::fixture::plain_png;

fn table(num: usize, record: impl Fn(usize) -> Record) -> Table {
    Table::from_records((0..num).map(record).collect(), ".")
}

fn look(table: &Table, target: &str) -> Inspection {
    inspect(table, Some(target), &BTreeMap::new()).unwrap()
}

/// Warning codes by column.
fn codes(inspection: &Inspection) -> Vec<(&str, &'static str)> {
    inspection
        .warnings
        .iter()
        .map(|warning| (warning.column.as_str(), warning.code))
        .collect()
}

fn kind(inspection: &Inspection, name: &str) -> (Modality, Role) {
    let column = &inspection.column(name).unwrap().column;
    (column.modality, column.role)
}

#[test]
fn modalities_are_told_from_content() {
    let table = table(60, |row| {
        Record::new()
            .with("photo", Cell::Bytes(plain_png(2, [row as u8, 0, 0])))
            .with("age", format!("{}", row % 17))
            .with("zip", format!("{}", 10_000 + row % 9))
            .with("colour", ["red", "green", "NA"][row % 3])
            .with("day", format!("2024-03-{:02}", 1 + row % 28))
            .with("note", format!("the {row} th of many words in a row"))
            .with("wave", format!("[{row}, 2.5, null, -3]"))
            .with("list", Cell::List(vec![(row as f64).into(), 7.0.into()]))
            .with(
                "word",
                ["alpha", "beta", "gamma"][row % 3].repeat(1 + row / 3),
            )
            .with("y", ["a", "b", "c"][row / 7 % 3])
    });
    let seen = look(&table, "y");
    for (name, modality) in [
        ("photo", Modality::Image),
        ("age", Modality::Number),
        ("zip", Modality::Number),
        ("colour", Modality::Category),
        ("day", Modality::Date),
        ("note", Modality::Text),
        ("wave", Modality::Series),
        ("list", Modality::Series),
        ("word", Modality::Text),
    ] {
        assert_eq!(kind(&seen, name), (modality, Role::Input), "{name}");
    }
    assert_eq!(seen.column("colour").unwrap().num_missing, 20);
    assert_eq!(seen.column("photo").unwrap().why, "bytes of pictures (png)");
    assert_eq!(seen.task, Some(Task::Class));
}

#[test]
fn identifiers_are_left_out_unless_named() {
    let table = table(40, |row| {
        Record::new()
            .with("row", row as f64)
            .with("code", format!("x{}", row * 7919 % 1000))
            .with("sku_id", format!("{}", 1_000_000 - row * 17 % 40))
            .with("link", format!("https://example.org/{}", row % 9))
            .with("patient", format!("{}", row / 3))
            .with("area", format!("{}", row * 7919 % 1000))
            .with("class_id", format!("{}", row % 4))
            .with("y", ["a", "b"][row % 2])
    });
    let seen = look(&table, "y");
    for name in ["row", "code", "sku_id"] {
        assert_eq!(kind(&seen, name).1, Role::Id, "{name}");
    }
    for name in ["link", "patient"] {
        assert_eq!(kind(&seen, name).1, Role::Ignored, "{name}");
    }
    assert_eq!(kind(&seen, "area"), (Modality::Number, Role::Input));
    assert_eq!(
        codes(&seen)
            .iter()
            .filter(|(_, code)| *code == "identifier")
            .count(),
        5
    );
    let chosen = BTreeMap::from([("code".to_owned(), Modality::Text)]);
    let named = inspect(&table, Some("y"), &chosen).unwrap();
    assert_eq!(kind(&named, "code"), (Modality::Text, Role::Input));
    let inputs = seen.inputs_named(&["patient", "area"]).unwrap();
    assert!(inputs.iter().all(|column| column.role == Role::Input));
    assert!(seen.inputs_named(&["patent"]).is_err());
}

#[test]
fn columns_that_give_a_class_away_are_left_out_unless_named() {
    let classes = ["cat", "dog", "owl"];
    let table = table(90, |row| {
        let class = row * 31 % 3;
        Record::new()
            .with("copy", classes[class])
            .with("finding", format!("{}{}", ["c", "d", "o"][class], row % 2))
            .with(
                "hint",
                if row % 10 == 0 {
                    "x"
                } else {
                    ["c", "d", "o"][class]
                },
            )
            .with("y", classes[class])
    });
    let seen = look(&table, "y");
    assert_eq!(codes(&seen), [("copy", "leak"), ("finding", "leak")]);
    assert_eq!(seen.warnings[0].text, "equals the target; left out");
    assert_eq!(
        seen.warnings[1].text,
        "its 6 values tell the class of 90 of 90 records; left out"
    );
    assert_eq!(kind(&seen, "hint").1, Role::Input);
    let chosen = BTreeMap::from([("copy".to_owned(), Modality::Category)]);
    let named = inspect(&table, Some("y"), &chosen).unwrap();
    assert_eq!(kind(&named, "copy").1, Role::Input);
    assert!(
        named.warnings[0]
            .text
            .ends_with("used because it was named")
    );
}

#[test]
fn a_number_that_follows_a_number_target_is_a_leak_and_a_strong_one_is_not() {
    let table = table(100, |row| {
        let value = 100.0 + row as f64 * 7.3 + (row * 37 % 11) as f64 * 5.0;
        Record::new()
            .with("euro", value * 0.92)
            .with("log", value.ln())
            .with("area", row as f64 + 0.5 * (row * 13 % 7) as f64)
            .with("y", value)
    });
    let seen = look(&table, "y");
    assert_eq!(seen.task, Some(Task::Regression));
    assert_eq!(codes(&seen), [("euro", "leak"), ("log", "leak")]);
    assert_eq!(
        seen.warnings[0].text,
        "follows the target with a correlation of 1.0000; left out"
    );
}

#[test]
fn a_score_and_what_it_is_called_give_each_other_away() {
    let table = table(100, |row| {
        let score = (row * 37 % 61) as f64 / 10.0 - 3.0;
        Record::new()
            .with("score", score)
            .with(
                "word",
                ["bad", "fair", "good"][((score + 3.0) / 2.01) as usize],
            )
            // Apart by class, but with wide gaps between: a strong column and no other view of the same.
            .with(
                "area",
                [10.0, 50.0, 90.0][((score + 3.0) / 2.01) as usize] + 0.01 * row as f64,
            )
    });
    let seen = look(&table, "word");
    assert_eq!(codes(&seen), [("score", "leak")]);
    assert_eq!(
        seen.warnings[0].text,
        "the classes are 3 steps on the scale of the number, for 100 of 100 records; left out"
    );
    let seen = look(&table, "score");
    assert_eq!(seen.task, Some(Task::Regression));
    assert_eq!(codes(&seen), [("word", "leak")]);
}

#[test]
fn one_common_class_makes_no_column_a_leak() {
    let table = table(100, |row| {
        Record::new()
            .with("x", ["u", "v"][row % 2])
            .with("y", if row == 50 { "yes" } else { "no" })
    });
    let seen = look(&table, "y");
    assert_eq!(codes(&seen), [("y", "rare_class")]);
}

#[test]
fn empty_constant_and_unread_columns_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.bin"), b"\x7fELF, a program").unwrap();
    let record = |row: usize| {
        Record::new()
            .with("program", "a.bin")
            .with("nothing", "NA")
            .with("same", "v1")
            .with("x", row as f64 * 0.5)
            .with("y", ["a", "b"][row % 2])
    };
    let table = Table::from_records((0..30).map(record).collect(), folder.path());
    let seen = look(&table, "y");
    assert_eq!(
        codes(&seen),
        [
            ("nothing", "all_missing"),
            ("program", "unread_files"),
            ("same", "constant")
        ]
    );
    assert_eq!(seen.inputs().len(), 1);
}

#[test]
fn broken_media_and_bad_cells_are_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("0.png"), plain_png(2, [0, 0, 0])).unwrap();
    std::fs::write(folder.path().join("1.png"), b"text").unwrap();
    let record = |row: usize| {
        Record::new()
            .with("photo", format!("{}.png", row % 3))
            .with(
                "x",
                if row == 7 {
                    "4O".to_owned()
                } else {
                    format!("{}.5", row % 13)
                },
            )
            .with("y", ["a", "b"][row % 2])
    };
    let table = Table::from_records((0..30).map(record).collect(), folder.path());
    let seen = look(&table, "y");
    assert_eq!(
        codes(&seen),
        [("photo", "broken_media"), ("x", "bad_cells")]
    );
    assert_eq!(
        seen.warnings[0].text,
        "20 of 30 cells looked at have no picture behind them, such as \"2.png\""
    );
    assert_eq!(
        seen.warnings[1].text,
        "1 cells are no finite numbers, the first in line 8: \"4O\""
    );
    assert_eq!(kind(&seen, "photo").0, Modality::Image);
}

#[test]
fn the_task_follows_from_the_target() {
    let task = |cell: &dyn Fn(usize) -> Cell| {
        look(
            &table(100, |row| Record::new().with("y", cell(row)).with("x", 1.0)),
            "y",
        )
        .task
        .unwrap()
    };
    assert_eq!(task(&|row| ["no", "yes"][row % 2].into()), Task::Binary);
    assert_eq!(task(&|row| f64::from((row % 2) as u8).into()), Task::Binary);
    assert_eq!(task(&|row| ["a", "b", "c"][row % 3].into()), Task::Class);
    assert_eq!(task(&|row| format!("{}.0", row % 10).into()), Task::Class);
    assert_eq!(task(&|row| (row as f64).into()), Task::Regression);
    assert_eq!(task(&|row| (row as f64 / 8.0).into()), Task::Regression);
    assert_eq!(
        task(&|row| ["a;b", "b;c", "a", "a;c"][row % 4].into()),
        Task::Multilabel
    );
    assert_eq!(
        task(&|row| ["men|women", "boys", "girls"][row % 3].into()),
        Task::Class
    );
    assert_eq!(
        task(&|row| Cell::List(vec![["a", "b"][row % 2].into()])),
        Task::Multilabel
    );
}

#[test]
fn a_modality_chosen_for_the_target_decides_its_task() {
    let table = table(50, |row| Record::new().with("y", (row % 5) as f64));
    assert_eq!(look(&table, "y").task, Some(Task::Class));
    for (modality, task) in [
        (Modality::Number, Task::Regression),
        (Modality::Category, Task::Class),
    ] {
        let chosen = BTreeMap::from([("y".to_owned(), modality)]);
        assert_eq!(
            inspect(&table, Some("y"), &chosen).unwrap().task,
            Some(task)
        );
    }
}

#[test]
fn classes_are_counted_and_missing_targets_told() {
    let table = table(50, |row| {
        Record::new()
            .with("y", ["b", "a", "b", "", "c"][row % 5])
            .with("x", row as f64 * 0.3)
    });
    let seen = look(&table, "y");
    let counts: Vec<(&str, usize)> = seen
        .balance
        .iter()
        .map(|class| (class.class.as_str(), class.num_records))
        .collect();
    assert_eq!(counts, [("b", 20), ("a", 10), ("c", 10)]);
    assert_eq!(codes(&seen), [("y", "missing_target")]);
}

#[test]
fn a_target_or_override_that_is_not_there_gets_the_closest_name() {
    let table = table(3, |row| Record::new().with("label", row as f64));
    let error = inspect(&table, Some("lable"), &BTreeMap::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no column \"lable\"; closest \"label\" (known: label)"
    );
    let chosen = BTreeMap::from([("age".to_owned(), Modality::Number)]);
    assert!(inspect(&table, None, &chosen).is_err());
}

#[test]
fn one_slip_among_numbers_does_not_make_classes_of_them() {
    let price = |row: usize| {
        if row == 7 {
            "x".to_owned()
        } else {
            format!("{}", 1000 + 7 * row)
        }
    };
    let table = table(100, |row| {
        Record::new()
            .with("price", price(row))
            .with("size", row as f64)
    });
    let inspection = look(&table, "price");
    assert_eq!(inspection.task, Some(Task::Regression));
    assert_eq!(
        inspection.task_why,
        "99 distinct numbers, and 1 that are none"
    );
}
