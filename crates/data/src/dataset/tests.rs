mod derived;
mod limits;

use std::{fs, path::Path, sync::Mutex};

use schema::{Cell, Modality, Record};

use super::*;
use crate::fixture::{column, dataset, encode, input, picture, plain_png};

/// A folder with a table of pictures, good and bad, as `path -> reason`.
fn broken_folder(folder: &Path) -> Vec<(&'static str, Option<&'static str>)> {
    let noise = picture(40, 30, |x, y| {
        [(x * 7) as u8, (y * 11) as u8, (x * y) as u8]
    });
    let jpeg = encode(&noise, image::ImageFormat::Jpeg);
    fs::write(folder.join("good.jpg"), &jpeg).unwrap();
    fs::write(folder.join("cut.jpg"), &jpeg[..jpeg.len() / 2]).unwrap();
    fs::write(folder.join("text.png"), "not a picture").unwrap();
    fs::write(folder.join("empty.png"), "").unwrap();
    fs::create_dir(folder.join("folder.png")).unwrap();
    vec![
        ("good.jpg", None),
        ("cut.jpg", Some("image_truncated")),
        ("text.png", Some("not_an_image")),
        ("empty.png", Some("not_an_image")),
        ("folder.png", Some("file_unreadable")),
        ("absent.png", Some("file_missing")),
        ("", None),
    ]
}

fn open_broken(folder: &Path, options: &DatasetOptions) -> Result<Dataset, DataError> {
    let records = broken_folder(folder)
        .iter()
        .map(|(path, _)| Record::new().with("x", *path))
        .collect();
    let table = Arc::new(Table::from_records(records, folder));
    Dataset::open(table, &[input("x", Modality::Image)], options)
}

#[test]
fn broken_pictures_are_listed_with_reason_and_line_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let options = DatasetOptions {
        forms: vec![Form::Picture { size_px: 8 }],
        ..DatasetOptions::default()
    };
    let dataset = open_broken(folder.path(), &options).unwrap();
    assert_eq!(dataset.good_rows(), [0, 6]);
    let reasons: Vec<_> = dataset
        .bad()
        .iter()
        .map(|bad| (bad.line, bad.reason_code))
        .collect();
    assert_eq!(
        reasons,
        [
            (2, "image_truncated"),
            (3, "not_an_image"),
            (4, "not_an_image"),
            (5, "file_unreadable"),
            (6, "file_missing")
        ]
    );
    assert_eq!(dataset.num_bad_by_reason()["not_an_image"], 2);
    assert!(dataset.is_present(0, 0) && !dataset.is_present(0, 6) && !dataset.is_present(0, 1));
    assert_eq!(dataset.image(0, 0, 8).unwrap().rgb.len(), 8 * 8 * 3);
    assert!(dataset.image(0, 1, 8).is_none() && dataset.image(0, 6, 8).is_none());
}

#[test]
fn policy_fail_stops_at_the_first_bad_record_with_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let options = DatasetOptions {
        on_bad: OnBad::Fail,
        ..DatasetOptions::default()
    };
    let error = open_broken(folder.path(), &options).err().unwrap();
    let problem = schema::Problem::from(error);
    assert_eq!(
        problem.to_string(),
        "records:2, column \"x\": the JPEG ends before its end marker"
    );
}

#[test]
fn pictures_are_the_same_for_any_number_of_threads_and_any_cache() {
    let cells: Vec<Cell> = (0..12_u8)
        .map(|i| Cell::Bytes(plain_png(9, [i, 2 * i, 3 * i])))
        .collect();
    let open = |threads, cache_bytes, cache_disk_bytes| {
        let records = cells
            .iter()
            .map(|cell| Record::new().with("x", cell.clone()))
            .collect();
        let options = DatasetOptions {
            forms: vec![Form::Picture { size_px: 4 }, Form::Picture { size_px: 6 }],
            threads,
            cache_bytes,
            cache_disk_bytes,
            ..Default::default()
        };
        dataset(records, &[input("x", Modality::Image)], &options)
    };
    let first = open(1, usize::MAX, 0);
    let kept = |dataset: &Dataset| match &*dataset.values[0] {
        Values::Media(media) => (media.kept.num_in_memory(), media.kept.num_in_file()),
        _ => unreachable!(),
    };
    // A cell takes 4 * 4 * 3 + 6 * 6 * 3 = 156 bytes in its two forms.
    let caches = [
        (2, usize::MAX, 0, (12, 0)),
        (8, 500, 0, (3, 0)),
        (0, 0, 0, (0, 0)),
        (8, 500, 1000, (3, 2 * 6)),
        (1, 0, usize::MAX, (0, 2 * 12)),
    ];
    for (threads, cache_bytes, cache_disk_bytes, expected) in caches {
        let other = open(threads, cache_bytes, cache_disk_bytes);
        assert_eq!(kept(&other), expected);
        for row in 0..12 {
            // 5 is no size that was announced: decoded when asked for.
            for size in [4, 5, 6] {
                assert_eq!(first.image(0, row, size), other.image(0, row, size));
            }
            assert_eq!(first.media_hash(0, row), other.media_hash(0, row));
        }
    }
}

#[test]
fn the_cache_stays_within_its_bytes() {
    let records = (0..10_u8)
        .map(|i| Record::new().with("x", plain_png(4, [i, 0, 0])))
        .collect();
    // 4 x 4 x 3 = 48 bytes a picture: two fit in 100.
    let options = DatasetOptions {
        forms: vec![Form::Picture { size_px: 4 }],
        cache_bytes: 100,
        cache_disk_bytes: 200,
        ..Default::default()
    };
    let dataset = dataset(records, &[input("x", Modality::Image)], &options);
    let Values::Media(pictures) = &*dataset.values[0] else {
        unreachable!()
    };
    // And four in 200.
    let kept = &pictures.kept;
    assert_eq!((kept.num_in_memory(), kept.num_in_file()), (2, 4));
    let planned: Vec<bool> = (0..10).map(|row| kept.is_planned(row)).collect();
    assert_eq!(planned, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(|row| row < 6));
}

#[test]
fn progress_reaches_the_number_of_pictures() {
    let records = (0..5_u8)
        .map(|i| Record::new().with("x", plain_png(2, [i, 0, 0])))
        .collect();
    let table = Arc::new(Table::from_records(records, "."));
    let seen = Mutex::new(Vec::new());
    let progress = |done, total| seen.lock().unwrap().push((done, total));
    let inputs = [input("x", Modality::Image)];
    Dataset::open_with_progress(table, &inputs, &DatasetOptions::default(), &progress).unwrap();
    let mut seen = seen.into_inner().unwrap();
    seen.sort_unstable();
    assert_eq!(seen, (1..=5).map(|done| (done, 5)).collect::<Vec<_>>());
}

#[test]
fn cells_of_each_modality_are_read_and_bad_ones_told() {
    let numbers = column(Modality::Number, ["1.5", "", "NaN", "inf", "4O", "-2"]);
    assert_eq!(
        (
            numbers.number(0, 0),
            numbers.number(0, 1),
            numbers.number(0, 5)
        ),
        (Some(1.5), None, Some(-2.0))
    );
    assert_eq!(numbers.good_rows(), [0, 1, 2, 5]);
    assert_eq!(
        numbers.bad()[1].text,
        "expected a finite number, or empty for missing, got \"4O\""
    );
    let infinite = column(Modality::Number, [f64::INFINITY, 1.0]);
    assert_eq!(infinite.bad()[0].reason_code, "not_a_number");
    let dates = column(Modality::Date, ["1970-01-02", "soon", "null"]);
    assert_eq!((dates.date(0, 0), dates.date(0, 2)), (Some(86_400), None));
    assert_eq!(dates.bad()[0].reason_code, "not_a_date");
    let categories = column(Modality::Category, [" red", "red ", "n/a"]);
    assert_eq!(categories.category(0, 0), categories.category(0, 1));
    assert!(categories.category(0, 2).is_none());
    let texts = column(Modality::Text, [" as  written\n", "  "]);
    assert_eq!(texts.text(0, 0).as_deref(), Some(" as  written\n"));
    assert!(!texts.is_present(0, 1));
}

#[test]
fn asking_for_another_modality_or_place_gives_nothing() {
    let texts = column(Modality::Text, ["12"]);
    assert!(texts.number(0, 0).is_none() && texts.image(0, 0, 4).is_none());
    assert!(texts.text(0, 9).is_none() && texts.text(7, 0).is_none() && !texts.is_present(7, 0));
}

#[test]
fn an_input_that_the_table_lacks_is_an_error_or_a_missing_column() {
    let table = Arc::new(Table::from_records(
        vec![Record::new().with("text", "hi")],
        ".",
    ));
    let inputs = [
        input("text", Modality::Text),
        input("photo", Modality::Image),
    ];
    let error = Dataset::open(Arc::clone(&table), &inputs, &DatasetOptions::default()).err();
    assert!(matches!(error, Some(DataError::NoColumn { .. })));
    let options = DatasetOptions {
        absent_columns: true,
        ..DatasetOptions::default()
    };
    let dataset = Dataset::open(table, &inputs, &options).unwrap();
    assert!(!dataset.is_present(1, 0) && dataset.image(1, 0, 4).is_none());
    assert_eq!(dataset.good_rows(), [0]);
}

#[test]
fn hidden_inputs_are_missing_and_the_others_stay() {
    let record = Record::new()
        .with("text", "hi")
        .with("photo", plain_png(2, [1, 2, 3]));
    let inputs = [
        input("text", Modality::Text),
        input("photo", Modality::Image),
    ];
    let whole = dataset(vec![record], &inputs, &DatasetOptions::default());
    let view = whole.hiding(&["photo".to_owned()]);
    assert!(view.image(1, 0, 2).is_none() && !view.is_present(1, 0));
    assert_eq!(view.text(0, 0), whole.text(0, 0));
    assert!(whole.is_present(1, 0), "the data set itself is unchanged");
}
