//! Clips: a video and a sound, to one of eight events.
//!
//! The picture shows one of four motions and the sound one of four patterns; the event follows from the two:
//!
//! | | rising tone | falling tone | beats | hum |
//! |---|---|---|---|---|
//! | goes up | `follow` | `oppose` | | `lift` |
//! | goes down | `oppose` | `follow` | | `drop` |
//! | sways | | | `dance` | `drift` |
//! | stays | `siren` | | `knock` | |
//!
//! So of the humming ones only the picture tells `lift`, `drop` and `drift` apart and of those that stay only the sound
//! tells `siren` from `knock`. Between `follow` (the tone goes where the thing goes) and `oppose` (it goes the other
//! way) either input alone is at chance, and so is any sum of two opinions formed apart.

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
    "dance", "drift", "drop", "follow", "knock", "lift", "oppose", "siren",
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
            cell(4, Motion::Up, Tone::Hum, "lift"),
            cell(4, Motion::Down, Tone::Hum, "drop"),
            cell(4, Motion::Sway, Tone::Hum, "drift"),
            cell(4, Motion::Sway, Tone::Beats, "dance"),
            cell(4, Motion::Stay, Tone::Beats, "knock"),
            cell(4, Motion::Stay, Tone::Rising, "siren"),
            // The hard pair is half as frequent again as the others: every one of its four cells is needed to learn it.
            cell(3, Motion::Up, Tone::Rising, "follow"),
            cell(3, Motion::Down, Tone::Falling, "follow"),
            cell(3, Motion::Up, Tone::Falling, "oppose"),
            cell(3, Motion::Down, Tone::Rising, "oppose"),
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
            let is_hard = ["follow", "oppose"].contains(event);
            assert_eq!(weight, if is_hard { 6 } else { 4 }, "{event}");
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
        // By hand, nothing missing: of 36 weights the motion gets Up 4, Down 4, Sway 4, Stay 4 of 10, 10, 8, 8, and
        // the tone Hum 4, Beats 4, Rising 4, Falling 3; of the rest 2 in 7 of 2 % wrong labels by chance.
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
        for (key, share) in [("all", 1.0), ("video", 16.0 / 36.0), ("sound", 15.0 / 36.0)] {
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
