//! Two convolutions and a shortcut around them.

use engine::{Pool2d, Tape, Var};

use crate::{
    NnError, Scope,
    layer::{ConvBlock, ConvConfig},
};

/// `relu(norm(conv(relu(norm(conv(x))))) + shortcut(x))`, halving height and width.
///
/// # Source
/// He et al. 2016, "Deep Residual Learning", arXiv:1512.03385. Differs: the shortcut averages 2x2 pixels before its
/// 1x1 convolution, so it reads every pixel (He T. et al. 2019, "Bag of Tricks", arXiv:1812.01187, ResNet-D).
#[derive(Debug, Clone)]
pub struct ResidualBlock {
    first: ConvBlock,
    second: ConvBlock,
    /// After averaging 2x2 pixels, for even sizes.
    shortcut: ConvBlock,
    averages: bool,
}

impl ResidualBlock {
    /// A block for pictures of height and width `size`, see [`ResidualBlock::out_size`].
    ///
    /// # Errors
    /// [`NnError::Engine`] if the name is taken.
    pub fn build(
        scope: &mut Scope<'_>,
        name: &str,
        channels: [usize; 2],
        size: usize,
    ) -> Result<Self, NnError> {
        let [in_channels, out_channels] = channels;
        let mut scope = scope.child(name);
        let conv = |in_channels, kernel, stride| ConvConfig {
            in_channels,
            out_channels,
            kernel,
            stride,
            padding: kernel / 2,
        };
        // Averaging drops the last row of an odd height; a strided 1x1 convolution keeps the sizes equal.
        let averages = size.is_multiple_of(2);
        let stride = if averages { 1 } else { 2 };
        Ok(Self {
            first: ConvBlock::build(&mut scope, "first", &conv(in_channels, 3, 2), true)?,
            second: ConvBlock::build(&mut scope, "second", &conv(out_channels, 3, 1), true)?,
            shortcut: ConvBlock::build(
                &mut scope,
                "shortcut",
                &conv(in_channels, 1, stride),
                false,
            )?,
            averages,
        })
    }

    /// Height (or width) of the result for a height (or width).
    pub fn out_size(size: usize) -> usize {
        size.div_ceil(2)
    }

    /// # Shapes
    /// - `x`: `[B, C, H, W]`
    /// - returns: `[B, C', ceil(H/2), ceil(W/2)]`
    ///
    /// # Errors
    /// [`NnError::Engine`] if the channels differ.
    pub fn forward(&self, tape: &mut Tape<'_>, x: &Var) -> Result<Var, NnError> {
        let shortcut = if self.averages {
            let halved = tape.avg_pool2d(x, Pool2d::square(2))?;
            self.shortcut.forward(tape, &halved, None)?
        } else {
            self.shortcut.forward(tape, x, None)?
        };
        let inner = self.first.forward(tape, x, None)?;
        self.second.forward(tape, &inner, Some(&shortcut))
    }
}
