//! A sample with how often each record counts: what metrics are computed on.

use std::{borrow::Cow, cell::OnceCell};

use crate::{Sample, Truth, order::Order, sample::Key};

/// Right and wrong decisions about one class or label.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records that have the class and were given it.
    pub hits: u64,
    /// Records that were given the class.
    pub predicted: u64,
    /// Records that have the class.
    pub actual: u64,
}

impl Tally {
    /// Share of the predicted records that are right; 0 if nothing was predicted.
    pub fn precision(&self) -> f64 {
        share(self.hits, self.predicted)
    }

    /// Share of the actual records that were found; 0 if there are none.
    pub fn recall(&self) -> f64 {
        share(self.hits, self.actual)
    }

    /// Harmonic mean of precision and recall; 0 if the class is neither there nor predicted.
    pub fn f1(&self) -> f64 {
        share(2 * self.hits, self.predicted + self.actual)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// A sample in which record `i` stands `counts[i]` times: the whole, a slice of it, or a bootstrap resample.
#[derive(Debug)]
pub struct View<'s> {
    sample: &'s Sample<'s>,
    counts: Cow<'s, [u32]>,
    total: u64,
    tallies: OnceCell<Vec<Tally>>,
}

impl<'s> View<'s> {
    /// Every record once.
    pub fn whole(sample: &'s Sample<'s>) -> Self {
        Self::with(sample, Cow::Owned(vec![1; sample.num_records()]))
    }

    /// Record `i` counts `counts[i]` times; records beyond the end of `counts` are left out.
    pub fn counted(sample: &'s Sample<'s>, counts: &'s [u32]) -> Self {
        if counts.len() == sample.num_records() {
            return Self::with(sample, Cow::Borrowed(counts));
        }
        let mut counts = counts.to_vec();
        counts.resize(sample.num_records(), 0);
        Self::with(sample, Cow::Owned(counts))
    }

    fn with(sample: &'s Sample<'s>, counts: Cow<'s, [u32]>) -> Self {
        let total = counts.iter().map(|count| u64::from(*count)).sum();
        let tallies = OnceCell::new();
        Self {
            sample,
            counts,
            total,
            tallies,
        }
    }

    /// The truth.
    pub fn truth(&self) -> Truth<'s> {
        self.sample.truth()
    }

    /// The scores, `[N, width]`.
    pub fn scores(&self) -> &'s [f64] {
        self.sample.scores()
    }

    /// Scores a record: classes, labels, or 1.
    pub fn width(&self) -> usize {
        self.sample.width()
    }

    /// Top class of each record; empty unless the truth is classes.
    pub fn predicted(&self) -> &'s [usize] {
        self.sample.predicted()
    }

    /// How often each record counts, `N` long.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// How many records there are, repeated ones as often as they count.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// True class of each record; `None` unless the truth is classes.
    pub fn labels(&self) -> Option<&'s [usize]> {
        match self.truth() {
            Truth::Classes { labels, .. } => Some(labels),
            Truth::Labels { .. } | Truth::Values(_) => None,
        }
    }

    /// `[N, K]` true labels; `None` unless the truth is label sets.
    pub fn label_sets(&self) -> Option<&'s [bool]> {
        match self.truth() {
            Truth::Labels { values, .. } => Some(values),
            Truth::Classes { .. } | Truth::Values(_) => None,
        }
    }

    /// True values; `None` unless the truth is values.
    pub fn values(&self) -> Option<&'s [f64]> {
        match self.truth() {
            Truth::Values(values) => Some(values),
            Truth::Classes { .. } | Truth::Labels { .. } => None,
        }
    }

    /// Mean over the records of a number that belongs to each; `None` if no record counts.
    pub fn mean(&self, number: impl Fn(usize) -> f64) -> Option<f64> {
        if self.total == 0 {
            return None;
        }
        let sum: f64 = self
            .counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(row, count)| f64::from(*count) * number(row))
            .sum();
        Some(sum / self.total as f64)
    }

    /// Decisions by class or label, counted once for all metrics that need them; empty for values.
    pub fn tallies(&self) -> &[Tally] {
        self.tallies.get_or_init(|| match self.truth() {
            Truth::Classes { labels, .. } => self.class_tallies(labels),
            Truth::Labels { values, .. } => self.label_tallies(values),
            Truth::Values(_) => Vec::new(),
        })
    }

    fn class_tallies(&self, labels: &[usize]) -> Vec<Tally> {
        let mut tallies = vec![Tally::default(); self.width()];
        for ((label, predicted), count) in labels.iter().zip(self.predicted()).zip(self.counts()) {
            let count = u64::from(*count);
            tallies[*label].actual += count;
            tallies[*predicted].predicted += count;
            tallies[*label].hits += if label == predicted { count } else { 0 };
        }
        tallies
    }

    fn label_tallies(&self, values: &[bool]) -> Vec<Tally> {
        let width = self.width();
        let mut tallies = vec![Tally::default(); width];
        let rows = values
            .chunks_exact(width)
            .zip(self.scores().chunks_exact(width));
        for ((truth, scores), count) in rows.zip(self.counts()) {
            let count = u64::from(*count);
            for ((tally, actual), score) in tallies.iter_mut().zip(truth).zip(scores) {
                let predicted = is_label(*score);
                tally.actual += count * u64::from(*actual);
                tally.predicted += count * u64::from(predicted);
                tally.hits += count * u64::from(*actual && predicted);
            }
        }
        tallies
    }

    /// Whether a record has a class or label, `column`.
    pub(crate) fn has(&self, row: usize, column: usize) -> bool {
        match self.truth() {
            Truth::Classes { labels, .. } => labels[row] == column,
            Truth::Labels { values, .. } => values[row * self.width() + column],
            Truth::Values(_) => false,
        }
    }

    /// The records from the highest to the lowest key.
    pub(crate) fn order(&self, key: Key) -> &'s Order {
        self.sample.order(key)
    }
}

/// Whether a probability is enough for a label to be given: at least one half.
pub(crate) fn is_label(probability: f64) -> bool {
    probability >= 0.5
}
