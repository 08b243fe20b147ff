//! Spectrograms as a sequence of patches through a transformer.

use engine::{Tape, Var};
use schema::{InputBatch, Keep, Preparation, Problem, Settings, SpectrogramForm};

use super::{
    Encoder, EncoderConfig,
    audio_conv::{check_form, spectrogram},
    registry,
};
use crate::{
    InputInfo, NnError, Scope,
    input::floats,
    layer::{ConvConfig, PatchStack, TokenStackConfig, TransformerBlockConfig},
    settings::Check,
};

/// Settings of [`AudioPatch`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AudioPatchConfig {
    /// Samples a second that sounds are brought to, 1000 to 192000, default 16000.
    pub rate_hz: u32,
    /// Milliseconds that sounds are brought to, 20 to 600000, default 3000.
    pub len_ms: u32,
    /// Which part of a longer sound is kept: `centre` (the default), `start`, `end`, `loudest`, or `windows`, of which
    /// training draws one and prediction takes the middle one.
    pub keep: Keep,
    /// Milliseconds from frame to frame, 1 to 1000, default 10.
    pub hop_ms: u32,
    /// Bands of the spectrogram, 8 to 256, default 64.
    pub num_mels: usize,
    /// Frames and bands of a patch, 1 to 256, default 16; a rest that fills no patch is left out.
    pub patch: usize,
    /// Width of tokens and embedding, 1 to 4096, default 128.
    pub embed_dim: usize,
    /// Transformer blocks, 1 to 48, default 4.
    pub num_blocks: usize,
    /// Settings of each block.
    pub block: TransformerBlockConfig,
    /// Dropout of the embedded patches, in [0, 1), default 0.1.
    pub dropout_rate: f64,
}

impl Default for AudioPatchConfig {
    fn default() -> Self {
        Self {
            rate_hz: 16_000,
            len_ms: 3000,
            keep: Keep::Centre,
            hop_ms: 10,
            num_mels: 64,
            patch: 16,
            embed_dim: 128,
            num_blocks: 4,
            block: TransformerBlockConfig::default(),
            dropout_rate: 0.1,
        }
    }
}

/// Patches -> tokens with learned positions -> blocks -> mean.
///
/// Choose it for tens of thousands of sounds; below that `audio_conv` learns faster.
///
/// # Source
/// Gong et al. 2021, "AST: Audio Spectrogram Transformer", arXiv:2104.01778. Differs: patches do not overlap, and the
/// mean over tokens takes the place of the class token.
pub struct AudioPatch {
    stack: PatchStack,
    shape: [usize; 2],
    info: InputInfo,
    num_activations: usize,
}

impl EncoderConfig for AudioPatchConfig {
    fn check(&self, place: &str) -> Vec<Problem> {
        let form = self.form();
        let fits = form.num_frames() >= self.patch && form.num_mels >= self.patch;
        Check::new(place)
            .extend(check_form(place, &form))
            .count("patch", self.patch, 1, 256)
            .claim(
                "patch",
                fits,
                &format!(
                    "at most the {} frames and {} bands of a spectrogram",
                    form.num_frames(),
                    form.num_mels
                ),
                self.patch,
            )
            .count("embed_dim", self.embed_dim, 1, 4096)
            .count("num_blocks", self.num_blocks, 1, 48)
            .rate("dropout_rate", self.dropout_rate)
            .extend(self.block.check(&format!("{place}.block"), self.embed_dim))
            .finish()
    }

    fn preparation(&self) -> Preparation {
        Preparation::Spectrogram(self.form())
    }

    fn build(&self, info: &InputInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Encoder>, NnError> {
        Ok(Box::new(AudioPatch::build(self, info, scope)?))
    }

    fn table(&self) -> Result<Settings, Vec<Problem>> {
        registry::table(self)
    }
}

impl AudioPatchConfig {
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

impl AudioPatch {
    /// An encoder for a column as fitted.
    ///
    /// # Errors
    /// [`NnError::Input`] if the column was not fitted as a spectrogram.
    pub fn build(
        config: &AudioPatchConfig,
        info: &InputInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        let shape = spectrogram(info)?;
        let patches = ConvConfig {
            stride: config.patch,
            ..ConvConfig::plain(1, config.embed_dim, config.patch)
        };
        let parts = TokenStackConfig {
            num_blocks: config.num_blocks,
            block: &config.block,
            dropout_rate: config.dropout_rate,
        };
        let stack = PatchStack::build(scope, shape, &patches, parts)?;
        let num_activations = shape[0] * shape[1] + stack.num_activations();
        Ok(Self {
            stack,
            shape,
            info: info.clone(),
            num_activations,
        })
    }
}

impl Encoder for AudioPatch {
    fn embed_dim(&self) -> usize {
        self.stack.dim()
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
        let x = tape.reshape(&x, &[batch, 1, self.shape[0], self.shape[1]])?;
        self.stack.forward(tape, &x)
    }
}
