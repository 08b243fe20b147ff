//! `media_feature`: what a sound, a series, a video or a volume shows as a whole, into softmax regression.
//!
//! Choose it always beside a network for such columns: it is fitted in seconds, and its mistakes differ from a
//! network's. Sounds are described by statistics of their log-mel bands over the whole and over stretches of time,
//! series by statistics of each channel, videos by small grey pictures of stretches of time, what moves in them, and
//! outlines. Where something happens at a fixed distance from the start or the end of recordings of different lengths,
//! such as one of the last words of a sentence, half of the usual length counted from there tells more than the whole.

mod config;
mod describe;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use data::{Dataset, Form};
use schema::{
    Column, ExpertConfig, FittedTarget, Modality, Pack, PackTensor, Problem, Settings, Task,
};

use crate::{
    Context, Expert, ExpertError, Kind, Voice,
    expert::{Speaker, check_inputs, positions, table_of, with_settings},
    pack::{self, Parts},
    sample,
    softmax_regression::{Dense, Features, LinearFit, LinearModel, fit_best_l2},
    tabular::enough,
};
use config::read_settings;
pub use config::{MediaFeatureConfig, Part};
use describe::{MOVING_WIDTH, describe, frames_width};

/// The `media_feature` kind.
pub struct MediaFeatureKind;

impl Kind for MediaFeatureKind {
    fn name(&self) -> &'static str {
        "media_feature"
    }

    fn about(&self) -> &'static str {
        "statistics of a sound, series, video or volume into a linear model: quick, and steady on few records"
    }

    fn default_settings(&self) -> Settings {
        table_of(&MediaFeatureConfig::default())
    }

    fn check(&self, config: &ExpertConfig, columns: &[Column], _task: Task) -> Vec<Problem> {
        let usual = MediaFeatureConfig::default();
        let mut problems = check_inputs(config, columns, (1, 1), |modality| {
            usual.form(modality, Part::Whole).is_some()
        });
        problems.extend(read_settings(config).err().map(Problem::from));
        problems
    }

    fn expected_secs(&self, num_rows: usize) -> f64 {
        1.0 + 0.001 * num_rows as f64
    }

    fn row_bytes(&self) -> usize {
        // The widest are videos, 3 x 144 features in each of up to 16 stretches, once as read and once scaled; and a
        // quarter as many held-out ones.
        72 << 10
    }

    fn forms(&self, config: &ExpertConfig, columns: &[Column]) -> Result<Vec<Form>, ExpertError> {
        let own = read_settings(config)?;
        let read = columns
            .iter()
            .filter(|column| config.inputs.contains(&column.name));
        Ok(read
            .flat_map(|column| {
                let parts = own.parts_of(column.modality).iter();
                parts.filter_map(|part| own.form(column.modality, *part))
            })
            .collect())
    }

    fn fit(
        &self,
        config: &ExpertConfig,
        context: &Context<'_>,
        rows: &[usize],
        watch: &[usize],
    ) -> Result<(Box<dyn Expert>, ExpertConfig), ExpertError> {
        let own = read_settings(config)?;
        let mut best: Option<Fit> = None;
        for reader in Reader::all(config, &own, context.dataset)? {
            let fit = fit_part(config, &own, context, reader, (rows, watch))?;
            best = Some(fit.or_better(best));
        }
        let Some(fit) = best else {
            return Err(not_read(config));
        };
        let chosen = MediaFeatureConfig {
            l2: vec![fit.l2],
            parts: vec![fit.expert.part],
            outlines: match fit.expert.form {
                Form::Frames { .. } => vec![fit.has_outlines],
                _ => own.outlines.clone(),
            },
            ..own
        };
        Ok((Box::new(fit.expert), with_settings(config, &chosen)))
    }

    fn open(
        &self,
        config: &ExpertConfig,
        target: &FittedTarget,
        pack: Pack,
    ) -> Result<Box<dyn Expert>, ExpertError> {
        let own = read_settings(config)?;
        let parts = Parts {
            expert: &config.name,
            pack: &pack,
        };
        let modality: Modality = parts.description()?;
        let part = own.parts_of(modality).first().copied();
        let form = part.and_then(|part| Some((own.form(modality, part)?, part)));
        let (form, part) = form.ok_or_else(|| parts.bad("description"))?;
        let scaling = Scaling {
            mean: parts.floats("mean")?.to_vec(),
            factor: parts.floats("factor")?.to_vec(),
        };
        if scaling.mean.len() != scaling.factor.len() {
            return Err(parts.bad("factor"));
        }
        if let Form::Frames { size_px, .. } = form
            && scaling.mean.len() != frames_width(size_px)
        {
            return Err(parts.bad("mean"));
        }
        let model = parts.linear(target, scaling.mean.len())?;
        Ok(Box::new(MediaFeature {
            speaker: Speaker::new(config, target),
            modality,
            form,
            part,
            scaling,
            model,
        }))
    }
}

/// An expert of one part, and how good it is.
struct Fit {
    expert: MediaFeature,
    l2: f64,
    has_outlines: bool,
    /// Mean loss on the held-out rows; 0 without any.
    loss: f64,
}

impl Fit {
    /// The one with less loss; the earlier one if they are equal.
    fn or_better(self, earlier: Option<Self>) -> Self {
        match earlier {
            Some(earlier) if earlier.loss <= self.loss => earlier,
            _ => self,
        }
    }
}

/// Fits on one part of the records of a column.
fn fit_part(
    config: &ExpertConfig,
    own: &MediaFeatureConfig,
    context: &Context<'_>,
    reader: Reader,
    (rows, watch): (&[usize], &[usize]),
) -> Result<Fit, ExpertError> {
    let known = sample::at_most(context.known(rows), own.max_rows, context.seed);
    let (train, vectors) = reader.vectors(context.dataset, &known);
    enough(&config.name, rows, &train)?;
    let known = sample::watched(context.known(watch), own.max_rows, context.seed);
    let (watch, watched) = reader.vectors(context.dataset, &known);
    let aims = (context.aim(&train), context.aim(&watch));
    let weights = context.record_weights(&train);
    let fit = LinearFit {
        num_outputs: context.target.width(),
        record_weights: weights.as_deref(),
        l2: 1.0,
        max_iterations: own.max_iterations,
    };
    let strengths = own.strengths(context.target.task, reader.part);
    let mut best: Option<Fit> = None;
    for has_outlines in own.outlines_of(reader.form, watch.is_empty()) {
        let mut scaling = Scaling::of(&vectors);
        if !has_outlines {
            scaling.ignore_from(MOVING_WIDTH);
        }
        let features = scaling.features(&vectors);
        let watched = scaling.features(&watched);
        let held_out = Some((&watched, aims.1.goal()));
        let (model, l2) = fit_best_l2((&features, aims.0.goal()), held_out, &strengths, &fit);
        let loss = match watch.is_empty() {
            true => 0.0,
            false => model.loss(&watched, aims.1.goal()),
        };
        let expert = MediaFeature {
            speaker: Speaker::new(config, context.target),
            modality: context.dataset.columns()[reader.col].modality,
            form: reader.form,
            part: reader.part,
            scaling,
            model,
        };
        let fit = Fit {
            expert,
            l2,
            has_outlines: *has_outlines,
            loss,
        };
        best = Some(fit.or_better(best));
    }
    best.ok_or_else(|| not_read(config))
}

fn not_read(config: &ExpertConfig) -> ExpertError {
    ExpertError::Setting {
        expert: config.name.clone(),
        what: "inputs: expected one column of sounds, series, videos or volumes".to_owned(),
    }
}

/// The column, and the part and form in which it is read.
struct Reader {
    col: usize,
    part: Part,
    form: Form,
}

impl Reader {
    /// One for each part.
    fn all(
        config: &ExpertConfig,
        own: &MediaFeatureConfig,
        dataset: &Dataset,
    ) -> Result<Vec<Self>, ExpertError> {
        let cols = positions(&config.name, &config.inputs, dataset)?;
        let col = *cols.first().ok_or_else(|| not_read(config))?;
        let modality = dataset.columns()[col].modality;
        let parts = own.parts_of(modality).iter();
        let readers = parts.filter_map(|part| {
            let form = own.form(modality, *part)?;
            let part = *part;
            Some(Self { col, part, form })
        });
        Ok(readers.collect())
    }

    /// What a row shows; `None` if it cannot be read.
    fn vector(&self, dataset: &Dataset, row: usize) -> Option<Vec<f32>> {
        let item = dataset.item(self.col, row, self.form)?;
        Some(describe(&item, self.part))
    }

    /// The rows that can be read, and what each shows. Rows that show another number of things than the first, such as
    /// a series of other channels, are left out.
    fn vectors(&self, dataset: &Dataset, rows: &[usize]) -> (Vec<usize>, Vec<Vec<f32>>) {
        let (mut kept, mut vectors) = (Vec::new(), Vec::<Vec<f32>>::new());
        for row in rows {
            let Some(vector) = self.vector(dataset, *row) else {
                continue;
            };
            if vectors
                .first()
                .is_none_or(|first| first.len() == vector.len())
            {
                kept.push(*row);
                vectors.push(vector);
            }
        }
        (kept, vectors)
    }
}

/// Mean, and one over deviation and the root of the width, by feature.
struct Scaling {
    mean: Vec<f32>,
    factor: Vec<f32>,
}

/// Scaled features further out than this are cut: far outside what training saw, a model can only guess.
const MOST_DEVIATIONS: f32 = 8.0;

impl Scaling {
    fn of(vectors: &[Vec<f32>]) -> Self {
        let width = vectors.first().map_or(0, Vec::len);
        let n = vectors.len().max(1) as f64;
        let (mut mean, mut factor) = (Vec::with_capacity(width), Vec::with_capacity(width));
        for feature in 0..width {
            let values = vectors.iter().map(|vector| f64::from(vector[feature]));
            let average = values.clone().sum::<f64>() / n;
            let squares: f64 = values.map(|value| (value - average).powi(2)).sum();
            let deviation = (squares / n).sqrt();
            // What never differs says nothing.
            let is_flat = deviation <= 1e-6 * average.abs().max(1e-6);
            mean.push(average as f32);
            factor.push(if is_flat {
                0.0
            } else {
                (1.0 / deviation) as f32
            });
        }
        Self { mean, factor }
    }

    /// Makes every feature from a place on say nothing.
    fn ignore_from(&mut self, place: usize) {
        let behind = self.factor.iter_mut().skip(place);
        behind.for_each(|factor| *factor = 0.0);
    }

    fn features(&self, vectors: &[Vec<f32>]) -> Features {
        let width = self.mean.len();
        let share = 1.0 / (width.max(1) as f32).sqrt();
        let mut features = Dense::zeros(vectors.len(), width, 0);
        for (to, vector) in features.rows_mut().zip(vectors) {
            let scaling = self.mean.iter().zip(&self.factor);
            for ((to, value), (mean, factor)) in to.iter_mut().zip(vector).zip(scaling) {
                let scaled = (value - mean) * factor;
                *to = scaled.clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS) * share;
            }
        }
        Features::Dense(features)
    }
}

struct MediaFeature {
    speaker: Speaker,
    modality: Modality,
    form: Form,
    part: Part,
    scaling: Scaling,
    model: LinearModel,
}

impl Expert for MediaFeature {
    fn kind(&self) -> &'static str {
        MediaFeatureKind.name()
    }

    fn speak(&self, dataset: &Arc<Dataset>, rows: &[usize]) -> Result<Vec<Voice>, ExpertError> {
        let width = self.scaling.mean.len();
        self.speaker.voice(dataset, rows, |cols, rows| {
            let reader = Reader {
                col: cols[0],
                part: self.part,
                form: self.form,
            };
            // What cannot be read any more, or shows other things than training did, is described as the mean.
            let vector = |row: &usize| {
                let read = reader.vector(dataset, *row);
                read.filter(|vector| vector.len() == width)
                    .unwrap_or_else(|| self.scaling.mean.clone())
            };
            let vectors: Vec<Vec<f32>> = rows.iter().map(vector).collect();
            Ok(self.model.scores(&self.scaling.features(&vectors)))
        })
    }

    fn save(&self) -> Result<Pack, ExpertError> {
        let mut pack = Pack {
            description: pack::describe(&self.speaker.name, &self.modality)?,
            ..Pack::default()
        };
        for (name, values) in [
            ("mean", &self.scaling.mean),
            ("factor", &self.scaling.factor),
        ] {
            let tensor = PackTensor::f32(&[values.len()], values.clone());
            pack::add(&mut pack, name, tensor);
        }
        pack::add_linear(&mut pack, &self.model);
        Ok(pack)
    }

    fn num_parameters(&self) -> usize {
        2 * self.scaling.mean.len() + self.model.weights.len() + self.model.bias.len()
    }
}
