//! Voices as numbers of one shape: what each adds to the score of each class of each record.

use schema::{FittedTarget, Task};

use crate::{ExpertError, Voice};

/// Least probability that a voice is believed to give, so that one sure mistake cannot outweigh all others.
const LEAST: f32 = 1e-6;

/// The terms of several voices over the same records.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) names: Vec<String>,
    pub(super) inputs: Vec<Vec<String>>,
    /// By voice, `[N]`.
    pub(super) present: Vec<Vec<bool>>,
    /// By voice, `[N, K]`; 0 where absent.
    pub(super) values: Vec<Vec<f32>>,
    pub(super) num_records: usize,
    pub(super) width: usize,
}

impl Terms {
    /// Groups of the voices that read the same columns.
    pub(super) fn families(&self, voices: &[bool]) -> Vec<Vec<bool>> {
        let mut families: Vec<Vec<bool>> = Vec::new();
        for voice in (0..voices.len()).filter(|voice| voices[*voice]) {
            let same = |other: usize| voices[other] && self.inputs[other] == self.inputs[voice];
            let family: Vec<bool> = (0..voices.len()).map(same).collect();
            if !families.contains(&family) {
                families.push(family);
            }
        }
        families
    }

    /// Checks lengths and brings scores to terms: clipped log-probabilities, logits, or values.
    pub(super) fn new(
        target: &FittedTarget,
        voices: &[Voice],
        num_records: usize,
    ) -> Result<Self, ExpertError> {
        let width = target.width();
        let mut terms = Self {
            names: Vec::new(),
            inputs: Vec::new(),
            present: Vec::new(),
            values: Vec::new(),
            num_records,
            width,
        };
        for voice in voices {
            if voice.scores.len() != num_records * width || voice.present.len() != num_records {
                return Err(ExpertError::VoiceLength {
                    voice: voice.name.clone(),
                    got: voice.scores.len(),
                    expected: num_records * width,
                });
            }
            let mut values = voice.scores.clone();
            let mut present = voice.present.clone();
            for (row, present) in values.chunks_exact_mut(width).zip(&mut present) {
                // A voice that broke down says nothing rather than spoil the others.
                *present &= row.iter().all(|score| score.is_finite());
                if *present {
                    to_terms(target.task, row);
                } else {
                    row.fill(0.0);
                }
            }
            terms.names.push(voice.name.clone());
            terms.inputs.push(voice.inputs.clone());
            terms.present.push(present);
            terms.values.push(values);
        }
        Ok(terms)
    }

    /// The same with one voice more: the weighted sum of those that have a weight.
    pub(super) fn with_sum(&self, weights: &[f64]) -> Self {
        let counts = |voice: &usize| weights[*voice] > 0.0;
        let voices: Vec<usize> = (0..self.num_voices()).filter(counts).collect();
        let mut values = Vec::with_capacity(self.num_records * self.width);
        let mut row = vec![0.0; self.width];
        for record in 0..self.num_records {
            row.fill(0.0);
            for voice in &voices {
                self.add(*voice, record, weights[*voice], &mut row);
            }
            values.extend(row.iter().map(|sum| *sum as f32));
        }
        let is_heard = |record: usize| voices.iter().any(|voice| self.present[*voice][record]);
        let mut terms = self.clone();
        terms.names.push("quick voices".to_owned());
        terms.inputs.push(Vec::new());
        terms
            .present
            .push((0..self.num_records).map(is_heard).collect());
        terms.values.push(values);
        terms
    }

    pub(super) fn num_voices(&self) -> usize {
        self.names.len()
    }

    /// Which voices are present for a record.
    pub(super) fn mask(&self, record: usize) -> Vec<bool> {
        self.present.iter().map(|present| present[record]).collect()
    }

    /// Adds what a voice says of a record, `weight` times.
    pub(super) fn add(&self, voice: usize, record: usize, weight: f64, to: &mut [f64]) {
        let row = &self.values[voice][record * self.width..][..self.width];
        for (to, term) in to.iter_mut().zip(row) {
            *to += weight * f64::from(*term);
        }
    }

    /// What a voice says of a record.
    pub(super) fn row(&self, voice: usize, record: usize) -> &[f32] {
        &self.values[voice][record * self.width..][..self.width]
    }
}

fn to_terms(task: Task, row: &mut [f32]) {
    if !task.is_single_label() {
        return;
    }
    let high = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let log_sum = high
        + row
            .iter()
            .map(|score| (score - high).exp())
            .sum::<f32>()
            .ln();
    for score in row {
        *score = (*score - log_sum).max(LEAST.ln());
    }
}
