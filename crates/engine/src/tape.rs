//! The gradient tape: operations compute at once, and a training tape writes down how to walk back.

use std::collections::HashMap;
use std::sync::Arc;

use crate::EngineError;
use crate::buffer::Buffer;
use crate::gradients::Gradients;
use crate::kernels::{Binary, kernels};
use crate::parameters::{ParamId, Parameters};
use crate::precision::Precision;
use crate::tensor::Tensor;

/// A value on a tape. A clone is another handle of the same value.
#[derive(Debug, Clone)]
pub struct Var {
    tensor: Tensor,
    /// Where its gradient gathers; `None` if it needs none.
    slot: Option<Slot>,
}

impl Var {
    /// The value.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// The lengths of its axes.
    pub fn shape(&self) -> &[usize] {
        self.tensor.shape()
    }

    /// Whether a gradient flows through it.
    pub fn needs_gradient(&self) -> bool {
        self.slot.is_some()
    }

    pub(crate) fn slot(&self) -> Option<Slot> {
        self.slot
    }

    pub(crate) fn data(&self) -> &[f32] {
        self.tensor.data()
    }
}

/// The place of a gradient on its tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Slot(usize);

/// New running means and variances, gathered by batch norms during a training step.
#[derive(Default)]
pub struct Statistics {
    pub(crate) values: Vec<(ParamId, Tensor)>,
}

type Step = Box<dyn FnOnce(&mut Backward<'_>, Arc<Buffer>) + Send>;

struct Record {
    output: Slot,
    step: Step,
}

/// What a backward step may read and write.
pub(crate) struct Backward<'t> {
    slots: &'t mut Vec<Option<Arc<Buffer>>>,
    /// The parameters that the forward pass read.
    pub(crate) parameters: &'t Parameters,
    /// Where gradients of parameters gather.
    pub(crate) gradients: &'t mut Gradients,
}

impl Backward<'_> {
    /// Adds to the gradient of a value.
    pub(crate) fn add(&mut self, slot: Option<Slot>, gradient: Buffer) {
        self.add_shared(slot, Arc::new(gradient));
    }

    /// Adds memory that other places may hold too; it is copied only if it must be changed.
    pub(crate) fn add_shared(&mut self, slot: Option<Slot>, gradient: Arc<Buffer>) {
        let Some(Slot(index)) = slot else { return };
        match &mut self.slots[index] {
            Some(held) => match Arc::get_mut(held) {
                Some(held) => kernels().add_in_place(held, &gradient),
                None => {
                    let mut sum = Buffer::scratch(gradient.len());
                    kernels().binary(Binary::Add, held, &gradient, &mut sum);
                    *held = Arc::new(sum);
                }
            },
            empty => *empty = Some(gradient),
        }
    }

    /// Adds to the gradient of a trained parameter: `write(memory, accumulate)` replaces what stands in the memory
    /// unless told to add to it.
    pub(crate) fn weight(&mut self, id: ParamId, write: impl FnOnce(&mut [f32], bool)) {
        if self.parameters.kind(id).is_trained() {
            let (memory, accumulate) = self.gradients.dense_mut(id);
            write(memory, accumulate);
        }
    }

    /// Adds `values` to the gradient of a trained parameter.
    pub(crate) fn add_weight(&mut self, id: ParamId, values: &[f32]) {
        self.weight(id, |memory, accumulate| {
            if accumulate {
                kernels().add_in_place(memory, values);
            } else {
                memory.copy_from_slice(values);
            }
        });
    }
}

/// Memory of a gradient that this step may change: taken over if nobody else holds it, copied otherwise.
pub(crate) fn owned(gradient: Arc<Buffer>) -> Buffer {
    Arc::try_unwrap(gradient).unwrap_or_else(|shared| (*shared).clone())
}

/// Computes operations in order over some [`Parameters`], and can walk back once.
///
/// The operations are methods in the files of `op/`.
pub struct Tape<'p> {
    parameters: &'p Parameters,
    is_training: bool,
    precision: Precision,
    seed: u64,
    num_draws: u64,
    slots: Vec<Option<Arc<Buffer>>>,
    records: Vec<Record>,
    /// Leaves made by [`Tape::input`], with their shapes.
    inputs: Vec<(Slot, Vec<usize>)>,
    input_gradients: HashMap<Slot, Tensor>,
    statistics: Statistics,
}

impl<'p> Tape<'p> {
    /// A tape that records: dropout is active, and batch norms use the statistics of the batch.
    ///
    /// `seed` is the one of this step; dropout draws from it.
    pub fn training(parameters: &'p Parameters, seed: u64) -> Self {
        Self::new(parameters, true, seed)
    }

    /// A tape that records nothing and draws nothing.
    pub fn inference(parameters: &'p Parameters) -> Self {
        Self::new(parameters, false, 0)
    }

    fn new(parameters: &'p Parameters, is_training: bool, seed: u64) -> Self {
        Self {
            parameters,
            is_training,
            precision: Precision::F32,
            seed,
            num_draws: 0,
            slots: Vec::new(),
            records: Vec::new(),
            inputs: Vec::new(),
            input_gradients: HashMap::new(),
            statistics: Statistics::default(),
        }
    }

    /// The same tape whose layers, products and attention multiply numbers of this precision, on the way back too.
    /// Convolutions, norms, softmax and losses stay in f32.
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// What its layers and products multiply.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Whether it records.
    pub fn is_training(&self) -> bool {
        self.is_training
    }

    /// The parameters it computes with.
    pub fn parameters(&self) -> &'p Parameters {
        self.parameters
    }

    /// A value without a gradient.
    pub fn constant(&mut self, tensor: Tensor) -> Var {
        Var { tensor, slot: None }
    }

    /// A value whose gradient can be read with [`Tape::input_gradient`] after [`Tape::backward`].
    pub fn input(&mut self, tensor: Tensor) -> Var {
        if !self.is_training {
            return self.constant(tensor);
        }
        let slot = self.new_slot();
        self.inputs.push((slot, tensor.shape().to_vec()));
        Var {
            tensor,
            slot: Some(slot),
        }
    }

    /// A parameter as an ordinary value.
    ///
    /// # Panics
    /// If `id` comes from other parameters and lies beyond these.
    pub fn param(&mut self, id: ParamId) -> Var {
        let tensor = self.parameters.get(id).clone();
        if !self.trains(id) {
            return self.constant(tensor);
        }
        self.record(tensor, true, move |backward, gradient| {
            backward.add_weight(id, &gradient);
        })
    }

    /// The value of a handle.
    pub fn value<'v>(&self, var: &'v Var) -> &'v Tensor {
        &var.tensor
    }

    /// The lengths of the axes of a value.
    pub fn shape<'v>(&self, var: &'v Var) -> &'v [usize] {
        var.tensor.shape()
    }

    /// Walks back from `loss`, adds to `gradients`, and frees what the forward pass kept as it goes.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if `loss` is not one number, [`EngineError::NotFinite`] if it is not finite (nothing
    /// was added then), [`EngineError::NotRecorded`] on an inference tape, the second time, or if no parameter or
    /// input took part in the loss.
    pub fn backward(&mut self, loss: &Var, gradients: &mut Gradients) -> Result<(), EngineError> {
        if loss.tensor.len() != 1 {
            return Err(EngineError::Shape {
                op: "backward",
                got: format!("loss {:?}", loss.shape()),
                expected: "one number".to_owned(),
            });
        }
        let Some(Slot(start)) = loss.slot else {
            return Err(EngineError::NotRecorded);
        };
        if start >= self.slots.len() {
            return Err(EngineError::NotRecorded);
        }
        if !loss.tensor.is_finite() {
            return Err(EngineError::NotFinite { op: "backward" });
        }
        self.slots[start] = Some(Arc::new(Buffer::from_vec(vec![1.0])));
        while let Some(Record { output, step }) = self.records.pop() {
            let Some(gradient) = self.slots[output.0].take() else {
                continue;
            };
            let mut backward = Backward {
                slots: &mut self.slots,
                parameters: self.parameters,
                gradients,
            };
            step(&mut backward, gradient);
        }
        for (slot, shape) in self.inputs.drain(..) {
            if let Some(gradient) = self.slots[slot.0].take() {
                let gradient = Tensor::from_shared(&shape, gradient);
                self.input_gradients.insert(slot, gradient);
            }
        }
        self.slots.clear();
        Ok(())
    }

    /// The gradient of an [`input`](Tape::input) after [`backward`](Tape::backward); `None` if nothing reached it.
    pub fn input_gradient(&self, var: &Var) -> Option<&Tensor> {
        self.input_gradients.get(&var.slot?)
    }

    /// The running statistics that batch norms gathered, for [`Parameters::apply`].
    pub fn take_statistics(self) -> Statistics {
        self.statistics
    }

    /// Whether a gradient flows into a parameter on this tape.
    pub(crate) fn trains(&self, id: ParamId) -> bool {
        self.is_training && self.parameters.kind(id).is_trained()
    }

    /// Puts the result of an operation on the tape with its way back, which runs only if a gradient arrives.
    ///
    /// `needs_gradient` says whether an input needs one; if not, `step` is dropped with all that it holds.
    pub(crate) fn record(
        &mut self,
        tensor: Tensor,
        needs_gradient: bool,
        step: impl FnOnce(&mut Backward<'_>, Arc<Buffer>) + Send + 'static,
    ) -> Var {
        if !self.is_training || !needs_gradient {
            return Var { tensor, slot: None };
        }
        let slot = self.new_slot();
        self.records.push(Record {
            output: slot,
            step: Box::new(step),
        });
        Var {
            tensor,
            slot: Some(slot),
        }
    }

    /// Random bits for the next operation that draws: a function of the seed and of how many drew before.
    pub(crate) fn next_draw(&mut self) -> u64 {
        self.num_draws += 1;
        crate::random::mix(self.seed ^ crate::random::mix(self.num_draws))
    }

    /// The newest running value of a statistic: of this step if a batch norm ran twice.
    pub(crate) fn running(&self, id: ParamId) -> &Tensor {
        let newest = self.statistics.values.iter().rev();
        let mut newest = newest.filter(|(of, _)| *of == id);
        newest
            .next()
            .map_or_else(|| self.parameters.get(id), |(_, value)| value)
    }

    pub(crate) fn set_running(&mut self, id: ParamId, value: Tensor) {
        self.statistics.values.push((id, value));
    }

    fn new_slot(&mut self) -> Slot {
        self.slots.push(None);
        Slot(self.slots.len() - 1)
    }
}
