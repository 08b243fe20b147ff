//! Fields of a table as columns for trees.
//!
//! Numbers stay as they are. A field of few levels becomes a column a level; one of many becomes the mean of the
//! target over the records of each level, pulled towards the mean of all.
//!
//! # Source
//! Micci-Barreca 2001, "A preprocessing scheme for high-cardinality categorical attributes". Training records see
//! means from the other folds only, or trees would read the target off them.

use data::Dataset;
use schema::Seed;
use serde::{Deserialize, Serialize};

use super::signals::{FittedSignals, SignalForm};
use crate::{
    Aim,
    tabular::{Cells, FittedTabular},
};

/// Up to this number of levels each has a column of its own.
const FEW_LEVELS: usize = 12;
/// Outputs for which means of the target are kept; for more there would be too many columns.
const MAX_OUTPUTS: usize = 10;
/// Weight of the mean of all in the mean of a level, in records.
const PULL: f64 = 3.0;
/// Folds for training records.
const NUM_FOLDS: usize = 5;

/// Means of the target by level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct LevelMeans {
    /// `[levels, outputs]`
    means: Vec<f32>,
    /// Logarithm of 1 + the number of training records, by level.
    counts: Vec<f32>,
}

/// Fields to columns, as fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct BoostFeatures {
    tabular: FittedTabular,
    num_outputs: usize,
    /// By field; `None` where levels have columns of their own, or there are none.
    level_means: Vec<Option<LevelMeans>>,
    /// Behind the fields.
    signals: FittedSignals,
}

impl BoostFeatures {
    /// Fits on training rows and gives their features `[N, F]`.
    pub(super) fn fit(
        (dataset, cols, rows): (&Dataset, &[usize], &[usize]),
        (aim, num_outputs): (&Aim, usize),
        form: SignalForm,
        seed: Seed,
    ) -> (Self, Vec<f32>) {
        let tabular = FittedTabular::fit(dataset, cols, rows);
        let cells = tabular.cells(dataset, cols, rows);
        let signals = FittedSignals::fit(dataset, cols, rows, form);
        let targets = Targets::new(aim, num_outputs);
        let mut order: Vec<usize> = (0..rows.len()).collect();
        seed.named("level means").rng().shuffle(&mut order);
        let mut fold_of = vec![0; rows.len()];
        for (place, record) in order.into_iter().enumerate() {
            fold_of[record] = place % NUM_FOLDS;
        }
        let has_means = |field: usize| tabular.fields[field].num_levels() > FEW_LEVELS + 1;
        let means = |field: usize, is_in: &dyn Fn(usize) -> bool| {
            let num_levels = tabular.fields[field].num_levels();
            has_means(field).then(|| targets.means(&cells.levels[field], num_levels, is_in))
        };
        let fitted = |is_in: &dyn Fn(usize) -> bool| Self {
            tabular: tabular.clone(),
            num_outputs: targets.width,
            level_means: (0..tabular.fields.len())
                .map(|field| means(field, is_in))
                .collect(),
            signals: signals.clone(),
        };
        let whole = fitted(&|_| true);
        let mut features = whole.columns(&cells);
        if (0..tabular.fields.len()).any(has_means) {
            let width = features.len() / rows.len().max(1);
            for fold in 0..NUM_FOLDS {
                let others = fitted(&|record| fold_of[record] != fold).columns(&cells);
                for record in (0..rows.len()).filter(|record| fold_of[*record] == fold) {
                    let range = record * width..(record + 1) * width;
                    features[range.clone()].copy_from_slice(&others[range]);
                }
            }
        }
        let features = whole.with_signals(features, (dataset, cols, rows));
        (whole, features)
    }

    /// Features `[N, F]` of some rows.
    pub(super) fn rows(&self, dataset: &Dataset, cols: &[usize], rows: &[usize]) -> Vec<f32> {
        let fields = self.columns(&self.tabular.cells(dataset, cols, rows));
        self.with_signals(fields, (dataset, cols, rows))
    }

    /// Puts the features of series and pairs behind those of the fields, row by row.
    fn with_signals(
        &self,
        fields: Vec<f32>,
        (dataset, cols, rows): (&Dataset, &[usize], &[usize]),
    ) -> Vec<f32> {
        if self.signals.width() == 0 {
            return fields;
        }
        let width = self.fields_width();
        let mut features = Vec::with_capacity(rows.len() * self.width());
        for (place, row) in rows.iter().enumerate() {
            features.extend(&fields[place * width..(place + 1) * width]);
            self.signals.push(dataset, cols, *row, &mut features);
        }
        features
    }

    /// Whether it can have been fitted on `num_inputs` columns.
    pub(super) fn fits(&self, num_inputs: usize) -> bool {
        self.tabular.fits(num_inputs)
            && self.signals.fits(num_inputs)
            && self.level_means.len() == self.tabular.fields.len()
            && self
                .tabular
                .fields
                .iter()
                .zip(&self.level_means)
                .all(|(field, means)| {
                    means.as_ref().is_none_or(|means| {
                        means.counts.len() == field.num_levels()
                            && means.means.len() == field.num_levels() * self.num_outputs
                    })
                })
    }

    /// Number of features, `F`.
    pub(super) fn width(&self) -> usize {
        self.fields_width() + self.signals.width()
    }

    fn fields_width(&self) -> usize {
        let of = |(field, means): (&crate::tabular::Field, &Option<LevelMeans>)| {
            let levels = match means {
                Some(_) => self.num_outputs + 1,
                None => field.num_levels(),
            };
            usize::from(field.number.is_some()) + levels
        };
        self.tabular
            .fields
            .iter()
            .zip(&self.level_means)
            .map(of)
            .sum()
    }

    fn columns(&self, cells: &Cells) -> Vec<f32> {
        let mut features = Vec::with_capacity(cells.num_records * self.fields_width());
        for record in 0..cells.num_records {
            for (place, field) in self.tabular.fields.iter().enumerate() {
                if field.number.is_some() {
                    features.push(cells.numbers[place][record] as f32);
                }
                if field.num_levels() == 0 {
                    continue;
                }
                let level = cells.levels[place][record] as usize;
                match &self.level_means[place] {
                    Some(means) => {
                        let start = level * self.num_outputs;
                        features.extend(&means.means[start..start + self.num_outputs]);
                        features.push(means.counts[level]);
                    }
                    None => {
                        let is = |other: usize| if other == level { 1.0 } else { 0.0 };
                        features.extend((0..field.num_levels()).map(is));
                    }
                }
            }
        }
        features
    }
}

/// What means are taken of.
struct Targets {
    /// `[N, width]`
    values: Vec<f32>,
    width: usize,
}

impl Targets {
    fn new(aim: &Aim, num_outputs: usize) -> Self {
        let (values, width) = match aim {
            Aim::Values(values) => (values.clone(), 1),
            Aim::Classes(classes) if num_outputs == 2 => {
                (classes.iter().map(|class| *class as f32).collect(), 1)
            }
            Aim::Classes(classes) if num_outputs <= MAX_OUTPUTS => {
                let is = |class: u32| {
                    (0..num_outputs as u32).map(move |k| f32::from(u8::from(k == class)))
                };
                (
                    classes.iter().flat_map(|class| is(*class)).collect(),
                    num_outputs,
                )
            }
            Aim::Labels(labels) if num_outputs <= MAX_OUTPUTS => (labels.clone(), num_outputs),
            Aim::Classes(_) | Aim::Labels(_) => (Vec::new(), 0),
        };
        Self { values, width }
    }

    fn means(
        &self,
        levels: &[u32],
        num_levels: usize,
        is_in: &dyn Fn(usize) -> bool,
    ) -> LevelMeans {
        let mut sums = vec![0.0_f64; num_levels * self.width];
        let mut counts = vec![0.0_f64; num_levels];
        for (record, level) in levels
            .iter()
            .enumerate()
            .filter(|(record, _)| is_in(*record))
        {
            let level = *level as usize;
            counts[level] += 1.0;
            for output in 0..self.width {
                let value = self.values[record * self.width + output];
                sums[level * self.width + output] += f64::from(value);
            }
        }
        let total: f64 = counts.iter().sum::<f64>().max(1.0);
        let all: Vec<f64> = (0..self.width)
            .map(|output| sums.iter().skip(output).step_by(self.width).sum::<f64>() / total)
            .collect();
        let mean = |place: usize| {
            let (level, output) = (place / self.width, place % self.width);
            ((sums[place] + PULL * all[output]) / (counts[level] + PULL)) as f32
        };
        LevelMeans {
            means: (0..sums.len()).map(mean).collect(),
            counts: counts.iter().map(|count| count.ln_1p() as f32).collect(),
        }
    }
}
