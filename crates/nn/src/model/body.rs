//! The parts of a network, and how settings become them.

use engine::{ParamId, ParamKind, Tape, Var};
use schema::{Code, Column, FittedTarget, InputBatch, Problem, Role};

use super::{AuxOutput, NetworkConfig};
use crate::{
    Init, InputInfo, NnError, Scope, column_step,
    encoder::Encoder,
    fusion::{Fusion, FusionInfo},
    head::{self, HeadConfig, HeadRow, Output},
    input::select,
    layer::Linear,
    loss::{Loss, LossConfig},
    presence::spread,
};

/// What runs: the parts without their parameters.
pub(super) struct Body {
    pub(super) branches: Vec<Branch>,
    pub(super) fusion: Box<dyn Fusion>,
    /// `None` if the fusion gives logits.
    pub(super) output: Option<Output>,
    pub(super) head: &'static HeadRow,
    pub(super) loss: Loss,
    pub(super) aux_weight: f32,
    /// In the order in which data flows.
    pub(super) parts: Vec<Part>,
}

/// A part for the plan.
pub(super) struct Part {
    /// Start of its parameters' names.
    pub(super) name: String,
    /// Its row in the registry.
    pub(super) kind: String,
    /// Width of its result.
    pub(super) width: usize,
}

/// The way of one input up to the fusion.
pub(super) struct Branch {
    /// Start of its encoder's parameters' names.
    pub(super) name: String,
    pub(super) encoder: Box<dyn Encoder>,
    projection: Option<Linear>,
    /// Stands in for the embedding where the modality is absent or hidden.
    pub(super) empty: Option<ParamId>,
    /// The input's own head.
    pub(super) aux: Option<Output>,
}

/// What all branches are built by.
struct Assembly<'a> {
    config: &'a NetworkConfig,
    /// Of the inputs' own heads; `None` for a network without them.
    aux_head: Option<&'a HeadConfig>,
    num_logits: usize,
    task_name: &'static str,
    /// Whether the fusion needs embeddings of one width.
    needs_one_width: bool,
    parts: Vec<Part>,
}

impl Body {
    /// Builds every part inside a scope.
    pub(super) fn build(
        config: &NetworkConfig,
        inputs: &[InputInfo],
        target: &FittedTarget,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        check(config, inputs, target)?;
        let head = head::for_task(target.task).ok_or_else(|| NnError::Target {
            got: target.task.to_string(),
            expected: "a task with a head".to_owned(),
        })?;
        let num_logits = (head.num_logits)(target);
        let (row, fusion_config) = config.fusion().map_err(NnError::Settings)?;
        let head_config = config.head(target.task).map_err(NnError::Settings)?;
        let has_aux = inputs.len() > 1 && config.aux_weight > 0.0;
        let aux_config = HeadConfig {
            dropout_rate: config.aux_dropout_rate,
            ..head_config.clone()
        };
        let mut assembly = Assembly {
            config,
            aux_head: has_aux.then_some(&aux_config),
            num_logits,
            task_name: head.name(),
            needs_one_width: row.needs_one_width,
            parts: Vec::new(),
        };
        let (mut branches, mut widths) = (Vec::new(), Vec::new());
        for info in inputs {
            let branch = assembly.branch(info, scope)?;
            widths.push((column_step(&info.column), branch.out_dim()));
            branches.push(branch);
        }
        let info = FusionInfo {
            inputs: widths,
            num_logits,
            task: target.task,
        };
        let fusion = fusion_config.build(&info, &mut scope.child("fusion"))?;
        if fusion.reads_absent() {
            assembly.empties(&mut branches, &info, scope)?;
        }
        assembly.note("fusion", row.name, fusion.out_dim());
        let output = if fusion.gives_logits() {
            None
        } else {
            assembly.note("head", head.name(), num_logits);
            let dims = [fusion.out_dim(), num_logits];
            Some(Output::build(scope, "head", &head_config, dims)?)
        };
        let loss = LossConfig::parse(&config.loss, "loss").map_err(NnError::Settings)?;
        // Two inputs count in full; of more, the sum of their losses stays that of two.
        let share = 2.0 / inputs.len().max(2) as f64;
        Ok(Self {
            branches,
            fusion,
            output,
            head,
            loss: Loss::build(&loss, target)?,
            aux_weight: (config.aux_weight * share) as f32,
            parts: assembly.parts,
        })
    }
}

impl Assembly<'_> {
    fn note(&mut self, name: &str, kind: &str, width: usize) {
        self.parts.push(Part {
            name: name.to_owned(),
            kind: kind.to_owned(),
            width,
        });
    }

    /// Encoder, own head and projection of one input.
    fn branch(&mut self, info: &InputInfo, scope: &mut Scope<'_>) -> Result<Branch, NnError> {
        let step = column_step(&info.column);
        let choice = self
            .config
            .encoder(&info.column, info.modality)
            .map_err(NnError::Settings)?;
        let name = format!("encoder.{step}");
        let encoder = choice.config.build(info, &mut scope.child(&name))?;
        let width = encoder.embed_dim();
        self.note(&name, choice.row.name, width);
        let aux = match self.aux_head {
            Some(config) => {
                let name = format!("aux.{step}");
                self.note(&name, self.task_name, self.num_logits);
                let dims = [width, self.num_logits];
                Some(Output::build(scope, &name, config, dims)?)
            }
            None => None,
        };
        let projection = if choice.project.unwrap_or(self.needs_one_width) {
            let name = format!("projection.{step}");
            self.note(&name, "linear", self.config.embed_dim);
            let out_dim = self.config.embed_dim;
            Some(Linear::build(scope, &name, width, out_dim)?)
        } else {
            None
        };
        Ok(Branch {
            name,
            encoder,
            projection,
            empty: None,
            aux,
        })
    }

    /// The learned embedding of an absent modality, for each input. Small, so that absence at first looks like
    /// nothing in particular.
    fn empties(
        &mut self,
        branches: &mut [Branch],
        info: &FusionInfo,
        scope: &mut Scope<'_>,
    ) -> Result<(), NnError> {
        for (branch, (step, width)) in branches.iter_mut().zip(&info.inputs) {
            let name = format!("empty.{step}");
            let (shape, init) = ([*width], Init::Normal(0.02));
            branch.empty = Some(scope.parameter(&name, ParamKind::Bias, &shape, init)?);
            self.note(&name, "empty", *width);
        }
        Ok(())
    }
}

impl Branch {
    /// Present records -> their embeddings spread over the batch `[B, D]`, and what the own head says.
    pub(super) fn forward(
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
