//! The set of the seed document: a text of 100 token numbers and a picture of 64 x 64, to 0 or 1.

use std::path::Path;

use schema::{Rng, Seed};

use super::{
    Progress, SampleError, Set, Written,
    canvas::{Canvas, between, near},
    folder::Folder,
    num_test,
    truth::{Cell, Draws, Truth},
};

/// Token numbers run from 0 to this, exclusive.
const VOCABULARY: usize = 1000;
/// Tokens in a text.
const LENGTH: usize = 100;
/// Numbers that speak for a label: the multiples of 25 (even multiples for 0, odd ones for 1).
const MARKER_STEP: usize = 25;
/// Share of a text's tokens that are markers of its label, where the text speaks.
const MARKER_RATE: f64 = 0.25;
/// What an input shows when it says nothing about the label.
const SILENT: u8 = 2;

/// The generated set `seed`.
pub(super) struct SeedDocument;

impl Set for SeedDocument {
    fn name(&self) -> &'static str {
        "seed"
    }

    fn about(&self) -> &'static str {
        "100 token numbers + 64 x 64 picture -> 0 or 1; in some records only one of the two tells"
    }

    fn default_records(&self) -> usize {
        100
    }

    fn write(
        &self,
        dir: &Path,
        records: usize,
        seed: Seed,
        progress: &Progress<'_>,
    ) -> Result<Written, SampleError> {
        if records < 2 {
            return Err(SampleError::TooFewRecords {
                set: self.name(),
                got: records,
                least: 2,
            });
        }
        let folder = Folder::open(dir, "images")?;
        let total = records + num_test(records);
        let mut done = 0;
        let mut part = |name: &str, count: usize| {
            let seed = seed.named("seed").named(name);
            let drawn = deck(count, seed);
            let mut rows = Vec::with_capacity(count);
            for (index, cell) in drawn.iter().enumerate() {
                let seed = seed.at(index as u64);
                let image = format!("images/{name}_{index:05}.png");
                let picture = picture(cell.signs[1], &mut seed.named("image").rng());
                folder.picture(&image, &picture)?;
                let text = text(cell.signs[0], &mut seed.named("text").rng());
                rows.push([text, image, cell.label.to_string()]);
                done += 1;
                progress(done, total);
            }
            let path = folder.table(&format!("{name}.csv"), ["text", "image", "label"], &rows)?;
            Ok((path, drawn))
        };
        let (train, _) = part("train", records)?;
        let (test, drawn) = part("test", num_test(records))?;
        let seen: Vec<Vec<Option<u8>>> = drawn
            .iter()
            .map(|cell| cell.signs.iter().map(|sign| Some(*sign)).collect())
            .collect();
        let truth = Truth {
            target: "label",
            metric: "accuracy",
            best: draws().best_accuracy(&seen),
            also: Vec::new(),
        };
        Ok(Written {
            train,
            test,
            truth: folder.truth(&truth)?,
            num_train: records,
            num_test: drawn.len(),
            target: truth.target,
            best: truth.best,
        })
    }
}

/// Of ten records of a label the text and the picture tell in five, one of them alone in two each, neither in one.
fn draws() -> Draws {
    let mut cells = Vec::new();
    for label in 0..2_u8 {
        for (weight, signs) in [
            (5, [label, label]),
            (2, [label, SILENT]),
            (2, [SILENT, label]),
            (1, [SILENT, SILENT]),
        ] {
            cells.push(Cell {
                weight,
                signs: signs.to_vec(),
                label: usize::from(label),
            });
        }
    }
    Draws {
        inputs: vec!["text", "image"],
        num_labels: 2,
        cells,
        mislabel_rate: 0.0,
    }
}

/// Cells of a part's records: every cell as often as its weight says, up to rounding, in random order.
fn deck(count: usize, seed: Seed) -> Vec<Cell> {
    super::truth::deal(&draws().cells, count, &mut seed.named("deck").rng())
}

/// Token numbers of a text that shows a sign.
fn text(sign: u8, rng: &mut Rng) -> String {
    let tokens: Vec<String> = (0..LENGTH)
        .map(|_| {
            if sign != SILENT && rng.chance(MARKER_RATE) {
                let pairs = VOCABULARY / (2 * MARKER_STEP);
                (MARKER_STEP * (2 * rng.below(pairs) + usize::from(sign))).to_string()
            } else {
                other_token(rng).to_string()
            }
        })
        .collect();
    tokens.join(" ")
}

/// A token number that is no marker.
fn other_token(rng: &mut Rng) -> usize {
    let index = rng.below(VOCABULARY - VOCABULARY / MARKER_STEP);
    index + index / (MARKER_STEP - 1) + 1
}

/// A picture that shows a sign: warm light from above for 1, cool light from below for 0, neither when silent.
fn picture(sign: u8, rng: &mut Rng) -> Canvas {
    let ground = near([0.45, 0.45, 0.45], 0.12, rng);
    let mut canvas = Canvas::gradient(64, ground, ground);
    for _ in 0..6 {
        let center = [between(rng, 0.0, 64.0), between(rng, 0.0, 64.0)];
        let radius = between(rng, 2.0, 7.0);
        let color = near([0.5; 3], 0.25, rng);
        canvas.disc(center, radius, color);
    }
    let (color, height) = match sign {
        0 => ([0.15, 0.35, 0.9], 46.0),
        1 => ([0.95, 0.55, 0.1], 18.0),
        _ => ([0.5, 0.5, 0.5], 32.0),
    };
    let center = [between(rng, 14.0, 50.0), height + between(rng, -8.0, 8.0)];
    let radius = between(rng, 7.0, 12.0);
    let color = near(color, 0.1, rng);
    canvas.glow(center, radius * 1.6, color, 0.4);
    canvas.disc(center, radius, color);
    canvas.expose(rng);
    canvas
}

#[cfg(test)]
mod tests {
    use super::*;

    fn markers(text: &str, label: usize) -> usize {
        text.split(' ')
            .filter_map(|token| token.parse::<usize>().ok())
            .filter(|token| token % MARKER_STEP == 0 && token / MARKER_STEP % 2 == label)
            .count()
    }

    #[test]
    fn texts_have_a_hundred_tokens_below_a_thousand_and_show_their_sign() {
        for index in 0..50 {
            for sign in [0, 1, SILENT] {
                let text = text(sign, &mut Seed(index).rng());
                let tokens: Vec<usize> = text.split(' ').map(|it| it.parse().unwrap()).collect();
                assert_eq!(tokens.len(), LENGTH);
                assert!(tokens.iter().all(|token| *token < VOCABULARY));
                for label in [0, 1] {
                    let count = markers(&text, label);
                    assert_eq!(count > 5, usize::from(sign) == label, "{count}");
                }
            }
        }
    }

    #[test]
    fn either_input_alone_tells_less_than_both() {
        let dir = tempfile::tempdir().unwrap();
        let written = SeedDocument
            .write(dir.path(), 100, Seed(4), &|_, _| {})
            .unwrap();
        assert_eq!((written.num_train, written.num_test), (100, 40));
        // By hand from the shares: 9 of 10 records tell and 1 is a coin; alone 7 tell and 3 are coins.
        let expected = [("all", 0.95), ("text", 0.85), ("image", 0.85)];
        for (key, value) in expected {
            assert_eq!(written.best[key], value, "{key}");
        }
        let truth = std::fs::read_to_string(&written.truth).unwrap();
        let truth: serde_json::Value = serde_json::from_str(&truth).unwrap();
        assert_eq!(truth["best"]["all"], 0.95);
    }

    #[test]
    fn labels_are_balanced_and_the_same_seed_writes_the_same_table() {
        let table = |seed| {
            let dir = tempfile::tempdir().unwrap();
            let written = SeedDocument
                .write(dir.path(), 20, Seed(seed), &|_, _| {})
                .unwrap();
            std::fs::read_to_string(written.train).unwrap()
        };
        let first = table(1);
        assert_eq!(first, table(1));
        assert_ne!(first, table(2));
        assert_eq!(
            first.lines().filter(|line| line.ends_with(",1")).count(),
            10
        );
    }
}
