//! The network: a branch an input, one fusion, one head.

use engine::{ParamId, ParamKind, Parameters, Tape, Var};
use schema::{Batch, Code, Column, FittedTarget, InputBatch, Problem, Role, TargetBatch};

use super::{MemoryEstimate, NetworkConfig, NetworkPlan, PartPlan};
use crate::{
    Init, InputInfo, NnError, Presence, Scope, column_step,
    encoder::Encoder,
    fusion::{Fusion, FusionInfo},
    head::{self, HeadRow, Output},
    input::{check_batch, select},
    layer::Linear,
    loss::{Loss, LossConfig, Truth},
    presence::{hide, spread},
};

/// Encoders, fusion and head, with their parameters.
///
/// A step of training: `Tape::training(&network.parameters, seed)`, [`Network::forward`], [`Network::loss`], then
/// the tape's `backward`. The tape may run over a copy of the parameters (a running mean of them, say).
pub struct Network {
    /// Everything that is trained, and the running statistics.
    pub parameters: Parameters,
    config: NetworkConfig,
    inputs: Vec<InputInfo>,
    target: FittedTarget,
    body: Body,
}

/// What runs: the parts without their parameters.
pub(super) struct Body {
    branches: Vec<Branch>,
    fusion: Box<dyn Fusion>,
    /// `None` if the fusion gives logits.
    output: Option<Output>,
    head: &'static HeadRow,
    loss: Loss,
    aux_weight: f32,
    /// Name, kind and width of every part.
    parts: Vec<(String, String, usize)>,
}

/// The way of one input up to the fusion.
struct Branch {
    /// Start of its parameters' names.
    name: String,
    encoder: Box<dyn Encoder>,
    projection: Option<Linear>,
    /// Stands in for the embedding where the modality is absent or hidden.
    empty: Option<ParamId>,
    /// The input's own head.
    aux: Option<Output>,
}

/// What a forward pass gives.
#[derive(Debug, Clone)]
pub struct NetworkOutput {
    /// Logits of every record, `[B, num_logits]`.
    pub logits: Var,
    /// What each input's own head says, in the order of the inputs; `None` without a head or without a record.
    pub aux: Vec<Option<AuxOutput>>,
}

/// What the own head of one input says about the records that have it.
#[derive(Debug, Clone)]
pub struct AuxOutput {
    /// Logits of those records, `[P, num_logits]`.
    pub logits: Var,
    /// Places of those records in the batch, ascending.
    pub records: Vec<usize>,
}

/// The loss and its parts, each `[1]`.
#[derive(Debug, Clone)]
pub struct Losses {
    /// What is minimised.
    pub total: Var,
    /// The loss of the fused logits.
    pub main: Var,
    /// The loss of each input's own head.
    pub aux: Vec<Option<Var>>,
}

/// Scores as the stack takes them: log-probabilities (binary with 2, class with K a record), logits (multilabel), or
/// a value in the target's scale (regression).
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Of the fused network, `[B, K]`.
    pub main: Vec<f32>,
    /// Of each input's own head, in the order of the inputs; `None` for an input without one.
    pub aux: Vec<Option<AuxScores>>,
    /// Scores a record, K.
    pub width: usize,
}

/// Scores of one input's own head.
#[derive(Debug, Clone, PartialEq)]
pub struct AuxScores {
    /// Whether the record has the input, B long.
    pub present: Vec<bool>,
    /// `[B, K]`; zeros where absent.
    pub scores: Vec<f32>,
}

impl Network {
    /// Builds every part inside a scope.
    pub(super) fn assemble(
        config: &NetworkConfig,
        inputs: &[InputInfo],
        target: &FittedTarget,
        scope: &mut Scope<'_>,
    ) -> Result<Body, NnError> {
        check(config, inputs, target)?;
        let head = head::for_task(target.task).ok_or_else(|| NnError::Target {
            got: target.task.to_string(),
            expected: "a task with a head".to_owned(),
        })?;
        let num_logits = (head.num_logits)(target);
        let (row, fusion_config) = config.fusion().map_err(NnError::Settings)?;
        let head_config = config.head(target.task).map_err(NnError::Settings)?;
        let has_aux = inputs.len() > 1 && config.aux_weight > 0.0;
        let mut parts = Vec::new();
        let (mut branches, mut widths) = (Vec::new(), Vec::new());
        for info in inputs {
            let step = column_step(&info.column);
            let choice = config
                .encoder(&info.column, info.modality)
                .map_err(NnError::Settings)?;
            let name = format!("encoder.{step}");
            let encoder = choice.config.build(info, &mut scope.child(&name))?;
            let mut width = encoder.embed_dim();
            parts.push((name.clone(), choice.row.name.to_owned(), width));
            let aux = if has_aux {
                let name = format!("aux.{step}");
                parts.push((name.clone(), target.task.name().to_owned(), num_logits));
                Some(Output::build(
                    scope,
                    &name,
                    &head_config,
                    [width, num_logits],
                )?)
            } else {
                None
            };
            let projection = if choice.project.unwrap_or(row.needs_one_width) {
                let name = format!("projection.{step}");
                let linear = Linear::build(scope, &name, width, config.embed_dim)?;
                width = config.embed_dim;
                parts.push((name, "linear".to_owned(), width));
                Some(linear)
            } else {
                None
            };
            widths.push((step, width));
            branches.push(Branch {
                name,
                encoder,
                projection,
                empty: None,
                aux,
            });
        }
        let info = FusionInfo {
            inputs: widths,
            num_logits,
            task: target.task,
        };
        let fusion = fusion_config.build(&info, &mut scope.child("fusion"))?;
        if fusion.reads_absent() {
            for (branch, (step, width)) in branches.iter_mut().zip(&info.inputs) {
                let name = format!("empty.{step}");
                // Small, so that absence at first looks like nothing in particular.
                let init = Init::Normal(0.02);
                branch.empty = Some(scope.parameter(&name, ParamKind::Bias, &[*width], init)?);
                parts.push((name, "empty".to_owned(), *width));
            }
        }
        parts.push(("fusion".to_owned(), row.name.to_owned(), fusion.out_dim()));
        let output = if fusion.gives_logits() {
            None
        } else {
            let dims = [fusion.out_dim(), num_logits];
            parts.push(("head".to_owned(), head.name().to_owned(), num_logits));
            Some(Output::build(scope, "head", &head_config, dims)?)
        };
        let loss = LossConfig::parse(&config.loss, "loss").map_err(NnError::Settings)?;
        // Two inputs count in full; of more, the sum of their losses stays that of two.
        let share = 2.0 / inputs.len().max(2) as f64;
        Ok(Body {
            branches,
            fusion,
            output,
            head,
            loss: Loss::build(&loss, target)?,
            aux_weight: (config.aux_weight * share) as f32,
            parts,
        })
    }

    pub(super) fn from_parts(
        parameters: Parameters,
        config: NetworkConfig,
        inputs: Vec<InputInfo>,
        target: FittedTarget,
        body: Body,
    ) -> Self {
        Self {
            parameters,
            config,
            inputs,
            target,
            body,
        }
    }

    /// The settings it was built from.
    pub fn config(&self) -> &NetworkConfig {
        &self.config
    }

    /// Its inputs in the order of a batch.
    pub fn inputs(&self) -> &[InputInfo] {
        &self.inputs
    }

    /// What it predicts.
    pub fn target(&self) -> &FittedTarget {
        &self.target
    }

    /// Runs the network.
    ///
    /// # Shapes
    /// See [`NetworkOutput`].
    ///
    /// # Errors
    /// [`NnError::Batch`] or [`NnError::Input`] if the batch is not in the form of the inputs.
    pub fn forward(&self, tape: &mut Tape<'_>, batch: &Batch) -> Result<NetworkOutput, NnError> {
        check_batch(batch, self.inputs.len())?;
        let columns: Vec<&[bool]> = batch
            .inputs
            .iter()
            .map(|input| input.present.as_slice())
            .collect();
        let presence = Presence::new(&columns);
        let shown = presence.dropped(tape, self.config.modality_dropout_rate)?;
        let mut embeddings = Vec::with_capacity(batch.inputs.len());
        let mut aux = Vec::with_capacity(batch.inputs.len());
        for (index, (branch, input)) in self.body.branches.iter().zip(&batch.inputs).enumerate() {
            let (embedding, voice) = branch
                .forward(tape, input)
                .map_err(|error| error.in_part(&branch.name))?;
            embeddings.push(hide(tape, &embedding, &shown.of(index), branch.empty)?);
            aux.push(voice);
        }
        let fused = self
            .body
            .fusion
            .forward(tape, &embeddings, &shown)
            .map_err(|error| error.in_part("fusion"))?;
        let logits = match &self.body.output {
            Some(output) => output.forward(tape, &fused)?,
            None => fused,
        };
        Ok(NetworkOutput { logits, aux })
    }

    /// What is minimised; see [`Network::losses`] for its parts.
    ///
    /// # Errors
    /// [`NnError::Target`] if the batch has no truth or truth of another kind.
    pub fn loss(
        &self,
        tape: &mut Tape<'_>,
        output: &NetworkOutput,
        batch: &Batch,
    ) -> Result<Var, NnError> {
        Ok(self.losses(tape, output, batch)?.total)
    }

    /// The loss of the fused logits plus `aux_weight` times those of the inputs' own heads.
    ///
    /// # Errors
    /// [`NnError::Target`] if the batch has no truth or truth of another kind.
    pub fn losses(
        &self,
        tape: &mut Tape<'_>,
        output: &NetworkOutput,
        batch: &Batch,
    ) -> Result<Losses, NnError> {
        let Some(target) = &batch.target else {
            return Err(NnError::Target {
                got: "no truth".to_owned(),
                expected: format!("the truth of task {}", self.target.task),
            });
        };
        let truth = Truth {
            target,
            weights: batch.weights.as_deref(),
        };
        let main = self.body.loss.forward(tape, &output.logits, truth)?;
        let (mut total, mut aux) = (main.clone(), Vec::with_capacity(output.aux.len()));
        for voice in &output.aux {
            let Some(voice) = voice else {
                aux.push(None);
                continue;
            };
            let target = some_of(target, &voice.records, self.target.width());
            let weights = truth.weights.map(|weights| {
                let picked = voice.records.iter().map(|record| weights[*record]);
                picked.collect::<Vec<f32>>()
            });
            let truth = Truth {
                target: &target,
                weights: weights.as_deref(),
            };
            let own = self.body.loss.forward(tape, &voice.logits, truth)?;
            let weighted = tape.scale(&own, self.body.aux_weight)?;
            total = tape.add(&total, &weighted)?;
            aux.push(Some(own));
        }
        Ok(Losses { total, main, aux })
    }

    /// Scores of a forward pass.
    pub fn scores(&self, tape: &Tape<'_>, output: &NetworkOutput) -> Scores {
        let head = self.body.head;
        let width = (head.num_scores)(&self.target);
        let main = (head.scores)(tape.value(&output.logits).data(), &self.target);
        let batch_size = main.len() / width;
        let spread_out = |voice: &AuxOutput| {
            let own = (head.scores)(tape.value(&voice.logits).data(), &self.target);
            let mut spread_out = empty_scores(batch_size, width);
            for (row, record) in own.chunks(width).zip(&voice.records) {
                spread_out.present[*record] = true;
                spread_out.scores[record * width..(record + 1) * width].copy_from_slice(row);
            }
            spread_out
        };
        let aux = self.body.branches.iter().zip(&output.aux);
        let aux = aux.map(|(branch, voice)| match voice {
            Some(voice) => Some(spread_out(voice)),
            None => branch.aux.as_ref().map(|_| empty_scores(batch_size, width)),
        });
        let aux = aux.collect();
        Scores { main, aux, width }
    }

    /// Scores of a batch by the network's own parameters.
    ///
    /// # Errors
    /// As [`Network::forward`].
    pub fn predict(&self, batch: &Batch) -> Result<Scores, NnError> {
        self.predict_with(&self.parameters, batch)
    }

    /// Scores of a batch by other parameters of the same network, such as a running mean.
    ///
    /// # Errors
    /// As [`Network::forward`].
    pub fn predict_with(&self, parameters: &Parameters, batch: &Batch) -> Result<Scores, NnError> {
        let mut tape = Tape::inference(parameters);
        let output = self.forward(&mut tape, batch)?;
        Ok(self.scores(&tape, &output))
    }

    /// The parts with the shapes of their results and their trained values.
    pub fn plan(&self) -> NetworkPlan {
        let parts = self.body.parts.iter().map(|(name, kind, width)| {
            let own = format!("{name}.");
            let values = self.parameters.iter().filter(|(_, parameter, kind, _)| {
                kind.is_trained() && (*parameter == name || parameter.starts_with(&own))
            });
            PartPlan {
                name: name.clone(),
                kind: kind.clone(),
                shape: vec![*width],
                num_parameters: values.map(|(_, _, _, value)| value.len()).sum(),
            }
        });
        NetworkPlan {
            parts: parts.collect(),
            total: self.parameters.num_values(),
        }
    }

    /// Bytes that a training step of `batch_size` records holds; activations are an estimate.
    pub fn memory(&self, batch_size: usize) -> MemoryEstimate {
        const BYTES: usize = size_of::<f32>();
        let all: usize = self
            .parameters
            .iter()
            .map(|(_, _, _, value)| value.len())
            .sum();
        let trained = self.parameters.num_values();
        let encoders = self
            .body
            .branches
            .iter()
            .map(|branch| branch.encoder.num_activations());
        let kept = encoders.sum::<usize>() + self.body.fusion.num_activations();
        MemoryEstimate {
            parameters_bytes: BYTES * all,
            gradients_bytes: BYTES * trained,
            optimizer_bytes: 2 * BYTES * trained,
            activations_bytes: 2 * BYTES * kept * batch_size,
        }
    }
}

impl Branch {
    /// Present records -> their embeddings spread over the batch `[B, D]`, and what the own head says.
    fn forward(
        &self,
        tape: &mut Tape<'_>,
        input: &InputBatch,
    ) -> Result<(Var, Option<AuxOutput>), NnError> {
        let records: Vec<usize> = (0..input.present.len())
            .filter(|record| input.present[*record])
            .collect();
        let dim = self.out_dim();
        if records.is_empty() {
            let blank = spread(tape, None, &input.present, self.empty, dim)?;
            return Ok((blank, None));
        }
        let own = if records.len() == input.present.len() {
            self.encoder.forward(tape, input)?
        } else {
            self.encoder.forward(tape, &select(input, &records))?
        };
        let projected = match &self.projection {
            Some(projection) => projection.forward(tape, &own)?,
            None => own.clone(),
        };
        let voice = match &self.aux {
            Some(head) => Some(AuxOutput {
                logits: head.forward(tape, &own)?,
                records,
            }),
            None => None,
        };
        let spread_out = spread(tape, Some(&projected), &input.present, self.empty, dim)?;
        Ok((spread_out, voice))
    }

    fn out_dim(&self) -> usize {
        match &self.projection {
            Some(projection) => projection.out_dim(),
            None => self.encoder.embed_dim(),
        }
    }
}

/// Refuses settings that do not fit the inputs or the target, all at once.
fn check(
    config: &NetworkConfig,
    inputs: &[InputInfo],
    target: &FittedTarget,
) -> Result<(), NnError> {
    let columns: Vec<Column> = inputs
        .iter()
        .map(|info| Column {
            name: info.column.clone(),
            modality: info.modality,
            role: Role::Input,
        })
        .collect();
    let mut problems = config.check(&columns, target.task);
    if inputs.is_empty() {
        problems.push(Problem::new(
            Code::Config,
            "a network needs at least one input",
        ));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(NnError::Settings(problems))
    }
}

fn empty_scores(batch_size: usize, width: usize) -> AuxScores {
    AuxScores {
        present: vec![false; batch_size],
        scores: vec![0.0; batch_size * width],
    }
}

/// The truth of some records of a batch; `num_labels` a record for labels.
fn some_of(target: &TargetBatch, records: &[usize], num_labels: usize) -> TargetBatch {
    match target {
        TargetBatch::Classes(classes) => {
            TargetBatch::Classes(records.iter().map(|record| classes[*record]).collect())
        }
        TargetBatch::Values(values) => {
            TargetBatch::Values(records.iter().map(|record| values[*record]).collect())
        }
        TargetBatch::Labels(labels) => TargetBatch::Labels(
            records
                .iter()
                .flat_map(|record| &labels[record * num_labels..(record + 1) * num_labels])
                .copied()
                .collect(),
        ),
    }
}
