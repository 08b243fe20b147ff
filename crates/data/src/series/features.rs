//! Numbers that sum a series up, for boosting and linear models.
//!
//! Source: own choice among the usual features of series (`catch22`, `tsfresh`): distribution, slope, energy in
//! octaves of frequency, crossings, autocorrelation, and the course in 16 steps.

use schema::Series;

use super::stats::{channel_values, of_values};

/// Shares of the values that lie below the quantiles.
const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];
/// Distances of the autocorrelations in moments.
const LAGS: [usize; 6] = [1, 2, 4, 8, 16, 32];
/// Moments of a window whose spectrum is taken; half of it gives `BANDS` octaves.
const WINDOW: usize = 256;
const BANDS: usize = 7;
/// Windows that are looked at, evenly spread, so that a long series costs no more.
const MAX_WINDOWS: usize = 64;
/// Means of equal parts of the series.
const STEPS: usize = 16;
const PER_CHANNEL: usize = 14 + QUANTILES.len() + LAGS.len() + BANDS + STEPS;

/// Names of the numbers that [`series_features`] gives, in its order.
pub fn series_feature_names(num_channels: usize) -> Vec<String> {
    let plain = [
        "missing",
        "len",
        "mean",
        "deviation",
        "min",
        "max",
        "slope",
        "skewness",
        "kurtosis",
        "roughness",
        "zero_crossings",
        "min_at",
        "max_at",
        "last",
    ];
    let mut of_one: Vec<String> = plain.map(str::to_owned).into();
    of_one.extend(QUANTILES.map(|share| format!("quantile_{:02.0}", share * 100.0)));
    of_one.extend(LAGS.map(|lag| format!("autocorrelation_{lag}")));
    of_one.extend((0..BANDS).map(|band| format!("energy_{band}")));
    of_one.extend((0..STEPS).map(|step| format!("step_{step:02}")));
    (0..num_channels)
        .flat_map(|channel| of_one.iter().map(move |name| format!("{channel}.{name}")))
        .collect()
}

/// Sums each channel up, 48 numbers a channel, channel by channel; all are finite.
///
/// Gaps are left out first, so that a gap shortens the series; a channel without a value gives zeros and a share
/// missing of 1. Distances in time count moments, or are shares of the length (`min_at`, `max_at`); `slope` is the rise
/// over the whole length; `energy_k` is the share of the octave from 2^k / 256 to 2^(k+1) / 256 of the rate.
pub fn series_features(series: &Series) -> Vec<f32> {
    let mut out = Vec::with_capacity(series.num_channels * PER_CHANNEL);
    for channel in 0..series.num_channels {
        let values = channel_values(series, channel);
        let moments = series.values.len() / series.num_channels;
        let missing = 1.0 - values.len() as f64 / moments.max(1) as f64;
        let features = of_channel(&values, missing);
        out.extend(
            features
                .iter()
                .map(|value| super::kept(*value))
                .map(|value| {
                    // Quotients of huge values may pass f32.
                    if value.is_nan() { 0.0 } else { value }
                }),
        );
    }
    out
}

fn of_channel(values: &[f32], missing: f64) -> Vec<f64> {
    let mut out = vec![missing, values.len() as f64];
    if values.is_empty() {
        out.resize(PER_CHANNEL, 0.0);
        return out;
    }
    let stats = of_values(values);
    let (mean, deviation) = (stats.mean, stats.deviation());
    out.extend([mean, deviation, stats.min.into(), stats.max.into()]);
    let centred: Vec<f64> = values
        .iter()
        .map(|value| f64::from(*value) - mean)
        .collect();
    let num = centred.len() as f64;
    let moment = |power: i32| {
        let scale = if deviation > 0.0 { deviation } else { 1.0 };
        centred.iter().map(|x| (x / scale).powi(power)).sum::<f64>() / num
    };
    let steps = centred.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    let crossings = centred
        .windows(2)
        .filter(|pair| (pair[0] < 0.0) != (pair[1] < 0.0));
    let at = |wanted: f32| {
        let place = values.iter().position(|value| *value == wanted);
        place.unwrap_or(0) as f64 / num
    };
    out.extend([
        slope(&centred),
        moment(3),
        moment(4),
        steps.sum::<f64>() / (num - 1.0).max(1.0),
        crossings.count() as f64 / (num - 1.0).max(1.0),
        at(stats.min),
        at(stats.max),
        values[values.len() - 1].into(),
    ]);
    out.extend(quantiles(values));
    out.extend(LAGS.map(|lag| autocorrelation(&centred, stats.squares, lag)));
    out.extend(octaves(&centred));
    out.extend((0..STEPS).map(|step| {
        // Parts share a value where there are fewer values than parts.
        let first = (step * values.len() / STEPS).min(values.len() - 1);
        let end = ((step + 1) * values.len()).div_ceil(STEPS).max(first + 1);
        let part = &values[first..end.min(values.len())];
        part.iter().map(|value| f64::from(*value)).sum::<f64>() / part.len() as f64
    }));
    out
}

/// Rise of the best straight line over the whole length.
fn slope(centred: &[f64]) -> f64 {
    let middle = (centred.len() as f64 - 1.0) / 2.0;
    let times = (0..centred.len()).map(|at| at as f64 - middle);
    let (mut product, mut square) = (0.0, 0.0);
    for (time, value) in times.zip(centred) {
        product += time * value;
        square += time * time;
    }
    if square == 0.0 {
        return 0.0;
    }
    product / square * (centred.len() as f64 - 1.0)
}

/// Values at the nearest rank.
fn quantiles(values: &[f32]) -> [f64; QUANTILES.len()] {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    QUANTILES.map(|share| f64::from(sorted[(share * (sorted.len() - 1) as f64).round() as usize]))
}

fn autocorrelation(centred: &[f64], squares: f64, lag: usize) -> f64 {
    if squares == 0.0 || lag >= centred.len() {
        return 0.0;
    }
    let pairs = centred.iter().zip(&centred[lag..]);
    pairs.map(|(a, b)| a * b).sum::<f64>() / squares
}

/// Shares of the energy in octaves, mean over windows with a Hann taper. Source: Welch 1967.
fn octaves(centred: &[f64]) -> [f64; BANDS] {
    let mut bands = [0.0; BANDS];
    let num_windows = (centred.len() / (WINDOW / 2)).clamp(1, MAX_WINDOWS);
    let room = centred.len().saturating_sub(WINDOW);
    for window in 0..num_windows {
        let first = window * room / (num_windows - 1).max(1);
        let part = &centred[first..(first + WINDOW).min(centred.len())];
        let mut real = [0.0; WINDOW];
        let mut imaginary = [0.0; WINDOW];
        let turn = std::f64::consts::TAU / part.len() as f64;
        for (at, (real, value)) in real.iter_mut().zip(part).enumerate() {
            *real = value * (1.0 - (turn * (at as f64 + 0.5)).cos());
        }
        fourier(&mut real, &mut imaginary);
        for (band, energy) in bands.iter_mut().enumerate() {
            for bin in 1 << band..2 << band {
                *energy += real[bin] * real[bin] + imaginary[bin] * imaginary[bin];
            }
        }
    }
    let sum: f64 = bands.iter().sum();
    if sum > 0.0 {
        bands.map(|energy| energy / sum)
    } else {
        bands
    }
}

/// Fourier transform in place. Source: Cooley, Tukey 1965, radix 2.
fn fourier(real: &mut [f64; WINDOW], imaginary: &mut [f64; WINDOW]) {
    let bits = WINDOW.trailing_zeros();
    for at in 0..WINDOW {
        let mirror = at.reverse_bits() >> (usize::BITS - bits);
        if at < mirror {
            real.swap(at, mirror);
            imaginary.swap(at, mirror);
        }
    }
    let mut half = 1;
    while half < WINDOW {
        let turn = -std::f64::consts::PI / half as f64;
        for step in 0..half {
            let (sin, cos) = (turn * step as f64).sin_cos();
            for low in (step..WINDOW).step_by(half * 2) {
                let high = low + half;
                let re = real[high] * cos - imaginary[high] * sin;
                let im = real[high] * sin + imaginary[high] * cos;
                (real[high], imaginary[high]) = (real[low] - re, imaginary[low] - im);
                (real[low], imaginary[low]) = (real[low] + re, imaginary[low] + im);
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounding of f32 features of sums in f64.
    const TOL: f32 = 1e-5;

    fn feature(series: &Series, name: &str) -> f32 {
        let names = series_feature_names(series.num_channels);
        let features = series_features(series);
        assert_eq!(names.len(), features.len());
        features[names.iter().position(|other| other == name).unwrap()]
    }

    fn one(values: Vec<f32>) -> Series {
        Series {
            num_channels: 1,
            rate_hz: None,
            values,
        }
    }

    /// By hand for 0, 1, 2, 3, 4.
    #[test]
    fn a_ramp_has_its_known_features() {
        let ramp = one(vec![0.0, 1.0, f32::NAN, 2.0, 3.0, 4.0]);
        for (name, expected) in [
            ("0.missing", 1.0 / 6.0),
            ("0.mean", 2.0),
            ("0.deviation", 2.0_f32.sqrt()),
            ("0.slope", 4.0),
            ("0.skewness", 0.0),
            // (16 + 1 + 0 + 1 + 16) / 5 / 4.
            ("0.kurtosis", 1.7),
            ("0.roughness", 1.0),
            ("0.zero_crossings", 0.25),
            ("0.quantile_50", 2.0),
            ("0.max_at", 0.8),
            // (2 + 0 + 0 + 2) / 10.
            ("0.autocorrelation_1", 0.4),
            ("0.step_00", 0.0),
            ("0.step_15", 4.0),
        ] {
            let got = feature(&ramp, name);
            assert!(
                (got - expected).abs() < TOL,
                "{name}: {got}, expected {expected}"
            );
        }
    }

    #[test]
    fn a_tone_lies_in_its_octave() {
        // 20 turns in 256 moments: the octave from 16 to 32.
        let tone = (0..1000).map(|at| (at as f32 * 20.0 / 256.0 * std::f32::consts::TAU).sin());
        let tone = one(tone.collect());
        assert!(feature(&tone, "0.energy_4") > 0.98);
        let shares: f32 = (0..BANDS)
            .map(|band| feature(&tone, &format!("0.energy_{band}")))
            .sum();
        assert!((shares - 1.0).abs() < TOL);
    }

    #[test]
    fn series_of_every_kind_have_finite_features() {
        for values in [
            vec![],
            vec![f32::NAN; 8],
            vec![1.0; 8],
            vec![f32::MAX, f32::MIN, f32::MAX, f32::MIN],
            (0..600).map(|x| (x % 7) as f32).collect(),
        ] {
            let series = Series {
                num_channels: 2,
                rate_hz: None,
                values,
            };
            let features = series_features(&series);
            assert_eq!(features.len(), 2 * PER_CHANNEL);
            assert!(features.iter().all(|value| value.is_finite()));
        }
        assert!(
            series_features(&Series {
                num_channels: 0,
                rate_hz: None,
                values: vec![]
            })
            .is_empty()
        );
    }
}
