//! Sounds to log-mel spectrograms.

use schema::{InputBatch, Payload, Rng, SpectrogramForm};

use super::{Augmentation, presence};
use crate::{
    Dataset,
    sound::{Spectrogram, augment::change_spectrogram},
};

/// Sounds that the statistics are taken from, at most.
const MAX_FITTED: usize = 2000;

/// Shape, and mean and deviation by band.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedSpectrogram {
    form: SpectrogramForm,
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

/// Where the window starts that is looked at: a drawn one while training, the middle one else.
fn first_frame(spectrogram: &Spectrogram, num_frames: usize, rng: Option<&mut Rng>) -> usize {
    let windows = spectrogram.num_frames / num_frames.max(1);
    if windows < 2 {
        return 0;
    }
    rng.map_or(windows / 2, |rng| rng.below(windows)) * num_frames
}

impl FittedSpectrogram {
    /// Learns the statistics of every band from some rows.
    pub fn fit(dataset: &Dataset, col: usize, rows: &[usize], form: SpectrogramForm) -> Self {
        let num_mels = form.num_mels.max(1);
        let (mut sums, mut squares, mut num) = (vec![0.0; num_mels], vec![0.0; num_mels], 0_u64);
        let every = rows.len().div_ceil(MAX_FITTED).max(1);
        for row in rows.iter().step_by(every) {
            let Some(spectrogram) = dataset.spectrogram(col, *row, form) else {
                continue;
            };
            for frame in spectrogram.values.chunks_exact(num_mels) {
                for (band, value) in frame.iter().enumerate() {
                    let value = f64::from(*value);
                    sums[band] += value;
                    squares[band] += value * value;
                }
                num += 1;
            }
        }
        let n = num.max(1) as f64;
        let stats = sums
            .iter()
            .zip(&squares)
            .map(|(sum, square): (&f64, &f64)| {
                let mean = sum / n;
                // A silent band would blow up.
                let deviation = (square / n - mean * mean).max(0.0).sqrt();
                let deviation = if num == 0 { 1.0 } else { deviation.max(0.1) };
                (mean as f32, deviation as f32)
            });
        let (mean, deviation) = stats.unzip();
        Self {
            form,
            mean,
            deviation,
        }
    }

    /// The shape of every spectrogram.
    pub fn form(&self) -> SpectrogramForm {
        self.form
    }

    /// `[B, F, M]`.
    pub fn collate(
        &self,
        dataset: &Dataset,
        col: usize,
        rows: &[usize],
        augment: Option<&Augmentation>,
    ) -> InputBatch {
        let (num_frames, num_mels) = (self.form.num_frames(), self.form.num_mels.max(1));
        let mut present = presence(dataset, col, rows);
        let mut data = vec![0.0; rows.len() * num_frames * num_mels];
        let outs = data.chunks_exact_mut(num_frames * num_mels);
        for ((row, present), out) in rows.iter().zip(&mut present).zip(outs) {
            let spectrogram = dataset.spectrogram(col, *row, self.form);
            // A file that was there when the data set was opened may be gone by now.
            *present = spectrogram.is_some();
            let Some(spectrogram) = spectrogram else {
                continue;
            };
            let mut rng = augment.map(|augment| augment.rng(*row, col));
            let first = first_frame(&spectrogram, num_frames, rng.as_mut());
            let frames = spectrogram.values.chunks_exact(num_mels).skip(first);
            for (out, frame) in out.chunks_exact_mut(num_mels).zip(frames) {
                let stats = self.mean.iter().zip(&self.deviation);
                for ((out, value), (mean, deviation)) in out.iter_mut().zip(frame).zip(stats) {
                    *out = (value - mean) / deviation;
                }
            }
            let amounts = augment.and_then(|augment| augment.amounts.sound);
            if let (Some(config), Some(mut rng)) = (amounts, rng) {
                change_spectrogram(out, num_mels, &config, &mut rng);
            }
        }
        let shape = vec![rows.len(), num_frames, num_mels];
        InputBatch {
            present,
            payload: Payload::Floats { shape, data },
        }
    }
}
