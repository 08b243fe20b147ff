//! The expert around the picture features.

use std::{collections::HashMap, sync::Arc};

use data::{Dataset, Form};
use schema::{
    Column, ExpertConfig, FittedTarget, Modality, Pack, PackTensor, Picture, Problem, Seed,
    Settings, Task,
};

use super::{
    describer::{Describer, Pictures, Sizes, View},
    patches::{DIM, PatchFit, SIDE},
};
use crate::{
    Context, Expert, ExpertError, Kind, Voice,
    expert::{Speaker, check_inputs, positions, settings, table_of, with_settings},
    pack::{self, Parts},
    sample,
    softmax_regression::{Features, LinearFit, LinearModel, fit_best_l2},
};

/// The `image_feature` kind.
pub struct ImageFeatureKind;

/// Settings of `image_feature`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageFeatureConfig {
    /// Side in pixels at which patches and colours are read.
    pub size_px: usize,
    /// Side in pixels at which outlines are read.
    pub outline_px: usize,
    /// Whether a mirrored picture means the same; say no for digits, letters, left and right.
    pub mirrored: bool,
    /// Number of patch centres.
    pub num_centres: usize,
    /// Patches that centres are learned from.
    pub num_patches: usize,
    /// Rounds of k-means.
    pub rounds: usize,
    /// Strengths of the penalty to choose from; empty for the usual ones of the task.
    pub l2: Vec<f64>,
    /// Most iterations of L-BFGS for each strength; more change little (measured: 25 to 60).
    pub max_iterations: usize,
    /// Most records that it is fitted on, drawn by the seed; 0 for no bound. Each takes about 16 KB of memory.
    pub max_rows: usize,
}

impl Default for ImageFeatureConfig {
    fn default() -> Self {
        Self {
            size_px: 64,
            outline_px: 96,
            mirrored: true,
            num_centres: 800,
            num_patches: 60_000,
            rounds: 10,
            l2: Vec::new(),
            max_iterations: 30,
            max_rows: 1 << 14,
        }
    }
}

impl ImageFeatureConfig {
    fn view(&self) -> View {
        View {
            size_px: self.size_px,
            outline_px: self.outline_px,
            mirrored: self.mirrored,
        }
    }

    fn strengths(&self, task: Task) -> Vec<f64> {
        match task {
            _ if !self.l2.is_empty() => self.l2.clone(),
            // A picture says little of a value beyond what hundreds of records can teach.
            Task::Regression => vec![1.0, 10.0, 100.0],
            _ => vec![0.1, 0.3, 1.0],
        }
    }
}

impl Kind for ImageFeatureKind {
    fn name(&self) -> &'static str {
        "image_feature"
    }

    fn about(&self) -> &'static str {
        "patches, outlines and colours into a linear model: quick, and strong on few pictures"
    }

    fn default_settings(&self) -> Settings {
        table_of(&ImageFeatureConfig::default())
    }

    fn check(&self, config: &ExpertConfig, columns: &[Column], _task: Task) -> Vec<Problem> {
        let mut problems = check_inputs(config, columns, (1, 1), |modality| {
            modality == Modality::Image
        });
        problems.extend(read_settings(config).err().map(Problem::from));
        problems
    }

    fn expected_secs(&self, num_rows: usize) -> f64 {
        // Measured at 1,700 to 2,800 pictures with the default settings.
        1.0 + 0.002 * num_rows as f64
    }

    fn row_bytes(&self) -> usize {
        // 16 KB a record, a quarter as many held-out ones, and the records once more when it is fitted on all of them.
        36 << 10
    }

    fn forms(&self, config: &ExpertConfig, _columns: &[Column]) -> Result<Vec<Form>, ExpertError> {
        let own = read_settings(config)?;
        let sizes = [own.size_px, own.outline_px];
        Ok(sizes.map(|size_px| Form::Picture { size_px }).to_vec())
    }

    fn fit(
        &self,
        config: &ExpertConfig,
        context: &Context<'_>,
        rows: &[usize],
        watch: &[usize],
    ) -> Result<(Box<dyn Expert>, ExpertConfig), ExpertError> {
        let own = read_settings(config)?;
        let col = column(&config.name, &config.inputs, context.dataset)?;
        let gallery = |rows: &[usize]| Gallery::new(context, col, rows, own.view());
        let train = gallery(rows).at_most(own.max_rows, context.seed).rows;
        let watch = sample::watched(gallery(watch).rows, own.max_rows, context.seed);
        if train.len() < 2 {
            return Err(ExpertError::NothingToLearn {
                expert: config.name.clone(),
                num_records: train.len(),
                num_rows: rows.len(),
            });
        }
        let fit = PatchFit {
            num_centres: own.num_centres,
            num_patches: own.num_patches,
            rounds: own.rounds,
            mirrored: own.mirrored,
        };
        let (describer, features) = Describer::fit(&gallery(&train), own.view(), fit, context.seed);
        let watched = describer.describe(&gallery(&watch));
        let (features, watched) = (Features::Dense(features), Features::Dense(watched));
        let aims = (context.aim(&train), context.aim(&watch));
        let weights = context.record_weights(&train);
        let fit = LinearFit {
            num_outputs: context.target.width(),
            record_weights: weights.as_deref(),
            l2: 1.0,
            max_iterations: own.max_iterations,
        };
        let (model, l2) = fit_best_l2(
            (&features, aims.0.goal()),
            Some((&watched, aims.1.goal())),
            &own.strengths(context.target.task),
            &fit,
        );
        let seen = Seen::new([(train, features), (watch, watched)]);
        let expert = ImageFeature {
            speaker: Speaker::new(config, context.target),
            view: own.view(),
            describer,
            model,
            seen: Some(seen),
        };
        let chosen = ImageFeatureConfig {
            l2: vec![l2],
            ..own
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
        let view: View = parts.description()?;
        let centres = match pack.tensors.contains_key("centres") {
            true => Some((parts.floats("centres")?, parts.floats("centre_bias")?)),
            false => None,
        };
        let (mean, factor) = (parts.floats("mean")?, parts.floats("factor")?);
        let describer = Describer::from_parts(view, centres, mean, factor)
            .ok_or_else(|| parts.bad("centres"))?;
        let model = parts.linear(target, describer.width())?;
        Ok(Box::new(ImageFeature {
            speaker: Speaker::new(config, target),
            view,
            describer,
            model,
            seen: None,
        }))
    }
}

fn read_settings(config: &ExpertConfig) -> Result<ImageFeatureConfig, ExpertError> {
    let own: ImageFeatureConfig = settings(config)?;
    let sizes = 2 * SIDE..=512;
    let wrong = if !sizes.contains(&own.size_px) || own.size_px % 2 == 1 {
        format!(
            "size_px: expected an even number in 12 to 512, got {}",
            own.size_px
        )
    } else if !(16..=512).contains(&own.outline_px) || !own.outline_px.is_multiple_of(8) {
        format!(
            "outline_px: expected a multiple of 8 in 16 to 512, got {}",
            own.outline_px
        )
    } else if !(2..=8192).contains(&own.num_centres) {
        format!("num_centres: expected 2 to 8192, got {}", own.num_centres)
    } else if own.l2.iter().any(|l2| !(l2.is_finite() && *l2 > 0.0)) {
        format!("l2: expected numbers above 0, got {:?}", own.l2)
    } else {
        return Ok(own);
    };
    Err(ExpertError::Setting {
        expert: config.name.clone(),
        what: wrong,
    })
}

struct ImageFeature {
    speaker: Speaker,
    view: View,
    describer: Describer,
    model: LinearModel,
    /// Features of the rows that it was fitted with, for [`Expert::refit`]; not saved.
    seen: Option<Seen>,
}

/// Features of rows of the training data set.
struct Seen {
    features: Vec<Features>,
    /// Row to its place: which of `features`, and which record of those.
    places: HashMap<usize, (usize, usize)>,
}

impl Seen {
    fn new(parts: [(Vec<usize>, Features); 2]) -> Self {
        let mut seen = Self {
            features: Vec::new(),
            places: HashMap::new(),
        };
        for (part, (rows, features)) in parts.into_iter().enumerate() {
            let places = rows
                .into_iter()
                .enumerate()
                .map(|(place, row)| (row, (part, place)));
            seen.places.extend(places);
            seen.features.push(features);
        }
        seen
    }

    fn of(&self, row: usize) -> Option<&[f32]> {
        let (part, place) = self.places.get(&row)?;
        match &self.features[*part] {
            Features::Dense(dense) => Some(dense.row(*place)),
            Features::Sparse(_) => None,
        }
    }
}

impl ImageFeature {
    fn seen(&self, row: usize) -> Option<&[f32]> {
        self.seen.as_ref()?.of(row)
    }
}

impl Expert for ImageFeature {
    fn kind(&self) -> &'static str {
        ImageFeatureKind.name()
    }

    fn speak(&self, dataset: &Arc<Dataset>, rows: &[usize]) -> Result<Vec<Voice>, ExpertError> {
        self.speaker.voice(dataset, rows, |cols, rows| {
            let gallery = Gallery {
                dataset,
                col: cols[0],
                rows: rows.to_vec(),
                view: self.view,
            };
            let features = Features::Dense(self.describer.describe(&gallery));
            Ok(self.model.scores(&features))
        })
    }

    fn save(&self) -> Result<Pack, ExpertError> {
        let mut pack = Pack {
            description: pack::describe(&self.speaker.name, &self.view)?,
            ..Pack::default()
        };
        let (centres, mean, factor) = self.describer.parts();
        if let Some((columns, bias)) = centres {
            let shape = [DIM, bias.len()];
            pack::add(&mut pack, "centre_bias", PackTensor::f32(&shape[1..], bias));
            pack::add(&mut pack, "centres", PackTensor::f32(&shape, columns));
        }
        pack::add(
            &mut pack,
            "mean",
            PackTensor::f32(&[mean.len()], mean.to_vec()),
        );
        pack::add(
            &mut pack,
            "factor",
            PackTensor::f32(&[factor.len()], factor.to_vec()),
        );
        pack::add_linear(&mut pack, &self.model);
        Ok(pack)
    }

    fn num_parameters(&self) -> usize {
        let centres = self
            .describer
            .parts()
            .0
            .map_or(0, |(columns, bias)| columns.len() + bias.len());
        centres + 2 * self.describer.width() + self.model.weights.len() + self.model.bias.len()
    }

    /// Keeps centres, scales and strength, which need no labels or are settled, and fits the linear model anew.
    fn refit(
        &self,
        config: &ExpertConfig,
        context: &Context<'_>,
        rows: &[usize],
    ) -> Result<Box<dyn Expert>, ExpertError> {
        let own = read_settings(config)?;
        let col = column(&self.speaker.name, &self.speaker.inputs, context.dataset)?;
        let mut gallery = Gallery::new(context, col, rows, self.view);
        if own.max_rows > 0 && gallery.rows.len() > own.max_rows {
            // Those whose features are there already, the held-out ones among them: others are as good and cost time.
            gallery.rows.retain(|row| self.seen(*row).is_some());
        }
        let train = gallery.at_most(own.max_rows, context.seed).rows;
        let mut new = train.clone();
        new.retain(|row| self.seen(*row).is_none());
        let described = self
            .describer
            .describe(&Gallery::new(context, col, &new, self.view));
        let new: HashMap<usize, usize> = new.into_iter().zip(0..).collect();
        let mut features = self.describer.empty(train.len());
        for (to, row) in features.rows_mut().zip(&train) {
            let described = new.get(row).map(|place| described.row(*place));
            if let Some(from) = described.or_else(|| self.seen(*row)) {
                to.copy_from_slice(from);
            }
        }
        let aim = context.aim(&train);
        let weights = context.record_weights(&train);
        let fit = LinearFit {
            num_outputs: context.target.width(),
            record_weights: weights.as_deref(),
            l2: own.l2.first().copied().unwrap_or(0.3),
            max_iterations: own.max_iterations,
        };
        let (model, _) = self
            .model
            .fitted(&Features::Dense(features), aim.goal(), &fit);
        Ok(Box::new(Self {
            speaker: self.speaker.clone(),
            view: self.view,
            describer: self.describer.clone(),
            model,
            seen: None,
        }))
    }
}

fn column(expert: &str, inputs: &[String], dataset: &Dataset) -> Result<usize, ExpertError> {
    positions(expert, inputs, dataset)?
        .first()
        .copied()
        .ok_or_else(|| ExpertError::Setting {
            expert: expert.to_owned(),
            what: "inputs: expected one image column, got none".to_owned(),
        })
}

/// Rows that have a picture, and their pictures when they are asked for.
struct Gallery<'a> {
    dataset: &'a Dataset,
    col: usize,
    rows: Vec<usize>,
    view: View,
}

impl<'a> Gallery<'a> {
    /// Those of some rows that have a picture and a known truth.
    fn new(context: &Context<'a>, col: usize, rows: &[usize], view: View) -> Self {
        let mut rows = context.known(rows);
        rows.retain(|row| context.dataset.is_present(col, *row));
        Self {
            dataset: context.dataset,
            col,
            rows,
            view,
        }
    }

    fn at_most(self, most: usize, seed: Seed) -> Self {
        Self {
            rows: sample::at_most(self.rows, most, seed),
            ..self
        }
    }

    fn image(&self, place: usize, size_px: usize) -> Option<Arc<Picture>> {
        self.dataset
            .image(self.col, *self.rows.get(place)?, size_px)
    }
}

impl Pictures for Gallery<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn sizes(&self, place: usize) -> Option<Sizes> {
        Some(Sizes {
            small: self.small(place)?,
            outline: self.image(place, self.view.outline_px)?,
        })
    }

    fn small(&self, place: usize) -> Option<Arc<Picture>> {
        self.image(place, self.view.size_px)
    }
}
