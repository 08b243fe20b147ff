//! Series through convolutions of several lengths at once.

use engine::{Conv2d, Tape, Var};
use schema::{InputBatch, Preparation, Problem, SeriesScale, Settings};

use super::{Encoder, EncoderConfig, registry};
use crate::{
    InputInfo, InputWidth, NnError, Scope, input::floats, layer::ConvBlock, settings::Check,
};

/// Settings of [`SeriesConv`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeriesConvConfig {
    /// Moments that every series is brought to, 8 to 65536, default 256.
    pub len: usize,
    /// How values are scaled, default `centred`.
    pub scale: SeriesScale,
    /// Lengths of the kernels of a layer, odd, 1 to 8 of 1 to 999, default 5, 11, 23.
    pub kernels: Vec<usize>,
    /// Channels of each kernel length, 1 to 1024, default 24.
    pub num_filters: usize,
    /// Layers, 1 to 24, default 4; the second and every second one after it is followed by a shortcut.
    pub num_layers: usize,
    /// Layers after which time is halved, from the first on, 0 to 12, default 2.
    pub num_halvings: usize,
}

impl Default for SeriesConvConfig {
    fn default() -> Self {
        Self {
            len: 256,
            scale: SeriesScale::Centred,
            kernels: vec![5, 11, 23],
            num_filters: 24,
            num_layers: 4,
            num_halvings: 2,
        }
    }
}

/// Each layer lets kernels of several lengths look at the same series, side by side; shortcuts; the mean over time.
///
/// # Source
/// Ismail Fawaz et al. 2020, "InceptionTime", arXiv:1909.04939. Differs: no bottleneck and no pooled branch, shortcuts
/// around two layers instead of three, early strides that save most of the work.
pub struct SeriesConv {
    layers: Vec<Vec<ConvBlock>>,
    shortcuts: Vec<ConvBlock>,
    embed_dim: usize,
    shape: [usize; 2],
    info: InputInfo,
    num_activations: usize,
}

impl EncoderConfig for SeriesConvConfig {
    fn check(&self, place: &str) -> Vec<Problem> {
        let mut check = Check::new(place);
        check
            .count("len", self.len, 8, 65_536)
            .claim(
                "kernels",
                (1..=8).contains(&self.kernels.len()),
                "1 to 8 lengths",
                self.kernels.len(),
            )
            .count("num_filters", self.num_filters, 1, 1024)
            .count("num_layers", self.num_layers, 1, 24)
            .claim(
                "num_halvings",
                self.num_halvings <= 12 && self.len >> self.num_halvings.min(16) >= 2,
                &format!("few enough to leave two of {} moments", self.len),
                self.num_halvings,
            );
        for (index, kernel) in self.kernels.iter().enumerate() {
            let key = format!("kernels.{index}");
            let fits = (1..=999).contains(kernel) && kernel % 2 == 1;
            check.claim(&key, fits, "an odd number from 1 to 999", kernel);
        }
        check.finish()
    }

    fn preparation(&self) -> Preparation {
        Preparation::Series {
            len: self.len,
            scale: self.scale,
        }
    }

    fn build(&self, info: &InputInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Encoder>, NnError> {
        Ok(Box::new(SeriesConv::build(self, info, scope)?))
    }

    fn table(&self) -> Result<Settings, Vec<Problem>> {
        registry::table(self)
    }
}

/// Channels and moments of a column that was fitted as series.
pub(super) fn series(info: &InputInfo) -> Result<[usize; 2], NnError> {
    match info.width {
        InputWidth::Series { num_channels, len } => Ok([num_channels, len]),
        other => Err(info.mismatch(format!("{other:?}"), "a series")),
    }
}

/// A kernel along time, over a picture of height 1.
fn along(kernel: usize, stride: usize) -> Conv2d {
    Conv2d {
        stride: [1, stride],
        padding: [0, kernel / 2],
        ..Conv2d::default()
    }
}

impl SeriesConv {
    /// An encoder for a column as fitted.
    ///
    /// # Errors
    /// [`NnError::Input`] if the column was not fitted as series.
    pub fn build(
        config: &SeriesConvConfig,
        info: &InputInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        let shape = series(info)?;
        let width = config.num_filters * config.kernels.len();
        let [mut channels, mut len] = shape;
        let mut num_activations = channels * len;
        let (mut layers, mut shortcuts) = (Vec::new(), Vec::new());
        // What the next shortcut begins with: its channels, and the strides passed since.
        let mut around = (channels, 1);
        for index in 0..config.num_layers {
            let stride = if index < config.num_halvings { 2 } else { 1 };
            let mut scope = scope.child("layers");
            let mut scope = scope.child(&index.to_string());
            let mut layer = Vec::new();
            for (place, &kernel) in config.kernels.iter().enumerate() {
                let (name, geometry) = (format!("kernel_{place}"), along(kernel, stride));
                let sizes = ([channels, config.num_filters], [1, kernel]);
                // The last layer before a shortcut is cut at zero after the sum.
                let relu = index % 2 == 0;
                layer.push(ConvBlock::rectangular(
                    &mut scope, &name, sizes, geometry, relu,
                )?);
            }
            layers.push(layer);
            channels = width;
            len = len.div_ceil(stride);
            num_activations += 4 * channels * len;
            around.1 *= stride;
            if index % 2 == 1 {
                let sizes = ([around.0, width], [1, 1]);
                let geometry = along(1, around.1);
                shortcuts.push(ConvBlock::rectangular(
                    &mut scope, "shortcut", sizes, geometry, false,
                )?);
                around = (width, 1);
            }
        }
        Ok(Self {
            layers,
            shortcuts,
            embed_dim: width,
            shape,
            info: info.clone(),
            num_activations,
        })
    }
}

impl Encoder for SeriesConv {
    fn embed_dim(&self) -> usize {
        self.embed_dim
    }

    fn num_activations(&self) -> usize {
        self.num_activations
    }

    /// # Shapes
    /// - `input`: a series `[B, C, T]`
    /// - returns: `[B, D]`
    fn forward(&self, tape: &mut Tape<'_>, input: &InputBatch) -> Result<Var, NnError> {
        let x = floats(tape, input, &self.info, &self.shape)?;
        let [channels, len] = self.shape;
        let mut x = tape.reshape(&x, &[x.shape()[0], channels, 1, len])?;
        let mut start = x.clone();
        for (index, layer) in self.layers.iter().enumerate() {
            let mut parts = Vec::with_capacity(layer.len());
            for block in layer {
                parts.push(block.forward(tape, &x, None)?);
            }
            x = tape.concat(&parts, 1)?;
            if index % 2 == 1 {
                let shortcut = self.shortcuts[index / 2].forward(tape, &start, None)?;
                let sum = tape.add(&x, &shortcut)?;
                x = tape.activation(&sum, engine::Activation::Relu)?;
                start = x.clone();
            }
        }
        Ok(tape.global_avg_pool(&x)?)
    }
}
