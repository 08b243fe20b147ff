//! Pictures as a sequence of square patches through a transformer.

use engine::{Tape, Var};
use schema::{InputBatch, Preparation, Problem, Settings};

use super::{Encoder, EncoderConfig, image_conv::pixels, registry};
use crate::{
    InputInfo, NnError, Scope,
    input::floats,
    layer::{ConvConfig, PatchStack, TokenStackConfig, TransformerBlockConfig},
    settings::Check,
};

/// Settings of [`ImagePatch`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImagePatchConfig {
    /// Height and width of the pictures in pixels, 8 to 1024, default 64.
    pub size_px: usize,
    /// Whether pixels are standardised by channel (otherwise [0, 1]), default true.
    pub normalise: bool,
    /// Height and width of a patch in pixels, 1 to 256, default 8; must divide `size_px`.
    pub patch_px: usize,
    /// Width of tokens and embedding, 1 to 4096, default 128.
    pub embed_dim: usize,
    /// Transformer blocks, 1 to 48, default 4.
    pub num_blocks: usize,
    /// Settings of each block.
    pub block: TransformerBlockConfig,
    /// Dropout of the embedded patches, in [0, 1), default 0.1.
    pub dropout_rate: f64,
}

impl Default for ImagePatchConfig {
    fn default() -> Self {
        Self {
            size_px: 64,
            normalise: true,
            patch_px: 8,
            embed_dim: 128,
            num_blocks: 4,
            block: TransformerBlockConfig::default(),
            dropout_rate: 0.1,
        }
    }
}

/// Patches -> tokens with learned positions -> blocks -> mean.
///
/// Choose it for tens of thousands of pictures; below that `image_conv` learns faster.
///
/// # Source
/// Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", arXiv:2010.11929. Differs: the mean over tokens instead
/// of a class token (Beyer et al. 2022, arXiv:2205.01580).
pub struct ImagePatch {
    stack: PatchStack,
    size_px: usize,
    info: InputInfo,
    num_activations: usize,
}

impl EncoderConfig for ImagePatchConfig {
    fn check(&self, place: &str) -> Vec<Problem> {
        let divides = self.patch_px > 0 && self.size_px.is_multiple_of(self.patch_px);
        Check::new(place)
            .count("size_px", self.size_px, 8, 1024)
            .count("patch_px", self.patch_px, 1, 256)
            .claim(
                "patch_px",
                divides,
                &format!("a divisor of size_px = {}", self.size_px),
                self.patch_px,
            )
            .count("embed_dim", self.embed_dim, 1, 4096)
            .count("num_blocks", self.num_blocks, 1, 48)
            .rate("dropout_rate", self.dropout_rate)
            .extend(self.block.check(&format!("{place}.block"), self.embed_dim))
            .finish()
    }

    fn preparation(&self) -> Preparation {
        Preparation::Pixels {
            size_px: self.size_px,
            normalise: self.normalise,
        }
    }

    fn build(&self, info: &InputInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Encoder>, NnError> {
        Ok(Box::new(ImagePatch::build(self, info, scope)?))
    }

    fn table(&self) -> Result<Settings, Vec<Problem>> {
        registry::table(self)
    }
}

impl ImagePatch {
    /// An encoder for a column as fitted.
    ///
    /// # Errors
    /// [`NnError::Input`] if the column was not fitted as pixels.
    pub fn build(
        config: &ImagePatchConfig,
        info: &InputInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        let size_px = pixels(info)?;
        let patches = ConvConfig {
            in_channels: 3,
            out_channels: config.embed_dim,
            kernel: config.patch_px,
            stride: config.patch_px,
            padding: 0,
        };
        let parts = TokenStackConfig {
            num_blocks: config.num_blocks,
            block: &config.block,
            dropout_rate: config.dropout_rate,
        };
        let stack = PatchStack::build(scope, [size_px; 2], &patches, parts)?;
        let num_activations = 3 * size_px * size_px + stack.num_activations();
        Ok(Self {
            stack,
            size_px,
            info: info.clone(),
            num_activations,
        })
    }
}

impl Encoder for ImagePatch {
    fn embed_dim(&self) -> usize {
        self.stack.dim()
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
        self.stack.forward(tape, &x)
    }
}
