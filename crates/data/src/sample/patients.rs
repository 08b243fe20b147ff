//! Patients with a cough: a picture like a chest X-ray, a series from a monitor, a note and a record, to `ill` or
//! `healthy`.
//!
//! Every input shows a sign that is more frequent among the ill, and none is certain:
//!
//! | input | sign | of the ill | of the healthy |
//! |---|---|---|---|
//! | `image` | a shadow on a lung | 0.80 | 0.06, from 60 years on 0.28 (old scars) |
//! | `vitals` | fast breath and a falling saturation | 0.75 | 0.15 |
//! | `note` | complaints of an infection | 0.70 | 0.18 |
//! | `crp` | raised | 0.72 | 0.16 |
//! | `leukocytes` | raised | 0.60 | 0.20 |
//! | `age` | 60 years or more | 0.55 | 0.45 |
//! | `sex` | male | 0.55 | 0.45 |
//!
//! Given the label the signs are independent, but for the scars. What is missing is missing by chance: single numbers,
//! and whole modalities - no picture was taken, no monitor was worn, nobody wrote a note. No real patient is in it.

mod chest;
mod notes;
mod vitals;

use std::path::Path;

use schema::{Rng, Seed};

use super::{
    Progress, SampleError, Set, Written,
    dealt::Dealt,
    parts::{Outline, Spot},
    truth::{Cell, Draws, Truth},
};

const LABELS: [&str; 2] = ["healthy", "ill"];
const INPUTS: [&str; 7] = ["image", "vitals", "note", "age", "sex", "crp", "leukocytes"];
/// Share of records that lack an input.
const MISSING: [f64; 7] = [0.15, 0.2, 0.12, 0.03, 0.0, 0.1, 0.12];
/// Share of the ill.
const ILL: f64 = 0.45;
/// So that most combinations of the strong signs turn up.
const LEAST_RECORDS: usize = 40;

/// The generated set `patients`.
pub(super) struct Patients;

impl Set for Patients {
    fn name(&self) -> &'static str {
        "patients"
    }

    fn about(&self) -> &'static str {
        "X-ray-like picture + monitor series + note + record -> ill or healthy; much is missing, no sign is certain"
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
            media: &["images", "vitals"],
            header: [
                "patient",
                "image",
                "vitals",
                "note",
                "age",
                "sex",
                "crp",
                "leukocytes",
                "label",
            ],
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

/// Chance of the sign of each input.
fn chances(is_ill: bool, is_old: bool) -> [f64; 7] {
    match (is_ill, is_old) {
        (true, _) => [0.80, 0.75, 0.70, 0.55, 0.55, 0.72, 0.60],
        (false, false) => [0.06, 0.15, 0.18, 0.45, 0.45, 0.16, 0.20],
        (false, true) => [0.28, 0.15, 0.18, 0.45, 0.45, 0.16, 0.20],
    }
}

/// A cell for each combination of signs and label, the likelier label of each combination first: so the share of
/// records whose label is the likelier one is dealt as it is computed.
fn draws() -> Draws {
    let weight = |signs: &[u8], label: usize| {
        let is_ill = label == 1;
        let prior = if is_ill { ILL } else { 1.0 - ILL };
        let chances = chances(is_ill, signs[3] == 1);
        let of_sign = |(sign, chance): (&u8, f64)| if *sign == 1 { chance } else { 1.0 - chance };
        let share: f64 = signs.iter().zip(chances).map(of_sign).product();
        (share * prior * 1e7).round() as u32
    };
    let (mut likely, mut rest) = (Vec::new(), Vec::new());
    for combination in 0..1_u32 << INPUTS.len() {
        let signs: Vec<u8> = (0..INPUTS.len())
            .map(|input| u8::from(combination >> input & 1 == 1))
            .collect();
        let mut cells = [0, 1].map(|label| Cell {
            weight: weight(&signs, label),
            signs: signs.clone(),
            label,
        });
        cells.sort_by_key(|cell| std::cmp::Reverse(cell.weight));
        let [first, second] = cells;
        likely.push(first);
        rest.push(second);
    }
    likely.extend(rest);
    Draws {
        inputs: INPUTS.to_vec(),
        num_labels: 2,
        cells: likely,
        mislabel_rate: 0.0,
    }
}

/// Writes the media of a record and gives its line.
fn row(spot: &Spot<'_>, record: &Dealt) -> Result<[String; 9], SampleError> {
    let rng = |name: &str| spot.seed.named(name).rng();
    let has_sign = |input: usize| record.seen[input].map(|sign| sign == 1);
    let (mut image, mut vitals) = (String::new(), String::new());
    if let Some(is_shadowed) = has_sign(0) {
        image = format!("images/{}.png", spot.stem);
        let picture = chest::draw(is_shadowed, &mut rng("image"));
        spot.folder.picture(&image, &picture)?;
    }
    if let Some(is_fast) = has_sign(1) {
        vitals = format!("vitals/{}.npy", spot.stem);
        let series = vitals::record(is_fast, &mut rng("vitals"));
        spot.folder.file(&vitals, &series)?;
    }
    let cell = |input: usize, write: &dyn Fn(bool, &mut Rng) -> String| {
        let sign = has_sign(input);
        sign.map(|sign| write(sign, &mut rng(INPUTS[input])))
            .unwrap_or_default()
    };
    Ok([
        format!("k{:09x}", rng("patient").next_u64() >> 28),
        image,
        vitals,
        cell(2, &notes::write),
        cell(3, &age),
        cell(4, &|is_male, _| if is_male { "m" } else { "f" }.to_owned()),
        cell(5, &crp),
        cell(6, &leukocytes),
        LABELS[record.label].to_owned(),
    ])
}

/// Years.
fn age(is_old: bool, rng: &mut Rng) -> String {
    let years = if is_old {
        60 + rng.below(32)
    } else {
        18 + rng.below(42)
    };
    years.to_string()
}

/// C-reactive protein in mg/l: normal below 8, raised from 14, on a skewed scale as in life.
fn crp(is_raised: bool, rng: &mut Rng) -> String {
    let value = if is_raised {
        14.0 * rng.between(0.0, 2.4).exp()
    } else {
        8.0 * rng.uniform().powi(2)
    };
    format!("{value:.1}")
}

/// Thousands in a microlitre: normal 4 to 10, raised from 11.5.
fn leukocytes(is_raised: bool, rng: &mut Rng) -> String {
    let value = if is_raised {
        rng.between(11.5, 20.0)
    } else {
        rng.between(4.0, 10.0)
    };
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{
        dealt::deal_records,
        parts::tests::{best_answers_reach, keeps_its_promises},
    };

    #[test]
    fn the_best_answers_reach_what_the_truth_says_and_no_input_is_enough() {
        let subsets: [(&str, &[usize]); 4] = [
            ("all", &[0, 1, 2, 3, 4, 5, 6]),
            ("image", &[0]),
            ("vitals", &[1]),
            ("age+sex+crp+leukocytes", &[3, 4, 5, 6]),
        ];
        best_answers_reach(&draws(), &MISSING, &subsets, 0.06);
        let dealt = deal_records(&draws(), &MISSING, 480, Seed(1));
        let seen: Vec<_> = dealt.iter().map(|it| it.seen.clone()).collect();
        let best = draws().best_accuracy(&seen);
        assert_eq!(best.len(), 127, "a value for each subset of seven inputs");
        let all = best["all"];
        assert!((0.88..0.97).contains(&all), "{all}");
        for alone in INPUTS {
            assert!(best[alone] < all - 0.07, "{alone} {}", best[alone]);
        }
        let num_ill = dealt.iter().filter(|it| it.label == 1).count();
        assert!((206..=226).contains(&num_ill), "{num_ill}");
    }

    #[test]
    fn by_hand_the_picture_alone() {
        // Young: ill 0.45 * 0.45, of them 0.8 with a shadow; old likewise. The best answer says ill for a shadow.
        let young = 0.45 * 0.45 * 0.8 + 0.55 * 0.55 * 0.94;
        let old = 0.45 * 0.55 * 0.8 + 0.55 * 0.45 * 0.72;
        let seen = |sign: u8| {
            let mut seen = vec![None; 7];
            seen[0] = Some(sign);
            seen
        };
        let shadowed = 0.45 * 0.8 + 0.55 * (0.55 * 0.06 + 0.45 * 0.28);
        let (with, without) = (draws().best_answer(&seen(1)), draws().best_answer(&seen(0)));
        assert_eq!((with.0, without.0), (1, 0));
        let mean = shadowed * with.1 + (1.0 - shadowed) * without.1;
        assert!((mean - young - old).abs() < 1e-4, "{mean} {}", young + old);
    }

    #[test]
    fn the_same_seed_writes_the_same_bytes() {
        keeps_its_promises(&Patients, LEAST_RECORDS);
    }
}
