//! Statistics of a log-mel spectrogram as one vector, for a linear model.

use super::Spectrogram;

/// Statistics of a band over a stretch of time: mean, standard deviation, minimum, maximum, mean absolute difference
/// of neighbouring frames.
pub const STATISTICS_PER_BAND: usize = 5;
/// Equal parts of the time axis that have statistics of their own.
pub const NUM_TIME_BINS: usize = 8;

/// Width of [`pool`]'s vector for a number of bands.
pub fn pooled_len(num_mels: usize) -> usize {
    (1 + NUM_TIME_BINS) * STATISTICS_PER_BAND * num_mels
}

/// Statistics of every band over the whole clip, then over each eighth of it.
///
/// Shape `[1 + 8, 5, M]`, row-major: stretch of time, statistic, band. Eighth `b` of `T` frames reaches from
/// `floor(b T / 8)` to `ceil((b + 1) T / 8)`, so it holds a frame however short the clip is. Without a frame
/// everything is 0.
pub fn pool(spectrogram: &Spectrogram) -> Vec<f32> {
    let (frames, mels) = (spectrogram.num_frames, spectrogram.num_mels);
    let mut pooled = vec![0.0; pooled_len(mels)];
    if frames == 0 || mels == 0 {
        return pooled;
    }
    let eighths = (0..NUM_TIME_BINS).map(|bin| {
        let end = ((bin + 1) * frames).div_ceil(NUM_TIME_BINS);
        (bin * frames / NUM_TIME_BINS, end)
    });
    let stretches = std::iter::once((0, frames)).chain(eighths);
    let blocks = pooled.chunks_exact_mut(STATISTICS_PER_BAND * mels);
    for (block, (start, end)) in blocks.zip(stretches) {
        statistics(&spectrogram.values[start * mels..end * mels], mels, block);
    }
    pooled
}

/// Writes `[5, M]` statistics of the rows `[T, M]`, at least one.
fn statistics(rows: &[f32], mels: usize, out: &mut [f32]) {
    let count = (rows.len() / mels) as f32;
    let (mean, rest) = out.split_at_mut(mels);
    let (deviation, rest) = rest.split_at_mut(mels);
    let (lowest, rest) = rest.split_at_mut(mels);
    let (highest, difference) = rest.split_at_mut(mels);
    lowest.fill(f32::INFINITY);
    highest.fill(f32::NEG_INFINITY);
    for row in rows.chunks_exact(mels) {
        for (band, value) in row.iter().enumerate() {
            mean[band] += value;
            lowest[band] = lowest[band].min(*value);
            highest[band] = highest[band].max(*value);
        }
    }
    mean.iter_mut().for_each(|sum| *sum /= count);
    for row in rows.chunks_exact(mels) {
        for (band, value) in row.iter().enumerate() {
            let centred = value - mean[band];
            deviation[band] += centred * centred;
        }
    }
    deviation
        .iter_mut()
        .for_each(|sum| *sum = (*sum / count).sqrt());
    for (row, next) in rows.chunks_exact(mels).zip(rows[mels..].chunks_exact(mels)) {
        for (band, value) in row.iter().enumerate() {
            difference[band] += (next[band] - value).abs();
        }
    }
    let steps = (count - 1.0).max(1.0);
    difference.iter_mut().for_each(|sum| *sum /= steps);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spectrogram(num_frames: usize, num_mels: usize, values: Vec<f32>) -> Spectrogram {
        Spectrogram {
            num_frames,
            num_mels,
            values,
        }
    }

    /// Two bands over four frames; statistics by hand.
    #[test]
    fn the_whole_clip_comes_first() {
        let values = vec![1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0];
        let pooled = pool(&spectrogram(4, 2, values));
        assert_eq!(pooled.len(), pooled_len(2));
        let whole = [2.0, 2.0, 1.0, 0.0, 1.0, 2.0, 3.0, 2.0, 2.0, 0.0];
        assert_eq!(pooled[..10], whole);
        // The first eighth of four frames is the first frame alone.
        let first = [1.0, 2.0, 0.0, 0.0, 1.0, 2.0, 1.0, 2.0, 0.0, 0.0];
        assert_eq!(pooled[10..20], first);
    }

    #[test]
    fn eighths_are_eighths() {
        let values = (0..16).map(|at| at as f32).collect();
        let pooled = pool(&spectrogram(16, 1, values));
        for bin in 0..8 {
            let block = &pooled[5 * (bin + 1)..][..5];
            let low = 2.0 * bin as f32;
            assert_eq!(block, [low + 0.5, 0.5, low, low + 1.0, 1.0]);
        }
    }

    #[test]
    fn clips_of_one_frame_or_none_are_finite() {
        assert!(
            pool(&spectrogram(0, 3, Vec::new()))
                .iter()
                .all(|v| *v == 0.0)
        );
        let one = pool(&spectrogram(1, 3, vec![1.0, 2.0, 3.0]));
        assert!(one.iter().all(|value| value.is_finite()));
        assert_eq!(one[..3], [1.0, 2.0, 3.0]);
    }
}
