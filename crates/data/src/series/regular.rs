//! Series of any length to one length, and gaps filled.

use schema::Series;

/// Brings a series to `len` moments over the same span of time.
///
/// A triangle filter as wide as two moments of the coarser side: straight lines between moments when there become
/// more, antialiased means when there become fewer. A gap counts for nothing in them; where all is gap, a gap stays.
/// An empty series, or a `len` of 0, gives a series without moments.
#[must_use]
pub fn resample_len(series: &Series, len: usize) -> Series {
    let channels = series.num_channels;
    let moments = series.values.len() / channels.max(1);
    if moments == len {
        return series.clone();
    }
    let mut values = Vec::with_capacity(len * channels);
    let ratio = moments as f64 / len.max(1) as f64;
    let reach = ratio.max(1.0);
    let mut sums = vec![(0.0_f64, 0.0_f64); channels];
    for at in (0..len).take_while(|_| moments > 0) {
        let centre = (at as f64 + 0.5) * ratio;
        // The first and last moments are held beyond the ends by renormalising what is there.
        let first = (centre - reach + 0.5).max(0.0) as usize;
        let end = ((centre + reach + 0.5) as usize).min(moments);
        sums.fill((0.0, 0.0));
        for moment in first..end {
            let weight = 1.0 - ((moment as f64 + 0.5 - centre) / reach).abs();
            let row = &series.values[moment * channels..][..channels];
            for ((sum, weights), value) in sums.iter_mut().zip(row) {
                if weight > 0.0 && !value.is_nan() {
                    *sum += weight * f64::from(*value);
                    *weights += weight;
                }
            }
        }
        values.extend(sums.iter().map(|(sum, weights)| match *weights > 0.0 {
            true => (sum / weights) as f32,
            false => f32::NAN,
        }));
    }
    Series {
        num_channels: channels,
        rate_hz: series
            .rate_hz
            .filter(|_| moments > 0)
            .map(|rate| rate / ratio),
        values,
    }
}

/// Fills gaps by straight lines between their ends; a gap at an end holds its neighbour, a channel that is nothing but
/// gap becomes 0. Returns how many values were filled.
pub fn fill_gaps(series: &mut Series) -> usize {
    let channels = series.num_channels;
    let mut filled = 0;
    for channel in 0..channels {
        let mut known: Option<(usize, f32)> = None;
        let moments = series.values.len() / channels;
        let mut moment = 0;
        while moment < moments {
            let value = series.values[moment * channels + channel];
            if !value.is_nan() {
                known = Some((moment, value));
                moment += 1;
                continue;
            }
            let next = (moment..moments)
                .map(|at| (at, series.values[at * channels + channel]))
                .find(|(_, value)| !value.is_nan());
            let end = next.map_or(moments, |(at, _)| at);
            filled += end - moment;
            for at in moment..end {
                series.values[at * channels + channel] = between(known, next, at);
            }
            moment = end;
        }
    }
    filled
}

fn between(before: Option<(usize, f32)>, after: Option<(usize, f32)>, at: usize) -> f32 {
    match (before, after) {
        (Some((start, a)), Some((end, b))) => {
            a + (b - a) * ((at - start) as f32 / (end - start) as f32)
        }
        (Some((_, value)), None) | (None, Some((_, value))) => value,
        (None, None) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: f32 = f32::NAN;

    fn series(num_channels: usize, values: &[f32]) -> Series {
        Series {
            num_channels,
            rate_hz: Some(8.0),
            values: values.to_vec(),
        }
    }

    #[test]
    fn fewer_moments_are_means_and_more_are_straight_lines() {
        let flat = resample_len(&series(2, &[3.0, -1.0].repeat(7)), 3);
        assert_eq!(flat.values, [3.0, -1.0].repeat(3));
        // Triangle of half width 2 around 1.0 and 3.0: (0 * .75 + 1 * .75 + 2 * .25) / 1.75, and its mirror.
        let halved = resample_len(&series(1, &[0.0, 1.0, 2.0, 3.0]), 2);
        assert!((halved.values[0] - 1.25 / 1.75).abs() < 1e-6, "{halved:?}");
        assert!((halved.values[1] - (3.0 - 1.25 / 1.75)).abs() < 1e-6);
        assert_eq!(halved.rate_hz, Some(4.0));
        let doubled = resample_len(&series(1, &[0.0, 1.0]), 4);
        assert_eq!(doubled.values, [0.0, 0.25, 0.75, 1.0]);
        assert_eq!(doubled.rate_hz, Some(16.0));
    }

    #[test]
    fn gaps_count_for_nothing_and_stay_where_all_is_gap() {
        let halved = resample_len(&series(1, &[GAP, 4.0, 4.0, GAP, GAP, GAP, GAP, GAP]), 4);
        assert_eq!(halved.values[..2], [4.0, 4.0]);
        assert!(halved.values[3].is_nan());
        assert!(resample_len(&series(1, &[]), 4).values.is_empty());
        assert!(resample_len(&series(1, &[1.0]), 0).values.is_empty());
    }

    #[test]
    fn gaps_are_filled_by_lines_and_ends_are_held() {
        let mut one = series(
            2,
            &[GAP, GAP, 1.0, GAP, GAP, GAP, GAP, GAP, 4.0, GAP, GAP, GAP],
        );
        assert_eq!(fill_gaps(&mut one), 10);
        let first: Vec<f32> = one.values.iter().copied().step_by(2).collect();
        assert_eq!(first, [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]);
        assert!(
            one.values
                .iter()
                .skip(1)
                .step_by(2)
                .all(|value| *value == 0.0)
        );
    }
}
