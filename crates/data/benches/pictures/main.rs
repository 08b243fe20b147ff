//! Pictures from files to batches, in images a second: what the loader gives when every picture is decoded again in
//! every epoch, as PyTorch's `DataLoader` does it.
//!
//! `cargo bench -p multifuse-data --bench pictures -- FOLDER [SIZE] [ROUNDS] [PYTHON]` takes the JPEG files of a folder.
//! With the interpreter of an environment that has PyTorch, `benches/peers/pictures.py` runs in turn with it, round
//! after round, and its scaled pictures are compared with ours. Both sides: 2 workers, batches of 64.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints its result and has nobody to report a mistake to"
)]

mod peer;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Instant};

use data::{Dataset, DatasetOptions, Fitted, Loader, LoaderConfig, LoaderTarget, Table};
use schema::{Column, Modality, Preparation, Record, Role};

/// Worker threads, and processes of the peer.
const WORKERS: usize = 2;
const COLUMN: &str = "image";

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let Some(folder) = arguments.first().map(Path::new) else {
        println!("pictures: no folder given, nothing to do");
        return;
    };
    let number = |place: usize, usual| arguments.get(place).map_or(usual, |n| n.parse().unwrap());
    let (size_px, rounds) = (number(1, 64), number(2, 5));
    let names = picture_names(folder);
    let loader = loader(folder, &names, size_px);
    let mut speeds: BTreeMap<String, Vec<Speed>> = BTreeMap::new();
    for _ in 0..rounds {
        let mut add = |way: &str, speed| speeds.entry(way.to_owned()).or_default().push(speed);
        add("multifuse, every epoch decodes", epoch(&loader));
        add("multifuse, open", opening(folder, &names, size_px));
        for (way, speed) in peer::speeds(arguments.get(3), folder, size_px) {
            add(&way, speed);
        }
    }
    println!("{size_px} px, median of {rounds}: images/s, processor time in us an image");
    for (way, speeds) in speeds {
        let (rate, busy_us) = (median(&speeds, |s| s.rate), median(&speeds, |s| s.busy_us));
        println!("{way:<32} {rate:>8.0} {busy_us:>8.0}");
    }
    if let Some(difference) = peer::difference(arguments.get(3), folder, loader.dataset(), size_px)
    {
        println!("from Pillow's full decode and resize: {difference}");
    }
}

/// Names of the JPEG files, sorted.
fn picture_names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".jpg"))
        .collect();
    names.sort_unstable();
    names
}

fn open(folder: &Path, names: &[String], size_px: usize, cache_bytes: usize) -> Dataset {
    let records = names
        .iter()
        .map(|name| Record::new().with(COLUMN, name.as_str()))
        .collect();
    let input = Column {
        name: COLUMN.to_owned(),
        modality: Modality::Image,
        role: Role::Input,
    };
    let options = DatasetOptions {
        forms: vec![data::Form::Picture { size_px }],
        threads: WORKERS,
        cache_bytes,
        cache_disk_bytes: 0,
        ..DatasetOptions::default()
    };
    let table = Arc::new(Table::from_records(records, folder));
    Dataset::open(table, &[input], &options).unwrap()
}

/// A loader over a data set that keeps no picture.
fn loader(folder: &Path, names: &[String], size_px: usize) -> Loader {
    let dataset = Arc::new(open(folder, names, size_px, 0));
    let rows = dataset.good_rows().to_vec();
    let preparation = Preparation::Pixels {
        size_px,
        normalise: true,
    };
    let fitted = Fitted::fit(&preparation, &dataset, 0, &rows).unwrap();
    let config = LoaderConfig {
        threads: WORKERS,
        ..LoaderConfig::default()
    };
    let inputs = vec![(0, fitted)];
    Loader::new(dataset, &rows, inputs, LoaderTarget::none(), config).unwrap()
}

/// How fast pictures become batches.
#[derive(Clone, Copy)]
struct Speed {
    /// Images a second.
    rate: f64,
    /// Processor time of all threads or processes, in microseconds an image: other work hardly changes it.
    busy_us: f64,
}

/// Runs something that gives the number of images it read.
fn measure(work: impl FnOnce() -> usize) -> Speed {
    let (start, busy) = (Instant::now(), processor_secs());
    let num = work() as f64;
    Speed {
        rate: num / start.elapsed().as_secs_f64(),
        busy_us: 1e6 * (processor_secs() - busy) / num,
    }
}

fn epoch(loader: &Loader) -> Speed {
    measure(|| loader.epoch(0).map(|batch| batch.rows.len()).sum())
}

/// Reading a data set the first time: decode, check, hash, keep.
fn opening(folder: &Path, names: &[String], size_px: usize) -> Speed {
    measure(|| open(folder, names, size_px, 1 << 30).good_rows().len())
}

/// Seconds of processor time of this process so far (`proc(5)`, fields 14 and 15 of `stat`; 100 ticks a second on
/// every Linux); 0 elsewhere.
fn processor_secs() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse().unwrap_or(0.0)).sum::<f64>() / 100.0
}

fn median(speeds: &[Speed], part: impl Fn(&Speed) -> f64) -> f64 {
    let mut parts: Vec<f64> = speeds.iter().map(part).collect();
    parts.sort_by(f64::total_cmp);
    parts[parts.len() / 2]
}
