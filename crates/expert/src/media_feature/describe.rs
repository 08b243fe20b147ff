//! An item of media as a vector.

use data::{Item, pool_spectrogram, series_features};
use schema::{Picture, Series};

/// Stretches of time of a video.
const NUM_STRETCHES: usize = 8;
/// Side of the grey pictures.
const GREY_PX: usize = 12;
/// Moments of a series that are looked at one by one, by channel.
const NUM_MOMENTS: usize = 32;

/// What an item shows as a whole.
pub(super) fn describe(item: &Item) -> Vec<f32> {
    match item {
        Item::Spectrogram(spectrogram) => pool_spectrogram(spectrogram),
        Item::Series(series) => {
            let mut vector = series_features(series);
            vector.extend(outline(series));
            // A value that a file may hold, but no sum of squares.
            vector.iter_mut().for_each(|value| {
                *value = if value.is_finite() { *value } else { 0.0 };
            });
            vector
        }
        Item::Frames(frames) => moving(frames),
        Item::Picture(picture) => grey(picture),
    }
}

/// Means over stretches of time less the mean of all, by channel.
fn outline(series: &Series) -> Vec<f32> {
    let channels = series.num_channels.max(1);
    let len = series.values.len() / channels;
    let mut outline = Vec::with_capacity(channels * NUM_MOMENTS);
    for channel in 0..channels {
        let value = |at: usize| series.values[at * channels + channel];
        let mean = |from: usize, to: usize| {
            let sum: f32 = (from..to).map(value).sum();
            sum / (to - from).max(1) as f32
        };
        let all = mean(0, len);
        outline.extend((0..NUM_MOMENTS).map(|part| {
            let from = part * len / NUM_MOMENTS;
            let to = ((part + 1) * len / NUM_MOMENTS).max(from + 1).min(len);
            mean(from.min(to), to) - all
        }));
    }
    outline
}

/// Small grey pictures of stretches of time, and how much each of their pixels changes within.
fn moving(frames: &[Picture]) -> Vec<f32> {
    let greys: Vec<Vec<f32>> = frames.iter().map(grey).collect();
    let area = GREY_PX * GREY_PX;
    let mut vector = Vec::with_capacity(2 * area * NUM_STRETCHES);
    for part in 0..NUM_STRETCHES {
        let from = part * greys.len() / NUM_STRETCHES;
        let to = ((part + 1) * greys.len() / NUM_STRETCHES).max(from + 1);
        let stretch = &greys[from.min(greys.len())..to.min(greys.len())];
        let (mut mean, mut change) = (vec![0.0; area], vec![0.0; area]);
        for frame in stretch {
            let share = 1.0 / stretch.len() as f32;
            mean.iter_mut()
                .zip(frame)
                .for_each(|(sum, x)| *sum += share * x);
        }
        // The frame before the stretch counts, so that a stretch of one frame has a change, too.
        let before = &greys[from.saturating_sub(1).min(greys.len())..to.min(greys.len())];
        for pair in before.windows(2) {
            let share = 1.0 / (before.len() - 1) as f32;
            for (sum, (a, b)) in change.iter_mut().zip(pair[0].iter().zip(&pair[1])) {
                *sum += share * (a - b).abs();
            }
        }
        vector.extend(mean);
        vector.extend(change);
    }
    vector
}

/// A small grey picture, values in [0, 1].
fn grey(picture: &Picture) -> Vec<f32> {
    let (height, width) = (picture.height, picture.width);
    let (mut sums, mut counts) = (vec![0.0; GREY_PX * GREY_PX], vec![0_u32; GREY_PX * GREY_PX]);
    for (at, rgb) in picture.rgb.chunks_exact(3).enumerate() {
        let (y, x) = (at / width.max(1), at % width.max(1));
        let place = y * GREY_PX / height.max(1) * GREY_PX + x * GREY_PX / width.max(1);
        let light: u32 = rgb.iter().map(|value| u32::from(*value)).sum();
        sums[place] += light as f32 / (3.0 * 255.0);
        counts[place] += 1;
    }
    sums.iter()
        .zip(&counts)
        .map(|(sum, count)| sum / (*count).max(1) as f32)
        .collect()
}
