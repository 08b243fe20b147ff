//! Social posts: a short text and a picture, to one of eight topics.
//!
//! Words show one of four signs and pictures one of four; the topic follows from the two:
//!
//! | words | indoors | sunny | stormy | city |
//! |---|---|---|---|---|
//! | pleased | `joy` | `weather` | `irony` | |
//! | annoyed | `rant` | `irony` | `weather` | |
//! | about work | `jobs` | | | |
//! | of no use | | `nature` | `storm` | `city` |
//!
//! So only the words tell `joy`, `rant` and `jobs` apart and only the picture `nature`, `storm` and `city`.
//! Between `weather` (the words mean what the picture shows) and `irony` (they do not) either input alone is at
//! chance, and so is any sum of two opinions formed apart: it takes a model that reads both at once.

mod scene;
mod words;

use std::path::Path;

use schema::{Rng, Seed};

use super::{
    Progress, SampleError, Set, Written,
    folder::Folder,
    num_test,
    truth::{Cell, Draws, Truth, deal},
};
use scene::Scene;
use words::Words;

/// Topics in label order.
const TOPICS: [&str; 8] = [
    "city", "irony", "jobs", "joy", "nature", "rant", "storm", "weather",
];
/// Share of records without a text, and as many others without a picture.
const MISSING_RATE: f64 = 0.02;
/// Share of records whose author chose some other topic.
const MISLABEL_RATE: f64 = 0.01;
/// Every cell of the table above has to turn up.
const LEAST_RECORDS: usize = 36;

/// The generated set `posts`.
pub(super) struct Posts;

/// How one record is drawn.
#[derive(Debug, Clone, PartialEq)]
struct Draw {
    /// What the words show; `None` for a post without text.
    words: Option<Words>,
    /// What the picture shows; `None` for a post without picture.
    scene: Option<Scene>,
    /// The topic on the table.
    topic: usize,
}

impl Set for Posts {
    fn name(&self) -> &'static str {
        "posts"
    }

    fn about(&self) -> &'static str {
        "text + picture -> topic; some topics only the words tell, some only the picture, some only both"
    }

    fn default_records(&self) -> usize {
        1000
    }

    fn write(
        &self,
        dir: &Path,
        records: usize,
        seed: Seed,
        progress: &Progress<'_>,
    ) -> Result<Written, SampleError> {
        if records < LEAST_RECORDS {
            return Err(SampleError::TooFewRecords {
                set: self.name(),
                got: records,
                least: LEAST_RECORDS,
            });
        }
        let folder = Folder::open(dir, "images")?;
        let total = records + num_test(records);
        let train_seed = seed.named("posts").named("train");
        let test_seed = seed.named("posts").named("test");
        let train_draws = draw_part(records, train_seed);
        let test_draws = draw_part(num_test(records), test_seed);
        let train = write_part(&folder, "train", &train_draws, train_seed, &|done| {
            progress(done, total);
        })?;
        let test = write_part(&folder, "test", &test_draws, test_seed, &|done| {
            progress(records + done, total);
        })?;
        let truth = Truth {
            target: "label",
            metric: "accuracy",
            best: draws().best_accuracy(&seen(&test_draws)),
            also: Vec::new(),
        };
        Ok(Written {
            train,
            test,
            truth: folder.truth(&truth)?,
            num_train: train_draws.len(),
            num_test: test_draws.len(),
            target: truth.target,
            best: truth.best,
        })
    }
}

/// The table at the top of this file, a cell a line.
fn draws() -> Draws {
    let cell = |weight: u32, words: Words, scene: Scene, topic: &str| Cell {
        weight,
        signs: vec![words as u8, scene as u8],
        // Every topic of the table is in the list; a test holds that.
        label: TOPICS.iter().position(|name| *name == topic).unwrap_or(0),
    };
    Draws {
        inputs: vec!["text", "image"],
        num_labels: TOPICS.len(),
        cells: vec![
            cell(4, Words::Pleased, Scene::Indoors, "joy"),
            cell(4, Words::Annoyed, Scene::Indoors, "rant"),
            cell(4, Words::Work, Scene::Indoors, "jobs"),
            cell(4, Words::Plain, Scene::Sunny, "nature"),
            cell(4, Words::Plain, Scene::Stormy, "storm"),
            cell(4, Words::Plain, Scene::City, "city"),
            // The hard pair is half as frequent again as the others: every one of its four cells is needed to learn it.
            cell(3, Words::Pleased, Scene::Sunny, "weather"),
            cell(3, Words::Annoyed, Scene::Stormy, "weather"),
            cell(3, Words::Pleased, Scene::Stormy, "irony"),
            cell(3, Words::Annoyed, Scene::Sunny, "irony"),
        ],
        mislabel_rate: MISLABEL_RATE,
    }
}

/// Draws what each record of a part shows.
fn draw_part(count: usize, seed: Seed) -> Vec<Draw> {
    let mut rng = seed.named("deal").rng();
    let mut draws: Vec<Draw> = deal(&draws().cells, count, &mut rng)
        .iter()
        .map(|cell| Draw {
            words: Words::ALL
                .into_iter()
                .find(|words| *words as u8 == cell.signs[0]),
            scene: Scene::ALL
                .into_iter()
                .find(|scene| *scene as u8 == cell.signs[1]),
            topic: cell.label,
        })
        .collect();
    let num_missing = (count as f64 * MISSING_RATE).round() as usize;
    let mut order: Vec<usize> = (0..count).collect();
    rng.shuffle(&mut order);
    for row in order.iter().take(num_missing) {
        draws[*row].words = None;
    }
    for row in order.iter().skip(num_missing).take(num_missing) {
        draws[*row].scene = None;
    }
    let num_mislabeled = (count as f64 * MISLABEL_RATE).round() as usize;
    rng.shuffle(&mut order);
    for row in order.iter().take(num_mislabeled) {
        let other = rng.below(TOPICS.len() - 1);
        let topic = &mut draws[*row].topic;
        *topic = (*topic + 1 + other) % TOPICS.len();
    }
    draws
}

/// What a perfect reader of every input would know about each record.
fn seen(draws: &[Draw]) -> Vec<Vec<Option<u8>>> {
    let signs = |draw: &Draw| vec![draw.words.map(|it| it as u8), draw.scene.map(|it| it as u8)];
    draws.iter().map(signs).collect()
}

/// Writes the pictures and the table of a part.
fn write_part(
    folder: &Folder,
    name: &str,
    draws: &[Draw],
    seed: Seed,
    progress: &dyn Fn(usize),
) -> Result<std::path::PathBuf, SampleError> {
    let mut rows = Vec::with_capacity(draws.len());
    for (index, draw) in draws.iter().enumerate() {
        let seed = seed.at(index as u64);
        let mut image = String::new();
        if let Some(scene) = draw.scene {
            image = format!("images/{name}_{index:05}.png");
            folder.picture(&image, &scene.draw(&mut seed.named("image").rng()))?;
        }
        let text = draw
            .words
            .map(|words| words.write(&mut seed.named("text").rng()))
            .unwrap_or_default();
        let id = id(&mut seed.named("id").rng());
        rows.push([id, image, text, TOPICS[draw.topic].to_owned()]);
        progress(index + 1);
    }
    folder.table(
        &format!("{name}.csv"),
        ["id", "image", "text", "label"],
        &rows,
    )
}

/// A post's identifier, which says nothing; the letter in front keeps it from reading as a number.
fn id(rng: &mut Rng) -> String {
    format!("p{:010x}", rng.next_u64() >> 24)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeMap, fs};

    /// Share of records that the best answers get right, counted on the topics that were dealt.
    fn counted(draws_of: &[Draw], reads: [bool; 2]) -> f64 {
        let draws = draws();
        let right = draws_of
            .iter()
            .zip(seen(draws_of))
            .filter(|(draw, seen)| {
                let seen = [seen[0].filter(|_| reads[0]), seen[1].filter(|_| reads[1])];
                draws.best_answer(&seen).0 == draw.topic
            })
            .count();
        right as f64 / draws_of.len() as f64
    }

    #[test]
    fn every_topic_has_cells_and_its_name_is_in_the_list() {
        for (label, topic) in TOPICS.iter().enumerate() {
            let weight: u32 = draws()
                .cells
                .iter()
                .filter(|cell| cell.label == label)
                .map(|cell| cell.weight)
                .sum();
            let expected = if ["weather", "irony"].contains(topic) {
                6
            } else {
                4
            };
            assert_eq!(weight, expected, "{topic}");
        }
    }

    #[test]
    fn one_input_alone_falls_far_short_of_both() {
        let best = draws().best_accuracy(&seen(&draw_part(400, Seed(3))));
        assert!(best["all"] > 0.95 && best["all"] < 0.99, "{best:?}");
        assert!(best["text"] < best["all"] - 0.3, "{best:?}");
        assert!(best["image"] < best["all"] - 0.3, "{best:?}");
    }

    #[test]
    fn the_best_answers_counted_on_dealt_records_reach_what_the_truth_says() {
        // Three standard errors of a share near 0.97 and near 0.45 of 400 records.
        const ALL_TOL: f64 = 0.026;
        const ALONE_TOL: f64 = 0.075;
        for seed in 0..10 {
            let dealt = draw_part(400, Seed(seed));
            let best = draws().best_accuracy(&seen(&dealt));
            for (key, reads, tolerance) in [
                ("all", [true, true], ALL_TOL),
                ("text", [true, false], ALONE_TOL),
                ("image", [false, true], ALONE_TOL),
            ] {
                let counted = counted(&dealt, reads);
                let difference = (counted - best[key]).abs();
                assert!(difference < tolerance, "{key} {counted} {best:?}");
            }
        }
    }

    #[test]
    fn topics_are_balanced_and_few_cells_are_missing() {
        let dealt = draw_part(1000, Seed(7));
        let mut counts = BTreeMap::new();
        for draw in &dealt {
            *counts.entry(TOPICS[draw.topic]).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), TOPICS.len());
        assert!(
            counts.values().all(|count| (95..=185).contains(count)),
            "{counts:?}"
        );
        assert_eq!(dealt.iter().filter(|draw| draw.words.is_none()).count(), 20);
        assert_eq!(dealt.iter().filter(|draw| draw.scene.is_none()).count(), 20);
        assert!(
            dealt
                .iter()
                .all(|draw| draw.words.is_some() || draw.scene.is_some())
        );
    }

    #[test]
    fn the_same_seed_writes_the_same_bytes_and_another_one_others() {
        let write = |seed| {
            let dir = tempfile::tempdir().unwrap();
            let written = Posts.write(dir.path(), 40, Seed(seed), &|_, _| {}).unwrap();
            assert_eq!((written.num_train, written.num_test), (40, 16));
            let mut files = BTreeMap::new();
            for place in [dir.path().to_owned(), dir.path().join("images")] {
                for entry in fs::read_dir(place).unwrap() {
                    let path = entry.unwrap().path();
                    if path.is_file() {
                        let name = path.file_name().unwrap().to_owned();
                        files.insert(name, fs::read(path).unwrap());
                    }
                }
            }
            files
        };
        let first = write(1);
        assert!(first.len() > 50 && first.contains_key("truth.json".as_ref() as &std::ffi::OsStr));
        assert_eq!(first, write(1));
        assert_ne!(first, write(2));
    }

    #[test]
    fn every_picture_that_a_table_names_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let last = std::cell::Cell::new((0, 0));
        let written = Posts
            .write(dir.path(), 40, Seed(0), &|done, total| {
                last.set((done, total))
            })
            .unwrap();
        assert_eq!(last.get(), (56, 56));
        let mut table = csv::Reader::from_path(&written.train).unwrap();
        assert_eq!(
            table.headers().unwrap(),
            vec!["id", "image", "text", "label"]
        );
        for row in table.records() {
            let row = row.unwrap();
            assert!(TOPICS.contains(&&row[3]), "{row:?}");
            if !row[1].is_empty() {
                let picture = image::open(dir.path().join(&row[1])).unwrap();
                assert_eq!((picture.width(), picture.height()), (64, 64));
            }
        }
    }

    #[test]
    fn too_few_records_are_refused_with_the_smallest_number() {
        let dir = tempfile::tempdir().unwrap();
        let error = Posts.write(dir.path(), 3, Seed(0), &|_, _| {}).unwrap_err();
        let problem = schema::Problem::from(error);
        assert_eq!(problem.expected.as_deref(), Some("at least 36"));
        assert_eq!(problem.exit_code(), 2);
    }
}
