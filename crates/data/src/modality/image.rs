//! Pictures to pixels.

use schema::{InputBatch, Payload, Picture};

use super::{Augmentation, presence};
use crate::{Dataset, augment::augment_into};

/// Pictures that the channel statistics are taken from, at most; more change nothing in the third digit.
const MAX_FITTED: usize = 2000;

/// Size, and mean and deviation by channel.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedPixels {
    size_px: usize,
    mean: [f32; 3],
    deviation: [f32; 3],
}

impl FittedPixels {
    /// Learns the channel statistics from some rows; without `normalise` they are 0 and 1.
    pub fn fit(
        dataset: &Dataset,
        col: usize,
        rows: &[usize],
        size_px: usize,
        normalise: bool,
    ) -> Self {
        let size_px = size_px.max(1);
        let plain = Self {
            size_px,
            mean: [0.0; 3],
            deviation: [1.0; 3],
        };
        if !normalise {
            return plain;
        }
        let mut statistics = ChannelStatistics::default();
        let every = rows.len().div_ceil(MAX_FITTED).max(1);
        for row in rows.iter().step_by(every) {
            if let Some(picture) = dataset.image(col, *row, size_px) {
                statistics.add(&picture);
            }
        }
        let (mean, deviation) = statistics.finish();
        Self {
            size_px,
            mean,
            deviation,
        }
    }

    /// Height and width in pixels.
    pub fn size_px(&self) -> usize {
        self.size_px
    }

    /// Mean by channel, of values in [0, 1].
    pub fn mean(&self) -> [f32; 3] {
        self.mean
    }

    /// Deviation by channel, of values in [0, 1].
    pub fn deviation(&self) -> [f32; 3] {
        self.deviation
    }

    /// `[B, 3, H, W]`.
    pub fn collate(
        &self,
        dataset: &Dataset,
        col: usize,
        rows: &[usize],
        augment: Option<&Augmentation>,
    ) -> InputBatch {
        let plane = self.size_px * self.size_px;
        let mut present = presence(dataset, col, rows);
        let mut data = vec![0.0; rows.len() * 3 * plane];
        for ((row, present), out) in rows
            .iter()
            .zip(&mut present)
            .zip(data.chunks_exact_mut(3 * plane))
        {
            let picture = dataset.image(col, *row, self.size_px);
            // A file that was there when the data set was opened may be gone by now.
            *present = picture.is_some();
            let Some(picture) = picture else { continue };
            pixels_into(
                &picture,
                augment.map(|augment| (augment, *row, col)),
                (self.mean, self.deviation),
                out,
            );
        }
        let shape = vec![rows.len(), 3, self.size_px, self.size_px];
        InputBatch {
            present,
            payload: Payload::Floats { shape, data },
        }
    }
}

/// Sums of the pixels of pictures by channel. Whole numbers: they do not depend on any order.
#[derive(Debug, Default)]
pub(super) struct ChannelStatistics {
    sums: [u64; 3],
    squares: [u64; 3],
    num: u64,
}

impl ChannelStatistics {
    pub(super) fn add(&mut self, picture: &Picture) {
        for pixel in picture.rgb.chunks_exact(3) {
            for (channel, value) in pixel.iter().enumerate() {
                let value = u64::from(*value);
                self.sums[channel] += value;
                self.squares[channel] += value * value;
            }
        }
        self.num += (picture.width * picture.height) as u64;
    }

    /// Mean and deviation by channel of values in [0, 1]; 0 and 1 if there was no picture.
    pub(super) fn finish(&self) -> ([f32; 3], [f32; 3]) {
        if self.num == 0 {
            return ([0.0; 3], [1.0; 3]);
        }
        let n = self.num as f64;
        let mean = self.sums.map(|sum| sum as f64 / n);
        let deviation = [0, 1, 2].map(|c| {
            (self.squares[c] as f64 / n - mean[c] * mean[c])
                .max(0.0)
                .sqrt()
        });
        (
            mean.map(|mean| (mean / 255.0) as f32),
            // A flat channel would blow up; a hundredth of the range is the least that is believed.
            deviation.map(|deviation| (deviation / 255.0).max(0.01) as f32),
        )
    }
}

/// A picture as standardised planes `[3, H, W]`, changed if there is an augmentation for its row and column.
pub(super) fn pixels_into(
    picture: &Picture,
    augment: Option<(&Augmentation, usize, usize)>,
    (mean, deviation): ([f32; 3], [f32; 3]),
    out: &mut [f32],
) {
    let plane = picture.width * picture.height;
    let change = augment
        .and_then(|(augment, row, col)| Some((augment.amounts.image?, augment.rng(row, col))));
    match change {
        Some((config, mut rng)) => augment_into(picture, &config, &mut rng, out),
        None => {
            for (at, pixel) in picture.rgb.chunks_exact(3).enumerate() {
                for channel in 0..3 {
                    out[channel * plane + at] = f32::from(pixel[channel]) / 255.0;
                }
            }
        }
    }
    for (channel, values) in out.chunks_exact_mut(plane.max(1)).enumerate() {
        let (mean, gain) = (mean[channel], 1.0 / deviation[channel]);
        values
            .iter_mut()
            .for_each(|value| *value = (*value - mean) * gain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        DatasetOptions,
        fixture::{dataset, input, plain_png},
    };

    /// Two grey squares of 0 and 255 in one channel: mean 0.5, deviation 0.5, by hand.
    #[test]
    fn channels_are_standardised_by_the_training_rows_in_channel_order() {
        let records = [[0, 51, 7], [255, 51, 7]]
            .map(|rgb| schema::Record::new().with("x", plain_png(2, rgb)))
            .to_vec();
        let inputs = [input("x", schema::Modality::Image)];
        let dataset = dataset(records, &inputs, &DatasetOptions::default());
        let fitted = FittedPixels::fit(&dataset, 0, &[0, 1], 2, true);
        assert_eq!((fitted.mean()[0], fitted.deviation()[0]), (0.5, 0.5));
        assert_eq!(
            fitted.deviation()[1],
            0.01,
            "a flat channel has the least deviation"
        );
        let Payload::Floats { shape, data } = fitted.collate(&dataset, 0, &[1], None).payload
        else {
            unreachable!()
        };
        assert_eq!(shape, [1, 3, 2, 2]);
        assert_eq!(
            data,
            [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
        );
    }
}
