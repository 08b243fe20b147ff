//! Spectrograms through a convolutional network.

use engine::{Pool2d, Tape, Var};
use schema::{InputBatch, Keep, Preparation, Problem, Settings, SpectrogramForm};

use super::{Encoder, EncoderConfig, registry};
use crate::{
    InputInfo, InputWidth, NnError, Scope,
    input::floats,
    layer::{ActivationKind, ConvBlock, ConvConfig, Linear},
    settings::Check,
};

/// Settings of [`AudioConv`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AudioConvConfig {
    /// Samples a second that sounds are brought to, 1000 to 192000, default 16000.
    pub rate_hz: u32,
    /// Milliseconds that sounds are brought to, 20 to 600000, default 3000.
    pub len_ms: u32,
    /// Which part of a longer sound is kept: `centre` (the default), `start`, `end`, `loudest`, or `windows`, of which
    /// training draws one and prediction takes the middle one.
    pub keep: Keep,
    /// Milliseconds from frame to frame, 1 to 1000, default 10.
    pub hop_ms: u32,
    /// Bands of the spectrogram, 8 to 256, default 40.
    pub num_mels: usize,
    /// Channels of each layer, 1 to 8 of 1 to 4096, default 16, 32, 64, 96; each halves time and bands.
    pub widths: Vec<usize>,
    /// Stretches of time that are kept apart to the end, about, 1 to 64, default 8: words have an order.
    pub num_time_bins: usize,
    /// Width of the embedding, 1 to 4096, default 128.
    pub embed_dim: usize,
    /// Dropout of what was pooled, in [0, 1), default 0.2.
    pub dropout_rate: f64,
}

impl Default for AudioConvConfig {
    fn default() -> Self {
        Self {
            rate_hz: 16_000,
            len_ms: 3000,
            keep: Keep::Centre,
            hop_ms: 10,
            num_mels: 40,
            widths: vec![16, 32, 64, 96],
            num_time_bins: 8,
            embed_dim: 128,
            dropout_rate: 0.2,
        }
    }
}

/// Layers of convolution, norm, ReLU and 2x2 largest values; means over bands within stretches of time; a linear layer.
///
/// # Source
/// Own design; keeping stretches of time apart was worth points on spoken digits (measured for the default recipe).
pub struct AudioConv {
    layers: Vec<ConvBlock>,
    pools: Vec<Pool2d>,
    bins: Pool2d,
    output: Linear,
    shape: [usize; 2],
    info: InputInfo,
    dropout_rate: f32,
    num_activations: usize,
}

impl EncoderConfig for AudioConvConfig {
    fn check(&self, place: &str) -> Vec<Problem> {
        let mut check = Check::new(place);
        check.extend(check_form(place, &self.form()));
        check
            .claim(
                "widths",
                (1..=8).contains(&self.widths.len()),
                "1 to 8 widths",
                self.widths.len(),
            )
            .count("num_time_bins", self.num_time_bins, 1, 64)
            .count("embed_dim", self.embed_dim, 1, 4096)
            .rate("dropout_rate", self.dropout_rate);
        for (index, width) in self.widths.iter().enumerate() {
            check.count(&format!("widths.{index}"), *width, 1, 4096);
        }
        check.finish()
    }

    fn preparation(&self) -> Preparation {
        Preparation::Spectrogram(self.form())
    }

    fn build(&self, info: &InputInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Encoder>, NnError> {
        Ok(Box::new(AudioConv::build(self, info, scope)?))
    }

    fn table(&self) -> Result<Settings, Vec<Problem>> {
        registry::table(self)
    }
}

impl AudioConvConfig {
    fn form(&self) -> SpectrogramForm {
        SpectrogramForm {
            rate_hz: self.rate_hz,
            len_ms: self.len_ms,
            hop_ms: self.hop_ms,
            num_mels: self.num_mels,
            keep: self.keep,
        }
    }
}

/// What lies outside its range in the shape of a spectrogram.
pub(super) fn check_form(place: &str, form: &SpectrogramForm) -> Vec<Problem> {
    let fits = form.hop_ms > 0 && form.len_ms >= 2 * form.hop_ms;
    Check::new(place)
        .count("rate_hz", form.rate_hz as usize, 1000, 192_000)
        .count("len_ms", form.len_ms as usize, 20, 600_000)
        .count("hop_ms", form.hop_ms as usize, 1, 1000)
        .claim(
            "hop_ms",
            fits,
            &format!("at most half of len_ms = {}", form.len_ms),
            form.hop_ms,
        )
        .count("num_mels", form.num_mels, 8, 256)
        .finish()
}

/// Frames and bands of a column that was fitted as spectrograms.
pub(super) fn spectrogram(info: &InputInfo) -> Result<[usize; 2], NnError> {
    match info.width {
        InputWidth::Spectrogram {
            num_frames,
            num_mels,
        } => Ok([num_frames, num_mels]),
        other => Err(info.mismatch(format!("{other:?}"), "a spectrogram")),
    }
}

/// Halves every axis that still can be.
fn halving(shape: [usize; 2]) -> Pool2d {
    let kernel = shape.map(|len| len.min(2));
    Pool2d {
        kernel,
        stride: kernel,
        padding: [0; 2],
    }
}

impl AudioConv {
    /// An encoder for a column as fitted.
    ///
    /// # Errors
    /// [`NnError::Input`] if the column was not fitted as a spectrogram.
    pub fn build(
        config: &AudioConvConfig,
        info: &InputInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        let shape = spectrogram(info)?;
        let (mut left, mut channels) = (shape, 1);
        let mut num_activations = shape[0] * shape[1];
        let (mut layers, mut pools) = (Vec::new(), Vec::new());
        let mut scope_of_layers = scope.child("layers");
        for (index, width) in config.widths.iter().enumerate() {
            let conv = ConvConfig {
                padding: 1,
                ..ConvConfig::plain(channels, *width, 3)
            };
            let name = index.to_string();
            layers.push(ConvBlock::build(&mut scope_of_layers, &name, &conv, true)?);
            num_activations += 3 * width * left[0] * left[1];
            pools.push(halving(left));
            left = left.map(|len| len / len.clamp(1, 2));
            channels = *width;
        }
        let window = (left[0] / config.num_time_bins).max(1);
        let bins = Pool2d {
            kernel: [window, left[1]],
            stride: [window, left[1]],
            padding: [0; 2],
        };
        let pooled = channels * (left[0] / window);
        let output = Linear::build(scope, "output", pooled, config.embed_dim)?
            .activated(ActivationKind::Relu);
        Ok(Self {
            layers,
            pools,
            bins,
            output,
            shape,
            info: info.clone(),
            dropout_rate: config.dropout_rate as f32,
            num_activations: num_activations + pooled + config.embed_dim,
        })
    }
}

impl Encoder for AudioConv {
    fn embed_dim(&self) -> usize {
        self.output.out_dim()
    }

    fn num_activations(&self) -> usize {
        self.num_activations
    }

    /// # Shapes
    /// - `input`: a spectrogram `[B, F, M]`
    /// - returns: `[B, D]`
    fn forward(&self, tape: &mut Tape<'_>, input: &InputBatch) -> Result<Var, NnError> {
        let x = floats(tape, input, &self.info, &self.shape)?;
        let batch = x.shape()[0];
        let mut x = tape.reshape(&x, &[batch, 1, self.shape[0], self.shape[1]])?;
        for (layer, pool) in self.layers.iter().zip(&self.pools) {
            x = layer.forward(tape, &x, None)?;
            if pool.kernel != [1, 1] {
                x = tape.max_pool2d(&x, *pool)?;
            }
        }
        let pooled = tape.avg_pool2d(&x, self.bins)?;
        let flat = tape.reshape(&pooled, &[batch, self.output.in_dim()])?;
        let flat = tape.dropout(&flat, self.dropout_rate)?;
        self.output.forward(tape, &flat)
    }
}
