//! `text_ngram`: word and character n-grams, weighted by tf-idf, into softmax regression.
//!
//! The strongest expert on a few thousand short texts, and fitted within seconds.

use std::sync::Arc;

use data::{Dataset, FittedNgrams};
use schema::{Column, ExpertConfig, FittedTarget, Modality, Pack, Problem, Settings, Task};

use crate::{
    Context, Expert, ExpertError, Kind, Voice,
    expert::{Speaker, check_inputs, is_present, positions, settings, table_of, with_settings},
    pack::{self, Parts},
    sample,
    softmax_regression::{Features, LinearFit, LinearModel, Sparse, fit_best_l2},
};

/// The `text_ngram` kind.
pub struct TextNgramKind;

/// Settings of `text_ngram`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextNgramConfig {
    /// Most features of each of the two blocks (words, characters); more n-grams than that are hashed. Fewer cost
    /// accuracy through collisions.
    pub buckets: usize,
    /// An n-gram in fewer training records is dropped; 0 for 1 up to 3,000 records and 2 above.
    pub min_records: usize,
    /// Strengths of the penalty to choose from, 1 / C of scikit-learn.
    pub l2: Vec<f64>,
    /// Most iterations of L-BFGS.
    pub max_iterations: usize,
    /// Most records that it is fitted on, drawn by the seed; 0 for no bound. A text of ten words takes about 3 KB of
    /// memory.
    pub max_rows: usize,
}

impl Default for TextNgramConfig {
    fn default() -> Self {
        Self {
            buckets: 1 << 18,
            min_records: 0,
            l2: vec![1.0, 1.0 / 3.0, 0.1, 1.0 / 30.0],
            max_iterations: 100,
            max_rows: 1 << 15,
        }
    }
}

/// Above this number of records an n-gram must stand in two of them.
const FEW_RECORDS: usize = 3000;

impl Kind for TextNgramKind {
    fn name(&self) -> &'static str {
        "text_ngram"
    }

    fn about(&self) -> &'static str {
        "word and character n-grams into a linear model: best for few or short texts, fitted in seconds"
    }

    fn default_settings(&self) -> Settings {
        table_of(&TextNgramConfig::default())
    }

    fn check(&self, config: &ExpertConfig, columns: &[Column], _task: Task) -> Vec<Problem> {
        let mut problems = check_inputs(config, columns, (1, usize::MAX), |modality| {
            modality == Modality::Text
        });
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
        let train = sample::at_most(usable(context, &cols, rows), own.max_rows, context.seed);
        if train.len() < 2 {
            return Err(ExpertError::NothingToLearn {
                expert: config.name.clone(),
                num_records: train.len(),
                num_rows: rows.len(),
            });
        }
        let min_records = match own.min_records {
            0 => 1 + usize::from(train.len() > FEW_RECORDS),
            given => given,
        };
        let ngrams: Vec<FittedNgrams> = cols
            .iter()
            .map(|col| FittedNgrams::fit(context.dataset, *col, &train, own.buckets, min_records))
            .collect();
        let watch = usable(context, &cols, watch);
        let watch = sample::watched(watch, own.max_rows, context.seed);
        let trained = features(&ngrams, context.dataset, &cols, &train);
        let watched = features(&ngrams, context.dataset, &cols, &watch);
        let (aim, watch_aim) = (context.aim(&train), context.aim(&watch));
        let weights = context.record_weights(&train);
        let fit = LinearFit {
            num_outputs: context.target.width(),
            record_weights: weights.as_deref(),
            l2: 0.1,
            max_iterations: own.max_iterations,
        };
        let (model, l2) = fit_best_l2(
            (&trained, aim.goal()),
            Some((&watched, watch_aim.goal())),
            &own.l2,
            &fit,
        );
        let expert = TextNgram {
            speaker: Speaker::new(config, context.target),
            ngrams,
            model,
        };
        let chosen = TextNgramConfig {
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
        let Facts { ngrams } = parts.description()?;
        if ngrams.len() != config.inputs.len() {
            return Err(parts.bad("ngrams"));
        }
        let model = parts.linear(target, width(&ngrams))?;
        Ok(Box::new(TextNgram {
            speaker: Speaker::new(config, target),
            ngrams,
            model,
        }))
    }
}

fn read_settings(config: &ExpertConfig) -> Result<TextNgramConfig, ExpertError> {
    let own: TextNgramConfig = settings(config)?;
    let wrong = if own.buckets == 0 {
        Some("buckets: expected at least 1, got 0".to_owned())
    } else if own.l2.is_empty() || own.l2.iter().any(|l2| !(l2.is_finite() && *l2 > 0.0)) {
        Some(format!(
            "l2: expected one or more numbers above 0, got {:?}",
            own.l2
        ))
    } else {
        None
    };
    match wrong {
        Some(what) => Err(ExpertError::Setting {
            expert: config.name.clone(),
            what,
        }),
        None => Ok(own),
    }
}

/// What is stored beside the tensors.
#[derive(serde::Serialize, serde::Deserialize)]
struct Facts {
    ngrams: Vec<FittedNgrams>,
}

struct TextNgram {
    speaker: Speaker,
    /// With the strength that was chosen as the only one.
    ngrams: Vec<FittedNgrams>,
    model: LinearModel,
}

impl Expert for TextNgram {
    fn kind(&self) -> &'static str {
        TextNgramKind.name()
    }

    fn speak(&self, dataset: &Arc<Dataset>, rows: &[usize]) -> Result<Vec<Voice>, ExpertError> {
        self.speaker.voice(dataset, rows, |cols, rows| {
            Ok(self
                .model
                .scores(&features(&self.ngrams, dataset, cols, rows)))
        })
    }

    fn save(&self) -> Result<Pack, ExpertError> {
        let facts = Facts {
            ngrams: self.ngrams.clone(),
        };
        let mut pack = Pack {
            description: pack::describe(&self.speaker.name, &facts)?,
            ..Pack::default()
        };
        pack::add_linear(&mut pack, &self.model);
        Ok(pack)
    }

    fn num_parameters(&self) -> usize {
        self.model.weights.len() + self.model.bias.len()
    }
}

fn usable(context: &Context<'_>, cols: &[usize], rows: &[usize]) -> Vec<usize> {
    let mut rows = context.known(rows);
    rows.retain(|row| is_present(context.dataset, cols, *row));
    rows
}

fn width(ngrams: &[FittedNgrams]) -> usize {
    ngrams.iter().map(FittedNgrams::num_features).sum()
}

/// The bags of all columns side by side.
fn features(
    ngrams: &[FittedNgrams],
    dataset: &Dataset,
    cols: &[usize],
    rows: &[usize],
) -> Features {
    let mut sparse = Sparse::new(width(ngrams));
    for row in rows {
        let mut first = 0;
        let mut entries = Vec::new();
        for (ngrams, col) in ngrams.iter().zip(cols) {
            let bag = ngrams.rows(dataset, *col, &[*row]);
            let ids = bag.ids.iter().map(|id| first + id);
            entries.extend(ids.zip(bag.weights));
            first += ngrams.num_features() as u32;
        }
        sparse.push(entries);
    }
    Features::Sparse(sparse)
}
