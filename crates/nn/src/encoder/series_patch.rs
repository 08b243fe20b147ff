//! Series as a sequence of patches through a transformer.

use engine::{Tape, Var};
use schema::{InputBatch, Preparation, Problem, SeriesScale, Settings};

use super::{Encoder, EncoderConfig, registry, series_conv::series};
use crate::{
    InputInfo, NnError, Scope,
    input::floats,
    layer::{Linear, TokenStack, TokenStackConfig, TransformerBlockConfig},
    settings::Check,
};

/// Settings of [`SeriesPatch`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeriesPatchConfig {
    /// Moments that every series is brought to, 8 to 65536, default 256.
    pub len: usize,
    /// How values are scaled, default `centred`.
    pub scale: SeriesScale,
    /// Moments of a patch, 1 to 4096, default 16; must divide `len`.
    pub patch: usize,
    /// Width of tokens and embedding, 1 to 4096, default 128.
    pub embed_dim: usize,
    /// Transformer blocks, 1 to 48, default 3.
    pub num_blocks: usize,
    /// Settings of each block.
    pub block: TransformerBlockConfig,
    /// Dropout of the embedded patches, in [0, 1), default 0.1.
    pub dropout_rate: f64,
}

impl Default for SeriesPatchConfig {
    fn default() -> Self {
        Self {
            len: 256,
            scale: SeriesScale::Centred,
            patch: 16,
            embed_dim: 128,
            num_blocks: 3,
            block: TransformerBlockConfig::default(),
            dropout_rate: 0.1,
        }
    }
}

/// Patches of all channels together -> tokens with learned positions -> blocks -> mean.
///
/// Choose it for tens of thousands of long series; below that `series_conv` learns faster.
///
/// # Source
/// Nie et al. 2023, "A Time Series is Worth 64 Words", arXiv:2211.14730. Differs: a token sees all channels.
pub struct SeriesPatch {
    patches: Linear,
    stack: TokenStack,
    num_tokens: usize,
    shape: [usize; 2],
    info: InputInfo,
    num_activations: usize,
}

impl EncoderConfig for SeriesPatchConfig {
    fn check(&self, place: &str) -> Vec<Problem> {
        let divides = self.patch > 0 && self.len.is_multiple_of(self.patch);
        Check::new(place)
            .count("len", self.len, 8, 65_536)
            .count("patch", self.patch, 1, 4096)
            .claim(
                "patch",
                divides,
                &format!("a divisor of len = {}", self.len),
                self.patch,
            )
            .count("embed_dim", self.embed_dim, 1, 4096)
            .count("num_blocks", self.num_blocks, 1, 48)
            .rate("dropout_rate", self.dropout_rate)
            .extend(self.block.check(&format!("{place}.block"), self.embed_dim))
            .finish()
    }

    fn preparation(&self) -> Preparation {
        Preparation::Series {
            len: self.len,
            scale: self.scale,
        }
    }

    fn build(&self, info: &InputInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Encoder>, NnError> {
        Ok(Box::new(SeriesPatch::build(self, info, scope)?))
    }

    fn table(&self) -> Result<Settings, Vec<Problem>> {
        registry::table(self)
    }
}

impl SeriesPatch {
    /// An encoder for a column as fitted.
    ///
    /// # Errors
    /// [`NnError::Input`] if the column was not fitted as series.
    pub fn build(
        config: &SeriesPatchConfig,
        info: &InputInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        let shape = series(info)?;
        let dim = config.embed_dim;
        let num_tokens = shape[1] / config.patch.max(1);
        let patch_len = shape[0] * config.patch;
        let parts = TokenStackConfig {
            num_blocks: config.num_blocks,
            block: &config.block,
            dropout_rate: config.dropout_rate,
        };
        let stack = TokenStack::build(scope, (num_tokens, dim), parts)?;
        let num_activations = 2 * shape[0] * shape[1] + stack.num_activations();
        Ok(Self {
            patches: Linear::build(scope, "patches", patch_len, dim)?,
            stack,
            num_tokens,
            shape,
            info: info.clone(),
            num_activations,
        })
    }
}

impl Encoder for SeriesPatch {
    fn embed_dim(&self) -> usize {
        self.patches.out_dim()
    }

    fn num_activations(&self) -> usize {
        self.num_activations
    }

    /// # Shapes
    /// - `input`: a series `[B, C, T]`
    /// - returns: `[B, D]`
    fn forward(&self, tape: &mut Tape<'_>, input: &InputBatch) -> Result<Var, NnError> {
        let x = floats(tape, input, &self.info, &self.shape)?;
        let ([channels, len], batch) = (self.shape, x.shape()[0]);
        let patch = len / self.num_tokens;
        let x = tape.reshape(&x, &[batch, channels, self.num_tokens, patch])?;
        let x = tape.transpose(&x, 1, 2)?; // [B, T', C, P]
        let x = tape.reshape(&x, &[batch, self.num_tokens, channels * patch])?;
        let tokens = self.patches.forward(tape, &x)?;
        self.stack.forward(tape, &tokens)
    }
}
