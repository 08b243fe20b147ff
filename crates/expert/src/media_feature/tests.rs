use super::*;
use data::{DatasetOptions, Table, Truth};
use schema::{Cell, Record, Role, Seed};
use train::{Control, NoObserver};

const NUM_RECORDS: usize = 200;
const RATE_HZ: u32 = 8000;
/// Samples of a tone, 50 ms.
const TONE: usize = 400;
/// Tones from the end to the one that tells the class.
const TELLING: usize = 4;

/// 10 to 18 high or low tones.
fn tones(row: usize) -> Vec<bool> {
    let mut rng = Seed(7).named("tones").at(row as u64).rng();
    let count = 10 + rng.below(9);
    (0..count).map(|_| rng.below(2) == 1).collect()
}

/// A WAV file of tones, 16 bits.
fn wav(tones: &[bool]) -> Vec<u8> {
    let samples = tones.iter().flat_map(|is_high| {
        let step = if *is_high { 1.2 } else { 0.4 };
        (0..TONE).map(move |at| (8000.0 * (at as f32 * step).sin()) as i16)
    });
    let num_bytes = 2 * (TONE * tones.len()) as u32;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + num_bytes).to_le_bytes());
    file.extend(b"WAVEfmt ");
    for field in [16, 1 | 1 << 16, RATE_HZ, 2 * RATE_HZ, 2 | 16 << 16] {
        file.extend(u32::to_le_bytes(field));
    }
    file.extend(b"data");
    file.extend(num_bytes.to_le_bytes());
    file.extend(samples.flat_map(i16::to_le_bytes));
    file
}

fn record(row: usize) -> Record {
    let tones = tones(row);
    let is_high = tones[tones.len() - TELLING];
    Record::new()
        .with("sound", Cell::Bytes(wav(&tones)))
        .with("label", if is_high { "high" } else { "low" })
}

fn config(parts: &str) -> ExpertConfig {
    let settings = format!("rate_hz = {RATE_HZ}\nlen_ms = 900\nparts = {parts}");
    ExpertConfig {
        kind: "media_feature".to_owned(),
        name: "sound".to_owned(),
        inputs: vec!["sound".to_owned()],
        settings: toml::from_str(&settings).unwrap(),
    }
}

/// The shares of records, unseen in training, that an expert of some parts tells right, and its settings.
fn told(parts: &str) -> (f64, MediaFeatureConfig) {
    let config = config(parts);
    let columns = [Column {
        name: "sound".to_owned(),
        modality: Modality::Audio,
        role: Role::Input,
    }];
    let table = Arc::new(Table::from_records(
        (0..NUM_RECORDS).map(record).collect(),
        ".",
    ));
    let options = DatasetOptions {
        forms: MediaFeatureKind.forms(&config, &columns).unwrap(),
        ..DatasetOptions::default()
    };
    let dataset = Arc::new(Dataset::open(Arc::clone(&table), &columns, &options).unwrap());
    let rows: Vec<usize> = (0..NUM_RECORDS).collect();
    let target = data::fit_target(&table, &rows, "label", Task::Binary).unwrap();
    let truth: Truth = data::truth(&table, &rows, &target).unwrap();
    let control = Control::new();
    let context = Context {
        dataset: &dataset,
        target: &target,
        truth: &truth,
        weights: None,
        seed: Seed(5),
        threads: 0,
        observer: &NoObserver,
        control: &control,
        folder: None,
        resume: false,
    };
    let (train, rest) = rows.split_at(120);
    let (watch, test) = rest.split_at(40);
    let (expert, chosen) = MediaFeatureKind
        .fit(&config, &context, train, watch)
        .unwrap();
    // What is saved is opened as the part that was chosen.
    let opened = MediaFeatureKind
        .open(&chosen, &target, expert.save().unwrap())
        .unwrap();
    let scores = opened.speak(&dataset, test).unwrap().remove(0).scores;
    assert_eq!(
        expert.speak(&dataset, test).unwrap().remove(0).scores,
        scores
    );
    let width = target.width();
    let right = test.iter().zip(scores.chunks(width)).filter(|(row, said)| {
        let tones = tones(**row);
        let said_high = match said {
            [one] => *one < 0.0,
            [first, second, ..] => first > second,
            [] => false,
        };
        // Classes stand in the order of their names: "high" is the first.
        said_high == tones[tones.len() - TELLING]
    });
    let share = right.count() as f64 / test.len() as f64;
    (share, read_settings(&chosen).unwrap())
}

#[test]
fn the_part_that_tells_most_is_chosen() {
    let (whole, _) = told("[\"whole\"]");
    let (best, chosen) = told("[\"whole\", \"start\", \"end\"]");
    assert_eq!(chosen.parts, [Part::End]);
    assert!(best > 0.9 && whole < 0.8, "whole {whole}, best {best}");
}

#[test]
fn at_least_one_part_has_to_be_named() {
    for (parts, what) in [("[]", "parts"), ("[\"middle\"]", "middle")] {
        let columns = [Column {
            name: "sound".to_owned(),
            modality: Modality::Audio,
            role: Role::Input,
        }];
        let problems = MediaFeatureKind.check(&config(parts), &columns, Task::Class);
        assert_eq!(problems.len(), 1);
        assert!(format!("{problems:?}").contains(what), "{problems:?}");
    }
}

#[test]
fn outlines_that_are_left_out_say_nothing_and_are_tried_on_held_out_records_alone() {
    let mut vectors = vec![vec![0.0; MOVING_WIDTH + 3]; 2];
    vectors[1].fill(1.0);
    let mut scaling = Scaling::of(&vectors);
    scaling.ignore_from(MOVING_WIDTH);
    assert!(scaling.factor[..MOVING_WIDTH].iter().all(|x| *x > 0.0));
    assert_eq!(scaling.factor[MOVING_WIDTH..], [0.0; 3]);
    let own = MediaFeatureConfig {
        outlines: vec![false, true],
        ..MediaFeatureConfig::default()
    };
    let video = own.form(Modality::Video, Part::Whole).unwrap();
    assert_eq!(own.outlines_of(video, false), [false, true]);
    assert_eq!(own.outlines_of(video, true), [false]);
    let part = own.form(Modality::Video, Part::End).unwrap();
    assert_eq!(own.outlines_of(part, false), [true]);
}
