//! Frames of videos and slices of volumes to pixels.

use schema::{InputBatch, Payload};

use super::{Augmentation, image::ChannelStatistics, presence};
use crate::Dataset;

/// Clips that the channel statistics are taken from, at most.
const MAX_FITTED: usize = 400;

/// How many frames, their size, and mean and deviation by channel.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedFrames {
    num_frames: usize,
    size_px: usize,
    mean: [f32; 3],
    deviation: [f32; 3],
}

impl FittedFrames {
    /// Learns the channel statistics from some rows; without `normalise` they are 0 and 1.
    pub fn fit(
        dataset: &Dataset,
        col: usize,
        rows: &[usize],
        (num_frames, size_px): (usize, usize),
        normalise: bool,
    ) -> Self {
        let (num_frames, size_px) = (num_frames.max(1), size_px.max(1));
        let mut statistics = ChannelStatistics::default();
        let every = rows.len().div_ceil(MAX_FITTED).max(1);
        let looked_at = if normalise { rows } else { &[] };
        for row in looked_at.iter().step_by(every) {
            let frames = dataset.frames(col, *row, num_frames, size_px);
            for frame in frames.iter().flat_map(|frames| frames.iter()) {
                statistics.add(frame);
            }
        }
        let (mean, deviation) = statistics.finish();
        Self {
            num_frames,
            size_px,
            mean,
            deviation,
        }
    }

    /// Frames of every clip.
    pub fn num_frames(&self) -> usize {
        self.num_frames
    }

    /// Height and width in pixels.
    pub fn size_px(&self) -> usize {
        self.size_px
    }

    /// `[B, N, 3, H, W]`.
    pub fn collate(
        &self,
        dataset: &Dataset,
        col: usize,
        rows: &[usize],
        augment: Option<&Augmentation>,
    ) -> InputBatch {
        let frame_len = 3 * self.size_px * self.size_px;
        let mut present = presence(dataset, col, rows);
        let mut data = vec![0.0; rows.len() * self.num_frames * frame_len];
        let outs = data.chunks_exact_mut(self.num_frames * frame_len);
        for ((row, present), out) in rows.iter().zip(&mut present).zip(outs) {
            let frames = dataset.frames(col, *row, self.num_frames, self.size_px);
            *present = frames.is_some();
            let Some(frames) = frames else { continue };
            for (out, frame) in out.chunks_exact_mut(frame_len).zip(frames.iter()) {
                // The same draws for every frame: a clip is changed as a whole.
                super::image::pixels_into(
                    frame,
                    augment.map(|augment| (augment, *row, col)),
                    (self.mean, self.deviation),
                    out,
                );
            }
        }
        let shape = vec![rows.len(), self.num_frames, 3, self.size_px, self.size_px];
        InputBatch {
            present,
            payload: Payload::Floats { shape, data },
        }
    }
}
