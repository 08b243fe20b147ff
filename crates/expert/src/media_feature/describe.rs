//! An item of media as a vector.

use data::{Item, Spectrogram, pool_spectrogram, series_features};
use schema::{Picture, Series};

use super::Part;
use crate::image_feature::gradients;

/// Stretches of time of a whole video.
const NUM_STRETCHES: usize = 8;
/// Most stretches of time of a part of a video; up to so many frames each is one.
const MOST_STRETCHES: usize = 16;
/// Equal stretches of time of a part of a sound, by level.
const LEVELS: [usize; 2] = [16, 32];
/// Side of the grey pictures.
const GREY_PX: usize = 12;
/// Stretches of time of a video whose outlines are told.
const NUM_OUTLINES: usize = 2;
/// Moments of a series that are looked at one by one, by channel.
const NUM_MOMENTS: usize = 32;

/// What an item, which is the whole or a part of what was recorded, shows.
pub(super) fn describe(item: &Item, part: Part) -> Vec<f32> {
    match item {
        Item::Spectrogram(spectrogram) if part == Part::Whole => pool_spectrogram(spectrogram),
        Item::Spectrogram(spectrogram) => levels(spectrogram),
        Item::Series(series) => {
            let mut vector = series_features(series);
            vector.extend(outline(series));
            // A value that a file may hold, but no sum of squares.
            vector.iter_mut().for_each(|value| {
                *value = if value.is_finite() { *value } else { 0.0 };
            });
            vector
        }
        Item::Frames(frames) if part == Part::Whole => {
            let mut vector = moving(frames, NUM_STRETCHES);
            vector.extend(outlines(frames));
            vector
        }
        Item::Frames(frames) => moving(frames, frames.len().min(MOST_STRETCHES)),
        Item::Picture(picture) => grey(picture),
    }
}

/// Number of features of a whole video or volume but for its outlines, which stand behind.
pub(super) const MOVING_WIDTH: usize = (1 + 3 * NUM_STRETCHES) * GREY_PX * GREY_PX;

/// Number of features of a whole video or volume whose frames are read at `size_px`.
pub(super) fn frames_width(size_px: usize) -> usize {
    MOVING_WIDTH + NUM_OUTLINES * gradients::width(size_px)
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

/// Means of every band over stretches of time, finer and finer: `[16 + 32, M]`.
///
/// # Source
/// Pooling over a pyramid of cells: Lazebnik, Schmid, Ponce 2006, "Beyond bags of features: spatial pyramid matching",
/// over time only. Means alone stand noise better than extremes and deviations do: of spoken sentences under white
/// noise at -8 dB 0.59 were told by them and 0.45 by the statistics of the whole.
fn levels(spectrogram: &Spectrogram) -> Vec<f32> {
    let (frames, mels) = (spectrogram.num_frames, spectrogram.num_mels);
    let mut vector = Vec::with_capacity(LEVELS.iter().sum::<usize>() * mels);
    for level in LEVELS {
        for part in 0..level {
            let from = part * frames / level;
            let to = ((part + 1) * frames / level).max(from + 1).min(frames);
            let rows = &spectrogram.values[from.min(to) * mels..to * mels];
            let share = 1.0 / (rows.len() / mels.max(1)).max(1) as f32;
            let mut mean = vec![0.0; mels];
            for row in rows.chunks_exact(mels.max(1)) {
                mean.iter_mut()
                    .zip(row)
                    .for_each(|(sum, x)| *sum += share * x);
            }
            vector.extend(mean);
        }
    }
    vector
}

/// A small grey picture of a clip, and of each stretch of time how it differs from that, where it grows lighter or
/// darker, and how much each of its pixels changes within.
///
/// # Source
/// Own design, after what lip reading by linear models uses: a speaker's own mean taken off, and differences between
/// frames (Potamianos et al. 2003, "Recent advances in the automatic recognition of audiovisual speech").
fn moving(frames: &[Picture], num_stretches: usize) -> Vec<f32> {
    let greys: Vec<Vec<f32>> = frames.iter().map(grey).collect();
    let all = mean_of(&greys);
    let mut vector = Vec::with_capacity((1 + 3 * num_stretches) * all.len());
    for part in 0..num_stretches {
        let from = part * greys.len() / num_stretches;
        let to = ((part + 1) * greys.len() / num_stretches).max(from + 1);
        let (from, to) = (from.min(greys.len()), to.min(greys.len()));
        let mean = mean_of(&greys[from..to]);
        vector.extend(mean.iter().zip(&all).map(|(mean, all)| mean - all));
        // The frame before the stretch counts, so that a stretch of one frame has a change, too.
        let before = &greys[from.saturating_sub(1)..to];
        let share = 1.0 / before.len().saturating_sub(1).max(1) as f32;
        let (mut change, mut size) = (vec![0.0; all.len()], vec![0.0; all.len()]);
        for pair in before.windows(2) {
            let differences = pair[1].iter().zip(&pair[0]).map(|(now, was)| now - was);
            for ((change, size), difference) in change.iter_mut().zip(&mut size).zip(differences) {
                *change += share * difference;
                *size += share * difference.abs();
            }
        }
        vector.extend(change);
        vector.extend(size);
    }
    vector.extend(all);
    vector
}

/// The mean of grey pictures; black without one.
fn mean_of(greys: &[Vec<f32>]) -> Vec<f32> {
    let mut mean = vec![0.0; GREY_PX * GREY_PX];
    let share = 1.0 / greys.len().max(1) as f32;
    for grey in greys {
        mean.iter_mut()
            .zip(grey)
            .for_each(|(sum, x)| *sum += share * x);
    }
    mean
}

/// Mean outlines of the frames of each half. A thin line, such as a mouth, is lost in small grey pictures, and its place
/// differs; where lines run says the same with fewer records. Measured on 1,140 films of faces, by log loss: 0.639 with
/// outlines, 0.697 without.
fn outlines(frames: &[Picture]) -> Vec<f32> {
    let width = frames
        .first()
        .map_or(0, |frame| gradients::width(frame.width));
    let mut told = vec![0.0; width];
    let mut means = vec![0.0; NUM_OUTLINES * width];
    for (part, mean) in means.chunks_exact_mut(width.max(1)).enumerate() {
        let from = part * frames.len() / NUM_OUTLINES;
        let to = ((part + 1) * frames.len() / NUM_OUTLINES).max(from + 1);
        let share = 1.0 / (to - from) as f32;
        for frame in &frames[from..to] {
            gradients::describe(frame, &mut told);
            let sums = mean.iter_mut().zip(&told);
            sums.for_each(|(sum, told)| *sum += share * told);
        }
    }
    means
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn plain(light: u8) -> Picture {
        Picture {
            height: GREY_PX,
            width: GREY_PX,
            rgb: vec![light; 3 * GREY_PX * GREY_PX],
        }
    }

    /// Four plain frames of 0, 0.2, 0.2 and 0.4; by hand.
    #[test]
    fn frames_are_told_by_their_difference_from_the_mean_and_by_their_changes() {
        let frames: Arc<[Picture]> = [0, 51, 51, 102].map(plain).into();
        let vector = describe(&Item::Frames(frames), Part::End);
        let first_pixel: Vec<f32> = vector.chunks(GREY_PX * GREY_PX).map(|c| c[0]).collect();
        let expected = [
            [-0.2, 0.0, 0.0],
            [0.0, 0.2, 0.2],
            [0.0, 0.0, 0.0],
            [0.2, 0.2, 0.2],
        ];
        let expected = expected.as_flattened().iter().chain(&[0.2]);
        assert_eq!(first_pixel.len(), 13);
        for (got, expected) in first_pixel.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-6, "{first_pixel:?}");
        }
    }

    #[test]
    fn a_part_of_a_sound_is_told_by_means_of_finer_and_finer_stretches() {
        let spectrogram = Spectrogram {
            num_frames: 64,
            num_mels: 2,
            values: (0..128).map(|at| at as f32).collect(),
        };
        let vector = describe(&Item::Spectrogram(Arc::new(spectrogram)), Part::Start);
        assert_eq!(vector.len(), 2 * (16 + 32));
        // Frames 0 to 3 have 0, 2, 4, 6 in the first band; frames 0 and 1 are the first of the finer stretches.
        assert_eq!((vector[0], vector[1]), (3.0, 4.0));
        assert_eq!(vector[32..36], [1.0, 2.0, 5.0, 6.0]);
    }

    #[test]
    fn clips_without_frames_and_sounds_of_one_frame_are_finite() {
        for part in [Part::Whole, Part::Start, Part::End] {
            let none: Arc<[Picture]> = Vec::new().into();
            let short = Spectrogram {
                num_frames: 1,
                num_mels: 3,
                values: vec![1.0, 2.0, 3.0],
            };
            for item in [Item::Frames(none), Item::Spectrogram(Arc::new(short))] {
                assert!(describe(&item, part).iter().all(|value| value.is_finite()));
            }
        }
    }
}
