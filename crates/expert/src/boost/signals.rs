//! Series and pairs of numbers as columns for trees.
//!
//! A series becomes its summary features and its course in steps of equal length: trees find which moment matters.
//! Two numbers become their quotient and difference, which trees can only build up step by step otherwise.

use data::{Dataset, series_features};
use schema::{Modality, SeriesScale};
use serde::{Deserialize, Serialize};

/// Most numbers of which pairs are made.
const MOST_NUMBERS: usize = 8;
/// The deviation of a series is not believed to be less than this share of its largest deviation from the mean.
const FLATTEST: f32 = 1e-6;

/// How series and pairs are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SignalForm {
    /// Moments that a series is brought to.
    pub(super) len: usize,
    /// Steps of the course, by channel.
    pub(super) num_steps: usize,
    /// How the course is scaled.
    pub(super) scale: SeriesScale,
    /// Whether numbers are paired.
    pub(super) pairs: bool,
}

/// A series as fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Signal {
    /// Place among the expert's inputs.
    input: usize,
    num_channels: usize,
    /// Features of one series.
    width: usize,
}

/// Series and pairs as fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct FittedSignals {
    form: SignalForm,
    signals: Vec<Signal>,
    /// Places of two numbers among the expert's inputs.
    pairs: Vec<(usize, usize)>,
}

impl FittedSignals {
    /// Learns the number of channels of each series; the first present row says it.
    pub(super) fn fit(dataset: &Dataset, cols: &[usize], rows: &[usize], form: SignalForm) -> Self {
        let of = |modality: Modality| {
            let is_of =
                move |(_, col): &(usize, &usize)| dataset.columns()[**col].modality == modality;
            cols.iter().enumerate().filter(is_of)
        };
        let signal = |(input, col): (usize, &usize)| {
            let mut series = rows
                .iter()
                .filter_map(|row| dataset.series(*col, *row, form.len));
            let first = series.next()?;
            let num_channels = first.num_channels;
            let width = series_features(&first).len() + num_channels * form.num_steps;
            (num_channels > 0).then_some(Signal {
                input,
                num_channels,
                width,
            })
        };
        let numbers: Vec<usize> = of(Modality::Number).map(|(input, _)| input).collect();
        let mut pairs = Vec::new();
        if form.pairs && numbers.len() <= MOST_NUMBERS {
            for (place, a) in numbers.iter().enumerate() {
                pairs.extend(numbers[place + 1..].iter().map(|b| (*a, *b)));
            }
        }
        Self {
            signals: of(Modality::Series).filter_map(signal).collect(),
            form,
            pairs,
        }
    }

    /// Number of features.
    pub(super) fn width(&self) -> usize {
        let series: usize = self.signals.iter().map(|signal| signal.width).sum();
        series + 2 * self.pairs.len()
    }

    /// Whether it can have been fitted on `num_inputs` columns.
    pub(super) fn fits(&self, num_inputs: usize) -> bool {
        let is_sound = |signal: &Signal| {
            signal.input < num_inputs && signal.width >= signal.num_channels * self.form.num_steps
        };
        let is_pair = |pair: &(usize, usize)| pair.0 < num_inputs && pair.1 < num_inputs;
        self.signals.iter().all(is_sound) && self.pairs.iter().all(is_pair)
    }

    /// Adds the features of a row; NaN for what is missing, or of another shape than training saw.
    pub(super) fn push(&self, dataset: &Dataset, cols: &[usize], row: usize, to: &mut Vec<f32>) {
        for signal in &self.signals {
            let start = to.len();
            let series = dataset
                .series(cols[signal.input], row, self.form.len)
                .filter(|series| series.num_channels == signal.num_channels);
            if let Some(series) = series {
                to.extend(series_features(&series));
                for channel in 0..series.num_channels {
                    let values = series
                        .values
                        .iter()
                        .skip(channel)
                        .step_by(series.num_channels);
                    let values: Vec<f32> = values.copied().collect();
                    course(&values, &self.form, to);
                }
            }
            to.resize(start + signal.width, f32::NAN);
        }
        for (a, b) in &self.pairs {
            let number = |input: usize| dataset.number(cols[input], row).unwrap_or(f64::NAN);
            let (a, b) = (number(*a), number(*b));
            let finite = |value: f64| {
                if value.is_finite() {
                    value as f32
                } else {
                    f32::NAN
                }
            };
            to.extend([finite(a / b), finite(a - b)]);
        }
    }
}

/// Means over steps of equal length, scaled.
fn course(values: &[f32], form: &SignalForm, to: &mut Vec<f32>) {
    let count = values.len().max(1) as f32;
    let mean = values.iter().sum::<f32>() / count;
    let square = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f32>()
        / count;
    let furthest = values
        .iter()
        .map(|value| (value - mean).abs())
        .fold(0.0, f32::max);
    let (shift, factor) = match form.scale {
        SeriesScale::Train => (0.0, 1.0),
        SeriesScale::Centred => (mean, 1.0),
        SeriesScale::Own => (
            mean,
            1.0 / square
                .sqrt()
                .max(furthest * FLATTEST)
                .max(f32::MIN_POSITIVE),
        ),
    };
    to.extend((0..form.num_steps).map(|step| {
        // Steps share a moment where there are fewer moments than steps.
        let first = (step * values.len() / form.num_steps).min(values.len().saturating_sub(1));
        let end = ((step + 1) * values.len() / form.num_steps).max(first + 1);
        let part = &values[first..end.min(values.len())];
        let sum: f32 = part.iter().sum();
        (sum / part.len().max(1) as f32 - shift) * factor
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(num_steps: usize, scale: SeriesScale) -> SignalForm {
        SignalForm {
            len: 8,
            num_steps,
            scale,
            pairs: false,
        }
    }

    /// By hand: mean 4, deviation 2 for 2, 2, 6, 6.
    #[test]
    fn a_course_is_means_of_steps_on_the_scale_that_was_asked_for() {
        let of = |num_steps, scale| {
            let mut steps = Vec::new();
            course(&[2.0, 2.0, 6.0, 6.0], &form(num_steps, scale), &mut steps);
            steps
        };
        assert_eq!(of(2, SeriesScale::Train), [2.0, 6.0]);
        assert_eq!(of(2, SeriesScale::Centred), [-2.0, 2.0]);
        assert_eq!(of(2, SeriesScale::Own), [-1.0, 1.0]);
        assert_eq!(of(4, SeriesScale::Own), [-1.0, -1.0, 1.0, 1.0]);
        assert_eq!(of(8, SeriesScale::Train).len(), 8);
    }

    #[test]
    fn a_flat_or_empty_series_gives_finite_steps() {
        for values in [&[][..], &[3.0; 8]] {
            let mut steps = Vec::new();
            course(values, &form(4, SeriesScale::Own), &mut steps);
            assert_eq!(steps, [0.0; 4]);
        }
    }
}
