//! A network with its optimiser, and short ways to add layers.

use engine::check::random_tensor;
use engine::{
    Activation, BatchNorm, Conv2d, CrossEntropy, Gradients, Optimizer, OptimizerConfig, ParamId,
    ParamKind, Parameters, Tape, Targets, Tensor, Var,
};

/// Gives the logits of the batch that it holds.
pub(crate) type Forward = Box<dyn Fn(&mut Tape<'_>) -> Var + Send + Sync>;

/// A network on one batch.
pub(crate) struct Net {
    parameters: Parameters,
    gradients: Gradients,
    optimizer: Optimizer,
    forward: Forward,
    classes: Vec<u32>,
    step: u64,
}

impl Net {
    /// Logits of `batch` records with `num_classes` classes.
    pub(crate) fn new(layers: Layers, batch: usize, num_classes: u32, forward: Forward) -> Self {
        let parameters = layers.parameters;
        Self {
            gradients: Gradients::new(&parameters),
            optimizer: Optimizer::new(OptimizerConfig::adam_w(0.01), &parameters),
            parameters,
            forward,
            classes: (0..batch as u32)
                .map(|record| record % num_classes)
                .collect(),
            step: 0,
        }
    }

    /// One training step; gives the loss.
    pub(crate) fn step(&mut self) -> f32 {
        const RATE: f32 = 1e-4;
        self.step += 1;
        self.gradients.clear();
        let mut tape = Tape::training(&self.parameters, self.step);
        let logits = (self.forward)(&mut tape);
        let targets = Targets::Classes(&self.classes);
        let loss = tape
            .cross_entropy(&logits, targets, &CrossEntropy::default())
            .unwrap();
        tape.backward(&loss, &mut self.gradients).unwrap();
        let statistics = tape.take_statistics();
        self.parameters.apply(&statistics).unwrap();
        self.optimizer
            .step(&mut self.parameters, &self.gradients, RATE)
            .unwrap();
        loss.tensor().item()
    }
}

/// Adds parameters under numbered names.
#[derive(Default)]
pub(crate) struct Layers {
    parameters: Parameters,
}

/// A linear layer.
#[derive(Clone, Copy)]
pub(crate) struct Linear(ParamId, ParamId);

impl Linear {
    pub(crate) fn forward(self, tape: &mut Tape<'_>, x: &Var, activation: Activation) -> Var {
        tape.linear(x, self.0, Some(self.1), activation).unwrap()
    }
}

/// A convolution without bias and its batch norm.
#[derive(Clone, Copy)]
pub(crate) struct ConvNorm(ParamId, BatchNorm, Conv2d);

impl ConvNorm {
    pub(crate) fn forward(
        self,
        tape: &mut Tape<'_>,
        x: &Var,
        residual: Option<&Var>,
        relu: bool,
    ) -> Var {
        let Self(weight, norm, conv) = self;
        let y = tape
            .conv2d(x, weight, None, conv, Activation::None)
            .unwrap();
        tape.batch_norm(&y, norm, residual, relu).unwrap()
    }
}

impl Layers {
    fn name(&self) -> String {
        format!("p{}", self.parameters.len())
    }

    pub(crate) fn weight(&mut self, shape: &[usize]) -> ParamId {
        let name = self.name();
        let mut value = random_tensor(shape, 1 + self.parameters.len() as u64);
        let fan_in: usize = shape[1..].iter().product();
        let scale = (3.0 / fan_in as f32).sqrt();
        value
            .data_mut()
            .iter_mut()
            .for_each(|value| *value *= scale);
        self.parameters
            .add(&name, ParamKind::Weight, value)
            .unwrap()
    }

    pub(crate) fn filled(&mut self, len: usize, kind: ParamKind, value: f32) -> ParamId {
        let name = self.name();
        self.parameters
            .add(&name, kind, Tensor::full(&[len], value))
            .unwrap()
    }

    pub(crate) fn table(&mut self, rows: usize, dim: usize) -> ParamId {
        let name = self.name();
        let value = random_tensor(&[rows, dim], 1);
        self.parameters.add(&name, ParamKind::Table, value).unwrap()
    }

    pub(crate) fn linear(&mut self, inputs: usize, outputs: usize) -> Linear {
        Linear(
            self.weight(&[outputs, inputs]),
            self.filled(outputs, ParamKind::Bias, 0.0),
        )
    }

    pub(crate) fn norm(&mut self, dim: usize) -> (ParamId, ParamId) {
        let weight = self.filled(dim, ParamKind::Bias, 1.0);
        (weight, self.filled(dim, ParamKind::Bias, 0.0))
    }

    pub(crate) fn conv_norm(
        &mut self,
        inputs: usize,
        outputs: usize,
        size: usize,
        conv: Conv2d,
    ) -> ConvNorm {
        let weight = self.weight(&[outputs, inputs, size, size]);
        let norm = BatchNorm {
            weight: self.filled(outputs, ParamKind::Bias, 1.0),
            bias: self.filled(outputs, ParamKind::Bias, 0.0),
            mean: self.filled(outputs, ParamKind::Statistic, 0.0),
            variance: self.filled(outputs, ParamKind::Statistic, 1.0),
            eps: 1e-5,
            momentum: 0.1,
        };
        ConvNorm(weight, norm, conv)
    }
}
