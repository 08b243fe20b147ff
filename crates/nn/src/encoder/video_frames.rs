//! Frames of a video, or slices of a volume, one by one through a picture network, then over time.

use engine::{Tape, Var};
use schema::{InputBatch, Modality, Preparation, Problem, Settings};

use super::{Encoder, EncoderConfig, ImageConv, ImageConvConfig, registry};
use crate::{
    InputInfo, InputWidth, NnError, Scope,
    input::floats,
    layer::{Linear, TokenStack, TokenStackConfig, TransformerBlockConfig},
    settings::Check,
};

/// Settings of [`VideoFrames`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VideoFramesConfig {
    /// Frames (or slices) that are looked at, evenly spread, 1 to 1024, default 16.
    pub num_frames: usize,
    /// Height and width of a frame in pixels, 8 to 512, default 48.
    pub size_px: usize,
    /// Whether pixels are standardised by channel (otherwise [0, 1]), default true.
    pub normalise: bool,
    /// Channels of the stem and of each block of the picture network, 1 to 10 of 1 to 4096, default 16, 32, 64, 96.
    pub widths: Vec<usize>,
    /// Width of tokens and embedding, 1 to 4096, default 96.
    pub embed_dim: usize,
    /// Transformer blocks over the frames, 0 to 24, default 2.
    pub num_blocks: usize,
    /// Settings of each block.
    pub block: TransformerBlockConfig,
    /// Dropout of the embedded frames, in [0, 1), default 0.1.
    pub dropout_rate: f64,
}

impl Default for VideoFramesConfig {
    fn default() -> Self {
        Self {
            num_frames: 16,
            size_px: 48,
            normalise: true,
            widths: vec![16, 32, 64, 96],
            embed_dim: 96,
            num_blocks: 2,
            block: TransformerBlockConfig::default(),
            dropout_rate: 0.1,
        }
    }
}

/// One picture network shared by all frames -> tokens with learned positions -> blocks -> mean.
///
/// # Source
/// The factorised encoder of Arnab et al. 2021, "ViViT", arXiv:2103.15691 (section 3.3), with a residual network as
/// the spatial encoder; for volumes this is the usual 2.5D treatment of slices.
pub struct VideoFrames {
    frame: ImageConv,
    project: Linear,
    stack: TokenStack,
    shape: [usize; 4],
    info: InputInfo,
    num_activations: usize,
}

impl EncoderConfig for VideoFramesConfig {
    fn check(&self, place: &str) -> Vec<Problem> {
        Check::new(place)
            .count("num_frames", self.num_frames, 1, 1024)
            .count("size_px", self.size_px, 8, 512)
            .extend(self.frame().check(place))
            .count("embed_dim", self.embed_dim, 1, 4096)
            .count("num_blocks", self.num_blocks, 0, 24)
            .rate("dropout_rate", self.dropout_rate)
            .extend(self.block.check(&format!("{place}.block"), self.embed_dim))
            .finish()
    }

    fn preparation(&self) -> Preparation {
        Preparation::Frames {
            num_frames: self.num_frames,
            size_px: self.size_px,
            normalise: self.normalise,
        }
    }

    fn build(&self, info: &InputInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Encoder>, NnError> {
        Ok(Box::new(VideoFrames::build(self, info, scope)?))
    }

    fn table(&self) -> Result<Settings, Vec<Problem>> {
        registry::table(self)
    }
}

impl VideoFramesConfig {
    fn frame(&self) -> ImageConvConfig {
        ImageConvConfig {
            size_px: self.size_px,
            normalise: self.normalise,
            widths: self.widths.clone(),
            ..ImageConvConfig::default()
        }
    }
}

/// Frames, and height and width, of a column that was fitted as frames.
pub(super) fn frames(info: &InputInfo) -> Result<[usize; 2], NnError> {
    match info.width {
        InputWidth::Frames {
            num_frames,
            size_px,
        } => Ok([num_frames, size_px]),
        other => Err(info.mismatch(format!("{other:?}"), "frames")),
    }
}

impl VideoFrames {
    /// An encoder for a column as fitted.
    ///
    /// # Errors
    /// [`NnError::Input`] if the column was not fitted as frames.
    pub fn build(
        config: &VideoFramesConfig,
        info: &InputInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        let ([num_frames, size_px], dim) = (frames(info)?, config.embed_dim);
        let one = InputInfo::new(
            &info.column,
            Modality::Image,
            InputWidth::Pixels { size_px },
        );
        let frame = ImageConv::build(&config.frame(), &one, &mut scope.child("frame"))?;
        let parts = TokenStackConfig {
            num_blocks: config.num_blocks,
            block: &config.block,
            dropout_rate: config.dropout_rate,
        };
        let stack = TokenStack::build(scope, (num_frames, dim), parts)?;
        let num_activations = num_frames * frame.num_activations() + stack.num_activations();
        Ok(Self {
            project: Linear::build(scope, "project", frame.embed_dim(), dim)?,
            stack,
            frame,
            shape: [num_frames, 3, size_px, size_px],
            info: info.clone(),
            num_activations,
        })
    }
}

impl Encoder for VideoFrames {
    fn embed_dim(&self) -> usize {
        self.project.out_dim()
    }

    fn num_activations(&self) -> usize {
        self.num_activations
    }

    /// # Shapes
    /// - `input`: frames `[B, N, 3, H, W]`
    /// - returns: `[B, D]`
    fn forward(&self, tape: &mut Tape<'_>, input: &InputBatch) -> Result<Var, NnError> {
        let x = floats(tape, input, &self.info, &self.shape)?;
        let ([count, channels, height, width], batch) = (self.shape, x.shape()[0]);
        let pictures = tape.reshape(&x, &[batch * count, channels, height, width])?;
        let frames = self.frame.encode(tape, &pictures)?;
        let frames = self.project.forward(tape, &frames)?;
        let tokens = tape.reshape(&frames, &[batch, count, self.embed_dim()])?;
        self.stack.forward(tape, &tokens)
    }
}
