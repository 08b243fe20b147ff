//! What would be trained: parts, widths, parameters and memory.

use schema::{Problem, Seed, Task};
use serde::Serialize;
use train::{Control, NoObserver};

use crate::prepare::Prepared;

/// What would be trained.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// What is predicted.
    pub task: Task,
    /// Target column.
    pub target: String,
    /// Input columns.
    pub inputs: Vec<String>,
    /// Records to fit on.
    pub num_fit: usize,
    /// Records kept aside.
    pub num_held_out: usize,
    /// The experts in training order.
    pub experts: Vec<ExpertPlan>,
    /// Trained values of all experts whose number is known before training.
    pub num_parameters: usize,
    /// Things to know, each with what it is about.
    pub notes: Vec<(String, String)>,
}

/// One expert of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct ExpertPlan {
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: String,
    /// Columns that it reads.
    pub inputs: Vec<String>,
    /// Its parts; empty for a kind whose size only training tells.
    pub parts: Vec<PartLine>,
    /// Trained values, if known before training.
    pub num_parameters: Option<usize>,
    /// Memory of a training step in bytes, if known.
    pub memory_bytes: Option<usize>,
}

/// One part of an expert.
#[derive(Debug, Clone, Serialize)]
pub struct PartLine {
    /// Name.
    pub name: String,
    /// Row of its registry.
    pub kind: String,
    /// Shape of what it gives, `B` first.
    pub shape: String,
    /// Trained values.
    pub num_parameters: usize,
}

pub(crate) fn plan(prepared: Prepared) -> Result<Plan, Problem> {
    let control = Control::new();
    let context = expert::Context {
        dataset: &prepared.dataset,
        target: &prepared.target,
        truth: &prepared.truth,
        weights: None,
        seed: Seed(prepared.config.run.seed),
        threads: 0,
        observer: &NoObserver,
        control: &control,
        folder: None,
        resume: false,
    };
    let mut experts = Vec::new();
    for config in &prepared.config.experts {
        let size = expert::by_name(&config.kind)?.size(config, &context, &prepared.fit_rows)?;
        let parts = size.as_ref().map_or(&[][..], |size| &size.plan.parts);
        experts.push(ExpertPlan {
            name: config.name.clone(),
            kind: config.kind.clone(),
            inputs: config.inputs.clone(),
            parts: parts
                .iter()
                .map(|part| PartLine {
                    name: part.name.clone(),
                    kind: part.kind.clone(),
                    shape: shape_text(&part.shape),
                    num_parameters: part.num_parameters,
                })
                .collect(),
            num_parameters: size.as_ref().map(|size| size.plan.total),
            memory_bytes: size.as_ref().map(|size| size.memory_bytes),
        });
    }
    let notes = prepared
        .warnings
        .iter()
        .map(|text| ("data".to_owned(), text.clone()))
        .collect();
    Ok(Plan {
        task: prepared.target.task,
        target: prepared.target.column.clone(),
        inputs: prepared
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect(),
        num_fit: prepared.fit_rows.len(),
        num_held_out: prepared.held_out.len(),
        num_parameters: experts
            .iter()
            .filter_map(|expert| expert.num_parameters)
            .sum(),
        experts,
        notes,
    })
}

fn shape_text(shape: &[usize]) -> String {
    let axes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("[B, {}]", axes.join(", "))
}

/// A number for people: no digits behind the point where they say nothing.
pub(crate) fn short_number(number: f64) -> String {
    if number.abs() >= 1000.0 || number.fract() == 0.0 {
        format!("{number:.0}")
    } else {
        format!("{number:.4}")
    }
}
