//! What an expert is: something fitted on records that then says scores of other records.

use std::{path::Path, sync::Arc};

use data::{Dataset, Form, Truth};
use nn::NetworkPlan;
use schema::{Column, ExpertConfig, FittedTarget, Modality, Pack, Problem, Seed, Settings, Task};

use train::{Control, FitResult, Observer};

use crate::{
    ExpertError,
    combined::prior_scores,
    registry,
    softmax_regression::{Goal, Link},
};

/// What an expert is fitted with.
pub struct Context<'a> {
    /// The records.
    pub dataset: &'a Arc<Dataset>,
    /// What is predicted.
    pub target: &'a FittedTarget,
    /// The truth of every row of the data set.
    pub truth: &'a Truth,
    /// Weight of every row of the data set in the loss; `None` for all 1.
    pub weights: Option<&'a [f32]>,
    /// Place of this expert's random decisions.
    pub seed: Seed,
    /// Threads to work with; 0 for all cores. The result does not depend on it.
    pub threads: usize,
    /// Told how fitting goes.
    pub observer: &'a dyn Observer,
    /// Stop flag and deadline.
    pub control: &'a Control,
    /// Folder of the run for logs and checkpoints; `None` for neither.
    pub folder: Option<&'a Path>,
    /// Whether to go on from checkpoints in `folder`.
    pub resume: bool,
}

/// What one fitted part says of some records.
#[derive(Debug, Clone, PartialEq)]
pub struct Voice {
    /// Name, such as "text" or "joint/image".
    pub name: String,
    /// The columns that it goes by.
    pub inputs: Vec<String>,
    /// Whether each record has any of its inputs; `N` long.
    pub present: Vec<bool>,
    /// `[N, K]` row-major: log-probabilities (binary and class, `K` classes), logits (multilabel), or the value in
    /// the target's scale (regression, `K` = 1).
    pub scores: Vec<f32>,
}

/// How large an expert is.
#[derive(Debug, Clone, PartialEq)]
pub struct Size {
    /// Its parts with their trained values.
    pub plan: NetworkPlan,
    /// Memory of a training step in bytes; activations are an estimate.
    pub memory_bytes: usize,
}

/// A fitted expert.
pub trait Expert: Send + Sync {
    /// Its kind, as it stands in the registry.
    fn kind(&self) -> &'static str;

    /// What it says of some rows: one voice, or several if it has several opinions.
    ///
    /// # Errors
    /// If the data set lacks a column that it reads.
    fn speak(&self, dataset: &Arc<Dataset>, rows: &[usize]) -> Result<Vec<Voice>, ExpertError>;

    /// Everything that [`Kind::open`] needs to build it again.
    ///
    /// # Errors
    /// If a part cannot be written as JSON.
    fn save(&self) -> Result<Pack, ExpertError>;

    /// Number of fitted numbers.
    fn num_parameters(&self) -> usize;

    /// The parts of a network; `None` for other kinds.
    fn plan(&self) -> Option<NetworkPlan> {
        None
    }

    /// How the training of a network went; `None` for other kinds.
    fn training(&self) -> Option<&FitResult> {
        None
    }

    /// The same expert fitted again on more rows of the data set that it was fitted on, choices kept.
    ///
    /// `config` is the one that [`Kind::fit`] gave back.
    ///
    /// # Errors
    /// As [`Kind::fit`].
    fn refit(
        &self,
        config: &ExpertConfig,
        context: &Context<'_>,
        rows: &[usize],
    ) -> Result<Box<dyn Expert>, ExpertError> {
        Ok(registry::by_name(&config.kind)?
            .fit(config, context, rows, &[])?
            .0)
    }
}

/// A kind of expert: one row of the registry.
pub trait Kind: Sync {
    /// Name in configurations.
    fn name(&self) -> &'static str;

    /// One sentence for `list` and the documentation.
    fn about(&self) -> &'static str;

    /// Every setting with its default.
    fn default_settings(&self) -> Settings;

    /// What is wrong with a configuration, before anything is fitted; `columns` are the inputs of the run.
    fn check(&self, config: &ExpertConfig, columns: &[Column], task: Task) -> Vec<Problem>;

    /// The same configuration with every setting written out; `columns` are the inputs of the run.
    ///
    /// # Errors
    /// If settings are wrong.
    fn complete(
        &self,
        config: &ExpertConfig,
        _columns: &[Column],
        _task: Task,
    ) -> Result<ExpertConfig, ExpertError> {
        let mut settings = self.default_settings();
        settings.extend(config.settings.clone());
        Ok(ExpertConfig {
            settings,
            ..config.clone()
        })
    }

    /// How large it will be, for kinds that know before they are fitted.
    ///
    /// # Errors
    /// If settings or columns are wrong.
    fn size(
        &self,
        _config: &ExpertConfig,
        _context: &Context<'_>,
        _rows: &[usize],
    ) -> Result<Option<Size>, ExpertError> {
        Ok(None)
    }

    /// Whether it is quick enough to be fitted again on all records once the stack is known.
    fn is_cheap(&self) -> bool {
        true
    }

    /// Forms in which it will ask for the media among the columns of the data set.
    ///
    /// # Errors
    /// If settings are wrong.
    fn forms(&self, _config: &ExpertConfig, _columns: &[Column]) -> Result<Vec<Form>, ExpertError> {
        Ok(Vec::new())
    }

    /// Roughly how many bytes of memory a fit takes for each record it is fitted on, the held-out ones beside it
    /// included, for kinds that hold features of all of them (`max_rows`).
    fn row_bytes(&self) -> usize {
        4 << 10
    }

    /// Roughly how many seconds a fit on so many rows takes on one slow core, for kinds where that matters.
    fn expected_secs(&self, _num_rows: usize) -> f64 {
        0.0
    }

    /// The configuration made to fit the time that `context.control` leaves, of which `refit_secs` are kept for
    /// fitting earlier experts again; `None` if there is too little for anything useful.
    ///
    /// # Errors
    /// If settings are wrong.
    fn plan(
        &self,
        config: &ExpertConfig,
        _context: &Context<'_>,
        _rows: &[usize],
        _refit_secs: f64,
    ) -> Result<Option<ExpertConfig>, ExpertError> {
        Ok(Some(config.clone()))
    }

    /// Fits on `rows`; `watch` are held-out rows for choices such as strengths and early stopping, possibly none.
    ///
    /// Gives the configuration back with the choices in it, so that [`Expert::refit`] keeps them.
    ///
    /// # Errors
    /// If settings or columns are wrong or there is nothing to learn from.
    fn fit(
        &self,
        config: &ExpertConfig,
        context: &Context<'_>,
        rows: &[usize],
        watch: &[usize],
    ) -> Result<(Box<dyn Expert>, ExpertConfig), ExpertError>;

    /// Builds a fitted expert from what it saved.
    ///
    /// # Errors
    /// [`ExpertError::BadPack`] if a part is missing or does not fit.
    fn open(
        &self,
        config: &ExpertConfig,
        target: &FittedTarget,
        pack: Pack,
    ) -> Result<Box<dyn Expert>, ExpertError>;
}

/// The truth of some records, owned, as a linear model wants it.
#[derive(Debug, Clone, PartialEq)]
pub enum Aim {
    /// Class index.
    Classes(Vec<u32>),
    /// `[N, K]`, 1 where a label applies.
    Labels(Vec<f32>),
    /// Scaled values.
    Values(Vec<f32>),
}

impl Aim {
    /// The same, borrowed.
    pub fn goal(&self) -> Goal<'_> {
        match self {
            Self::Classes(classes) => Goal::Classes(classes),
            Self::Labels(labels) => Goal::Labels(labels),
            Self::Values(values) => Goal::Values(values),
        }
    }
}

impl Context<'_> {
    /// The rows whose truth is known, in their order.
    pub fn known(&self, rows: &[usize]) -> Vec<usize> {
        rows.iter()
            .copied()
            .filter(|row| self.truth.is_known(*row))
            .collect()
    }

    /// The truth of rows that are all known; regression values in the target's scale.
    pub fn aim(&self, rows: &[usize]) -> Aim {
        let width = self.target.width();
        match self.truth {
            Truth::Classes(classes) => {
                Aim::Classes(rows.iter().map(|row| classes[*row].unwrap_or(0)).collect())
            }
            Truth::Labels(labels) => Aim::Labels(
                rows.iter()
                    .flat_map(|row| &labels[row * width..(row + 1) * width])
                    .copied()
                    .collect(),
            ),
            Truth::Values(values) => {
                let scale = |value| self.target.scale.map_or(value, |scale| scale.apply(value));
                Aim::Values(rows.iter().map(|row| scale(values[*row]) as f32).collect())
            }
        }
    }

    /// The weights of some rows, if there are any.
    pub fn record_weights(&self, rows: &[usize]) -> Option<Vec<f32>> {
        self.weights
            .map(|weights| rows.iter().map(|row| weights[*row]).collect())
    }
}

/// How logits of this target turn into scores.
pub(crate) fn link(target: &FittedTarget) -> Link {
    match target.task {
        Task::Binary | Task::Class => Link::Softmax,
        Task::Multilabel => Link::Logistic,
        Task::Regression => Link::Identity,
    }
}

/// Spreads the scores of the present records over all, with the prior in the gaps.
fn spread(scores: &[f32], present: &[bool], prior: &[f32]) -> Vec<f32> {
    let mut said = scores.chunks_exact(prior.len());
    let mut all = Vec::with_capacity(present.len() * prior.len());
    for is_present in present {
        let row = if *is_present { said.next() } else { None };
        all.extend_from_slice(row.unwrap_or(prior));
    }
    all
}

/// The inputs of a classical expert and what it says where it has none: what turns scores into its one voice.
#[derive(Debug, Clone)]
pub(crate) struct Speaker {
    pub(crate) name: String,
    pub(crate) inputs: Vec<String>,
    pub(crate) prior: Vec<f32>,
}

impl Speaker {
    pub(crate) fn new(config: &ExpertConfig, target: &FittedTarget) -> Self {
        Self {
            name: config.name.clone(),
            inputs: config.inputs.clone(),
            prior: prior_scores(target),
        }
    }

    /// The voice about some rows. `scores` is given the places of the inputs and rows that have any of them, piece by
    /// piece, so that features of a large set are never all in memory.
    pub(crate) fn voice(
        &self,
        dataset: &Dataset,
        rows: &[usize],
        mut scores: impl FnMut(&[usize], &[usize]) -> Result<Vec<f32>, ExpertError>,
    ) -> Result<Vec<Voice>, ExpertError> {
        let cols = positions(&self.name, &self.inputs, dataset)?;
        let present: Vec<bool> = rows
            .iter()
            .map(|row| is_present(dataset, &cols, *row))
            .collect();
        let with = rows.iter().zip(&present).filter(|(_, present)| **present);
        let with: Vec<usize> = with.map(|(row, _)| *row).collect();
        let mut said = Vec::with_capacity(with.len() * self.prior.len());
        for rows in with.chunks(PIECE) {
            said.extend(scores(&cols, rows)?);
        }
        Ok(vec![Voice {
            name: self.name.clone(),
            inputs: self.inputs.clone(),
            scores: spread(&said, &present, &self.prior),
            present,
        }])
    }
}

/// Rows that an expert speaks about at once.
const PIECE: usize = 1024;

/// Whether a row has any of the inputs.
pub(crate) fn is_present(dataset: &Dataset, cols: &[usize], row: usize) -> bool {
    cols.iter().any(|col| dataset.is_present(*col, row))
}

/// Position of each input of an expert in a data set.
pub(crate) fn positions(
    expert: &str,
    inputs: &[String],
    dataset: &Dataset,
) -> Result<Vec<usize>, ExpertError> {
    inputs
        .iter()
        .map(|name| {
            dataset
                .column_position(name)
                .ok_or_else(|| ExpertError::NoColumn {
                    expert: expert.to_owned(),
                    column: name.clone(),
                    known: dataset
                        .columns()
                        .iter()
                        .map(|column| column.name.clone())
                        .collect(),
                })
        })
        .collect()
}

/// Reads the settings of a kind.
pub(crate) fn settings<T: serde::de::DeserializeOwned>(
    config: &ExpertConfig,
) -> Result<T, ExpertError> {
    let table = toml::Value::Table(config.settings.clone());
    table
        .try_into()
        .map_err(|error: toml::de::Error| ExpertError::Setting {
            expert: config.name.clone(),
            what: error.message().to_owned(),
        })
}

/// The configuration with its settings replaced.
pub(crate) fn with_settings<T: serde::Serialize>(config: &ExpertConfig, own: &T) -> ExpertConfig {
    ExpertConfig {
        settings: table_of(own),
        ..config.clone()
    }
}

/// Settings as a table, for [`Kind::default_settings`].
pub(crate) fn table_of<T: serde::Serialize>(settings: &T) -> Settings {
    Settings::try_from(settings).unwrap_or_default()
}

/// Problems with the inputs of an expert: too few or too many, not there, or of a modality that it cannot read.
pub(crate) fn check_inputs(
    config: &ExpertConfig,
    columns: &[Column],
    (at_least, at_most): (usize, usize),
    reads: impl Fn(Modality) -> bool,
) -> Vec<Problem> {
    let place = format!("experts.{}.inputs", config.name);
    let mut problems = Vec::new();
    let problem = |what: String| Problem::new(schema::Code::Config, what).at(place.clone());
    if config.inputs.len() < at_least || config.inputs.len() > at_most {
        let expected = match (at_least, at_most) {
            (1, usize::MAX) => "at least one column".to_owned(),
            (low, high) if low == high => format!("{low} column"),
            (low, high) => format!("{low} to {high} columns"),
        };
        problems.push(
            problem(format!("wrong number of inputs for a {}", config.kind))
                .expected(expected)
                .got(config.inputs.len().to_string()),
        );
    }
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    for name in &config.inputs {
        match columns.iter().find(|column| column.name == *name) {
            None => problems.push(problem(format!(
                "no column \"{name}\"{}",
                schema::known(name, &names)
            ))),
            Some(column) if !reads(column.modality) => problems.push(
                problem(format!("a {} cannot read column \"{name}\"", config.kind))
                    .got(column.modality.name()),
            ),
            Some(_) => {}
        }
    }
    problems
}
