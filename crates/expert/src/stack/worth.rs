//! What each voice and each modality is worth: held-out scores with it alone and without it.

use serde::{Deserialize, Serialize};

use super::{Stacker, pattern, terms::Terms};
use crate::Aim;

/// How well some voices do on held-out records, by weights fitted on the other records.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Mean negative log-likelihood, binary cross-entropy, or absolute error in the target's scale; lower is better.
    pub loss: f64,
    /// Share of records whose class is right, for classes only.
    pub accuracy: Option<f64>,
}

/// What one voice is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoiceWorth {
    /// Its name.
    pub name: String,
    /// Its weight where every voice is present.
    pub weight: f64,
    /// With this voice alone.
    pub alone: Score,
    /// Without it; `None` if it is the only one.
    pub without: Option<Score>,
}

/// What one modality (columns that voices read together) is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitWorth {
    /// Its columns.
    pub columns: Vec<String>,
    /// By the voices that read nothing else; `None` if there are none.
    pub alone: Option<Score>,
    /// By the voices that do not read it; `None` if there are none.
    pub without: Option<Score>,
}

/// What everything is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Worth {
    /// With all voices.
    pub all: Score,
    /// By voice.
    pub voices: Vec<VoiceWorth>,
    /// By modality.
    pub modalities: Vec<UnitWorth>,
}

/// Groups of voices that read the same columns.
pub(super) fn families(terms: &Terms, voices: &[bool]) -> Vec<Vec<bool>> {
    let mut families: Vec<Vec<bool>> = Vec::new();
    for voice in (0..voices.len()).filter(|voice| voices[*voice]) {
        let same = |other: usize| voices[other] && terms.inputs[other] == terms.inputs[voice];
        let family: Vec<bool> = (0..voices.len()).map(same).collect();
        if !families.contains(&family) {
            families.push(family);
        }
    }
    families
}

pub(super) fn worth(
    stacker: &Stacker<'_>,
    kept: &[bool],
    weights: &[f64],
    (scores, records): (&[f32], &[usize]),
) -> Worth {
    let num_voices = kept.len();
    let of = |mask: Vec<bool>| -> Option<Score> {
        let crossed = || stacker.crossed_over(&mask, records);
        mask.contains(&true)
            .then(|| score(stacker, &crossed(), records))
    };
    let voices = (0..num_voices).filter_map(|voice| {
        let without = (0..num_voices)
            .map(|other| kept[other] && other != voice)
            .collect();
        Some(VoiceWorth {
            name: stacker.terms.names[voice].clone(),
            weight: weights[voice],
            alone: of((0..num_voices).map(|other| other == voice).collect())?,
            without: of(without),
        })
    });
    let units = pattern::units(stacker.terms);
    let modalities = units.iter().map(|unit| {
        let reads_only = |voice: usize| {
            stacker.terms.inputs[voice]
                .iter()
                .all(|column| unit.columns.contains(column))
        };
        UnitWorth {
            columns: unit.columns.clone(),
            alone: of((0..num_voices)
                .map(|voice| unit.read_by[voice] && reads_only(voice))
                .collect()),
            without: of((0..num_voices)
                .map(|voice| kept[voice] && !unit.read_by[voice])
                .collect()),
        }
    });
    Worth {
        all: score(stacker, scores, records),
        voices: voices.collect(),
        modalities: modalities.collect(),
    }
}

fn score(stacker: &Stacker<'_>, scores: &[f32], records: &[usize]) -> Score {
    let losses = stacker.losses(scores, records);
    let count = records.len().max(1) as f64;
    let width = stacker.terms.width;
    let accuracy = match stacker.aim {
        Aim::Classes(classes) => {
            let is_right = |record: &&usize| {
                let row = &scores[**record * width..][..width];
                let own = row[classes[**record] as usize];
                // A tie goes to the first class, as it does in an answer.
                row.iter().position(|score| *score >= own) == Some(classes[**record] as usize)
                    && row.iter().all(|score| *score <= own)
            };
            Some(records.iter().filter(is_right).count() as f64 / count)
        }
        _ => None,
    };
    Score {
        loss: losses.iter().sum::<f64>() / count,
        accuracy,
    }
}
