//! Random changes of training series: amplitude, offset, shift in time, noise.

use schema::Rng;

use super::stats::of_values;

/// How much training series are changed. Source: own recipe after the usual changes of biosignals.
///
/// Each amount but the noise is the largest change; the change of a record is drawn evenly up to it.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeriesAugment {
    /// Amplitude around the mean, of all channels alike, as a fraction; default 0.2.
    pub amplitude: f64,
    /// Offset of each channel, in deviations of the channel in this record; default 0.2.
    pub offset: f64,
    /// Shift in time as a fraction of the length, ends held; default 0.03.
    pub shift: f64,
    /// Deviation of the noise, in deviations of the channel in this record; default 0.03.
    pub noise: f64,
}

impl Default for SeriesAugment {
    fn default() -> Self {
        Self {
            amplitude: 0.2,
            offset: 0.2,
            shift: 0.03,
            noise: 0.03,
        }
    }
}

/// Changes values `[T, C]` in place, all random numbers from `rng`; gaps stay gaps and move with the shift.
///
/// `values` must hold whole moments of `num_channels`, or nothing is changed.
pub fn augment_series(
    values: &mut [f32],
    num_channels: usize,
    config: &SeriesAugment,
    rng: &mut Rng,
) {
    if num_channels == 0 || values.is_empty() || !values.len().is_multiple_of(num_channels) {
        return;
    }
    let moments = values.len() / num_channels;
    let gain = 1.0 + rng.between(-config.amplitude, config.amplitude);
    let shift = rng.between(-config.shift, config.shift) * moments as f64;
    shift_in_time(values, num_channels, shift.round() as isize);
    for channel in 0..num_channels {
        let there = values.iter().skip(channel).step_by(num_channels).copied();
        let there: Vec<f32> = there.filter(|value| !value.is_nan()).collect();
        let stats = of_values(&there);
        let deviation = stats.deviation();
        let offset = rng.between(-config.offset, config.offset) * deviation + stats.mean;
        for value in values.iter_mut().skip(channel).step_by(num_channels) {
            let noise = match config.noise > 0.0 {
                true => rng.normal() * config.noise * deviation,
                false => 0.0,
            };
            *value = ((f64::from(*value) - stats.mean) * gain + offset + noise) as f32;
        }
    }
}

/// Moves moments later (or earlier, if negative), the first (last) one repeated.
fn shift_in_time(values: &mut [f32], num_channels: usize, by: isize) {
    let moments = values.len() / num_channels;
    let steps = by.unsigned_abs().min(moments - 1);
    let (kept, edge) = ((moments - steps) * num_channels, steps * num_channels);
    if by > 0 {
        values.copy_within(..kept, edge);
        for moment in 1..=steps {
            values.copy_within(..num_channels, moment * num_channels);
        }
    } else {
        values.copy_within(edge.., 0);
        let last = kept - num_channels;
        for moment in moments - steps..moments {
            values.copy_within(last..kept, moment * num_channels);
        }
    }
}

#[cfg(test)]
mod tests {
    use schema::Seed;

    use super::*;

    const NONE: SeriesAugment = SeriesAugment {
        amplitude: 0.0,
        offset: 0.0,
        shift: 0.0,
        noise: 0.0,
    };

    #[test]
    fn no_change_is_the_series_itself_and_gaps_stay() {
        let mut values = [1.0, 2.0, f32::NAN, 4.0];
        augment_series(&mut values, 2, &NONE, &mut Seed(1).rng());
        assert_eq!((values[0], values[1], values[3]), (1.0, 2.0, 4.0));
        assert!(values[2].is_nan());
        let mut odd = [1.0, 2.0, 3.0];
        augment_series(&mut odd, 2, &SeriesAugment::default(), &mut Seed(1).rng());
        assert_eq!(odd, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn shifts_hold_the_ends() {
        let moved = |by| {
            let mut values = [1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 4.0, -4.0];
            shift_in_time(&mut values, 2, by);
            values
        };
        assert_eq!(moved(2), [1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 2.0, -2.0]);
        assert_eq!(moved(-1), [2.0, -2.0, 3.0, -3.0, 4.0, -4.0, 4.0, -4.0]);
        assert_eq!(moved(100), [1.0, -1.0].repeat(4)[..]);
    }

    #[test]
    fn amplitudes_stay_in_their_range_and_the_same_place_draws_the_same() {
        let config = SeriesAugment {
            amplitude: 0.2,
            ..NONE
        };
        for record in 0..50 {
            let mut values = [-1.0, 1.0];
            augment_series(&mut values, 1, &config, &mut Seed(3).at(record).rng());
            assert!((0.8..=1.2).contains(&values[1]), "{values:?}");
            assert_eq!(values[0], -values[1]);
        }
        let draw = |record| {
            let mut values: Vec<f32> = (0..64).map(|x| x as f32).collect();
            augment_series(
                &mut values,
                2,
                &SeriesAugment::default(),
                &mut Seed(3).at(record).rng(),
            );
            values
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
