//! Resampling: how much a value would move if other records had been held out.
//!
//! # Source
//! Efron and Tibshirani 1993, "An Introduction to the Bootstrap", ch. 13 (percentile interval).

use rayon::prelude::*;
use schema::Seed;

use crate::{MetricError, Sample};

/// A value and the interval that holds it with the chosen confidence.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    /// The value on the records as they are.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Draws resamples of clusters of records.
pub(crate) struct Resampler {
    num_records: usize,
    /// Records of all clusters, one cluster after the other.
    members: Vec<u32>,
    /// Where each cluster starts in `members`, and the end; empty if every record stands alone.
    starts: Vec<usize>,
    seed: Seed,
}

impl Resampler {
    /// Resamples the chosen rows (all if `None`), whole groups at a time if there are groups.
    pub(crate) fn new(
        sample: &Sample<'_>,
        rows: Option<&[usize]>,
        groups: Option<&[usize]>,
        seed: u64,
    ) -> Result<Self, MetricError> {
        let num_records = sample.num_records();
        let mut members: Vec<u32> = match rows {
            None => (0..num_records as u32).collect(),
            Some(rows) => rows.iter().map(|row| *row as u32).collect(),
        };
        if let Some(row) = rows.and_then(|rows| rows.iter().find(|row| **row >= num_records)) {
            return Err(MetricError::RowIndex {
                got: *row,
                num_records,
            });
        }
        if members.is_empty() {
            return Err(MetricError::Empty);
        }
        let mut starts = Vec::new();
        if let Some(groups) = groups {
            if groups.len() != num_records {
                return Err(MetricError::Length {
                    what: "groups",
                    got: groups.len(),
                    expected: num_records,
                });
            }
            let group = |member: u32| groups[member as usize];
            members.sort_by_key(|member| group(*member));
            let is_start =
                |place: &usize| *place == 0 || group(members[*place]) != group(members[place - 1]);
            starts = (0..members.len()).filter(is_start).collect();
            starts.push(members.len());
        }
        let seed = Seed(seed).named("bootstrap");
        Ok(Self {
            num_records,
            members,
            starts,
            seed,
        })
    }

    /// How many things are drawn independently of each other.
    pub(crate) fn num_clusters(&self) -> usize {
        match self.starts.len() {
            0 => self.members.len(),
            ends => ends - 1,
        }
    }

    /// How many records there are to draw.
    pub(crate) fn num_members(&self) -> usize {
        self.members.len()
    }

    /// The records as they are.
    pub(crate) fn original(&self) -> Vec<u32> {
        let mut counts = vec![0; self.num_records];
        for member in &self.members {
            counts[*member as usize] += 1;
        }
        counts
    }

    /// How often each record stands in a resample; the same for the same number, on whatever thread.
    fn resample(&self, number: usize) -> Vec<u32> {
        let mut rng = self.seed.at(number as u64).rng();
        let mut counts = vec![0; self.num_records];
        let clusters = self.num_clusters();
        for _ in 0..clusters {
            let cluster = rng.below(clusters);
            let members = match self.starts.as_slice() {
                [] => &self.members[cluster..=cluster],
                starts => &self.members[starts[cluster]..starts[cluster + 1]],
            };
            for member in members {
                counts[*member as usize] += 1;
            }
        }
        counts
    }

    /// Computes something on every resample, in parallel; results in the order of the resamples.
    pub(crate) fn map<T: Send>(
        &self,
        num_resamples: usize,
        compute: impl Fn(&[u32]) -> T + Sync,
    ) -> Vec<T> {
        (0..num_resamples)
            .into_par_iter()
            .map(|number| compute(&self.resample(number)))
            .collect()
    }
}

/// Percentile interval of sorted-or-not resampled values; the value itself if there are none.
pub(crate) fn percentile_interval(
    value: f64,
    mut resampled: Vec<f64>,
    confidence: f64,
) -> Interval {
    resampled.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    Interval {
        value,
        low: quantile(&resampled, tail).unwrap_or(value),
        high: quantile(&resampled, 1.0 - tail).unwrap_or(value),
    }
}

/// Linear between the two nearest, as numpy's default.
fn quantile(sorted: &[f64], fraction: f64) -> Option<f64> {
    let place = fraction * sorted.len().checked_sub(1)? as f64;
    let below = sorted[place.floor() as usize];
    let above = sorted[place.ceil() as usize];
    Some(below + (above - below) * place.fract())
}

/// Interval of a share of `trials` independent records: it has a width even if all or none pass, where every
/// resample is the same.
///
/// # Source
/// Wilson 1927, "Probable inference, the law of succession, and statistical inference".
pub(crate) fn share_interval(share: f64, trials: usize, confidence: f64) -> Interval {
    let z = normal_quantile(0.5 + confidence / 2.0);
    let trials = trials.max(1) as f64;
    let scale = 1.0 + z * z / trials;
    let middle = (share + z * z / (2.0 * trials)) / scale;
    let half =
        z / scale * (share * (1.0 - share) / trials + z * z / (4.0 * trials * trials)).sqrt();
    Interval {
        value: share,
        low: (middle - half).clamp(0.0, share),
        high: (middle + half).clamp(share, 1.0),
    }
}

/// Inverse of the normal distribution by bisection on [`normal_tail`].
fn normal_quantile(probability: f64) -> f64 {
    let (mut low, mut high) = (0.0, 40.0);
    // 60 halvings of 40 leave less than an f64 can tell.
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if 1.0 - normal_tail(middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

/// Chance that a standard normal number exceeds `z` >= 0, absolute error below 7.5e-8.
///
/// # Source
/// Abramowitz and Stegun 1964, "Handbook of Mathematical Functions", 26.2.17.
fn normal_tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let density = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let terms = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    density * terms.iter().rev().fold(0.0, |sum, term| (sum + term) * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numpys() {
        // np.quantile([1, 2, 4, 8], [0.025, 0.5, 0.975]) = 1.075, 3, 7.7
        let interval = percentile_interval(3.0, vec![8.0, 1.0, 4.0, 2.0], 0.95);
        assert!((interval.low - 1.075).abs() < 1e-12, "{interval:?}");
        assert!((interval.high - 7.7).abs() < 1e-12, "{interval:?}");
        let none = percentile_interval(3.0, vec![], 0.95);
        assert_eq!((none.low, none.high), (3.0, 3.0));
    }

    #[test]
    fn a_perfect_share_still_has_an_interval() {
        // By hand: n / (n + z^2) = 50 / (50 + 1.959964^2).
        let interval = share_interval(1.0, 50, 0.95);
        assert!((interval.low - 0.928_65).abs() < 1e-4, "{interval:?}");
        assert_eq!(interval.high, 1.0);
    }
}
