//! Statistics of the channels of series, over as many records as one likes.

use schema::Series;

/// What a channel's values are like; gaps do not count.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ChannelStats {
    /// Values that are no gap.
    pub count: u64,
    /// Their mean; 0 if there is none.
    pub mean: f64,
    /// Sum of their squared distances from the mean.
    pub squares: f64,
    /// The lowest; infinity if there is none.
    pub min: f32,
    /// The highest; minus infinity if there is none.
    pub max: f32,
}

impl Default for ChannelStats {
    fn default() -> Self {
        Self {
            count: 0,
            mean: 0.0,
            squares: 0.0,
            min: f32::INFINITY,
            max: f32::NEG_INFINITY,
        }
    }
}

impl ChannelStats {
    /// Standard deviation of the values, 0 if there is none.
    pub fn deviation(&self) -> f64 {
        (self.squares / self.count.max(1) as f64).sqrt()
    }

    /// Statistics of both sets of values together.
    ///
    /// Source: Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance".
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let count = self.count + other.count;
        if count == 0 {
            return self;
        }
        let share = other.count as f64 / count as f64;
        let delta = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + delta * share,
            squares: self.squares + other.squares + delta * delta * self.count as f64 * share,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }
}

/// Statistics of each channel of a series, `C` of them.
pub fn channel_stats(series: &Series) -> Vec<ChannelStats> {
    (0..series.num_channels)
        .map(|channel| of_values(&channel_values(series, channel)))
        .collect()
}

/// The values of a channel, gaps left out.
pub(super) fn channel_values(series: &Series, channel: usize) -> Vec<f32> {
    let step = series.num_channels.max(1);
    let values = series.values.iter().skip(channel).step_by(step);
    values.copied().filter(|value| !value.is_nan()).collect()
}

pub(super) fn of_values(values: &[f32]) -> ChannelStats {
    let count = values.len() as u64;
    let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / count.max(1) as f64;
    let squares = values
        .iter()
        .map(|value| (f64::from(*value) - mean).powi(2));
    ChannelStats {
        count,
        mean,
        squares: squares.sum(),
        min: values.iter().copied().fold(f32::INFINITY, f32::min),
        max: values.iter().copied().fold(f32::NEG_INFINITY, f32::max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_statistics_are_those_of_all_values_and_gaps_do_not_count() {
        let series = |values: &[f32]| Series {
            num_channels: 2,
            rate_hz: None,
            values: values.to_vec(),
        };
        let gap = f32::NAN;
        let a = channel_stats(&series(&[1.0, gap, 2.0, 5.0]));
        let b = channel_stats(&series(&[6.0, gap, gap, gap]));
        let first = a[0].merge(b[0]);
        // 1, 2, 6: mean 3, variance (4 + 1 + 9) / 3.
        assert_eq!((first.count, first.mean), (3, 3.0));
        assert!((first.deviation() - (14.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!((first.min, first.max), (1.0, 6.0));
        let second = a[1].merge(b[1]);
        assert_eq!(
            (second.count, second.mean, second.deviation()),
            (1, 5.0, 0.0)
        );
        let none = b[1].merge(ChannelStats::default());
        assert_eq!((none.count, none.mean, none.deviation()), (0, 0.0, 0.0));
    }
}
