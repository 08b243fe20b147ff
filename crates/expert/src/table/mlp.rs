//! Values from a table: a few small networks over scaled numbers and embeddings of levels, averaged.
//!
//! Measured on 321 house prices: a zip code as number and embedding beats either alone by far; absolute error beats
//! squared; five seeds beat one a little.

use engine::{
    Activation, EngineError, Gradients, Optimizer, OptimizerConfig, ParamId, ParamKind, Parameters,
    Tape, Tensor, Var,
};
use schema::{Rng, Seed};
use train::{
    Control,
    schedule::{Curve, OneCycle, Place},
};

use crate::tabular::{Cells, FittedTabular};

/// Width of the embedding of a level.
const EMBED_DIM: usize = 4;
/// Deviation of embeddings at the start.
const EMBED_DEVIATION: f64 = 0.1;
/// Share of all steps in which the rate rises.
const WARMUP_FRACTION: f64 = 0.1;
/// Records scored at once.
const PIECE: usize = 4096;

/// How a network is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct MlpFit {
    pub(super) hidden_dim: usize,
    pub(super) dropout_rate: f32,
    /// Share of levels that are taken as unseen in a step, so that unseen ones have a sensible embedding.
    pub(super) unseen_rate: f64,
    pub(super) learning_rate: f64,
    pub(super) weight_decay: f32,
    pub(super) batch_size: usize,
    pub(super) epochs: usize,
}

/// Records as a network reads them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MlpInputs {
    /// `[N, numbers]`
    numbers: Vec<f32>,
    num_numbers: usize,
    /// `[fields with levels][N]`
    levels: Vec<Vec<u32>>,
    num_records: usize,
}

impl MlpInputs {
    /// Scaled numbers, marks where numbers are missing, and levels.
    pub(super) fn new(tabular: &FittedTabular, cells: &Cells) -> Self {
        let mut numbers = Vec::new();
        for record in 0..cells.num_records {
            for (field, values) in tabular.fields.iter().zip(&cells.numbers) {
                if let Some(scaling) = &field.number {
                    numbers.push(scaling.scaled(values[record]) as f32);
                    if scaling.has_missing {
                        numbers.push(f32::from(u8::from(values[record].is_nan())));
                    }
                }
            }
        }
        Self {
            num_numbers: numbers.len() / cells.num_records.max(1),
            numbers,
            levels: cells
                .levels
                .iter()
                .filter(|levels| !levels.is_empty())
                .cloned()
                .collect(),
            num_records: cells.num_records,
        }
    }

    /// Width of the numbers and the number of levels of each field that has some.
    pub(super) fn widths(tabular: &FittedTabular) -> (usize, Vec<usize>) {
        let number = |field: &crate::tabular::Field| {
            field
                .number
                .as_ref()
                .map_or(0, |scaling| 1 + usize::from(scaling.has_missing))
        };
        let levels = tabular.fields.iter().map(crate::tabular::Field::num_levels);
        (
            tabular.fields.iter().map(number).sum(),
            levels.filter(|levels| *levels > 0).collect(),
        )
    }
}

/// One network.
#[derive(Clone)]
pub(super) struct Mlp {
    pub(super) parameters: Parameters,
    embeddings: Vec<ParamId>,
    /// Weight and bias of the two hidden layers and the output.
    layers: [(ParamId, ParamId); 3],
}

impl Mlp {
    /// A network with random weights (PyTorch's ranges).
    pub(super) fn new(
        (num_numbers, num_levels): &(usize, Vec<usize>),
        hidden_dim: usize,
        seed: Seed,
    ) -> Result<Self, EngineError> {
        let mut rng = seed.named("weights").rng();
        let mut parameters = Parameters::new();
        let mut embeddings = Vec::new();
        for (place, count) in num_levels.iter().enumerate() {
            let values = (0..count * EMBED_DIM)
                .map(|_| (rng.normal() * EMBED_DEVIATION) as f32)
                .collect();
            let value = Tensor::from_vec(&[*count, EMBED_DIM], values)?;
            embeddings.push(parameters.add(
                &format!("embedding{place}"),
                ParamKind::Weight,
                value,
            )?);
        }
        let input = num_numbers + num_levels.len() * EMBED_DIM;
        let mut layer = |name: &str, out: usize, input: usize| {
            let bound = 1.0 / (input.max(1) as f64).sqrt();
            let mut draw = |count: usize| -> Vec<f32> {
                (0..count)
                    .map(|_| rng.between(-bound, bound) as f32)
                    .collect()
            };
            let weight = Tensor::from_vec(&[out, input], draw(out * input))?;
            let bias = Tensor::from_vec(&[out], draw(out))?;
            Ok::<_, EngineError>((
                parameters.add(&format!("{name}.weight"), ParamKind::Weight, weight)?,
                parameters.add(&format!("{name}.bias"), ParamKind::Bias, bias)?,
            ))
        };
        let layers = [
            layer("hidden1", hidden_dim, input)?,
            layer("hidden2", hidden_dim, hidden_dim)?,
            layer("output", 1, hidden_dim)?,
        ];
        Ok(Self {
            parameters,
            embeddings,
            layers,
        })
    }

    /// Width of the hidden layers.
    pub(super) fn hidden_dim(&self) -> usize {
        self.parameters.get(self.layers[0].1).len()
    }

    /// Values `[B, 1]` of some records; `unseen` hides a share of the levels.
    fn forward(
        &self,
        tape: &mut Tape<'_>,
        inputs: &MlpInputs,
        records: &[usize],
        dropout_rate: f32,
        mut unseen: Option<(&mut Rng, f64)>,
    ) -> Result<Var, EngineError> {
        let width = inputs.num_numbers;
        let mut numbers = Vec::with_capacity(records.len() * width);
        for record in records {
            numbers.extend_from_slice(&inputs.numbers[record * width..][..width]);
        }
        let mut parts = Vec::new();
        if width > 0 {
            parts.push(tape.constant(Tensor::from_vec(&[records.len(), width], numbers)?));
        }
        for (table, levels) in self.embeddings.iter().zip(&inputs.levels) {
            let mut rows: Vec<usize> = records
                .iter()
                .map(|record| levels[*record] as usize)
                .collect();
            if let Some((rng, rate)) = &mut unseen {
                rows.iter_mut()
                    .filter(|_| rng.chance(*rate))
                    .for_each(|row| *row = 0);
            }
            // As an ordinary parameter its gradient is dense: every level moves on by momentum, as in PyTorch.
            let table = tape.param(*table);
            parts.push(tape.select_rows(&table, &rows)?);
        }
        let mut x = tape.concat(&parts, 1)?;
        for (weight, bias) in &self.layers[..2] {
            let hidden = tape.linear(&x, *weight, Some(*bias), Activation::Relu)?;
            x = tape.dropout(&hidden, dropout_rate)?;
        }
        let (weight, bias) = self.layers[2];
        tape.linear(&x, weight, Some(bias), Activation::None)
    }

    /// Fits by absolute error with AdamW and a one-cycle rate; ends early if the run is to stop.
    pub(super) fn fit(
        &mut self,
        inputs: &MlpInputs,
        (values, weights): (&[f32], Option<&[f32]>),
        fit: MlpFit,
        seed: Seed,
        control: &Control,
    ) -> Result<(), EngineError> {
        let config = OptimizerConfig::adam_w(fit.weight_decay);
        let mut optimizer = Optimizer::new(config, &self.parameters);
        let mut gradients = Gradients::new(&self.parameters);
        let schedule = OneCycle::default();
        let schedule = schedule
            .with_warmup(WARMUP_FRACTION)
            .unwrap_or(Box::new(schedule));
        let mut order: Vec<usize> = (0..inputs.num_records).collect();
        let total_steps = fit.epochs * order.len().div_ceil(fit.batch_size);
        let mut step = 0;
        for epoch in 0..fit.epochs {
            if control.wants_stop().is_some() {
                break;
            }
            seed.named("order")
                .at(epoch as u64)
                .rng()
                .shuffle(&mut order);
            for records in order.chunks(fit.batch_size) {
                let own = seed.named("step").at(step as u64);
                let mut rng = own.rng();
                let place = Place {
                    step,
                    total_steps,
                    epoch,
                };
                let targets: Vec<f32> = records.iter().map(|record| values[*record]).collect();
                let own_weights: Option<Vec<f32>> =
                    weights.map(|weights| records.iter().map(|record| weights[*record]).collect());
                gradients.clear();
                let mut tape = Tape::training(&self.parameters, own.0);
                let unseen = Some((&mut rng, fit.unseen_rate));
                let said = self.forward(&mut tape, inputs, records, fit.dropout_rate, unseen)?;
                let loss = tape.l1(&said, &targets, own_weights.as_deref())?;
                tape.backward(&loss, &mut gradients)?;
                if let Some(beta1) = schedule.beta1(&place) {
                    optimizer.set_beta1(beta1 as f32);
                }
                let rate = fit.learning_rate * schedule.factor(&place);
                optimizer.step(&mut self.parameters, &gradients, rate as f32)?;
                step += 1;
            }
        }
        Ok(())
    }

    /// Values of every record.
    pub(super) fn values(&self, inputs: &MlpInputs) -> Result<Vec<f32>, EngineError> {
        let records: Vec<usize> = (0..inputs.num_records).collect();
        let mut values = Vec::with_capacity(records.len());
        for records in records.chunks(PIECE) {
            let mut tape = Tape::inference(&self.parameters);
            let said = self.forward(&mut tape, inputs, records, 0.0, None)?;
            values.extend_from_slice(said.tensor().data());
        }
        Ok(values)
    }
}
