//! Losses with their gradients in one pass.

use rayon::prelude::*;

use super::parallel::rows_per_block;
use super::{math, simd, softmax};
use crate::kernels::{CrossEntropyRows, Pointwise, PointwiseLoss};
use crate::op::Targets;

/// Sum of the losses of all records and of their weights; the gradient is that of the sum.
pub(crate) fn cross_entropy(
    rows: &CrossEntropyRows<'_>,
    logits: &[f32],
    gradient: &mut [f32],
) -> (f64, f64) {
    let dim = rows.num_classes;
    let block = rows_per_block(dim);
    let blocks = gradient
        .par_chunks_mut(block * dim)
        .zip(logits.par_chunks(block * dim));
    let sums: Vec<(f64, f64)> = blocks
        .enumerate()
        .map(|(at, (gradient, logits))| {
            let mut wanted = vec![0.0; dim];
            let pairs = gradient.chunks_exact_mut(dim).zip(logits.chunks_exact(dim));
            let (mut loss, mut total) = (0.0, 0.0);
            for (index, (gradient, x)) in pairs.enumerate() {
                match rows.wanted(at * block + index, &mut wanted) {
                    None => gradient.fill(0.0),
                    Some(weight) => {
                        loss += cross_entropy_row(x, &wanted, gradient);
                        total += f64::from(weight);
                    }
                }
            }
            (loss, total)
        })
        .collect();
    let add = |sum: (f64, f64), one: &(f64, f64)| (sum.0 + one.0, sum.1 + one.1);
    sums.iter().fold((0.0, 0.0), add)
}

impl CrossEntropyRows<'_> {
    /// Writes how much `-log p` of every class weighs in the loss of a record, and gives how much the record counts;
    /// `None` if it is left out.
    fn wanted(&self, row: usize, wanted: &mut [f32]) -> Option<f32> {
        let class_weight = |class: usize| self.class_weights.map_or(1.0, |weights| weights[class]);
        let weight = self.record_weights.map_or(1.0, |weights| weights[row]);
        let counts = match self.targets {
            Targets::Classes(classes) if classes[row] == Targets::IGNORED => return None,
            Targets::Classes(classes) => {
                wanted.fill(0.0);
                wanted[classes[row] as usize] = 1.0;
                class_weight(classes[row] as usize)
            }
            Targets::Probabilities(all) => {
                wanted.copy_from_slice(&all[row * self.num_classes..][..self.num_classes]);
                1.0
            }
        };
        let spread = self.smoothing / self.num_classes as f32;
        for (class, wanted) in wanted.iter_mut().enumerate() {
            *wanted = ((1.0 - self.smoothing) * *wanted + spread) * class_weight(class) * weight;
        }
        Some(counts * weight)
    }
}

/// `-sum(wanted * log_softmax(x))` and its gradient `softmax(x) * sum(wanted) - wanted`.
fn cross_entropy_row(x: &[f32], wanted: &[f32], gradient: &mut [f32]) -> f64 {
    let (log_sum, sum) = simd::run(
        #[inline(always)]
        || {
            (
                softmax::log_sum_exp(x),
                math::sum(
                    wanted,
                    #[inline(always)]
                    |x| x,
                ),
            )
        },
    );
    let mut loss = 0.0_f64;
    for (&x, &wanted) in x.iter().zip(wanted) {
        // A class that is not wanted may be impossible: 0 times infinity is no loss.
        if wanted != 0.0 {
            loss -= f64::from(wanted) * f64::from(x - log_sum);
        }
    }
    simd::run(
        #[inline(always)]
        || {
            for ((gradient, &x), &wanted) in gradient.iter_mut().zip(x).zip(wanted) {
                *gradient = math::exp(x - log_sum) * sum - wanted;
            }
        },
    );
    loss
}

/// Sum of the weighted losses of all values; the gradient is that of their mean.
pub(crate) fn pointwise(
    loss: &PointwiseLoss<'_>,
    x: &[f32],
    targets: &[f32],
    gradient: &mut [f32],
) -> f64 {
    let len = x.len();
    // Neighbours that share one weight.
    let shared = loss.weights.map_or(1, |weights| len / weights.len());
    let scale = 1.0 / len as f32;
    let mut sum = 0.0_f64;
    for (at, ((gradient, &x), &target)) in gradient.iter_mut().zip(x).zip(targets).enumerate() {
        let weight = loss.weights.map_or(1.0, |weights| weights[at / shared]);
        let (value, slope) = loss.kind.at(at, x, target);
        sum += f64::from(value * weight);
        *gradient = slope * weight * scale;
    }
    sum
}

impl Pointwise<'_> {
    /// The loss of one value and its slope.
    fn at(self, at: usize, x: f32, target: f32) -> (f32, f32) {
        let error = x - target;
        match self {
            Self::Bce(positive) => {
                let positive = positive.map_or(1.0, |weights| weights[at % weights.len()]);
                let soft = |x: f32| math::max(0.0, x) + (-x.abs()).exp().ln_1p();
                let value = target * positive * soft(-x) + (1.0 - target) * soft(x);
                let p = 1.0 / (1.0 + (-x).exp());
                (value, (1.0 - target) * p - target * positive * (1.0 - p))
            }
            Self::Mse => (error * error, 2.0 * error),
            Self::L1 if error == 0.0 => (0.0, 0.0),
            Self::L1 => (error.abs(), error.signum()),
            Self::Huber(beta) if error.abs() < beta => (0.5 * error * error / beta, error / beta),
            Self::Huber(beta) => (error.abs() - 0.5 * beta, error.signum()),
        }
    }
}
