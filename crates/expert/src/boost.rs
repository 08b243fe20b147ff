//! `boost`: gradient boosted trees over numbers, categories, dates and series.
//!
//! Choose it beside `table`: trees find steps and interactions that a linear model or a small network smooths over.
//! With series it is the quick way to put a signal beside the numbers of its record.
//! Own histogram booster, held to scikit-learn's; see `booster`.

mod bins;
mod booster;
mod features;
mod signals;
mod tree;

pub use booster::Objective;

use std::sync::Arc;

use data::{Dataset, Form};
use schema::{
    Column, ExpertConfig, FittedTarget, Modality, Pack, PackTensor, Problem, SeriesScale, Settings,
    Task,
};

use crate::{
    Context, Expert, ExpertError, Kind, Voice,
    expert::{
        Speaker, check_inputs, is_present, link, positions, settings, table_of, with_settings,
    },
    pack::{self, Parts},
    sample,
    softmax_regression::Link,
    tabular::enough,
};
use booster::{BoostFit, Booster, Sample};
use features::BoostFeatures;
use signals::SignalForm;
use tree::{Growth, Node, Tree};

/// The `boost` kind.
pub struct BoostKind;

/// Settings of `boost`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BoostConfig {
    /// Most rounds; fewer if held-out records say so.
    pub max_rounds: usize,
    /// Rounds without a better held-out loss after which it ends; 0 to run all rounds.
    pub patience: usize,
    /// Part of each tree that is kept; 0 for 0.05 (values) or 0.1 (classes, labels).
    pub learning_rate: f64,
    /// Splits from root to leaf.
    pub max_depth: usize,
    /// Fewest records of a leaf; 0 for 5 up to 1,000 records and 20 above.
    pub min_leaf: usize,
    /// Penalty of leaf values.
    pub l2: f64,
    /// Share of records that a round sees.
    pub subsample: f64,
    /// Share of features that a round sees.
    pub feature_share: f64,
    /// Boosters with different draws whose scores are averaged; 0 for 3 (values, two classes) or 1.
    pub bags: usize,
    /// Loss for values: `squared` or `absolute`.
    pub value_loss: ValueLoss,
    /// Series: moments that they are brought to, 8 to 65536.
    pub len: usize,
    /// Series: steps of equal length whose means are columns, by channel, 1 to 4096.
    pub num_steps: usize,
    /// Series: how those means are scaled; the summary features beside them keep the scale of the series.
    pub scale: SeriesScale,
    /// Whether the quotient and the difference of every two of at most 8 numbers are columns.
    pub pairs: bool,
    /// Most records that it is fitted on, drawn by the seed; 0 for no bound.
    pub max_rows: usize,
}

/// Loss for values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueLoss {
    /// Squared error: means.
    Squared,
    /// Absolute error: medians.
    Absolute,
}

impl Default for BoostConfig {
    fn default() -> Self {
        Self {
            max_rounds: 300,
            patience: 30,
            learning_rate: 0.0,
            max_depth: 4,
            min_leaf: 0,
            l2: 1.0,
            subsample: 0.6,
            feature_share: 0.7,
            bags: 0,
            value_loss: ValueLoss::Squared,
            len: 256,
            num_steps: 128,
            scale: SeriesScale::Own,
            pairs: false,
            max_rows: 1 << 16,
        }
    }
}

/// Up to this number of records leaves may be small.
const FEW_RECORDS: usize = 1000;
/// Bins of a number.
const MAX_BINS: usize = 255;

impl BoostConfig {
    fn objective(&self, target: &FittedTarget) -> Objective {
        match (target.task, self.value_loss) {
            (Task::Multilabel, _) => Objective::Multilabel,
            (Task::Regression, ValueLoss::Squared) => Objective::Squared,
            (Task::Regression, ValueLoss::Absolute) => Objective::Absolute,
            _ if target.width() == 2 => Objective::Binary,
            _ => Objective::Class,
        }
    }

    fn fit(&self, target: &FittedTarget, num_records: usize) -> BoostFit {
        let is_value = target.task == Task::Regression;
        let default_rate = if is_value { 0.05 } else { 0.1 };
        let default_leaf = if num_records <= FEW_RECORDS { 5 } else { 20 };
        BoostFit {
            objective: self.objective(target),
            max_rounds: self.max_rounds,
            learning_rate: if self.learning_rate > 0.0 {
                self.learning_rate
            } else {
                default_rate
            },
            growth: Growth {
                max_leaves: 1 << self.max_depth.min(10),
                max_depth: self.max_depth,
                min_leaf: if self.min_leaf > 0 {
                    self.min_leaf
                } else {
                    default_leaf
                },
                l2: self.l2,
            },
            max_bins: MAX_BINS,
            subsample: self.subsample,
            feature_share: self.feature_share,
            patience: if self.patience > 0 {
                self.patience
            } else {
                usize::MAX
            },
        }
    }

    fn signal_form(&self) -> SignalForm {
        SignalForm {
            len: self.len,
            num_steps: self.num_steps.min(self.len),
            scale: self.scale,
            pairs: self.pairs,
        }
    }

    fn num_bags(&self, target: &FittedTarget) -> usize {
        match self.bags {
            0 if target.task == Task::Regression || target.width() == 2 => 3,
            0 => 1,
            given => given,
        }
    }
}

impl Kind for BoostKind {
    fn name(&self) -> &'static str {
        "boost"
    }

    fn about(&self) -> &'static str {
        "gradient boosted trees over numbers, categories, dates and series"
    }

    fn default_settings(&self) -> Settings {
        table_of(&BoostConfig::default())
    }

    fn check(&self, config: &ExpertConfig, columns: &[Column], _task: Task) -> Vec<Problem> {
        let mut problems = check_inputs(config, columns, (1, usize::MAX), reads);
        problems.extend(read_settings(config).err().map(Problem::from));
        problems
    }

    fn forms(&self, config: &ExpertConfig, columns: &[Column]) -> Result<Vec<Form>, ExpertError> {
        let own = read_settings(config)?;
        let is_series = |column: &&Column| {
            column.modality == Modality::Series && config.inputs.contains(&column.name)
        };
        let series = columns.iter().filter(is_series);
        Ok(series.map(|_| Form::Series { len: own.len }).collect())
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
        let (aim, watch_aim) = (context.aim(&train), context.aim(&watch));
        let weights = context.record_weights(&train);
        let num_outputs = context.target.width();
        let place = (context.dataset.as_ref(), cols.as_slice(), train.as_slice());
        let form = own.signal_form();
        let (features, values) = BoostFeatures::fit(place, (&aim, num_outputs), form, context.seed);
        let watched = features.rows(context.dataset, &cols, &watch);
        let width = features.width();
        let fit = own.fit(context.target, train.len());
        let boosters: Vec<Booster> = (0..own.num_bags(context.target))
            .map(|bag| {
                let sample = Sample {
                    features: &values,
                    width,
                    aim: &aim,
                    weights: weights.as_deref(),
                };
                let watched = Sample {
                    features: &watched,
                    width,
                    aim: &watch_aim,
                    weights: None,
                };
                let seed = context.seed.named("bag").at(bag as u64);
                Booster::fit(sample, num_outputs, Some(watched), fit, seed)
            })
            .collect();
        let rounds: usize = boosters.iter().map(Booster::num_rounds).sum();
        let chosen = BoostConfig {
            max_rounds: rounds.div_ceil(boosters.len().max(1)).max(1),
            patience: 0,
            ..own
        };
        let expert = Boost {
            speaker: Speaker::new(config, context.target),
            features,
            boosters,
            link: link(context.target),
        };
        Ok((Box::new(expert), with_settings(config, &chosen)))
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
        if !facts.features.fits(config.inputs.len()) {
            return Err(parts.bad("features"));
        }
        let num_outputs = if facts.objective == Objective::Binary {
            1
        } else {
            target.width()
        };
        let boosters = read_trees(&parts, &facts, num_outputs)?;
        Ok(Box::new(Boost {
            speaker: Speaker::new(config, target),
            features: facts.features,
            boosters,
            link: link(target),
        }))
    }
}

fn reads(modality: Modality) -> bool {
    modality.is_tabular() || modality == Modality::Series
}

fn read_settings(config: &ExpertConfig) -> Result<BoostConfig, ExpertError> {
    let own: BoostConfig = settings(config)?;
    let share = |value: f64| value > 0.0 && value <= 1.0;
    let what = if own.max_rounds == 0 || own.max_rounds > 100_000 {
        format!("max_rounds: expected 1 to 100000, got {}", own.max_rounds)
    } else if own.max_depth == 0 || own.max_depth > 10 {
        format!("max_depth: expected 1 to 10, got {}", own.max_depth)
    } else if !share(own.subsample) {
        format!(
            "subsample: expected a share above 0, at most 1, got {}",
            own.subsample
        )
    } else if !share(own.feature_share) {
        format!(
            "feature_share: expected a share above 0, at most 1, got {}",
            own.feature_share
        )
    } else if !(0.0..=1.0).contains(&own.learning_rate) {
        format!("learning_rate: expected 0 to 1, got {}", own.learning_rate)
    } else if !(own.l2.is_finite() && own.l2 >= 0.0) {
        format!("l2: expected 0 or more, got {}", own.l2)
    } else if !(8..=65_536).contains(&own.len) {
        format!("len: expected 8 to 65536, got {}", own.len)
    } else if !(1..=4096).contains(&own.num_steps) {
        format!("num_steps: expected 1 to 4096, got {}", own.num_steps)
    } else if own.bags > 100 {
        format!("bags: expected 0 to 100, got {}", own.bags)
    } else {
        return Ok(own);
    };
    Err(ExpertError::Setting {
        expert: config.name.clone(),
        what,
    })
}

/// What is stored beside the tensors.
#[derive(serde::Serialize, serde::Deserialize)]
struct Facts {
    features: BoostFeatures,
    objective: Objective,
    /// Trees of each bag.
    num_trees: Vec<usize>,
}

struct Boost {
    speaker: Speaker,
    features: BoostFeatures,
    /// One a bag.
    boosters: Vec<Booster>,
    link: Link,
}

impl Boost {
    fn scores(&self, dataset: &Dataset, cols: &[usize], rows: &[usize]) -> Vec<f32> {
        let features = self.features.rows(dataset, cols, rows);
        let mut mean: Vec<f32> = Vec::new();
        let share = 1.0 / self.boosters.len() as f32;
        for booster in &self.boosters {
            let scores = booster.scores(&features, self.features.width());
            mean.resize(scores.len(), 0.0);
            for (mean, score) in mean.iter_mut().zip(scores) {
                *mean += share * score;
            }
        }
        let width = self.speaker.prior.len();
        if width == 2 && self.link == Link::Softmax {
            // One log-odds a record: the first class has 0, the second the odds.
            mean = mean.into_iter().flat_map(|odds| [0.0, odds]).collect();
        }
        for row in mean.chunks_exact_mut(width) {
            self.link.finish(row);
        }
        mean
    }
}

impl Expert for Boost {
    fn kind(&self) -> &'static str {
        BoostKind.name()
    }

    fn speak(&self, dataset: &Arc<Dataset>, rows: &[usize]) -> Result<Vec<Voice>, ExpertError> {
        self.speaker.voice(dataset, rows, |cols, rows| {
            Ok(self.scores(dataset, cols, rows))
        })
    }

    fn save(&self) -> Result<Pack, ExpertError> {
        let facts = Facts {
            features: self.features.clone(),
            objective: self
                .boosters
                .first()
                .map_or(Objective::Squared, |booster| booster.objective),
            num_trees: self
                .boosters
                .iter()
                .map(|booster| booster.trees.len())
                .collect(),
        };
        let mut pack = Pack {
            description: pack::describe(&self.speaker.name, &facts)?,
            ..Pack::default()
        };
        write_trees(&mut pack, &self.boosters);
        Ok(pack)
    }

    fn num_parameters(&self) -> usize {
        self.boosters
            .iter()
            .flat_map(|booster| &booster.trees)
            .map(|tree| tree.nodes.len())
            .sum()
    }
}

/// All nodes of all trees behind one another.
fn write_trees(pack: &mut Pack, boosters: &[Booster]) {
    let trees = || boosters.iter().flat_map(|booster| &booster.trees);
    let nodes = || trees().flat_map(|tree| &tree.nodes);
    let codes = |values: Vec<u32>| PackTensor::u32(&[values.len()], values);
    let floats = |values: Vec<f32>| PackTensor::f32(&[values.len()], values);
    let base = boosters
        .iter()
        .flat_map(|booster| booster.base.iter().copied())
        .collect();
    pack::add(pack, "base", floats(base));
    pack::add(
        pack,
        "num_nodes",
        codes(trees().map(|tree| tree.nodes.len() as u32).collect()),
    );
    pack::add(
        pack,
        "feature",
        codes(nodes().map(|node| node.feature).collect()),
    );
    pack::add(pack, "left", codes(nodes().map(|node| node.left).collect()));
    let missing = nodes().map(|node| u32::from(node.missing_left)).collect();
    pack::add(pack, "missing_left", codes(missing));
    pack::add(
        pack,
        "threshold",
        floats(nodes().map(|node| node.threshold).collect()),
    );
    pack::add(
        pack,
        "value",
        floats(nodes().map(|node| node.value).collect()),
    );
}

/// The inverse of [`write_trees`]: every child lies behind its parent and every feature is there, whatever was stored.
fn read_trees(
    parts: &Parts<'_>,
    facts: &Facts,
    num_outputs: usize,
) -> Result<Vec<Booster>, ExpertError> {
    let (feature, left) = (parts.codes("feature")?, parts.codes("left")?);
    let (missing, num_nodes) = (parts.codes("missing_left")?, parts.codes("num_nodes")?);
    let (threshold, value) = (parts.floats("threshold")?, parts.floats("value")?);
    let base = parts.floats("base")?;
    let count = num_nodes.iter().map(|count| *count as usize).sum::<usize>();
    let lengths = [
        feature.len(),
        left.len(),
        missing.len(),
        threshold.len(),
        value.len(),
    ];
    let fits = lengths.iter().all(|length| *length == count)
        && facts.num_trees.iter().sum::<usize>() == num_nodes.len()
        && facts.num_trees.iter().all(|count| count % num_outputs == 0)
        && !facts.num_trees.is_empty()
        && base.len() == facts.num_trees.len() * num_outputs;
    if !fits {
        return Err(parts.bad("num_nodes"));
    }
    let width = facts.features.width();
    let mut start = 0;
    let mut trees = Vec::with_capacity(num_nodes.len());
    for count in num_nodes {
        let count = *count as usize;
        let nodes: Vec<Node> = (start..start + count)
            .map(|place| Node {
                feature: feature[place],
                threshold: threshold[place],
                missing_left: missing[place] != 0,
                left: left[place],
                value: value[place],
            })
            .collect();
        let is_sound = |(at, node): (usize, &Node)| {
            let child = node.left as usize;
            child == 0 || (child > at && child + 1 < count && (node.feature as usize) < width)
        };
        if count == 0 || !nodes.iter().enumerate().all(is_sound) {
            return Err(parts.bad("left"));
        }
        trees.push(Tree { nodes });
        start += count;
    }
    let mut trees = trees.into_iter();
    let booster = |(bag, count): (usize, &usize)| Booster {
        objective: facts.objective,
        base: base[bag * num_outputs..(bag + 1) * num_outputs].to_vec(),
        trees: trees.by_ref().take(*count).collect(),
    };
    Ok(facts.num_trees.iter().enumerate().map(booster).collect())
}

#[cfg(test)]
mod tests;
