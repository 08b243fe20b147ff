//! A network with its batch and its optimiser, and short ways to add layers.

use engine::check::random_tensor;
use engine::{
    Activation, BatchNorm, Conv2d, CrossEntropy, EngineError, Gradients, Optimizer,
    OptimizerConfig, ParamId, ParamKind, Parameters, Precision, Tape, Targets, Tensor, Var,
};

use crate::source::Source;

/// Gives the logits of a batch.
pub(crate) type Forward = Box<dyn Fn(&mut Tape<'_>, &Batch) -> Var + Send + Sync>;

/// Records, each with the same number of values.
pub(crate) struct Batch {
    pub(crate) len: usize,
    /// Token numbers, one record after the other.
    pub(crate) ids: Vec<u32>,
    /// `[B, C, H, W]`
    pub(crate) pictures: Option<Tensor>,
}

impl Batch {
    /// The first `len` records.
    pub(crate) fn first(&self, len: usize) -> Self {
        let pictures = self.pictures.as_ref().map(|all| {
            let mut shape = all.shape().to_vec();
            shape[0] = len;
            Tensor::from_slice(&shape, &all.data()[..len * (all.len() / self.len)]).unwrap()
        });
        Self {
            len,
            ids: self.ids[..len * (self.ids.len() / self.len)].to_vec(),
            pictures,
        }
    }

    /// Its pictures on a tape.
    pub(crate) fn pictures(&self, tape: &mut Tape<'_>) -> Var {
        tape.constant(self.pictures.clone().unwrap())
    }
}

/// The truth and how a step learns from it.
pub(crate) enum Goal {
    /// Class numbers; cross-entropy and AdamW with a decay of 0.01 for every parameter.
    Classes(Vec<u32>),
    /// 0 or 1; binary cross-entropy and Adam.
    Binary(Vec<f32>),
}

impl Goal {
    fn optimizer(&self) -> OptimizerConfig {
        match self {
            Self::Classes(_) => OptimizerConfig::adam_w(0.01),
            Self::Binary(_) => OptimizerConfig::Adam {
                beta1: 0.9,
                beta2: 0.999,
                eps: 1e-8,
                weight_decay: 0.0,
            },
        }
    }

    fn loss(&self, tape: &mut Tape<'_>, logits: &Var) -> Result<Var, EngineError> {
        match self {
            Self::Classes(classes) => {
                let targets = Targets::Classes(classes);
                tape.cross_entropy(logits, targets, &CrossEntropy::default())
            }
            Self::Binary(targets) => tape.bce_with_logits(logits, targets, None, None),
        }
    }
}

/// A network on one batch.
pub(crate) struct Net {
    parameters: Parameters,
    gradients: Gradients,
    optimizer: Optimizer,
    forward: Forward,
    pub(crate) batch: Batch,
    goal: Goal,
    precision: Precision,
    step: u64,
}

impl Net {
    /// A network that has not learned yet.
    pub(crate) fn new(layers: Layers<'_>, batch: Batch, goal: Goal, forward: Forward) -> Self {
        let parameters = layers.parameters;
        Self {
            gradients: Gradients::new(&parameters),
            optimizer: Optimizer::new(goal.optimizer(), &parameters),
            parameters,
            forward,
            batch,
            goal,
            precision: Precision::F32,
            step: 0,
        }
    }

    pub(crate) fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The same for many answers and no further step.
    pub(crate) fn for_answers(mut self) -> Self {
        self.parameters.keep_packed();
        self
    }

    /// One training step; gives the loss.
    pub(crate) fn step(&mut self) -> f32 {
        const RATE: f32 = 1e-4;
        self.step += 1;
        self.gradients.clear();
        let mut tape = Tape::training(&self.parameters, self.step).with_precision(self.precision);
        let logits = (self.forward)(&mut tape, &self.batch);
        let loss = self.goal.loss(&mut tape, &logits).unwrap();
        tape.backward(&loss, &mut self.gradients).unwrap();
        let statistics = tape.take_statistics();
        self.parameters.apply(&statistics).unwrap();
        self.optimizer
            .step(&mut self.parameters, &self.gradients, RATE)
            .unwrap();
        loss.tensor().item()
    }

    /// Logits of the classes, or probabilities of a binary target.
    pub(crate) fn answer(&self, batch: &Batch) -> Tensor {
        let mut tape = Tape::inference(&self.parameters).with_precision(self.precision);
        let logits = (self.forward)(&mut tape, batch);
        let answer = match self.goal {
            Goal::Classes(_) => logits,
            Goal::Binary(_) => tape.activation(&logits, Activation::Sigmoid).unwrap(),
        };
        answer.tensor().clone()
    }
}

/// Adds parameters, all subject to weight decay as in PyTorch's AdamW.
pub(crate) struct Layers<'s> {
    pub(crate) source: &'s Source,
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
        tape.conv2d_norm(x, (weight, conv), norm, residual, relu)
            .unwrap()
    }
}

impl<'s> Layers<'s> {
    pub(crate) fn new(source: &'s Source) -> Self {
        Self {
            source,
            parameters: Parameters::new(),
        }
    }

    fn add(&mut self, name: &str, kind: ParamKind, value: Tensor) -> ParamId {
        self.parameters.add(name, kind, value).unwrap()
    }

    pub(crate) fn weight(&mut self, name: &str, shape: &[usize]) -> ParamId {
        let seed = 1 + self.parameters.len() as u64;
        let value = self.source.tensor(name, shape, || {
            let mut value = random_tensor(shape, seed);
            let fan_in: usize = shape[1..].iter().product();
            let scale = (3.0 / fan_in as f32).sqrt();
            value.data_mut().iter_mut().for_each(|x| *x *= scale);
            value
        });
        self.add(name, ParamKind::Weight, value)
    }

    pub(crate) fn filled(&mut self, name: &str, len: usize, value: f32) -> ParamId {
        let full = || Tensor::full(&[len], value);
        let value = self.source.tensor(name, &[len], full);
        let is_statistic = name.contains("running_");
        let kind = match is_statistic {
            true => ParamKind::Statistic,
            false => ParamKind::Weight,
        };
        self.add(name, kind, value)
    }

    pub(crate) fn table(&mut self, name: &str, rows: usize, dim: usize) -> ParamId {
        let random = || random_tensor(&[rows, dim], 1);
        let value = self.source.tensor(name, &[rows, dim], random);
        self.add(name, ParamKind::Table, value)
    }

    pub(crate) fn linear(&mut self, name: &str, inputs: usize, outputs: usize) -> Linear {
        Linear(
            self.weight(&format!("{name}.weight"), &[outputs, inputs]),
            self.filled(&format!("{name}.bias"), outputs, 0.0),
        )
    }

    pub(crate) fn norm(&mut self, name: &str, dim: usize) -> (ParamId, ParamId) {
        let weight = self.filled(&format!("{name}.weight"), dim, 1.0);
        (weight, self.filled(&format!("{name}.bias"), dim, 0.0))
    }

    /// `names` of the convolution and of its norm; `shape` of the weight `[outputs, inputs, size, size]`.
    pub(crate) fn conv_norm(
        &mut self,
        names: [&str; 2],
        shape: [usize; 4],
        conv: Conv2d,
    ) -> ConvNorm {
        let weight = self.weight(&format!("{}.weight", names[0]), &shape);
        let mut vector = |of: &str, value| {
            let name = format!("{}.{of}", names[1]);
            self.filled(&name, shape[0], value)
        };
        let norm = BatchNorm {
            weight: vector("weight", 1.0),
            bias: vector("bias", 0.0),
            mean: vector("running_mean", 0.0),
            variance: vector("running_var", 1.0),
            eps: 1e-5,
            momentum: 0.1,
        };
        ConvNorm(weight, norm, conv)
    }
}
