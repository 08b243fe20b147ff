//! `table`: numbers, categories and dates.
//!
//! Classes and labels by a linear model over levels and pairs of levels; values by an average of small networks over
//! scaled numbers and embeddings. Choose it whenever there are columns of these kinds, beside `boost`.

mod crosses;
mod mlp;

use std::sync::Arc;

use data::Dataset;
use rayon::prelude::*;
use schema::{
    Column, ExpertConfig, FittedTarget, Modality, Pack, PackTensor, Problem, Settings, Task,
};

use crate::{
    Aim, Context, Expert, ExpertError, Kind, Voice,
    expert::{Speaker, check_inputs, is_present, positions, settings, table_of, with_settings},
    pack::{self, Parts},
    sample,
    softmax_regression::{LinearFit, LinearModel, fit_best_l2},
    tabular::{FittedTabular, enough},
};
use crosses::Crosses;
use mlp::{Mlp, MlpFit, MlpInputs};

/// The `table` kind.
pub struct TableKind;

/// Settings of `table`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TableConfig {
    /// Strengths of the penalty to choose from; classes and labels.
    pub l2: Vec<f64>,
    /// Most iterations of L-BFGS; classes and labels.
    pub max_iterations: usize,
    /// Networks that are averaged; values.
    pub num_networks: usize,
    /// Width of the two hidden layers; values.
    pub hidden_dim: usize,
    /// Share of hidden values dropped in a step; values.
    pub dropout_rate: f64,
    /// Share of levels taken as unseen in a step; values.
    pub unseen_rate: f64,
    /// Highest learning rate; values.
    pub learning_rate: f64,
    /// Weight decay; values.
    pub weight_decay: f64,
    /// Epochs; 0 for 150, fewer where records are many; values.
    pub epochs: usize,
    /// Records of a step; 0 for 32, more where records are many; values.
    pub batch_size: usize,
    /// Most records that it is fitted on, drawn by the seed; 0 for no bound.
    pub max_rows: usize,
}

impl Default for TableConfig {
    fn default() -> Self {
        Self {
            l2: vec![0.3, 1.0, 3.0],
            max_iterations: 60,
            num_networks: 5,
            hidden_dim: 64,
            dropout_rate: 0.2,
            unseen_rate: 0.1,
            learning_rate: 3e-3,
            weight_decay: 0.03,
            epochs: 0,
            batch_size: 0,
            max_rows: 1 << 16,
        }
    }
}

/// Epochs of a small table.
const EPOCHS: usize = 150;
/// Fewest epochs of a large one.
const MIN_EPOCHS: usize = 10;
/// Steps beyond which epochs are cut.
const MAX_STEPS: usize = 6000;
/// Batches of a large table are so many that an epoch has about this many steps.
const STEPS_AN_EPOCH: usize = 100;

impl TableConfig {
    fn mlp_fit(&self, num_records: usize) -> MlpFit {
        let batch_size = match self.batch_size {
            0 => num_records
                .div_ceil(STEPS_AN_EPOCH)
                .next_power_of_two()
                .clamp(32, 512),
            given => given,
        };
        let epochs = match self.epochs {
            0 => (MAX_STEPS / num_records.div_ceil(batch_size).max(1)).clamp(MIN_EPOCHS, EPOCHS),
            given => given,
        };
        MlpFit {
            hidden_dim: self.hidden_dim,
            dropout_rate: self.dropout_rate as f32,
            unseen_rate: self.unseen_rate,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay as f32,
            batch_size,
            epochs,
        }
    }
}

impl Kind for TableKind {
    fn name(&self) -> &'static str {
        "table"
    }

    fn about(&self) -> &'static str {
        "numbers, categories and dates: a linear model over pairs of values, or small networks for a number"
    }

    fn default_settings(&self) -> Settings {
        table_of(&TableConfig::default())
    }

    fn check(&self, config: &ExpertConfig, columns: &[Column], _task: Task) -> Vec<Problem> {
        let mut problems = check_inputs(config, columns, (1, usize::MAX), Modality::is_tabular);
        problems.extend(read_settings(config).err().map(Problem::from));
        problems
    }

    fn fit(
        &self,
        config: &ExpertConfig,
        context: &Context<'_>,
        rows: &[usize],
        watch: &[usize],
    ) -> Result<(Box<dyn Expert>, ExpertConfig), ExpertError> {
        let own = read_settings(config)?;
        let cols = positions(&config.name, &config.inputs, context.dataset)?;
        let usable = |rows: &[usize]| {
            let mut rows = context.known(rows);
            rows.retain(|row| is_present(context.dataset, &cols, *row));
            rows
        };
        let train = sample::at_most(usable(rows), own.max_rows, context.seed);
        let watch = sample::watched(usable(watch), own.max_rows, context.seed);
        enough(&config.name, rows, &train)?;
        let aim = context.aim(&train);
        let (model, own) = match &aim {
            Aim::Values(values) => (fit_networks(&own, context, (&cols, &train), values)?, own),
            _ => fit_linear(own, context, &cols, (&train, &watch)),
        };
        let expert = Table {
            speaker: Speaker::new(config, context.target),
            model,
        };
        Ok((Box::new(expert), with_settings(config, &own)))
    }

    fn open(
        &self,
        config: &ExpertConfig,
        target: &FittedTarget,
        pack: Pack,
    ) -> Result<Box<dyn Expert>, ExpertError> {
        let parts = Parts {
            expert: &config.name,
            pack: &pack,
        };
        let facts: Facts = parts.description()?;
        if !facts.tabular.fits(config.inputs.len()) {
            return Err(parts.bad("fields"));
        }
        let model = match target.task {
            Task::Regression => open_networks(&parts, facts)?,
            _ => {
                let crosses = Crosses::from_parts(facts.tabular, parts.codes("keys")?);
                let linear = parts.linear(target, crosses.width())?;
                Model::Linear { crosses, linear }
            }
        };
        Ok(Box::new(Table {
            speaker: Speaker::new(config, target),
            model,
        }))
    }
}

fn read_settings(config: &ExpertConfig) -> Result<TableConfig, ExpertError> {
    let own: TableConfig = settings(config)?;
    let rate = |value: f64| (0.0..1.0).contains(&value);
    let what = if own.l2.is_empty() || own.l2.iter().any(|l2| !(l2.is_finite() && *l2 > 0.0)) {
        format!("l2: expected one or more numbers above 0, got {:?}", own.l2)
    } else if !(1..=100).contains(&own.num_networks) {
        format!("num_networks: expected 1 to 100, got {}", own.num_networks)
    } else if !(1..=4096).contains(&own.hidden_dim) {
        format!("hidden_dim: expected 1 to 4096, got {}", own.hidden_dim)
    } else if !rate(own.dropout_rate) || !rate(own.unseen_rate) {
        format!(
            "dropout_rate, unseen_rate: expected at least 0 and below 1, got {} and {}",
            own.dropout_rate, own.unseen_rate
        )
    } else if !(own.learning_rate > 0.0 && own.learning_rate <= 1.0) {
        format!(
            "learning_rate: expected above 0, at most 1, got {}",
            own.learning_rate
        )
    } else if !(own.weight_decay >= 0.0 && own.weight_decay.is_finite()) {
        format!("weight_decay: expected 0 or more, got {}", own.weight_decay)
    } else {
        return Ok(own);
    };
    Err(ExpertError::Setting {
        expert: config.name.clone(),
        what,
    })
}

/// Also gives the configuration with the strength that was chosen.
fn fit_linear(
    own: TableConfig,
    context: &Context<'_>,
    cols: &[usize],
    (train, watch): (&[usize], &[usize]),
) -> (Model, TableConfig) {
    let crosses = Crosses::fit(context.dataset, cols, train);
    let features = crosses.features(context.dataset, cols, train);
    let watched = crosses.features(context.dataset, cols, watch);
    let (aim, watch_aim) = (context.aim(train), context.aim(watch));
    let weights = context.record_weights(train);
    let fit = LinearFit {
        num_outputs: context.target.width(),
        record_weights: weights.as_deref(),
        l2: 1.0,
        max_iterations: own.max_iterations,
    };
    let (linear, l2) = fit_best_l2(
        (&features, aim.goal()),
        Some((&watched, watch_aim.goal())),
        &own.l2,
        &fit,
    );
    let chosen = TableConfig {
        l2: vec![l2],
        ..own
    };
    (Model::Linear { crosses, linear }, chosen)
}

fn fit_networks(
    own: &TableConfig,
    context: &Context<'_>,
    (cols, train): (&[usize], &[usize]),
    values: &[f32],
) -> Result<Model, ExpertError> {
    let tabular = FittedTabular::fit(context.dataset, cols, train);
    let inputs = MlpInputs::new(&tabular, &tabular.cells(context.dataset, cols, train));
    let widths = MlpInputs::widths(&tabular);
    let weights = context.record_weights(train);
    let fit = own.mlp_fit(train.len());
    // Each network is fitted by one thread, so that their number decides nothing but the time.
    let networks = (0..own.num_networks)
        .into_par_iter()
        .map(|place| {
            let seed = context.seed.named("network").at(place as u64);
            let mut network = Mlp::new(&widths, fit.hidden_dim, seed)?;
            network.fit(
                &inputs,
                (values, weights.as_deref()),
                fit,
                seed,
                context.control,
            )?;
            Ok(network)
        })
        .collect::<Result<Vec<Mlp>, ExpertError>>()?;
    Ok(Model::Networks { tabular, networks })
}

/// What is stored beside the tensors.
#[derive(serde::Serialize, serde::Deserialize)]
struct Facts {
    tabular: FittedTabular,
    num_networks: usize,
    hidden_dim: usize,
}

enum Model {
    Linear {
        crosses: Crosses,
        linear: LinearModel,
    },
    Networks {
        tabular: FittedTabular,
        networks: Vec<Mlp>,
    },
}

struct Table {
    speaker: Speaker,
    model: Model,
}

impl Table {
    fn scores(
        &self,
        dataset: &Dataset,
        cols: &[usize],
        rows: &[usize],
    ) -> Result<Vec<f32>, ExpertError> {
        match &self.model {
            Model::Linear { crosses, linear } => {
                Ok(linear.scores(&crosses.features(dataset, cols, rows)))
            }
            Model::Networks { tabular, networks } => {
                let inputs = MlpInputs::new(tabular, &tabular.cells(dataset, cols, rows));
                let mut mean = vec![0.0; rows.len()];
                for network in networks {
                    for (mean, value) in mean.iter_mut().zip(network.values(&inputs)?) {
                        *mean += value / networks.len() as f32;
                    }
                }
                Ok(mean)
            }
        }
    }
}

impl Expert for Table {
    fn kind(&self) -> &'static str {
        TableKind.name()
    }

    fn speak(&self, dataset: &Arc<Dataset>, rows: &[usize]) -> Result<Vec<Voice>, ExpertError> {
        self.speaker
            .voice(dataset, rows, |cols, rows| self.scores(dataset, cols, rows))
    }

    fn save(&self) -> Result<Pack, ExpertError> {
        let mut pack = Pack::default();
        let facts = match &self.model {
            Model::Linear { crosses, linear } => {
                let (tabular, keys) = crosses.parts();
                pack::add(
                    &mut pack,
                    "keys",
                    PackTensor::u32(&[keys.len() / 4, 4], keys),
                );
                pack::add_linear(&mut pack, linear);
                Facts {
                    tabular: tabular.clone(),
                    num_networks: 0,
                    hidden_dim: 0,
                }
            }
            Model::Networks { tabular, networks } => {
                for (place, network) in networks.iter().enumerate() {
                    for (_, name, _, tensor) in network.parameters.iter() {
                        let value = PackTensor::f32(tensor.shape(), tensor.data().to_vec());
                        pack::add(&mut pack, &format!("{place}.{name}"), value);
                    }
                }
                Facts {
                    tabular: tabular.clone(),
                    num_networks: networks.len(),
                    hidden_dim: networks.first().map_or(0, Mlp::hidden_dim),
                }
            }
        };
        pack.description = pack::describe(&self.speaker.name, &facts)?;
        Ok(pack)
    }

    fn num_parameters(&self) -> usize {
        match &self.model {
            Model::Linear { linear, .. } => linear.weights.len() + linear.bias.len(),
            Model::Networks { networks, .. } => networks
                .iter()
                .map(|network| network.parameters.num_values())
                .sum(),
        }
    }
}

fn open_networks(parts: &Parts<'_>, facts: Facts) -> Result<Model, ExpertError> {
    if !(1..=100).contains(&facts.num_networks) || !(1..=4096).contains(&facts.hidden_dim) {
        return Err(parts.bad("networks"));
    }
    let widths = MlpInputs::widths(&facts.tabular);
    let mut networks = Vec::with_capacity(facts.num_networks);
    for place in 0..facts.num_networks {
        let mut network = Mlp::new(&widths, facts.hidden_dim, schema::Seed(0))?;
        let names: Vec<_> = network
            .parameters
            .iter()
            .map(|(id, name, _, tensor)| (id, format!("{place}.{name}"), tensor.shape().to_vec()))
            .collect();
        for (id, name, shape) in names {
            let values = parts.pack.floats(&name, shape.iter().product());
            let values = values.ok_or_else(|| parts.bad(&name))?;
            network
                .parameters
                .set(id, engine::Tensor::from_numbers(&shape, values.clone())?)?;
        }
        networks.push(network);
    }
    Ok(Model::Networks {
        tabular: facts.tabular,
        networks,
    })
}
