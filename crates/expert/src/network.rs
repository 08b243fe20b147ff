//! `network`: encoders, fusion and head trained end to end; the joint network, or one modality's own.
//!
//! Every auxiliary head speaks as a voice of its own, so one training gives the stack both what only all inputs
//! together tell and what each tells alone.

use std::{path::PathBuf, sync::Arc};

use data::{Dataset, Fitted, Form, Loader, LoaderConfig, LoaderTarget};
use nn::{InputInfo, InputWidth, Network, NetworkConfig, NetworkPlan};
use schema::{Column, ExpertConfig, FittedTarget, Pack, Problem, Seed, Settings, Task};
use serde::{Deserialize, Serialize};
use train::{FitContext, FitResult, StoppedBy, TrainerConfig};

use crate::{
    Context, Expert, ExpertError, Kind, Size, Voice,
    expert::{check_inputs, positions},
    pack::Parts,
};

/// The `network` kind.
pub(crate) struct NetworkKind;

/// Settings of a network, parsed.
#[derive(Debug, Clone, PartialEq)]
struct Parsed {
    network: NetworkConfig,
    trainer: TrainerConfig,
    /// Whether it is left out where a time limit leaves too little for all its epochs; otherwise epochs are cut.
    optional: bool,
}

/// A trained network with what was fitted for its inputs.
struct NetworkExpert {
    name: String,
    network: Network,
    inputs: Vec<(String, Fitted)>,
    averages_flips: bool,
    training: Option<FitResult>,
}

/// What a saved network needs beside its own pack.
#[derive(Serialize, Deserialize)]
struct Description {
    network: serde_json::Value,
    inputs: Vec<(String, Fitted)>,
    averages_flips: bool,
}

/// Records in a batch when a network only speaks.
const SPEAK_BATCH: usize = 128;
impl Parsed {
    fn of(config: &ExpertConfig) -> Result<Self, ExpertError> {
        let wrong = |problems| ExpertError::Config {
            expert: config.name.clone(),
            problems,
        };
        let mut settings = config.settings.clone();
        let network = match NetworkConfig::take(&mut settings) {
            Ok(network) => network,
            Err(error) => return Err(wrong(vec![Problem::from(error)])),
        };
        let trainer = match settings.remove("trainer") {
            Some(toml::Value::Table(table)) => {
                TrainerConfig::parse(&table, "trainer").map_err(wrong)?
            }
            Some(other) => {
                let problem =
                    Problem::new(schema::Code::Config, "wrong kind of value").at("trainer");
                return Err(wrong(vec![
                    problem.expected("a table").got(other.to_string()),
                ]));
            }
            None => TrainerConfig::default(),
        };
        let optional = match settings.remove("optional") {
            None => false,
            Some(toml::Value::Boolean(optional)) => optional,
            Some(other) => {
                let problem =
                    Problem::new(schema::Code::Config, "wrong kind of value").at("optional");
                return Err(wrong(vec![
                    problem.expected("true or false").got(other.to_string()),
                ]));
            }
        };
        let known: Vec<&str> = NetworkConfig::KEYS
            .iter()
            .copied()
            .chain(["trainer", "optional"])
            .collect();
        let unknown: Vec<Problem> = settings
            .keys()
            .map(|key| {
                let what = format!("no setting \"{key}\"{}", schema::known(key, &known));
                Problem::new(schema::Code::Config, what)
            })
            .collect();
        if unknown.is_empty() {
            Ok(Self {
                network,
                trainer,
                optional,
            })
        } else {
            Err(wrong(unknown))
        }
    }

    fn settings(&self, expert: &str) -> Result<Settings, ExpertError> {
        let wrong = |error: toml::ser::Error| ExpertError::Setting {
            expert: expert.to_owned(),
            what: error.to_string(),
        };
        let mut settings = Settings::try_from(&self.network).map_err(wrong)?;
        let trainer = Settings::try_from(&self.trainer).map_err(wrong)?;
        settings.insert("trainer".to_owned(), toml::Value::Table(trainer));
        settings.insert("optional".to_owned(), toml::Value::Boolean(self.optional));
        Ok(settings)
    }
}

impl Kind for NetworkKind {
    fn name(&self) -> &'static str {
        "network"
    }

    fn about(&self) -> &'static str {
        "encoders, fusion and head trained end to end: reads any inputs, learns what only all together tell"
    }

    fn default_settings(&self) -> Settings {
        let parsed = Parsed {
            network: NetworkConfig::default(),
            trainer: TrainerConfig::default(),
            optional: false,
        };
        // All are plain numbers, names and tables, which TOML can hold.
        parsed.settings(self.name()).unwrap_or_default()
    }

    fn check(&self, config: &ExpertConfig, columns: &[Column], task: Task) -> Vec<Problem> {
        let mut problems = check_inputs(config, columns, (1, usize::MAX), |_| true);
        match Parsed::of(config) {
            Err(ExpertError::Config {
                problems: found, ..
            }) => problems.extend(found),
            Err(error) => problems.push(error.into()),
            Ok(parsed) => {
                problems.extend(parsed.network.check(&own_columns(config, columns), task));
                let placed = |problem: Problem| problem.at("trainer");
                problems.extend(parsed.trainer.check(task).into_iter().map(placed));
            }
        }
        problems
    }

    fn complete(
        &self,
        config: &ExpertConfig,
        columns: &[Column],
        task: Task,
    ) -> Result<ExpertConfig, ExpertError> {
        let parsed = Parsed::of(config)?;
        let complete = Parsed {
            network: parsed
                .network
                .complete(&own_columns(config, columns), task)?,
            ..parsed
        };
        Ok(ExpertConfig {
            settings: complete.settings(&config.name)?,
            ..config.clone()
        })
    }

    fn is_cheap(&self) -> bool {
        false
    }

    fn size(
        &self,
        config: &ExpertConfig,
        context: &Context<'_>,
        rows: &[usize],
    ) -> Result<Option<Size>, ExpertError> {
        let parsed = Parsed::of(config)?;
        let network = Job::new(config, &parsed, context, rows)?.network;
        let memory = network.memory(parsed.trainer.batch_size);
        Ok(Some(Size {
            plan: network.plan(),
            memory_bytes: memory.total_bytes(),
        }))
    }

    fn forms(&self, config: &ExpertConfig, columns: &[Column]) -> Result<Vec<Form>, ExpertError> {
        let network = Parsed::of(config)?.network;
        let mut forms = Vec::new();
        for column in own_columns(config, columns) {
            // An encoder that does not read the column is refused elsewhere.
            if let Ok(preparation) = network.preparation(&column.name, column.modality) {
                forms.extend(Form::of(&preparation));
            }
        }
        Ok(forms)
    }

    fn plan(
        &self,
        config: &ExpertConfig,
        context: &Context<'_>,
        rows: &[usize],
        reserve_secs: f64,
    ) -> Result<Option<ExpertConfig>, ExpertError> {
        let Some(left) = context.control.remaining_secs() else {
            return Ok(Some(config.clone()));
        };
        let mut parsed = Parsed::of(config)?;
        let job = Job::new(config, &parsed, context, rows)?;
        let steps_per_epoch = job.train.num_batches();
        let measure = || train::measure_step_secs(&job.network, &job.train, &parsed.trainer, 8);
        let step_secs = in_pool(measure)?;
        let measured = context.control.remaining_secs().unwrap_or(left);
        let budget = (measured - reserve_secs) * SHARE_FOR_EPOCHS;
        let affordable = budget / (step_secs * steps_per_epoch as f64).max(1e-9);
        let fewest = if parsed.optional {
            parsed.trainer.epochs as f64
        } else {
            1.0
        };
        if affordable < fewest {
            return Ok(None);
        }
        parsed.trainer.epochs = parsed.trainer.epochs.min(affordable as usize);
        Ok(Some(ExpertConfig {
            settings: parsed.settings(&config.name)?,
            ..config.clone()
        }))
    }

    fn fit(
        &self,
        config: &ExpertConfig,
        context: &Context<'_>,
        rows: &[usize],
        watch: &[usize],
    ) -> Result<(Box<dyn Expert>, ExpertConfig), ExpertError> {
        let mut parsed = Parsed::of(config)?;
        let mut job = Job::new(config, &parsed, context, rows)?;
        let validation = if watch.is_empty() {
            None
        } else {
            Some(job.loader(context, watch, SPEAK_BATCH)?)
        };
        let folder = |name: &str| {
            context
                .folder
                .map(|folder| folder.join(name).join(&config.name))
        };
        let (logs, checkpoints): (Option<PathBuf>, Option<PathBuf>) =
            (folder("logs"), folder("checkpoints"));
        let fit_context = FitContext {
            name: &config.name,
            observer: context.observer,
            control: context.control,
            log_folder: logs.as_deref(),
            checkpoint_folder: checkpoints.as_deref(),
            resume: context.resume,
            seed: seed_of(config, context).named("fit"),
        };
        let (network, trainer) = (&mut job.network, &parsed.trainer);
        let result = in_pool(|| {
            train::fit(
                network,
                &job.train,
                validation.as_ref(),
                trainer,
                &fit_context,
            )
        })?;
        match result.stopped_by {
            StoppedBy::Interrupt => return Err(ExpertError::Interrupted),
            // Written down, so that a run from this configuration makes the same steps whatever the clock says.
            StoppedBy::Deadline => parsed.trainer.stop_after_steps = Some(result.steps_run),
            StoppedBy::Finished | StoppedBy::EarlyStop => {}
        }
        let has_diverged = job
            .network
            .parameters
            .iter()
            .any(|(_, _, _, value)| !value.is_finite());
        if has_diverged {
            return Err(ExpertError::NotFinite {
                expert: config.name.clone(),
            });
        }
        let trained = ExpertConfig {
            settings: parsed.settings(&config.name)?,
            ..config.clone()
        };
        let expert = NetworkExpert {
            name: config.name.clone(),
            network: job.network,
            inputs: job.inputs,
            averages_flips: parsed.trainer.averages_flips(),
            training: Some(result),
        };
        Ok((Box::new(expert), trained))
    }

    fn open(
        &self,
        config: &ExpertConfig,
        target: &FittedTarget,
        pack: Pack,
    ) -> Result<Box<dyn Expert>, ExpertError> {
        let mut pack = pack;
        let description: Description = Parts {
            expert: &config.name,
            pack: &pack,
        }
        .description()?;
        pack.description = description.network;
        let mut network = Network::open(&pack)?;
        // An opened network answers and does not change.
        network.parameters.keep_packed();
        if network.target() != target {
            return Err(ExpertError::BadPack {
                expert: config.name.clone(),
                part: "target".to_owned(),
            });
        }
        Ok(Box::new(NetworkExpert {
            name: config.name.clone(),
            network,
            inputs: description.inputs,
            averages_flips: description.averages_flips,
            training: None,
        }))
    }
}

/// Share of the time left that epochs may be planned for; the rest is for validation, speaking and surprises.
const SHARE_FOR_EPOCHS: f64 = 0.85;

/// A network ready to be fitted.
struct Job {
    network: Network,
    inputs: Vec<(String, Fitted)>,
    cols: Vec<usize>,
    target: LoaderTarget,
    train: Loader,
}

impl Job {
    fn new(
        config: &ExpertConfig,
        parsed: &Parsed,
        context: &Context<'_>,
        rows: &[usize],
    ) -> Result<Self, ExpertError> {
        let cols = positions(&config.name, &config.inputs, context.dataset)?;
        let known = context.known(rows);
        if known.len() < 2 {
            return Err(ExpertError::NothingToLearn {
                expert: config.name.clone(),
                num_records: known.len(),
                num_rows: rows.len(),
            });
        }
        let mut inputs = Vec::new();
        let mut infos = Vec::new();
        for (name, col) in config.inputs.iter().zip(&cols) {
            let modality = context.dataset.columns()[*col].modality;
            let preparation = parsed.network.preparation(name, modality)?;
            let fitted = Fitted::fit(&preparation, context.dataset, *col, &known)?;
            infos.push(InputInfo::new(name, modality, width_of(&fitted)));
            inputs.push((name.clone(), fitted));
        }
        let seed = seed_of(config, context);
        let network = Network::build(
            &parsed.network,
            &infos,
            context.target,
            seed.named("weights"),
        )?;
        let loader_config = parsed
            .trainer
            .train_loader(seed.named("loader"), loader_threads(context, &infos));
        let target = LoaderTarget::new(context.truth, context.target, context.weights);
        let train = Loader::new(
            Arc::clone(context.dataset),
            rows,
            at(&cols, &inputs),
            target.clone(),
            loader_config,
        )?;
        Ok(Self {
            network,
            inputs,
            cols,
            target,
            train,
        })
    }

    fn loader(
        &self,
        context: &Context<'_>,
        rows: &[usize],
        batch_size: usize,
    ) -> Result<Loader, ExpertError> {
        Ok(Loader::new(
            Arc::clone(context.dataset),
            rows,
            at(&self.cols, &self.inputs),
            self.target.clone(),
            LoaderConfig {
                batch_size,
                ..LoaderConfig::default()
            },
        )?)
    }
}

impl Expert for NetworkExpert {
    fn kind(&self) -> &'static str {
        "network"
    }

    fn speak(&self, dataset: &Arc<Dataset>, rows: &[usize]) -> Result<Vec<Voice>, ExpertError> {
        let names: Vec<String> = self.inputs.iter().map(|(name, _)| name.clone()).collect();
        let cols = positions(&self.name, &names, dataset)?;
        let loader = Loader::new(
            Arc::clone(dataset),
            rows,
            at(&cols, &self.inputs),
            LoaderTarget::none(),
            LoaderConfig {
                batch_size: SPEAK_BATCH,
                ..LoaderConfig::default()
            },
        )?;
        let said = in_pool(|| train::evaluate(&self.network, &loader, self.averages_flips))?;
        let mut voices = vec![Voice {
            name: self.name.clone(),
            inputs: names.clone(),
            present: said.present,
            scores: said.scores.main,
        }];
        for (name, aux) in names.iter().zip(said.scores.aux) {
            if let Some(aux) = aux {
                voices.push(Voice {
                    name: format!("{}/{name}", self.name),
                    inputs: vec![name.clone()],
                    present: aux.present,
                    scores: aux.scores,
                });
            }
        }
        Ok(voices)
    }

    fn save(&self) -> Result<Pack, ExpertError> {
        let mut pack = self.network.save()?;
        let description = Description {
            network: std::mem::take(&mut pack.description),
            inputs: self.inputs.clone(),
            averages_flips: self.averages_flips,
        };
        pack.description = crate::pack::describe(&self.name, &description)?;
        Ok(pack)
    }

    fn num_parameters(&self) -> usize {
        self.network.parameters.num_values()
    }

    fn plan(&self) -> Option<NetworkPlan> {
        Some(self.network.plan())
    }

    fn training(&self) -> Option<&FitResult> {
        self.training.as_ref()
    }
}

/// Runs work on a thread of the shared pool: from outside, every operation would have to wake the pool anew.
fn in_pool<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| work())
}

fn own_columns(config: &ExpertConfig, columns: &[Column]) -> Vec<Column> {
    let find = |name: &String| columns.iter().find(|column| column.name == *name).cloned();
    config.inputs.iter().filter_map(find).collect()
}

fn at(cols: &[usize], inputs: &[(String, Fitted)]) -> Vec<(usize, Fitted)> {
    cols.iter()
        .copied()
        .zip(inputs.iter().map(|(_, fitted)| fitted.clone()))
        .collect()
}

fn seed_of(config: &ExpertConfig, context: &Context<'_>) -> Seed {
    context.seed.named("network").named(&config.name)
}

/// Media are changed beside the training; everything else is ready faster than a thread hands it over.
fn loader_threads(context: &Context<'_>, infos: &[InputInfo]) -> usize {
    let has_media = infos.iter().any(|info| info.modality.is_media());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if context.threads == 0 {
        cores
    } else {
        context.threads
    };
    if has_media { threads.min(2) } else { 0 }
}

/// How wide a fitted column is, in the words of the networks' room.
fn width_of(fitted: &Fitted) -> InputWidth {
    match fitted {
        Fitted::Tokens(_) => InputWidth::Tokens {
            vocab_size: fitted.vocab_size(),
            max_len: fitted.width(),
        },
        Fitted::Ngrams(_) => InputWidth::Ngrams {
            num_buckets: fitted.vocab_size(),
        },
        Fitted::Pixels(fitted) => InputWidth::Pixels {
            size_px: fitted.size_px(),
        },
        Fitted::Spectrogram(fitted) => InputWidth::Spectrogram {
            num_frames: fitted.form().num_frames(),
            num_mels: fitted.form().num_mels,
        },
        Fitted::Series(fitted) => InputWidth::Series {
            num_channels: fitted.num_channels(),
            len: fitted.num_moments(),
        },
        Fitted::Frames(fitted) => InputWidth::Frames {
            num_frames: fitted.num_frames(),
            size_px: fitted.size_px(),
        },
        Fitted::Number(_) | Fitted::Date(_) => InputWidth::Floats {
            width: fitted.width(),
        },
        Fitted::Category(_) => InputWidth::Codes {
            num_values: fitted.vocab_size(),
        },
    }
}
