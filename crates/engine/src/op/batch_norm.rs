//! Batch norm, with the residual sum and the ReLU that follow it.

use std::sync::Arc;

use crate::buffer::Buffer;
use crate::error::{EngineError, require};
use crate::kernels::{BatchNormGradient, BatchNormed, ChannelShape, kernels};
use crate::parameters::ParamId;
use crate::tape::{Backward, Tape, Var, owned};
use crate::tensor::Tensor;

/// Parameters and settings of a batch norm over `C` channels; each parameter is `[C]`.
#[derive(Debug, Clone, Copy)]
pub struct BatchNorm {
    /// Scale.
    pub weight: ParamId,
    /// Offset.
    pub bias: ParamId,
    /// Running mean, a statistic.
    pub mean: ParamId,
    /// Running variance (unbiased), a statistic.
    pub variance: ParamId,
    /// Added to the variance; 1e-5.
    pub eps: f32,
    /// Part of the running values that the batch replaces; 0.1.
    pub momentum: f32,
}

impl Tape<'_> {
    /// `relu(batch_norm(x) + residual)`
    ///
    /// A training tape norms with the mean and variance of the batch and gathers new running values
    /// ([`Tape::take_statistics`]); an inference tape norms with the running ones.
    ///
    /// # Shapes
    /// - `x` and `residual`: `[B, C, ..]`
    ///
    /// # Errors
    /// [`EngineError::Shape`]; in training also if there is only one value a channel.
    ///
    /// # Source
    /// Ioffe and Szegedy 2015, arXiv:1502.03167.
    pub fn batch_norm(
        &mut self,
        x: &Var,
        norm: BatchNorm,
        residual: Option<&Var>,
        relu: bool,
    ) -> Result<Var, EngineError> {
        let shape = self.check_batch_norm(x.shape(), norm, residual)?;
        let parameters = self.parameters();
        let values = parameters.get(norm.weight).data();
        let stats = if self.is_training() {
            let stats = kernels().channel_stats(shape, x.data());
            self.update_running(norm, shape, &stats);
            stats
        } else {
            let mean = parameters.get(norm.mean).data();
            let variance = parameters.get(norm.variance).data();
            mean.iter().copied().zip(variance.iter().copied()).collect()
        };
        // From variance to one over the deviation.
        let stats: Vec<(f32, f32)> = stats
            .into_iter()
            .map(|(mean, variance)| (mean, 1.0 / (variance + norm.eps).sqrt()))
            .collect();
        let bias = parameters.get(norm.bias).data();
        let factors = stats.iter().zip(values).zip(bias);
        let factors: Vec<(f32, f32)> = factors
            .map(|((&(mean, scale), w), b)| (scale * w, b - mean * scale * w))
            .collect();
        let mut y = Buffer::scratch(x.data().len());
        let normed = BatchNormed {
            shape,
            factors: &factors,
            residual: residual.map(Var::data),
            relu,
        };
        kernels().batch_norm(&normed, x.data(), &mut y);
        let y = Tensor::from_buffer(x.shape(), y);
        let trains = self.trains(norm.weight) || self.trains(norm.bias);
        let needs = x.needs_gradient() || trains || residual.is_some_and(Var::needs_gradient);
        let (input, slot) = (x.tensor().clone(), x.slot());
        let output = relu.then(|| y.clone());
        let residual = residual.and_then(Var::slot);
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            // Only the way back through a ReLU changes it, but it is seldom shared.
            let mut dy = owned(dy);
            let mut dx = Buffer::scratch(input.len());
            let gradient = BatchNormGradient {
                shape,
                x: input.data(),
                weight: backward.parameters.get(norm.weight).data(),
                output: output.as_ref().map(Tensor::data),
                stats: &stats,
            };
            let of_channels = kernels().batch_norm_backward(&gradient, &mut dy, &mut dx);
            let (dw, db): (Vec<f32>, Vec<f32>) = of_channels.into_iter().unzip();
            backward.add_weight(norm.weight, &dw);
            backward.add_weight(norm.bias, &db);
            backward.add(slot, dx);
            backward.add(residual, dy);
        };
        Ok(self.record(y, needs, back))
    }

    /// Scale and offset of every channel by the running statistics.
    pub(super) fn running_factors(&self, norm: BatchNorm) -> (Vec<f32>, Vec<f32>) {
        let parameters = self.parameters();
        let [weight, bias, mean, variance] =
            [norm.weight, norm.bias, norm.mean, norm.variance].map(|id| parameters.get(id).data());
        let scales = weight.iter().zip(variance);
        let scales = scales.map(|(weight, variance)| weight / (variance + norm.eps).sqrt());
        let scales: Vec<f32> = scales.collect();
        let offsets = bias.iter().zip(mean).zip(&scales);
        let offsets = offsets.map(|((bias, mean), scale)| bias - mean * scale);
        let offsets = offsets.collect();
        (scales, offsets)
    }

    pub(super) fn check_batch_norm(
        &self,
        x: &[usize],
        norm: BatchNorm,
        residual: Option<&Var>,
    ) -> Result<ChannelShape, EngineError> {
        const OP: &str = "batch_norm";
        let got = || format!("x {x:?}");
        let channels = x.get(1).copied().unwrap_or(0);
        require(channels > 0, OP, got, || "[B, C, ..]".to_owned())?;
        let shape = ChannelShape {
            batch: x[0],
            channels,
            plane: x[2..].iter().product(),
        };
        let enough = if self.is_training() {
            shape.count() > 1
        } else {
            shape.plane > 0
        };
        let expected = || "more than one value a channel, to take a variance".to_owned();
        require(enough, OP, got, expected)?;
        let ids = [
            ("weight", norm.weight),
            ("bias", norm.bias),
            ("mean", norm.mean),
            ("variance", norm.variance),
        ];
        for (role, id) in ids {
            self.check_vector(OP, role, Some(id), channels)?;
        }
        if let Some(residual) = residual {
            require(
                residual.shape() == x,
                OP,
                || format!("residual {:?}", residual.shape()),
                || format!("the shape of x, {x:?}"),
            )?;
        }
        Ok(shape)
    }

    fn update_running(&mut self, norm: BatchNorm, shape: ChannelShape, stats: &[(f32, f32)]) {
        let count = shape.count() as f32;
        let unbiased = count / (count - 1.0);
        let new = |old: &[f32], of_batch: &dyn Fn(usize) -> f32| {
            let mut new = Buffer::scratch(old.len());
            for (channel, (new, old)) in new.iter_mut().zip(old).enumerate() {
                *new = (1.0 - norm.momentum) * old + norm.momentum * of_batch(channel);
            }
            Tensor::from_buffer(&[old.len()], new)
        };
        let mean = new(self.running(norm.mean).data(), &|channel| stats[channel].0);
        let variance = new(self.running(norm.variance).data(), &|channel| {
            stats[channel].1 * unbiased
        });
        self.set_running(norm.mean, mean);
        self.set_running(norm.variance, variance);
    }
}
