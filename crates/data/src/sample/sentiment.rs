//! Opinions about a film: what somebody says (text), how (voice) and with which face (video), to a sentiment.
//!
//! `score` lies in [-3, 3] in steps of 0.2, like the mean of five raters; `label` is `negative` up to -0.6, `positive`
//! from 0.6 and `neutral` between. Each is a coarser or finer view of the other, so of the two only one can be the
//! target and the other must not be an input.
//!
//! Words show one of five signs `w` in -2..=2, voice and face one of three, `v` and `f` in -1..=1. The score is about
//! 0.6 w + 0.7 v + 0.8 f, but where good words come with a bad voice and a bad face it is sarcasm: the better the words,
//! the worse is meant (-1 - 0.5 w). Raters differ by up to 0.4, which bounds what any model can reach.

mod face;
mod voice;
mod words;

use std::path::Path;

use schema::Seed;

use super::{
    Progress, SampleError, Set, Written,
    dealt::Dealt,
    parts::{Outline, Spot},
    truth::{AlsoKnown, Cell, Draws, Truth},
};

/// Sentiments in label order.
const SENTIMENTS: [&str; 3] = ["negative", "neutral", "positive"];
/// Scores from -3 to 3 in steps of 0.2.
const NUM_SCORES: usize = 31;
/// Share of records without a text, a voice, a face.
const MISSING: [f64; 3] = [0.03, 0.05, 0.05];
/// How often raters differ from the score by so many steps.
const RATERS: [(i32, u32); 5] = [(-2, 1), (-1, 2), (0, 4), (1, 2), (2, 1)];
/// Every sentiment of every word sign should turn up.
const LEAST_RECORDS: usize = 45;

/// The generated set `sentiment`.
pub(super) struct Sentiment;

impl Set for Sentiment {
    fn name(&self) -> &'static str {
        "sentiment"
    }

    fn about(&self) -> &'static str {
        "text + voice + face video -> sentiment, as a class (label) or in [-3, 3] (score); with sarcasm"
    }

    fn default_records(&self) -> usize {
        1200
    }

    fn write(
        &self,
        dir: &Path,
        records: usize,
        seed: Seed,
        progress: &Progress<'_>,
    ) -> Result<Written, SampleError> {
        let outline = Outline {
            set: self,
            least: LEAST_RECORDS,
            media: &["voices", "faces"],
            header: ["text", "voice", "face", "label", "score"],
            draws: draws(),
            missing: &MISSING,
        };
        outline.write((dir, records, seed), progress, row, truth)
    }
}

/// The number of a score.
fn score(label: usize) -> f64 {
    label as f64 / 5.0 - 3.0
}

/// The sentiment of a score.
fn sentiment(label: usize) -> usize {
    match score(label) {
        low if low < -0.5 => 0,
        high if high > 0.5 => 2,
        _ => 1,
    }
}

/// Tenths of the score that signs mean before the raters: words -2..=2, voice and face -1..=1.
fn meant(words: i32, voice: i32, face: i32) -> i32 {
    if is_sarcasm(words, voice, face) {
        -10 - 5 * words
    } else {
        6 * words + 7 * voice + 8 * face
    }
}

fn is_sarcasm(words: i32, voice: i32, face: i32) -> bool {
    words > 0 && voice < 0 && face < 0
}

/// How often signs come together: what agrees is more frequent, and so is sarcasm.
fn weight(words: i32, voice: i32, face: i32) -> u32 {
    let tone = words.signum();
    let num_equal = [tone == voice, tone == face, voice == face]
        .iter()
        .filter(|equal| **equal)
        .count();
    let weight = match num_equal {
        3 => 6,
        1 => 2,
        _ => 1,
    };
    match words {
        0 => 2 * weight,
        _ if is_sarcasm(words, voice, face) => 2 * weight,
        _ => weight,
    }
}

/// Labels are scores here, from the lowest to the highest.
///
/// Raters come first in the order of the cells: shares of every sentiment are then dealt within each of their steps.
fn draws() -> Draws {
    let mut cells = Vec::new();
    for (step, times) in RATERS {
        for words in -2..=2 {
            for voice in -1..=1 {
                for face in -1..=1 {
                    // Tenths to steps of two tenths, the half away from zero.
                    let tenths = meant(words, voice, face);
                    let steps = (tenths + tenths.signum()) / 2 + step;
                    cells.push(Cell {
                        weight: times * weight(words, voice, face),
                        signs: vec![(words + 2) as u8, (voice + 1) as u8, (face + 1) as u8],
                        label: (15 + steps).clamp(0, NUM_SCORES as i32 - 1) as usize,
                    });
                }
            }
        }
    }
    Draws {
        inputs: vec!["text", "voice", "face"],
        num_labels: NUM_SCORES,
        cells,
        mislabel_rate: 0.0,
    }
}

/// Best accuracy of the sentiment; of the score the least error and the field's shares.
fn truth(seen: &[Vec<Option<u8>>]) -> Truth {
    let draws = draws();
    let scores: Vec<f64> = (0..NUM_SCORES).map(score).collect();
    let also = |metric: &'static str, best| AlsoKnown {
        target: "score",
        metric,
        best,
    };
    let is_positive = draws.relabelled(2, |label| usize::from(label >= 15));
    let rounded = draws.relabelled(7, |label| (score(label).round() + 3.0) as usize);
    Truth {
        target: "label",
        metric: "accuracy",
        best: draws.relabelled(3, sentiment).best_accuracy(seen),
        also: vec![
            also("mae", draws.best_absolute_error(&scores, seen)),
            also("acc_2", is_positive.best_accuracy(seen)),
            also("acc_7", rounded.best_accuracy(seen)),
        ],
    }
}

/// Writes the media of a record and gives its line.
fn row(spot: &Spot<'_>, record: &Dealt) -> Result<[String; 5], SampleError> {
    let (mut text, mut voice, mut face) = (String::new(), String::new(), String::new());
    if let Some(sign) = record.seen[0] {
        text = words::write(sign, &mut spot.seed.named("text").rng());
    }
    if let Some(sign) = record.seen[1] {
        voice = format!("voices/{}.wav", spot.stem);
        let said = voice::say(sign, &mut spot.seed.named("voice").rng());
        spot.folder.file(&voice, &said.wav())?;
    }
    if let Some(sign) = record.seen[2] {
        face = format!("faces/{}.avi", spot.stem);
        let frames = face::film(sign, &mut spot.seed.named("face").rng());
        spot.folder.clip(&face, &frames)?;
    }
    let label = SENTIMENTS[sentiment(record.label)].to_owned();
    let score = format!("{:.1}", score(record.label));
    Ok([text, voice, face, label, score])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::parts::tests::{best_answers_reach, keeps_its_promises};

    #[test]
    fn scores_are_tenths_in_their_range_and_sentiments_follow() {
        let written = [0, 12, 15, 18, 30].map(|label| format!("{:.1}", score(label)));
        assert_eq!(written, ["-3.0", "-0.6", "0.0", "0.6", "3.0"]);
        assert_eq!(
            [0, 12, 13, 15, 17, 18, 30].map(sentiment),
            [0, 0, 1, 1, 1, 2, 2]
        );
    }

    #[test]
    fn good_words_with_a_bad_voice_and_face_mean_the_worse_the_better_they_are() {
        // By hand, in tenths: 6 w + 7 v + 8 f, and -10 - 5 w for sarcasm.
        assert_eq!(meant(2, 1, 1), 27);
        assert_eq!(meant(-1, 0, 1), 2);
        assert_eq!(meant(1, -1, -1), -15);
        assert_eq!(meant(2, -1, -1), -20);
        assert_eq!(meant(2, -1, 0), 5);
    }

    #[test]
    fn the_best_answers_reach_what_the_truth_says_and_every_input_has_its_share() {
        best_answers_reach(
            &draws().relabelled(3, sentiment),
            &MISSING,
            &[
                ("all", &[0, 1, 2]),
                ("text", &[0]),
                ("voice", &[1]),
                ("face", &[2]),
                ("voice+face", &[1, 2]),
            ],
            0.05,
        );
        let seen: Vec<_> = super::super::dealt::deal_records(&draws(), &MISSING, 480, Seed(3))
            .into_iter()
            .map(|it| it.seen)
            .collect();
        let truth = truth(&seen);
        let all = truth.best["all"];
        assert!((0.85..0.97).contains(&all), "{:?}", truth.best);
        for pair in ["text+voice", "text+face", "voice+face"] {
            assert!(truth.best[pair] < all - 0.03, "{:?}", truth.best);
        }
        let error = &truth.also[0].best;
        assert!(error["all"] < error["text"] - 0.3, "{error:?}");
    }

    #[test]
    fn the_same_seed_writes_the_same_bytes() {
        keeps_its_promises(&Sentiment, LEAST_RECORDS);
    }
}
