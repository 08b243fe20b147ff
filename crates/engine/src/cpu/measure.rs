//! One convolution with one algorithm, for the bench that chooses between them.

use super::conv::Algorithm;
use super::winograd::{self, TileSize};
use super::{conv, conv_unfolded};
use crate::check::random_tensor;
use crate::kernels::{ConvEnd, ConvGradient, OutGradient, Weight};
use crate::op::{Conv2d, ConvShape};

/// The three products of a convolution.
pub const PASSES: [&str; 3] = ["forward", "input", "weight"];

/// Names of the algorithms.
pub const ALGORITHMS: [&str; 4] = ["chosen", "unfolded", "winograd 2", "winograd 4"];

/// A convolution on random values.
pub struct Convolution {
    shape: ConvShape,
    x: Vec<f32>,
    weight: Vec<f32>,
    y: Vec<f32>,
    dx: Vec<f32>,
    dw: Vec<f32>,
}

impl Convolution {
    /// For `x` and `weight` of these shapes; `None` if they do not fit.
    pub fn new(x: &[usize], weight: &[usize], conv: Conv2d) -> Option<Self> {
        let shape = ConvShape::check(x, weight, conv).ok()?;
        let values = |len: usize, seed: u64| random_tensor(&[len], seed).data().to_vec();
        let x = values(shape.batch * shape.in_picture(), 1);
        let weight = values(weight.iter().product(), 2);
        Some(Self {
            y: values(shape.batch * shape.out_channels * shape.out_plane(), 3),
            dx: x.clone(),
            dw: weight.clone(),
            shape,
            x,
            weight,
        })
    }

    /// Operations of one product, two for each multiplication of a direct sum.
    pub fn operations(&self) -> f64 {
        let values = self.shape.batch * self.shape.out_channels * self.shape.out_plane();
        2.0 * values as f64 * self.shape.rows() as f64
    }

    /// What was chosen, as one of [`ALGORITHMS`].
    pub fn chosen(&self) -> &'static str {
        match Algorithm::choose(&self.shape) {
            Algorithm::Unfolded => ALGORITHMS[1],
            Algorithm::Winograd(TileSize::Two) => ALGORITHMS[2],
            Algorithm::Winograd(TileSize::Four) => ALGORITHMS[3],
        }
    }

    /// Computes one of [`PASSES`] with one of [`ALGORITHMS`]; false if that cannot compute this shape.
    pub fn run(&mut self, pass: usize, algorithm: usize) -> bool {
        let shape = &self.shape;
        if algorithm >= 2 && !winograd::fits(shape) {
            return false;
        }
        let size = [TileSize::Two, TileSize::Four][usize::from(algorithm == 3)];
        let gradient = ConvGradient {
            shape,
            x: &self.x,
            weight: &self.weight,
            dy: OutGradient::Whole(&self.y),
        };
        let end = ConvEnd::default();
        let weight = Weight {
            values: &self.weight,
            kept: None,
        };
        match (pass, algorithm) {
            (0, 0) => conv::forward(shape, &self.x, weight, end, &mut self.y),
            (0, 1) => conv_unfolded::forward(shape, &self.x, &self.weight, end, &mut self.y),
            (0, _) => winograd::forward(
                size,
                shape,
                &self.x,
                (weight, (None, None)),
                &|_, _| {},
                &mut self.y,
            ),
            (1, 0) => conv::backward(&gradient, Some(&mut self.dx), None),
            (1, 1) => conv_unfolded::backward(&gradient, Some(&mut self.dx), None),
            (1, _) => {
                winograd::backward_input(size, shape, &self.y, &self.weight, &mut self.dx);
            }
            (_, 0) => conv::backward(&gradient, None, Some((&mut self.dw, false))),
            (_, 1) => conv_unfolded::backward(&gradient, None, Some((&mut self.dw, false))),
            _ => {
                winograd::backward_weight(size, shape, (&self.x, &self.y), &mut self.dw, false);
            }
        }
        true
    }
}
