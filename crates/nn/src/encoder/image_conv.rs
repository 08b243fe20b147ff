//! Pictures through a convolutional network.

use engine::{Tape, Var};
use schema::{InputBatch, Preparation, Problem, Settings};

use super::{Encoder, EncoderConfig, ImagePooling, PlainConv, PlainLayerConfig, registry};
use crate::{
    InputInfo, InputWidth, NnError, Scope,
    input::floats,
    layer::{ConvBlock, ConvConfig, ResidualBlock},
    settings::Check,
};

/// Which of the two networks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageStyle {
    /// A stem and residual blocks, then the mean over the picture.
    #[default]
    Residual,
    /// The layers of `layers`, then `pooling`.
    Plain,
}

/// Settings of [`ImageConv`] (and of [`PlainConv`], with `style = "plain"`).
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageConvConfig {
    /// Height and width of the pictures in pixels, 8 to 1024, default 64.
    pub size_px: usize,
    /// Whether pixels are standardised by channel (otherwise [0, 1]), default true.
    pub normalise: bool,
    /// `residual` (default) or `plain`.
    pub style: ImageStyle,
    /// `residual`: channels of the stem and of each block, 1 to 10 of 1 to 4096, default 24, 48, 96, 192.
    pub widths: Vec<usize>,
    /// `residual`: height and width of the stem's kernel, odd, 1 to 15, default 5.
    pub stem_kernel: usize,
    /// `residual`: pixels from one place of the stem to the next, 1 to 8, default 2.
    pub stem_stride: usize,
    /// `plain`: the layers, 1 to 32; default one of 32 channels.
    pub layers: Vec<PlainLayerConfig>,
    /// `plain`: how the last layer becomes an embedding, default `mean`.
    pub pooling: ImagePooling,
}

impl Default for ImageConvConfig {
    fn default() -> Self {
        Self {
            size_px: 64,
            normalise: true,
            style: ImageStyle::Residual,
            widths: vec![24, 48, 96, 192],
            stem_kernel: 5,
            stem_stride: 2,
            layers: vec![PlainLayerConfig::default()],
            pooling: ImagePooling::Mean,
        }
    }
}

/// Stem, residual blocks that halve height and width, mean over the picture.
///
/// The default has 681,240 parameters and was the strongest small network of the recipe's measurements.
///
/// # Source
/// He et al. 2016, arXiv:1512.03385; widths and stem are the recipe's own.
pub struct ImageConv {
    stem: ConvBlock,
    blocks: Vec<ResidualBlock>,
    embed_dim: usize,
    size_px: usize,
    info: InputInfo,
    num_activations: usize,
}

impl EncoderConfig for ImageConvConfig {
    fn check(&self, place: &str) -> Vec<Problem> {
        let mut check = Check::new(place);
        check
            .count("size_px", self.size_px, 8, 1024)
            .count("stem_kernel", self.stem_kernel, 1, 15)
            .claim(
                "stem_kernel",
                self.stem_kernel % 2 == 1,
                "an odd number",
                self.stem_kernel,
            )
            .count("stem_stride", self.stem_stride, 1, 8)
            .claim(
                "widths",
                (1..=10).contains(&self.widths.len()),
                "1 to 10 widths",
                self.widths.len(),
            )
            .count("layers", self.layers.len(), 1, 32);
        for (index, width) in self.widths.iter().enumerate() {
            check.count(&format!("widths.{index}"), *width, 1, 4096);
        }
        if self.style == ImageStyle::Plain {
            check.extend(PlainConv::check(&self.layers, self.size_px, place));
        }
        check.finish()
    }

    fn preparation(&self) -> Preparation {
        Preparation::Pixels {
            size_px: self.size_px,
            normalise: self.normalise,
        }
    }

    fn build(&self, info: &InputInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Encoder>, NnError> {
        Ok(match self.style {
            ImageStyle::Residual => Box::new(ImageConv::build(self, info, scope)?),
            ImageStyle::Plain => {
                Box::new(PlainConv::build(&self.layers, self.pooling, info, scope)?)
            }
        })
    }

    fn table(&self) -> Result<Settings, Vec<Problem>> {
        registry::table(self)
    }
}

impl ImageConv {
    /// The residual network for a column as fitted.
    ///
    /// # Errors
    /// [`NnError::Input`] if the column was not fitted as pixels.
    pub fn build(
        config: &ImageConvConfig,
        info: &InputInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        let size_px = pixels(info)?;
        let stem = ConvConfig {
            in_channels: 3,
            out_channels: config.widths.first().copied().unwrap_or(3),
            kernel: config.stem_kernel,
            stride: config.stem_stride,
            padding: config.stem_kernel / 2,
        };
        let mut size = stem.out_size(size_px).unwrap_or(1);
        let mut num_activations = 3 * size_px * size_px + 2 * size * size * stem.out_channels;
        let mut blocks = Vec::new();
        let mut scope_of_blocks = scope.child("blocks");
        for (index, pair) in config.widths.windows(2).enumerate() {
            let channels = [pair[0], pair[1]];
            let name = index.to_string();
            blocks.push(ResidualBlock::build(
                &mut scope_of_blocks,
                &name,
                channels,
                size,
            )?);
            size = ResidualBlock::out_size(size);
            num_activations += size * size * (6 * channels[1] + channels[0]);
        }
        Ok(Self {
            stem: ConvBlock::build(scope, "stem", &stem, true)?,
            blocks,
            embed_dim: config.widths.last().copied().unwrap_or(3),
            size_px,
            info: info.clone(),
            num_activations,
        })
    }
}

impl ImageConv {
    /// From pixels `[B, 3, H, W]` to `[B, D]`.
    pub(super) fn encode(&self, tape: &mut Tape<'_>, x: &Var) -> Result<Var, NnError> {
        let mut x = self.stem.forward(tape, x, None)?;
        for block in &self.blocks {
            x = block.forward(tape, &x)?;
        }
        Ok(tape.global_avg_pool(&x)?)
    }
}

/// Height and width of a column that was fitted as pixels.
pub(super) fn pixels(info: &InputInfo) -> Result<usize, NnError> {
    match info.width {
        InputWidth::Pixels { size_px } => Ok(size_px),
        other => Err(info.mismatch(format!("{other:?}"), "pixels")),
    }
}

impl Encoder for ImageConv {
    fn embed_dim(&self) -> usize {
        self.embed_dim
    }

    fn num_activations(&self) -> usize {
        self.num_activations
    }

    /// # Shapes
    /// - `input`: pixels `[B, 3, H, W]`
    /// - returns: `[B, D]`
    fn forward(&self, tape: &mut Tape<'_>, input: &InputBatch) -> Result<Var, NnError> {
        let shape = [3, self.size_px, self.size_px];
        let x = floats(tape, input, &self.info, &shape)?;
        self.encode(tape, &x)
    }
}
