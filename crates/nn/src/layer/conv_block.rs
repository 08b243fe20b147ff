//! A convolution, alone or with batch norm and ReLU behind it.

use engine::{Activation, BatchNorm, Conv2d, ParamId, ParamKind, Pool2d, Tape, Var};

use crate::{Init, NnError, Scope, layer::ActivationKind};

/// Geometry of a convolution; kernels are square.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvConfig {
    /// Channels in.
    pub in_channels: usize,
    /// Channels out.
    pub out_channels: usize,
    /// Height and width of the kernel in pixels.
    pub kernel: usize,
    /// Pixels from one place to the next.
    pub stride: usize,
    /// Rows and columns of zeros around the picture.
    pub padding: usize,
}

impl ConvConfig {
    /// Stride 1, no padding.
    pub fn plain(in_channels: usize, out_channels: usize, kernel: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            kernel,
            stride: 1,
            padding: 0,
        }
    }

    /// Height (or width) of the result for a height (or width); `None` if the kernel does not fit.
    pub fn out_size(&self, size: usize) -> Option<usize> {
        (size + 2 * self.padding)
            .checked_sub(self.kernel)
            .map(|room| room / self.stride + 1)
    }

    fn fan_in(&self) -> usize {
        self.in_channels * self.kernel * self.kernel
    }

    fn geometry(&self) -> Conv2d {
        Conv2d {
            stride: [self.stride; 2],
            padding: [self.padding; 2],
            dilation: [1; 2],
            groups: 1,
        }
    }

    fn weight(&self, scope: &mut Scope<'_>) -> Result<ParamId, NnError> {
        let shape = [
            self.out_channels,
            self.in_channels,
            self.kernel,
            self.kernel,
        ];
        let init = Init::torch(self.fan_in());
        scope.parameter("weight", ParamKind::Weight, &shape, init)
    }
}

/// A convolution with bias and activation.
#[derive(Debug, Clone)]
pub struct Conv {
    weight: ParamId,
    bias: ParamId,
    geometry: Conv2d,
    activation: Activation,
}

impl Conv {
    /// With PyTorch's first values: weight and bias uniform within 1/sqrt(fan in).
    ///
    /// # Errors
    /// [`NnError::Engine`] if the name is taken.
    pub fn build(
        scope: &mut Scope<'_>,
        name: &str,
        config: &ConvConfig,
        activation: ActivationKind,
    ) -> Result<Self, NnError> {
        let mut scope = scope.child(name);
        let weight = config.weight(&mut scope)?;
        let init = Init::torch(config.fan_in());
        let bias = scope.parameter("bias", ParamKind::Bias, &[config.out_channels], init)?;
        Ok(Self {
            weight,
            bias,
            geometry: config.geometry(),
            activation: activation.into(),
        })
    }

    /// # Shapes
    /// - `x`: `[B, C, H, W]`
    /// - returns: `[B, C', H', W']` as [`ConvConfig::out_size`] says
    ///
    /// # Errors
    /// [`NnError::Engine`] if the channels differ or the kernel does not fit.
    pub fn forward(&self, tape: &mut Tape<'_>, x: &Var) -> Result<Var, NnError> {
        let bias = Some(self.bias);
        Ok(tape.conv2d(x, self.weight, bias, self.geometry, self.activation)?)
    }

    /// [`Conv::forward`] and the largest value of every window behind it.
    ///
    /// # Shapes
    /// - `x`: `[B, C, H, W]`
    /// - returns: `[B, C', H'', W'']`, the windows of what [`Conv::forward`] gives
    ///
    /// # Errors
    /// [`NnError::Engine`] if the channels differ, or kernel or window do not fit.
    pub fn forward_pooled(
        &self,
        tape: &mut Tape<'_>,
        x: &Var,
        pool: Pool2d,
    ) -> Result<Var, NnError> {
        let weights = (self.weight, Some(self.bias));
        Ok(tape.conv2d_max_pool(x, weights, self.geometry, self.activation, pool)?)
    }
}

/// A convolution without bias, batch norm, and ReLU if asked for.
///
/// # Source
/// Ioffe, Szegedy 2015, "Batch Normalization", arXiv:1502.03167; eps 1e-5 and momentum 0.1 as in PyTorch.
#[derive(Debug, Clone)]
pub struct ConvBlock {
    weight: ParamId,
    geometry: Conv2d,
    norm: BatchNorm,
    relu: bool,
}

impl ConvBlock {
    /// With PyTorch's first values; `relu` says whether a ReLU follows the norm.
    ///
    /// # Errors
    /// [`NnError::Engine`] if the name is taken.
    pub fn build(
        scope: &mut Scope<'_>,
        name: &str,
        config: &ConvConfig,
        relu: bool,
    ) -> Result<Self, NnError> {
        let kernel = [config.kernel; 2];
        let channels = [config.in_channels, config.out_channels];
        Self::rectangular(scope, name, (channels, kernel), config.geometry(), relu)
    }

    /// The same with a kernel of two lengths, `[vertical, horizontal]`; `channels` are those in and out.
    ///
    /// # Errors
    /// [`NnError::Engine`] if the name is taken.
    pub fn rectangular(
        scope: &mut Scope<'_>,
        name: &str,
        ([in_channels, out_channels], [kh, kw]): ([usize; 2], [usize; 2]),
        geometry: Conv2d,
        relu: bool,
    ) -> Result<Self, NnError> {
        let mut scope = scope.child(name);
        let shape = [out_channels, in_channels, kh, kw];
        let init = Init::torch(in_channels * kh * kw);
        let weight = scope.parameter("weight", ParamKind::Weight, &shape, init)?;
        let shape = [out_channels];
        let mut norm = scope.child("norm");
        let norm = BatchNorm {
            weight: norm.parameter("weight", ParamKind::Bias, &shape, Init::ONES)?,
            bias: norm.parameter("bias", ParamKind::Bias, &shape, Init::ZEROS)?,
            mean: norm.parameter("mean", ParamKind::Statistic, &shape, Init::ZEROS)?,
            variance: norm.parameter("variance", ParamKind::Statistic, &shape, Init::ONES)?,
            eps: 1e-5,
            momentum: 0.1,
        };
        Ok(Self {
            weight,
            geometry,
            norm,
            relu,
        })
    }

    /// `relu(norm(conv(x)) + residual)`, without the parts that are not asked for.
    ///
    /// # Shapes
    /// - `x`: `[B, C, H, W]`
    /// - `residual`, returns: `[B, C', H', W']` as [`ConvConfig::out_size`] says
    ///
    /// # Errors
    /// [`NnError::Engine`] if the shapes do not fit.
    pub fn forward(
        &self,
        tape: &mut Tape<'_>,
        x: &Var,
        residual: Option<&Var>,
    ) -> Result<Var, NnError> {
        if !tape.is_training() {
            let conv = (self.weight, self.geometry);
            return Ok(tape.conv2d_norm(x, conv, self.norm, residual, self.relu)?);
        }
        let y = tape.conv2d(x, self.weight, None, self.geometry, Activation::None)?;
        let is_lone = y.shape().iter().product::<usize>() == y.shape()[1];
        if !is_lone {
            return Ok(tape.batch_norm(&y, self.norm, residual, self.relu)?);
        }
        // One value a channel has no variance: the last record of an epoch, alone, on a map of one pixel. Twice the
        // same value has variance 0, and the run goes on.
        let twice = tape.concat(&[y.clone(), y], 0)?;
        let residual = residual
            .map(|one| tape.concat(&[one.clone(), one.clone()], 0))
            .transpose()?;
        let normed = tape.batch_norm(&twice, self.norm, residual.as_ref(), self.relu)?;
        Ok(tape.slice(&normed, 0, 0, 1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_pytorchs() {
        let conv = |kernel, stride, padding| ConvConfig {
            in_channels: 1,
            out_channels: 1,
            kernel,
            stride,
            padding,
        };
        // torch.nn.Conv2d(1, 1, k, s, p)(torch.zeros(1, 1, n, n)).shape
        assert_eq!(conv(3, 1, 0).out_size(64), Some(62));
        assert_eq!(conv(5, 2, 2).out_size(64), Some(32));
        assert_eq!(conv(3, 2, 1).out_size(33), Some(17));
        assert_eq!(conv(3, 1, 0).out_size(2), None);
    }
}
