//! Opinions about a film: what somebody says (text), how (voice) and with which face (video), to a sentiment.
//!
//! `score` lies in [-3, 3] in steps of 0.2, like the mean of five raters; `label` is `negative` below -0.5, `positive`
//! above 0.5 and `neutral` between. Each is a finer or coarser view of the other, so only one of them can be the target
//! and the other must not be an input.
//!
//! Somebody is in one of five moods, of which raters see -2.4, -1.2, 0, 1.2 or 2.4, give or take 0.4. Words show one of
//! five signs and voice and face one of three; each shows the mood more often than not, by itself, and weak moods less
//! often than strong ones. But one in five who dislike the film is sarcastic: the words are good, and voice and face are
//! both bad.

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

/// The moods, from the worst to the best: share of the records, and fifths of a point that raters see.
const MOODS: [(f64, i32); 5] = [(0.17, -12), (0.16, -6), (0.33, 0), (0.16, 6), (0.18, 12)];
/// Share of the sarcastic among those in a bad mood.
const SARCASM: f64 = 0.2;

/// Chance that words show a sign, -2..=2, given the mood.
fn chance_of_words(sign: i32, mood: i32) -> f64 {
    let likely = |sign: i32| [0.8, 0.16, 0.03, 0.01, 0.01][(sign - mood).unsigned_abs() as usize];
    likely(sign) / (-2..=2).map(likely).sum::<f64>()
}

/// Chance that a voice or a face shows a sign, -1..=1, given the mood.
fn chance_of_tone(sign: i32, mood: i32) -> f64 {
    let distance = (sign - mood.signum()).unsigned_abs() as usize;
    match mood.abs() {
        0 => [0.74, 0.13, 0.0][distance],
        1 => [0.7, 0.26, 0.04][distance],
        _ => [0.84, 0.14, 0.02][distance],
    }
}

/// Share of the records of a mood that show signs of words, voice and face.
fn share_of_signs([words, voice, face]: [i32; 3], mood: i32) -> f64 {
    let plain =
        chance_of_words(words, mood) * chance_of_tone(voice, mood) * chance_of_tone(face, mood);
    if mood >= 0 {
        return plain;
    }
    let is_sarcastic = words > 0 && voice < 0 && face < 0;
    (1.0 - SARCASM) * plain + if is_sarcastic { SARCASM / 2.0 } else { 0.0 }
}

/// Labels are scores here, from the lowest to the highest.
///
/// Cells whose sentiment is the likeliest one of their signs come first: so the share of records that the best answers
/// get right is dealt as it is computed.
fn draws() -> Draws {
    let mut cells = Vec::new();
    for (mood, (share, steps)) in (-2..).zip(MOODS) {
        for words in -2..=2 {
            for voice in -1..=1 {
                for face in -1..=1 {
                    let share = share * share_of_signs([words, voice, face], mood);
                    for (step, times) in RATERS {
                        cells.push(Cell {
                            weight: (share * f64::from(times) * 1e7).round() as u32,
                            signs: vec![(words + 2) as u8, (voice + 1) as u8, (face + 1) as u8],
                            label: (15 + steps + step) as usize,
                        });
                    }
                }
            }
        }
    }
    let mut draws = Draws {
        inputs: vec!["text", "voice", "face"],
        num_labels: NUM_SCORES,
        cells,
        mislabel_rate: 0.0,
    };
    let by_sentiment = draws.relabelled(3, sentiment);
    draws.cells.sort_by_cached_key(|cell| {
        let seen: Vec<_> = cell.signs.iter().copied().map(Some).collect();
        by_sentiment.best_answer(&seen).0 != sentiment(cell.label)
    });
    draws
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
    fn shares_sum_to_one_and_the_sarcastic_have_good_words_and_a_bad_voice_and_face() {
        let moods: f64 = MOODS.iter().map(|(share, _)| share).sum();
        assert!((moods - 1.0).abs() < 1e-12);
        for mood in -2..=2 {
            let mut sum = 0.0;
            for words in -2..=2 {
                for voice in -1..=1 {
                    for face in -1..=1 {
                        sum += share_of_signs([words, voice, face], mood);
                    }
                }
            }
            assert!((sum - 1.0).abs() < 1e-12, "{mood} {sum}");
        }
        // By hand: half of the sarcastic choose the best words; 0.01 / 1.01 of the others do by chance.
        let share = share_of_signs([2, -1, -1], -2);
        assert!(
            (share - (0.1 + 0.8 * 0.01 / 1.01 * 0.84 * 0.84)).abs() < 1e-12,
            "{share}"
        );
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
        assert!((0.85..0.95).contains(&all), "{:?}", truth.best);
        for pair in ["text+voice", "text+face", "voice+face"] {
            assert!(truth.best[pair] < all - 0.03, "{:?}", truth.best);
        }
        let error = &truth.also[0].best;
        assert!(error["all"] < error["text"] - 0.1, "{error:?}");
    }

    #[test]
    fn the_same_seed_writes_the_same_bytes() {
        keeps_its_promises(&Sentiment, LEAST_RECORDS);
    }
}
