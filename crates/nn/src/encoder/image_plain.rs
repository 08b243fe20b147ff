//! The `plain` style of `image_conv`: a list of convolutions.

use engine::{Pool2d, Tape, Var};
use schema::{InputBatch, Problem};

use super::{Encoder, image_conv::pixels};
use crate::{
    InputInfo, NnError, Scope,
    input::floats,
    layer::{ActivationKind, Conv, ConvBlock, ConvConfig},
    settings::Check,
};

/// How the last layer becomes an embedding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImagePooling {
    /// Mean over the picture, one value a channel.
    #[default]
    Mean,
    /// Every value, so places stay apart; wide.
    Flatten,
}

/// One convolution of a plain network.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlainLayerConfig {
    /// Channels out, 1 to 4096, default 32.
    pub channels: usize,
    /// Height and width of the kernel in pixels, 1 to 15, default 3.
    pub kernel: usize,
    /// Pixels from one place to the next, 1 to 8, default 1.
    pub stride: usize,
    /// Rows and columns of zeros around the picture, 0 to 8, default 1.
    pub padding: usize,
    /// Activation, default `relu`; with `batch_norm` only `relu` and `none`.
    pub activation: ActivationKind,
    /// Whether batch norm follows the convolution, default false.
    pub batch_norm: bool,
    /// Height, width and stride of max pooling behind it, 1 (none) to 8, default 2.
    pub pool: usize,
}

impl Default for PlainLayerConfig {
    fn default() -> Self {
        Self {
            channels: 32,
            kernel: 3,
            stride: 1,
            padding: 1,
            activation: ActivationKind::Relu,
            batch_norm: false,
            pool: 2,
        }
    }
}

impl PlainLayerConfig {
    fn geometry(&self, in_channels: usize) -> ConvConfig {
        ConvConfig {
            in_channels,
            out_channels: self.channels,
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding,
        }
    }

    /// Height and width behind convolution and pooling; `None` if nothing is left.
    fn out_size(&self, size: usize) -> Option<usize> {
        let size = self.geometry(1).out_size(size)? / self.pool;
        (size > 0).then_some(size)
    }
}

enum PlainLayer {
    Bare(Conv),
    Normed(ConvBlock),
}

/// Convolutions in a row, each with activation and pooling.
///
/// # Source
/// LeCun et al. 1998, "Gradient-based learning applied to document recognition", in today's form.
pub struct PlainConv {
    layers: Vec<(PlainLayer, usize)>,
    pooling: ImagePooling,
    embed_dim: usize,
    size_px: usize,
    info: InputInfo,
    num_activations: usize,
}

impl PlainConv {
    /// What cannot be built for pictures of `size_px`, placed below `place`.
    pub fn check(layers: &[PlainLayerConfig], size_px: usize, place: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut size = Some(size_px);
        for (index, layer) in layers.iter().enumerate() {
            let is_fused = matches!(
                layer.activation,
                ActivationKind::Relu | ActivationKind::None
            );
            let mut check = Check::new(&format!("{place}.layers.{index}"));
            check
                .count("channels", layer.channels, 1, 4096)
                .count("kernel", layer.kernel, 1, 15)
                .count("stride", layer.stride, 1, 8)
                .count("padding", layer.padding, 0, 8)
                .count("pool", layer.pool, 1, 8)
                .claim(
                    "activation",
                    is_fused || !layer.batch_norm,
                    "relu or none with batch_norm",
                    format!("{:?}", layer.activation).to_lowercase(),
                );
            let found = check.finish();
            let can_measure = found.is_empty();
            problems.extend(found);
            if !can_measure {
                return problems;
            }
            let before = size.unwrap_or(0);
            size = layer.out_size(before);
            if size.is_none() {
                let mut check = Check::new(&format!("{place}.layers.{index}"));
                check.claim(
                    "kernel",
                    false,
                    &format!("at most {before} px left"),
                    layer.kernel,
                );
                problems.extend(check.finish());
                return problems;
            }
        }
        problems
    }

    /// The network for a column as fitted.
    ///
    /// # Errors
    /// [`NnError::Input`] if the column was not fitted as pixels, [`NnError::Settings`] if nothing of the picture is
    /// left behind the layers.
    pub fn build(
        layers: &[PlainLayerConfig],
        pooling: ImagePooling,
        info: &InputInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        let size_px = pixels(info)?;
        let problems = Self::check(layers, size_px, "image_conv");
        if !problems.is_empty() {
            return Err(NnError::Settings(problems));
        }
        let (mut channels, mut size) = (3, size_px);
        let mut num_activations = 3 * size * size;
        let mut built = Vec::with_capacity(layers.len());
        let mut scope = scope.child("layers");
        for (index, layer) in layers.iter().enumerate() {
            let (name, geometry) = (index.to_string(), layer.geometry(channels));
            let conv = if layer.batch_norm {
                let relu = layer.activation == ActivationKind::Relu;
                PlainLayer::Normed(ConvBlock::build(&mut scope, &name, &geometry, relu)?)
            } else {
                PlainLayer::Bare(Conv::build(&mut scope, &name, &geometry, layer.activation)?)
            };
            built.push((conv, layer.pool));
            num_activations += geometry.out_size(size).unwrap_or(0).pow(2) * layer.channels;
            size = layer.out_size(size).unwrap_or(1);
            num_activations += size * size * layer.channels;
            channels = layer.channels;
        }
        Ok(Self {
            layers: built,
            pooling,
            embed_dim: match pooling {
                ImagePooling::Mean => channels,
                ImagePooling::Flatten => channels * size * size,
            },
            size_px,
            info: info.clone(),
            num_activations,
        })
    }
}

impl Encoder for PlainConv {
    fn embed_dim(&self) -> usize {
        self.embed_dim
    }

    fn num_activations(&self) -> usize {
        self.num_activations
    }

    /// # Shapes
    /// - `input`: pixels `[B, 3, H, W]`
    /// - returns: `[B, D]`; flattened as `[C, H, W]`
    fn forward(&self, tape: &mut Tape<'_>, input: &InputBatch) -> Result<Var, NnError> {
        let shape = [3, self.size_px, self.size_px];
        let mut x = floats(tape, input, &self.info, &shape)?;
        for (layer, pool) in &self.layers {
            let pool = (*pool > 1).then(|| Pool2d::square(*pool));
            x = match (layer, pool) {
                (PlainLayer::Bare(conv), Some(pool)) => conv.forward_pooled(tape, &x, pool)?,
                (PlainLayer::Bare(conv), None) => conv.forward(tape, &x)?,
                (PlainLayer::Normed(conv), Some(pool)) => {
                    let y = conv.forward(tape, &x, None)?;
                    tape.max_pool2d(&y, pool)?
                }
                (PlainLayer::Normed(conv), None) => conv.forward(tape, &x, None)?,
            };
        }
        match self.pooling {
            ImagePooling::Mean => Ok(tape.global_avg_pool(&x)?),
            ImagePooling::Flatten => {
                let batch_size = x.shape()[0];
                Ok(tape.reshape(&x, &[batch_size, self.embed_dim])?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_the_kernels_use_up_is_refused_with_the_layer() {
        let layer = PlainLayerConfig {
            padding: 0,
            ..PlainLayerConfig::default()
        };
        // 8 -> 6 -> 3 -> 1 -> 0: the second pooling leaves nothing.
        let found = PlainConv::check(&[layer.clone(), layer.clone()], 8, "encoders.photo");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place, "encoders.photo.layers.1.kernel");
        assert!(PlainConv::check(&[layer.clone(), layer], 10, "p").is_empty());
    }
}
