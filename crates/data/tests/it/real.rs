//! Real sets, where they lie at `../shared/data` beside the repository; skipped loudly where they do not.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Instant};

use data::{
    Augment, Dataset, DatasetOptions, Fitted, Form, ImageAugment, Loader, LoaderConfig,
    LoaderTarget, Table, fit_target, inspect, split, truth,
};
use schema::{Modality, Preparation, Role, Seed, Task};

/// The training table of a set.
fn open(set: &str) -> Option<Table> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = root.join(set).join("train.csv");
    if !path.exists() {
        eprintln!("skipped: no \"{}\"", path.display());
        return None;
    }
    Some(Table::open(path).expect("the table opens"))
}

/// Checks the task, the inputs by name and modality, and which columns have which warning.
fn check(
    set: &str,
    (target, task): (&str, Task),
    inputs: &[(&str, Modality)],
    warned: &[(&str, &str)],
) {
    let Some(table) = open(set) else { return };
    let seen = inspect(&table, Some(target), &BTreeMap::new()).expect("the target is there");
    assert_eq!(seen.task, Some(task), "{set}");
    let found: Vec<(&str, Modality)> = seen
        .columns
        .iter()
        .filter(|info| info.column.role == Role::Input)
        .map(|info| (info.column.name.as_str(), info.column.modality))
        .collect();
    assert_eq!(found, inputs, "{set}");
    let mut codes: Vec<(&str, &str)> = seen
        .warnings
        .iter()
        .map(|warning| (warning.column.as_str(), warning.code))
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, warned, "{set}");
}

use Modality::{Category, Image, Number, Text};

#[test]
fn emoji_is_understood() {
    let inputs = [
        ("image", Image),
        ("emoji", Text),
        ("font", Category),
        ("name", Text),
        ("keywords", Text),
    ];
    check(
        "emoji",
        ("label", Task::Class),
        &inputs,
        &[("id", "identifier")],
    );
}

#[test]
fn fashion_products_is_understood() {
    let inputs = [
        ("image", Image),
        ("title", Text),
        ("title_masked", Text),
        ("gender", Category),
        ("season", Category),
        ("year", Number),
        ("usage", Category),
        ("base_colour", Category),
    ];
    let warned = [("id", "identifier")];
    check(
        "fashion_products",
        ("article_type", Task::Class),
        &inputs,
        &warned,
    );
}

#[test]
fn houses_is_understood() {
    let inputs = [
        ("image_frontal", Image),
        ("image_kitchen", Image),
        ("image_bedroom", Image),
        ("image_bathroom", Image),
        ("bedrooms", Number),
        ("bathrooms", Number),
        ("area_sqft", Number),
        ("zipcode", Number),
    ];
    check(
        "houses",
        ("price", Task::Regression),
        &inputs,
        &[("id", "identifier")],
    );
}

#[test]
fn nlvr_is_understood() {
    let counts = [
        "n_items",
        "n_black",
        "n_blue",
        "n_yellow",
        "n_circle",
        "n_square",
        "n_triangle",
        "box1_n",
        "box2_n",
        "box3_n",
    ];
    let inputs: Vec<(&str, Modality)> = [("image", Image), ("sentence", Text)]
        .into_iter()
        .chain(counts.map(|name| (name, Number)))
        .collect();
    check(
        "nlvr",
        ("label", Task::Binary),
        &inputs,
        &[("id", "identifier")],
    );
}

/// `finding`, `source_url`, `source_file` and `patient` must not be inputs, says the set; `license` cannot be told
/// from its content.
#[test]
fn covid_cxr_is_understood_and_its_giveaways_are_left_out() {
    let inputs = [
        ("image", Image),
        ("sex", Category),
        ("age", Number),
        ("offset_days", Number),
        ("view", Category),
        ("temperature_c", Number),
        ("po2_saturation", Number),
        ("lymphocyte_count", Number),
        ("went_icu", Category),
        ("intubated", Category),
        ("survival", Category),
        ("clinical_notes", Text),
        ("license", Category),
    ];
    let warned = [
        ("finding", "leak"),
        ("id", "identifier"),
        ("leukocyte_count", "all_missing"),
        ("patient", "identifier"),
        ("source_file", "identifier"),
        ("source_url", "identifier"),
    ];
    check("covid_cxr", ("label", Task::Binary), &inputs, &warned);
}

/// The whole way of a training table: decode, group, hold out.
#[test]
fn emoji_is_decoded_and_split_with_both_drawings_on_one_side() {
    let Some(table) = open("emoji") else { return };
    let table = Arc::new(table);
    let inputs = inspect(&table, Some("label"), &BTreeMap::new())
        .unwrap()
        .inputs_named(&["image", "keywords"])
        .unwrap();
    let options = DatasetOptions {
        forms: vec![Form::Picture { size_px: 64 }],
        ..DatasetOptions::default()
    };
    let dataset = Dataset::open(Arc::clone(&table), &inputs, &options).unwrap();
    assert_eq!((dataset.good_rows().len(), dataset.bad().len()), (2080, 0));
    let rows = dataset.good_rows().to_vec();
    let target = fit_target(&table, &rows, "label", Task::Class).unwrap();
    let truth = truth(&table, &rows, &target).unwrap();
    let groups = split::groups(&dataset, &rows, None).unwrap();
    let (fit, held) = split::holdout(&rows, &groups, Some(&truth), 0.2, Seed(0)).unwrap();
    // 2080 records; no group is larger than a dozen.
    assert!(held.len().abs_diff(416) < 12, "{}", held.len());
    let keywords = dataset.column_position("keywords").unwrap();
    let texts: std::collections::HashSet<_> =
        fit.iter().map(|row| dataset.text(keywords, *row)).collect();
    assert!(
        held.iter()
            .all(|row| !texts.contains(&dataset.text(keywords, *row)))
    );
}

#[test]
#[ignore = "slow: decodes 4666 photos; prints seconds"]
fn fashion_products_is_decoded() {
    let Some(train) = open("fashion_products") else {
        return;
    };
    let test = Table::open(train.base_dir(0).join("test.csv")).unwrap();
    let inputs = inspect(&train, Some("article_type"), &BTreeMap::new())
        .unwrap()
        .inputs_named(&["image", "title_masked"])
        .unwrap();
    let num = train.num_records() + test.num_records();
    let table = Arc::new(Table::concat(&[train, test]).unwrap().unwrap());
    for (threads, image_sizes) in [(1, vec![64, 96]), (2, vec![64, 96]), (2, vec![64])] {
        let now = Instant::now();
        let options = DatasetOptions {
            forms: image_sizes
                .iter()
                .map(|size| Form::Picture { size_px: *size })
                .collect(),
            threads,
            ..Default::default()
        };
        let dataset = Dataset::open(Arc::clone(&table), &inputs, &options).unwrap();
        assert_eq!(dataset.good_rows().len(), num);
        eprintln!(
            "{num} photos to {image_sizes:?} with {threads} threads: {:.2?}",
            now.elapsed()
        );
    }
}

#[test]
#[ignore = "slow: prints seconds of an epoch"]
fn fashion_products_goes_through_a_loader() {
    let Some(train) = open("fashion_products") else {
        return;
    };
    let table = Arc::new(train);
    let inputs = inspect(&table, Some("article_type"), &BTreeMap::new())
        .unwrap()
        .inputs_named(&["image", "title_masked"])
        .unwrap();
    let options = DatasetOptions {
        forms: vec![Form::Picture { size_px: 64 }],
        ..Default::default()
    };
    let dataset = Arc::new(Dataset::open(Arc::clone(&table), &inputs, &options).unwrap());
    let rows = dataset.good_rows().to_vec();
    let forms = [
        Preparation::Pixels {
            size_px: 64,
            normalise: true,
        },
        Preparation::Ngrams {
            buckets: 65_536,
            min_records: 2,
        },
    ];
    let mut fitted = Vec::new();
    for (col, form) in forms.iter().enumerate() {
        let now = Instant::now();
        fitted.push((col, Fitted::fit(form, &dataset, col, &rows).unwrap()));
        eprintln!("fit {form:?}: {:.2?}", now.elapsed());
    }
    for (threads, augment) in [
        (0, None),
        (0, Some(ImageAugment::default())),
        (2, Some(ImageAugment::default())),
    ] {
        let config = LoaderConfig {
            shuffle: true,
            threads,
            augment: augment.map(|image| Augment {
                image: Some(image),
                ..Augment::default()
            }),
            ..LoaderConfig::default()
        };
        let loader = Loader::new(
            Arc::clone(&dataset),
            &rows,
            fitted.clone(),
            LoaderTarget::none(),
            config,
        );
        let now = Instant::now();
        let num: usize = loader.unwrap().epoch(0).map(|batch| batch.size()).sum();
        eprintln!(
            "{num} records, {threads} threads, augment {}: {:.2?}",
            augment.is_some(),
            now.elapsed()
        );
    }
}
