//! The network: a branch an input, one fusion, one head.

use engine::{Parameters, Tape, Var};
use schema::{Batch, FittedTarget, TargetBatch};

use super::{MemoryEstimate, NetworkConfig, NetworkPlan, PartPlan, body::Body};
use crate::{InputInfo, NnError, Presence, input::check_batch, loss::Truth, presence::hide};

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
        let parts = self.body.parts.iter().map(|part| {
            let own = format!("{}.", part.name);
            let values = self.parameters.iter().filter(|(_, parameter, kind, _)| {
                kind.is_trained() && (*parameter == part.name || parameter.starts_with(&own))
            });
            PartPlan {
                name: part.name.clone(),
                kind: part.kind.clone(),
                shape: vec![part.width],
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
