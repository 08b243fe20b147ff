//! Series to channels of one length.

use schema::{InputBatch, Payload, SeriesScale};

use super::{Augmentation, presence};
use crate::{
    Dataset,
    series::{ChannelStats, augment_series, channel_stats},
};

/// The least deviation that is believed, as a fraction of the largest value.
const FLATTEST: f64 = 1e-6;

/// Length, scaling, and mean and deviation by channel.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedSeries {
    len: usize,
    scale: SeriesScale,
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl FittedSeries {
    /// Learns how many channels there are, and the statistics of each, from some rows. The first present row says
    /// how many.
    pub fn fit(
        dataset: &Dataset,
        col: usize,
        rows: &[usize],
        (len, scale): (usize, SeriesScale),
    ) -> Self {
        let len = len.max(1);
        let mut stats: Vec<ChannelStats> = Vec::new();
        for row in rows {
            let Some(series) = dataset.series(col, *row, len) else {
                continue;
            };
            let own = channel_stats(&series);
            if stats.is_empty() {
                stats = own;
            } else if stats.len() == own.len() {
                let merged = stats.iter().zip(&own).map(|(all, own)| all.merge(*own));
                stats = merged.collect();
            }
        }
        if stats.is_empty() {
            return Self {
                len,
                scale,
                mean: vec![0.0],
                deviation: vec![1.0],
            };
        }
        Self {
            len,
            scale,
            mean: stats.iter().map(|stats| stats.mean as f32).collect(),
            deviation: stats
                .iter()
                .map(|stats| least(stats.deviation(), stats) as f32)
                .collect(),
        }
    }

    /// Moments of every series.
    pub fn num_moments(&self) -> usize {
        self.len
    }

    /// Channels of every series.
    pub fn num_channels(&self) -> usize {
        self.mean.len()
    }

    /// `[B, C, T]`. A series with another number of channels than those of the training split counts as missing.
    pub fn collate(
        &self,
        dataset: &Dataset,
        col: usize,
        rows: &[usize],
        augment: Option<&Augmentation>,
    ) -> InputBatch {
        let (len, channels) = (self.len, self.num_channels());
        let mut present = presence(dataset, col, rows);
        let mut data = vec![0.0; rows.len() * channels * len];
        let outs = data.chunks_exact_mut(channels * len);
        for ((row, present), out) in rows.iter().zip(&mut present).zip(outs) {
            let series = dataset
                .series(col, *row, len)
                .filter(|series| series.num_channels == channels);
            *present = series.is_some();
            let Some(series) = series else { continue };
            let mut series = (*series).clone();
            if let Some((config, mut rng)) =
                augment.and_then(|augment| Some((augment.amounts.series?, augment.rng(*row, col))))
            {
                augment_series(&mut series.values, channels, &config, &mut rng);
            }
            let own = channel_stats(&series);
            for (channel, out) in out.chunks_exact_mut(len).enumerate() {
                let (mean, deviation) = self.scaling(channel, &own[channel]);
                let values = series.values.iter().skip(channel).step_by(channels);
                for (out, value) in out.iter_mut().zip(values) {
                    *out = (value - mean) / deviation;
                }
            }
        }
        let shape = vec![rows.len(), channels, len];
        InputBatch {
            present,
            payload: Payload::Floats { shape, data },
        }
    }

    fn scaling(&self, channel: usize, own: &ChannelStats) -> (f32, f32) {
        let (mean, deviation) = (self.mean[channel], self.deviation[channel]);
        match self.scale {
            SeriesScale::Train => (mean, deviation),
            SeriesScale::Centred => (own.mean as f32, deviation),
            SeriesScale::Own => (own.mean as f32, least(own.deviation(), own) as f32),
        }
    }
}

/// A deviation that can be divided by: a flat channel would blow up.
fn least(deviation: f64, stats: &ChannelStats) -> f64 {
    let largest = f64::from(stats.min.abs().max(stats.max.abs()));
    let floor = (largest * FLATTEST).max(f64::from(f32::MIN_POSITIVE) * 1e6);
    deviation.max(floor)
}
