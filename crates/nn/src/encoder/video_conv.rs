//! Frames of a video through convolutions over space and over time in turn.

use engine::{Conv2d, Tape, Var};
use schema::{InputBatch, Preparation, Problem, Settings};

use super::{Encoder, EncoderConfig, registry, video_frames::frames};
use crate::{
    InputInfo, NnError, Scope,
    input::floats,
    layer::{ConvBlock, ConvConfig},
    settings::Check,
};

/// Settings of [`VideoConv`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VideoConvConfig {
    /// Frames (or slices) that are looked at, evenly spread, 1 to 1024, default 16.
    pub num_frames: usize,
    /// Height and width of a frame in pixels, 8 to 512, default 48.
    pub size_px: usize,
    /// Whether pixels are standardised by channel (otherwise [0, 1]), default true.
    pub normalise: bool,
    /// Channels of each layer, 1 to 8 of 1 to 4096, default 16, 32, 64; each halves height and width, and each after
    /// the first halves time.
    pub widths: Vec<usize>,
    /// Frames that a kernel sees, odd, 1 to 15, default 3.
    pub time_kernel: usize,
}

impl Default for VideoConvConfig {
    fn default() -> Self {
        Self {
            num_frames: 16,
            size_px: 48,
            normalise: true,
            widths: vec![16, 32, 64],
            time_kernel: 3,
        }
    }
}

/// A layer: every frame alone, then every pixel over time.
struct Layer {
    space: ConvBlock,
    time: ConvBlock,
    channels: usize,
}

/// Layers of a convolution over space and one over time, each with norm and ReLU; the mean over both.
///
/// Choose it where motion over few frames tells more than what the frames show.
///
/// # Source
/// Tran et al. 2018, "A Closer Look at Spatiotemporal Convolutions for Action Recognition", arXiv:1711.11248,
/// R(2+1)D. Differs: no shortcuts, far fewer channels.
pub struct VideoConv {
    layers: Vec<Layer>,
    shape: [usize; 4],
    info: InputInfo,
    num_activations: usize,
}

impl EncoderConfig for VideoConvConfig {
    fn check(&self, place: &str) -> Vec<Problem> {
        let mut check = Check::new(place);
        check
            .count("num_frames", self.num_frames, 1, 1024)
            .count("size_px", self.size_px, 8, 512)
            .claim(
                "widths",
                (1..=8).contains(&self.widths.len()),
                "1 to 8 widths",
                self.widths.len(),
            )
            .claim(
                "time_kernel",
                (1..=15).contains(&self.time_kernel) && self.time_kernel % 2 == 1,
                "an odd number from 1 to 15",
                self.time_kernel,
            );
        for (index, width) in self.widths.iter().enumerate() {
            check.count(&format!("widths.{index}"), *width, 1, 4096);
        }
        check.finish()
    }

    fn preparation(&self) -> Preparation {
        Preparation::Frames {
            num_frames: self.num_frames,
            size_px: self.size_px,
            normalise: self.normalise,
        }
    }

    fn build(&self, info: &InputInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Encoder>, NnError> {
        Ok(Box::new(VideoConv::build(self, info, scope)?))
    }

    fn table(&self) -> Result<Settings, Vec<Problem>> {
        registry::table(self)
    }
}

impl VideoConv {
    /// An encoder for a column as fitted.
    ///
    /// # Errors
    /// [`NnError::Input`] if the column was not fitted as frames.
    pub fn build(
        config: &VideoConvConfig,
        info: &InputInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        let [num_frames, size_px] = frames(info)?;
        let (mut channels, mut size, mut len) = (3, size_px, num_frames);
        let mut num_activations = 3 * size_px * size_px * num_frames;
        let mut layers = Vec::new();
        let mut scope = scope.child("layers");
        for (index, &width) in config.widths.iter().enumerate() {
            let mut scope = scope.child(&index.to_string());
            let space = ConvConfig {
                stride: 2,
                padding: 1,
                ..ConvConfig::plain(channels, width, 3)
            };
            let stride = if index == 0 { 1 } else { 2 };
            let time = Conv2d {
                stride: [stride, 1],
                padding: [config.time_kernel / 2, 0],
                ..Conv2d::default()
            };
            let sizes = ([width, width], [config.time_kernel, 1]);
            size = size.div_ceil(2);
            num_activations += 3 * width * size * size * len;
            len = len.div_ceil(stride);
            num_activations += 3 * width * size * size * len;
            layers.push(Layer {
                space: ConvBlock::build(&mut scope, "space", &space, true)?,
                time: ConvBlock::rectangular(&mut scope, "time", sizes, time, true)?,
                channels: width,
            });
            channels = width;
        }
        Ok(Self {
            layers,
            shape: [num_frames, 3, size_px, size_px],
            info: info.clone(),
            num_activations,
        })
    }
}

impl Encoder for VideoConv {
    fn embed_dim(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.channels)
    }

    fn num_activations(&self) -> usize {
        self.num_activations
    }

    /// # Shapes
    /// - `input`: frames `[B, N, 3, H, W]`
    /// - returns: `[B, D]`
    fn forward(&self, tape: &mut Tape<'_>, input: &InputBatch) -> Result<Var, NnError> {
        let mut x = floats(tape, input, &self.info, &self.shape)?; // [B, N, C, H, W]
        for layer in &self.layers {
            let [batch, count, channels, height, width] = five(x.shape());
            let frames = tape.reshape(&x, &[batch * count, channels, height, width])?;
            let y = layer.space.forward(tape, &frames, None)?;
            let (height, width) = (y.shape()[2], y.shape()[3]);
            let y = tape.reshape(&y, &[batch, count, layer.channels, height * width])?;
            let y = tape.transpose(&y, 1, 2)?; // [B, C, N, H W]
            let y = layer.time.forward(tape, &y, None)?;
            let count = y.shape()[2];
            let y = tape.transpose(&y, 1, 2)?;
            x = tape.reshape(&y, &[batch, count, layer.channels, height, width])?;
        }
        let [batch, count, channels, height, width] = five(x.shape());
        let pixels = tape.reshape(&x, &[batch * count, channels, height, width])?;
        let means = tape.global_avg_pool(&pixels)?;
        let means = tape.reshape(&means, &[batch, count, channels])?;
        Ok(tape.mean_tokens(&means, None)?)
    }
}

/// The five axes of frames; [`floats`] has checked that there are so many.
fn five(shape: &[usize]) -> [usize; 5] {
    std::array::from_fn(|axis| shape[axis])
}
