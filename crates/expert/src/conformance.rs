//! What every kind in the registry must do, on one small generated set: the checks that a new kind gets for free.

use std::sync::Arc;

use data::{Dataset, DatasetOptions, Form, Table, Truth};
use schema::{
    Cell, Column, ExpertConfig, FittedTarget, Modality, Record, Role, Seed, Settings, Task,
};
use train::{Control, NoObserver};

use crate::{Context, Expert, Kind, Voice, combined::prior_scores, registry::KINDS};

const NUM_RECORDS: usize = 48;
/// One of each kind of column; a kind takes those it reads.
const COLUMNS: [(&str, Modality); 6] = [
    ("words", Modality::Text),
    ("photo", Modality::Image),
    ("wave", Modality::Series),
    ("size", Modality::Number),
    ("shape", Modality::Category),
    ("day", Modality::Date),
];

/// A 16 x 16 bitmap (24 bits) of one colour with a stripe, as a file would hold it.
fn bitmap(class: usize, row: usize) -> Vec<u8> {
    const SIDE: u32 = 16;
    let num_bytes = 54 + SIDE * SIDE * 3;
    let mut file = b"BM".to_vec();
    for field in [num_bytes, 0, 54, 40, SIDE, SIDE] {
        file.extend(field.to_le_bytes());
    }
    file.extend([1, 0, 24, 0]);
    for field in [0, SIDE * SIDE * 3, 0, 0, 0, 0] {
        file.extend(u32::to_le_bytes(field));
    }
    for pixel in 0..(SIDE * SIDE) as usize {
        let (x, y) = (pixel % SIDE as usize, pixel / SIDE as usize);
        let on_stripe = if class == 0 {
            x / 3 % 2 == 0
        } else {
            y / 3 % 2 == 0
        };
        let base = (row * 37 + pixel * 13) % 60;
        let value = if on_stripe { 250 - base } else { base } as u8;
        file.extend([value, value / (1 + class as u8), 255 - value]);
    }
    file
}

/// 20 moments of a slow or a quick swing.
fn wave(class: usize, row: usize) -> Cell {
    let value = |at: usize| ((at + row) as f64 * (0.3 + 0.9 * class as f64)).sin() + row as f64;
    Cell::List((0..20).map(|at| value(at).into()).collect())
}

/// Record `row` of the set; every eighth lacks everything.
fn record(row: usize, task: Task) -> Record {
    let class = row % 3 % 2;
    let label: Cell = match task {
        Task::Binary | Task::Class => ["yes", "no"][class].into(),
        Task::Multilabel => Cell::List(vec![["yes", "no"][class].into(), "always".into()]),
        Task::Regression => (10.0 * class as f64 + row as f64 / 50.0).into(),
    };
    let record = Record::new().with("label", label);
    if row % 8 == 7 {
        return record;
    }
    record
        .with(
            "words",
            ["sunny and bright day", "rain and a grey sky"][class],
        )
        .with("photo", Cell::Bytes(bitmap(class, row)))
        .with("wave", wave(class, row))
        .with("size", (row * 7 % 11) as f64 + 20.0 * class as f64)
        .with("shape", ["round", "square", "long"][(class + row % 2) % 3])
        .with("day", format!("2024-0{}-1{}", 1 + class * 6, row % 9))
}

struct Set {
    dataset: Arc<Dataset>,
    target: FittedTarget,
    truth: Truth,
}

fn set(task: Task, forms: Vec<Form>) -> Set {
    let records = (0..NUM_RECORDS).map(|row| record(row, task)).collect();
    let table = Arc::new(Table::from_records(records, "."));
    let options = DatasetOptions {
        forms,
        ..DatasetOptions::default()
    };
    let dataset = Dataset::open(Arc::clone(&table), &columns(), &options).unwrap();
    let rows: Vec<usize> = (0..NUM_RECORDS).collect();
    let target = data::fit_target(&table, &rows, "label", task).unwrap();
    let truth = data::truth(&table, &rows, &target).unwrap();
    assert_eq!(
        dataset.good_rows().len(),
        NUM_RECORDS,
        "{:?}",
        dataset.bad()
    );
    Set {
        dataset: Arc::new(dataset),
        target,
        truth,
    }
}

fn columns() -> Vec<Column> {
    let column = |(name, modality): (&str, Modality)| Column {
        name: name.to_owned(),
        modality,
        role: Role::Input,
    };
    COLUMNS.map(column).to_vec()
}

/// Settings that make a kind quick; the defaults otherwise.
fn quick(kind: &str) -> Settings {
    let text = match kind {
        "image_feature" => {
            "size_px = 16\noutline_px = 16\nnum_centres = 12\nnum_patches = 1000\nrounds = 2"
        }
        "table" => "num_networks = 2\nepochs = 20",
        "boost" => "max_rounds = 20\nmin_leaf = 3",
        _ => "",
    };
    toml::from_str(text).unwrap()
}

/// The kind's configuration over the columns that it accepts.
fn config(kind: &dyn Kind, task: Task) -> ExpertConfig {
    let with = |inputs: Vec<&str>| ExpertConfig {
        kind: kind.name().to_owned(),
        name: "one".to_owned(),
        inputs: inputs.into_iter().map(str::to_owned).collect(),
        settings: quick(kind.name()),
    };
    let accepts = |name: &&str| kind.check(&with(vec![name]), &columns(), task).is_empty();
    let accepted: Vec<&str> = COLUMNS
        .iter()
        .map(|(name, _)| *name)
        .filter(accepts)
        .collect();
    assert!(
        !accepted.is_empty(),
        "{} accepts no column at all",
        kind.name()
    );
    with(accepted)
}

fn context<'a>(set: &'a Set, control: &'a Control) -> Context<'a> {
    Context {
        dataset: &set.dataset,
        target: &set.target,
        truth: &set.truth,
        weights: None,
        seed: Seed(5),
        threads: 0,
        observer: &NoObserver,
        control,
        folder: None,
        resume: false,
    }
}

fn fit(kind: &dyn Kind, set: &Set) -> (Box<dyn Expert>, ExpertConfig) {
    let (rows, watch): (Vec<usize>, Vec<usize>) = (0..NUM_RECORDS).partition(|row| row % 5 != 0);
    let control = Control::new();
    let config = config(kind, set.target.task);
    kind.fit(&config, &context(set, &control), &rows, &watch)
        .unwrap()
}

fn speak(expert: &dyn Expert, set: &Set) -> Vec<Voice> {
    let rows: Vec<usize> = (0..NUM_RECORDS).collect();
    let voices = expert.speak(&set.dataset, &rows).unwrap();
    assert!(!voices.is_empty());
    for voice in &voices {
        assert_eq!(voice.present.len(), NUM_RECORDS);
        assert_eq!(voice.scores.len(), NUM_RECORDS * set.target.width());
        assert!(
            voice.scores.iter().all(|score| score.is_finite()),
            "{}",
            voice.name
        );
    }
    voices
}

/// Runs a check for every kind but networks (they are checked where they live) and every task.
fn for_each(check: impl Fn(&dyn Kind, &Set)) {
    for kind in KINDS.iter().filter(|kind| kind.name() != "network") {
        for task in Task::ALL {
            let forms = kind.forms(&config(*kind, task), &columns()).unwrap();
            check(*kind, &set(task, forms));
        }
    }
}

/// The bound that keeps memory from growing with the records: fitted on some of them, the same ones each time, first
/// and again.
#[test]
fn a_bound_on_records_is_kept_and_draws_the_same_each_time() {
    for_each(|kind, set| {
        let (rows, watch): (Vec<usize>, Vec<usize>) =
            (0..NUM_RECORDS).partition(|row| row % 5 != 0);
        let control = Control::new();
        let context = context(set, &control);
        let fit = |max_rows: i64| {
            let mut config = config(kind, set.target.task);
            let max_rows = toml::Value::Integer(max_rows);
            config.settings.insert("max_rows".to_owned(), max_rows);
            let (expert, config) = kind.fit(&config, &context, &rows, &watch).unwrap();
            let all: Vec<usize> = (0..NUM_RECORDS).collect();
            let again = expert.refit(&config, &context, &all).unwrap();
            (speak(expert.as_ref(), set), speak(again.as_ref(), set))
        };
        assert_eq!(fit(24), fit(24), "{}", kind.name());
        assert_ne!(fit(24).0, fit(0).0, "{}", kind.name());
    });
}

#[test]
fn default_settings_pass_their_own_check_and_unknown_ones_do_not() {
    for kind in KINDS {
        let mut config = config(*kind, Task::Class);
        config.settings = kind.default_settings();
        let problems = kind.check(&config, &columns(), Task::Class);
        assert!(problems.is_empty(), "{}: {problems:?}", kind.name());
        config.settings.insert("no_such_setting".into(), 1.into());
        let problems = kind.check(&config, &columns(), Task::Class);
        assert_eq!(problems.len(), 1, "{}: {problems:?}", kind.name());
        config.settings.remove("no_such_setting");
        config.inputs = vec!["nowhere".into()];
        assert!(!kind.check(&config, &columns(), Task::Class).is_empty());
    }
}

#[test]
fn an_expert_learns_and_keeps_silent_where_it_has_nothing() {
    for_each(|kind, set| {
        let (expert, _) = fit(kind, set);
        assert_eq!(expert.kind(), kind.name());
        assert!(expert.num_parameters() > 0);
        let prior = prior_scores(&set.target);
        for voice in speak(&*expert, set) {
            let width = set.target.width();
            let mut num_right = 0;
            for (row, scores) in voice.scores.chunks(width).enumerate() {
                assert_eq!(
                    voice.present[row],
                    row % 8 != 7,
                    "{} row {row}",
                    kind.name()
                );
                if !voice.present[row] {
                    assert_eq!(scores, prior.as_slice(), "{}", kind.name());
                    continue;
                }
                num_right += usize::from(match &set.truth {
                    Truth::Classes(classes) => {
                        let sum: f32 = scores.iter().map(|score| score.exp()).sum();
                        assert!((sum - 1.0).abs() < 1e-4, "{}: {scores:?}", kind.name());
                        let own = classes[row].unwrap() as usize;
                        scores[own] > scores[1 - own]
                    }
                    Truth::Labels(labels) => {
                        let labels = &labels[row * width..][..width];
                        scores
                            .iter()
                            .zip(labels)
                            .all(|(score, label)| (*score > 0.0) == (*label > 0.5))
                    }
                    Truth::Values(values) => {
                        let value = set.target.scale.unwrap().invert(f64::from(scores[0]));
                        (value - values[row]).abs() < 5.0
                    }
                });
            }
            let share = num_right as f64 / voice.present.iter().filter(|is| **is).count() as f64;
            assert!(share > 0.8, "{} {}: {share}", kind.name(), set.target.task);
        }
    });
}

#[test]
fn what_is_saved_opens_to_the_same_scores() {
    for_each(|kind, set| {
        let (expert, config) = fit(kind, set);
        let pack = expert.save().unwrap();
        let text = serde_json::to_string(&pack.description).unwrap();
        let pack = schema::Pack {
            description: serde_json::from_str(&text).unwrap(),
            ..pack
        };
        let opened = kind.open(&config, &set.target, pack.clone()).unwrap();
        assert_eq!(
            speak(&*opened, set),
            speak(&*expert, set),
            "{}",
            kind.name()
        );
        for name in pack.tensors.keys() {
            let mut broken = pack.clone();
            broken.tensors.remove(name);
            // Pictures without contrast have no centres, so these alone may be missing; then the widths are wrong.
            assert!(
                kind.open(&config, &set.target, broken).is_err(),
                "{} without {name}",
                kind.name()
            );
        }
    });
}

#[test]
fn the_same_seed_says_the_same_on_any_number_of_threads() {
    for_each(|kind, set| {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| speak(&*fit(kind, set).0, set))
        };
        let once = run(1);
        assert_eq!(once, run(2), "{}", kind.name());
        assert_eq!(once, run(1), "{}", kind.name());
    });
}

#[test]
fn a_refit_on_all_rows_keeps_the_choices() {
    for_each(|kind, set| {
        let (expert, config) = fit(kind, set);
        let control = Control::new();
        let rows: Vec<usize> = (0..NUM_RECORDS).collect();
        let again = expert
            .refit(&config, &context(set, &control), &rows)
            .unwrap();
        assert_eq!(speak(&*again, set)[0].name, "one");
    });
}

#[test]
fn nothing_to_learn_from_is_an_error_that_counts() {
    for_each(|kind, set| {
        let control = Control::new();
        let config = config(kind, set.target.task);
        let result = kind.fit(&config, &context(set, &control), &[7, 15], &[]);
        let text = result
            .err()
            .map(|error| schema::Problem::from(error).to_string());
        assert!(
            text.is_some_and(|text| text.contains('2')),
            "{}",
            kind.name()
        );
    });
}
