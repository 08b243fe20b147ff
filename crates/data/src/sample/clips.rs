//! Clips: a video and a sound, to one of eight events.
//!
//! The picture shows one of four motions and the sound one of four patterns; the event follows from the two:
//!
//! | | rising tone | falling tone | beats | hum |
//! |---|---|---|---|---|
//! | goes up | `launch` | `alarm` | | `lift` |
//! | goes down | `drop` | `drop` | `drop` | `drop` |
//! | sways | | `alarm` | `dance` | `drift` |
//! | stays | `siren` | `alarm` | `knock` | |
//!
//! So only the picture tells `drop`, whatever is heard, and only the sound `alarm` beside a thing that does not go down;
//! the other six take both: a motion leaves two or three events and a sound two or three, and one is in both.

mod motion;
mod tone;

use std::path::Path;

use schema::Seed;

use super::{
    Progress, SampleError, Set, Written,
    dealt::Dealt,
    parts::{Outline, Spot},
    truth::{Cell, Draws, Truth},
};
use motion::Motion;
use tone::Tone;

/// Events in label order.
const EVENTS: [&str; 8] = [
    "alarm", "dance", "drift", "drop", "knock", "launch", "lift", "siren",
];
/// Share of records without a video, and of records without a sound.
const MISSING: [f64; 2] = [0.02, 0.02];
/// Share of records that somebody called some other event.
const MISLABEL_RATE: f64 = 0.02;
/// Every cell of the table above has to turn up.
const LEAST_RECORDS: usize = 40;

/// The generated set `clips`.
pub(super) struct Clips;

impl Set for Clips {
    fn name(&self) -> &'static str {
        "clips"
    }

    fn about(&self) -> &'static str {
        "video + sound -> event; some events only the picture tells, some only the sound, some only both"
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
            media: &["videos", "sounds"],
            header: ["video", "sound", "label"],
            draws: draws(),
            missing: &MISSING,
        };
        outline.write((dir, records, seed), progress, row, |seen| Truth {
            target: "label",
            metric: "accuracy",
            best: draws().best_accuracy(seen),
            also: Vec::new(),
        })
    }
}

/// The table at the top of this file, a cell a line.
fn draws() -> Draws {
    let cell = |weight: u32, motion: Motion, tone: Tone, event: &str| Cell {
        weight,
        signs: vec![motion as u8, tone as u8],
        // Every event of the table is in the list; a test holds that.
        label: EVENTS.iter().position(|name| *name == event).unwrap_or(0),
    };
    Draws {
        inputs: vec!["video", "sound"],
        num_labels: EVENTS.len(),
        cells: vec![
            cell(1, Motion::Down, Tone::Rising, "drop"),
            cell(1, Motion::Down, Tone::Falling, "drop"),
            cell(1, Motion::Down, Tone::Beats, "drop"),
            cell(1, Motion::Down, Tone::Hum, "drop"),
            cell(2, Motion::Up, Tone::Falling, "alarm"),
            cell(1, Motion::Sway, Tone::Falling, "alarm"),
            cell(1, Motion::Stay, Tone::Falling, "alarm"),
            cell(4, Motion::Up, Tone::Rising, "launch"),
            cell(4, Motion::Up, Tone::Hum, "lift"),
            cell(4, Motion::Sway, Tone::Hum, "drift"),
            cell(4, Motion::Sway, Tone::Beats, "dance"),
            cell(4, Motion::Stay, Tone::Beats, "knock"),
            cell(4, Motion::Stay, Tone::Rising, "siren"),
        ],
        mislabel_rate: MISLABEL_RATE,
    }
}

/// Writes the media of a record and gives its line.
fn row(spot: &Spot<'_>, record: &Dealt) -> Result<[String; 3], SampleError> {
    let (mut video, mut sound) = (String::new(), String::new());
    if let Some(motion) = record.seen[0].and_then(Motion::of) {
        video = format!("videos/{}.avi", spot.stem);
        let frames = motion.film(&mut spot.seed.named("video").rng());
        spot.folder.clip(&video, &frames)?;
    }
    if let Some(tone) = record.seen[1].and_then(Tone::of) {
        sound = format!("sounds/{}.wav", spot.stem);
        let played = tone.play(&mut spot.seed.named("sound").rng());
        spot.folder.file(&sound, &played.wav())?;
    }
    Ok([video, sound, EVENTS[record.label].to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::parts::tests::{best_answers_reach, keeps_its_promises};

    #[test]
    fn every_event_has_cells_and_its_name_is_in_the_list() {
        for (label, event) in EVENTS.iter().enumerate() {
            let cells = draws().cells;
            let weight: u32 = cells
                .iter()
                .filter(|cell| cell.label == label)
                .map(|cell| cell.weight)
                .sum();
            assert_eq!(weight, 4, "{event}");
        }
    }

    #[test]
    fn the_best_answers_reach_what_the_truth_says_and_both_inputs_are_needed() {
        // Three standard errors of a share near 0.55 of 400 records.
        best_answers_reach(
            &draws(),
            &MISSING,
            &[("all", &[0, 1]), ("video", &[0]), ("sound", &[1])],
            0.075,
        );
        // By hand, nothing missing: of 32 weights each of the four motions has a commonest event of 4, and so has each
        // of the four tones.
        let seen: Vec<_> = draws()
            .cells
            .iter()
            .flat_map(|cell| {
                let signs: Vec<_> = cell.signs.iter().copied().map(Some).collect();
                vec![signs; cell.weight as usize]
            })
            .collect();
        let best = draws().best_accuracy(&seen);
        let with_wrong = |share: f64| share * 0.98 + (1.0 - share) * 0.02 / 7.0;
        for (key, share) in [("all", 1.0), ("video", 0.5), ("sound", 0.5)] {
            assert!(
                (best[key] - with_wrong(share)).abs() < 1e-4,
                "{key} {best:?}"
            );
        }
    }

    #[test]
    fn the_same_seed_writes_the_same_bytes() {
        keeps_its_promises(&Clips, LEAST_RECORDS);
    }
}
