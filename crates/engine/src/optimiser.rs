//! The optimisers: how gradients change parameters.

use std::sync::Arc;

use crate::buffer::Buffer;
use crate::error::{EngineError, require_setting};
use crate::gradients::{Gradient, Gradients};
use crate::kernels::{AdamStep, Moments, SgdStep, kernels};
use crate::parameters::{ParamId, Parameters};
use crate::tensor::Tensor;

/// Which optimiser, and its settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OptimizerConfig {
    /// Adam with decoupled weight decay. Source: Loshchilov and Hutter 2019, arXiv:1711.05101.
    AdamW {
        /// Decay of the mean of gradients; 0.9.
        beta1: f32,
        /// Decay of the mean of squared gradients; 0.999.
        beta2: f32,
        /// Added to the root of the second mean; 1e-8.
        eps: f32,
        /// Part of a weight taken away per step and unit of learning rate.
        weight_decay: f32,
    },
    /// Adam with weight decay as part of the gradient. Source: Kingma and Ba 2015, arXiv:1412.6980.
    Adam {
        /// Decay of the mean of gradients; 0.9.
        beta1: f32,
        /// Decay of the mean of squared gradients; 0.999.
        beta2: f32,
        /// Added to the root of the second mean; 1e-8.
        eps: f32,
        /// Factor of the weights that is added to the gradient; 0.
        weight_decay: f32,
    },
    /// Stochastic gradient descent as in PyTorch.
    Sgd {
        /// How much of the last update is kept; 0 for none.
        momentum: f32,
        /// How much less of the gradient enters the momentum; 0.
        dampening: f32,
        /// Looks one step of momentum ahead.
        nesterov: bool,
        /// Factor of the weights that is added to the gradient; 0.
        weight_decay: f32,
    },
}

impl OptimizerConfig {
    /// AdamW with the usual betas and this weight decay.
    pub fn adam_w(weight_decay: f32) -> Self {
        Self::AdamW {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay,
        }
    }
}

/// What is remembered for one parameter.
#[derive(Default)]
struct Memory {
    /// How often it was updated.
    num_updates: u64,
    /// Mean of gradients, or velocity.
    first: Option<Arc<Buffer>>,
    /// Mean of squared gradients.
    second: Option<Arc<Buffer>>,
    rate_scale: Option<f32>,
}

/// An optimiser with its memory for some [`Parameters`].
pub struct Optimizer {
    config: OptimizerConfig,
    memories: Vec<Memory>,
}

impl Optimizer {
    /// An optimiser that has not made a step.
    pub fn new(config: OptimizerConfig, parameters: &Parameters) -> Self {
        let mut memories = Vec::new();
        memories.resize_with(parameters.len(), Memory::default);
        Self { config, memories }
    }

    /// Its settings.
    pub fn config(&self) -> OptimizerConfig {
        self.config
    }

    /// Changes the decay of the mean of gradients (for SGD the momentum); schedules such as one-cycle cycle it.
    pub fn set_beta1(&mut self, value: f32) {
        match &mut self.config {
            OptimizerConfig::AdamW { beta1, .. } | OptimizerConfig::Adam { beta1, .. } => {
                *beta1 = value;
            }
            OptimizerConfig::Sgd { momentum, .. } => *momentum = value,
        }
    }

    /// Multiplies the learning rate of one parameter, for instance to train a pretrained part more gently.
    ///
    /// # Panics
    /// If `id` comes from other parameters and lies beyond these.
    pub fn set_rate_scale(&mut self, id: ParamId, factor: f32) {
        self.memories[id.0].rate_scale = Some(factor);
    }

    /// Changes every trained parameter that has a gradient.
    ///
    /// A gradient that holds only rows of a table changes only these rows and their moments (as PyTorch's
    /// `SparseAdam`, with weight decay for these rows).
    ///
    /// # Errors
    /// [`EngineError::Setting`] if `lr` is not finite; [`EngineError::Shape`] if the parameters are not those it was
    /// made for.
    pub fn step(
        &mut self,
        parameters: &mut Parameters,
        gradients: &Gradients,
        lr: f32,
    ) -> Result<(), EngineError> {
        require_setting(lr.is_finite(), "optimiser", "lr", lr, "a finite number")?;
        if parameters.len() != self.memories.len() {
            return Err(EngineError::Shape {
                op: "optimiser",
                got: format!("{} parameters", parameters.len()),
                expected: format!("the {} it was made for", self.memories.len()),
            });
        }
        for (index, memory) in self.memories.iter_mut().enumerate() {
            let id = ParamId(index);
            let kind = parameters.kind(id);
            let gradient = gradients.get(id);
            if !kind.is_trained() || matches!(gradient, Gradient::None) {
                continue;
            }
            let rate = lr * memory.rate_scale.unwrap_or(1.0);
            let weights = parameters.data_mut(id);
            memory.update(self.config, (rate, kind.is_decayed()), weights, gradient);
        }
        Ok(())
    }

    /// What must be saved to go on later: named tensors, which share the optimiser's memory. The parameters give the
    /// names.
    pub fn state(&self, parameters: &Parameters) -> Vec<(String, Tensor)> {
        let mut state = Vec::new();
        for (memory, (_, name, _, value)) in self.memories.iter().zip(parameters.iter()) {
            if memory.num_updates == 0 {
                continue;
            }
            // Exact: two numbers below 2^24.
            let updates = [memory.num_updates >> 20, memory.num_updates & 0xf_ffff];
            let updates = updates.map(|part| part as f32).to_vec();
            let updates = Tensor::from_buffer(&[2], Buffer::from_vec(updates));
            state.push((format!("{name}.num_updates"), updates));
            for (part, moment) in [("first", &memory.first), ("second", &memory.second)] {
                if let Some(moment) = moment {
                    let moment = Tensor::from_shared(value.shape(), Arc::clone(moment));
                    state.push((format!("{name}.{part}"), moment));
                }
            }
        }
        state
    }

    /// Takes over a saved state. Parameters that it does not name start anew.
    ///
    /// # Errors
    /// [`EngineError::State`] if a name belongs to no parameter, or a tensor has another shape than its parameter.
    pub fn load_state(
        &mut self,
        parameters: &Parameters,
        state: &[(String, Tensor)],
    ) -> Result<(), EngineError> {
        let mut memories = Vec::new();
        memories.resize_with(self.memories.len(), Memory::default);
        for (memory, old) in memories.iter_mut().zip(&self.memories) {
            memory.rate_scale = old.rate_scale;
        }
        for (name, tensor) in state {
            let wrong = |expected: String| EngineError::State {
                name: name.clone(),
                got: format!("{:?}", tensor.shape()),
                expected,
            };
            let Some((parameter, part)) = name.rsplit_once('.') else {
                return Err(wrong("a name that ends in a part".to_owned()));
            };
            let Some(id) = parameters.by_name(parameter) else {
                return Err(wrong("a parameter of this name".to_owned()));
            };
            let memory = &mut memories[id.0];
            let is_count = part == "num_updates";
            let shape = if is_count {
                &[2]
            } else {
                parameters.get(id).shape()
            };
            if tensor.shape() != shape {
                return Err(wrong(format!("{shape:?}")));
            }
            let data = tensor.data();
            match part {
                "num_updates" => memory.num_updates = ((data[0] as u64) << 20) + data[1] as u64,
                "first" => memory.first = Some(Arc::new(Buffer::copy_of(data))),
                "second" => memory.second = Some(Arc::new(Buffer::copy_of(data))),
                _ => return Err(wrong("num_updates, first or second".to_owned())),
            }
        }
        self.memories = memories;
        Ok(())
    }
}

impl Memory {
    fn update(
        &mut self,
        config: OptimizerConfig,
        (rate, is_decayed): (f32, bool),
        weights: &mut [f32],
        gradient: Gradient<'_>,
    ) {
        self.num_updates += 1;
        let decay = |weight_decay: f32| if is_decayed { weight_decay } else { 0.0 };
        match config {
            OptimizerConfig::AdamW {
                beta1,
                beta2,
                eps,
                weight_decay,
            } => {
                let step = self.adam_step((beta1, beta2, eps), rate);
                let decay = 1.0 - rate * decay(weight_decay);
                self.adam(AdamStep { decay, ..step }, weights, gradient);
            }
            OptimizerConfig::Adam {
                beta1,
                beta2,
                eps,
                weight_decay,
            } => {
                let step = self.adam_step((beta1, beta2, eps), rate);
                let l2 = decay(weight_decay);
                self.adam(AdamStep { l2, ..step }, weights, gradient);
            }
            OptimizerConfig::Sgd {
                momentum,
                dampening,
                nesterov,
                weight_decay,
            } => {
                let step = SgdStep {
                    rate,
                    momentum,
                    entering: if self.num_updates == 1 {
                        1.0
                    } else {
                        1.0 - dampening
                    },
                    nesterov,
                    l2: decay(weight_decay),
                };
                self.sgd(step, weights, gradient);
            }
        }
    }

    fn adam_step(&self, (beta1, beta2, eps): (f32, f32, f32), rate: f32) -> AdamStep {
        let updates = self.num_updates.min(i32::MAX as u64) as i32;
        let correction = |beta: f32| 1.0 - f64::from(beta).powi(updates);
        AdamStep {
            beta1,
            beta2,
            eps,
            rate: (f64::from(rate) / correction(beta1)) as f32,
            root_correction: (1.0 / correction(beta2).sqrt()) as f32,
            decay: 1.0,
            l2: 0.0,
        }
    }

    fn adam(&mut self, step: AdamStep, weights: &mut [f32], gradient: Gradient<'_>) {
        let len = weights.len();
        let moments = Moments {
            first: values_of(&mut self.first, len),
            second: values_of(&mut self.second, len),
        };
        match gradient {
            Gradient::None => {}
            Gradient::Dense(values) => kernels().adam(step, weights, values, moments),
            Gradient::Rows { rows, values } => {
                kernels().adam_rows(step, weights, (rows, values), moments);
            }
        }
    }

    fn sgd(&mut self, step: SgdStep, weights: &mut [f32], gradient: Gradient<'_>) {
        let len = weights.len();
        let velocity = (step.momentum != 0.0).then(|| values_of(&mut self.first, len));
        match gradient {
            Gradient::None => {}
            Gradient::Dense(values) => kernels().sgd(step, weights, values, velocity),
            Gradient::Rows { rows, values } => {
                kernels().sgd_rows(step, weights, (rows, values), velocity);
            }
        }
    }
}

/// What is remembered of a parameter, for writing; zeros before its first update. Memory that a saved state still
/// shares is copied first.
fn values_of(memory: &mut Option<Arc<Buffer>>, len: usize) -> &mut [f32] {
    let shared = memory.get_or_insert_with(|| Arc::new(Buffer::zeros(len)));
    let buffer: &mut Buffer = Arc::make_mut(shared);
    buffer
}
