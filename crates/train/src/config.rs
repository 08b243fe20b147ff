//! Everything that decides how a network is fitted.

use data::{Augment, ImageAugment, LoaderConfig, SeriesAugment, SpecAugment};
use engine::Precision;
use schema::{Code, Problem, Problems, Seed, Settings, Task};
use serde::{Deserialize, Serialize};

use crate::{
    error::TrainError,
    optimizer::OptimizerConfig,
    schedule::ScheduleConfig,
    stop::{EarlyStopConfig, LOSS, Watched},
};

/// How a network is fitted. The defaults are the measured recipe for small networks trained from scratch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainerConfig {
    /// Passes over the training records; default 40.
    #[serde(alias = "num_train_epochs", alias = "num_epochs", alias = "max_epochs")]
    pub epochs: usize,
    /// Records a batch; default 64. More is faster an epoch and makes fewer steps.
    #[serde(alias = "per_device_train_batch_size", alias = "train_batch_size")]
    pub batch_size: usize,
    /// Batches whose gradients are added up for one step, weighted by their records; default 1.
    #[serde(alias = "gradient_accumulation_steps")]
    pub accumulate_steps: usize,
    /// What turns gradients into steps; default `adamw`.
    #[serde(alias = "optim")]
    pub optimizer: OptimizerConfig,
    /// Learning rate, the highest one of the schedule; default 0.003.
    #[serde(alias = "learning_rate")]
    pub lr: f64,
    /// Weight decay of weights and embedding tables (not of biases and norms); default 0.05.
    pub weight_decay: f64,
    /// How the learning rate goes; default `one_cycle`.
    #[serde(alias = "lr_scheduler_type", alias = "scheduler")]
    pub schedule: ScheduleConfig,
    /// Decay of the average of the weights that is evaluated and kept, in [0, 1); default 0.98, 0 for none.
    pub ema_decay: f64,
    /// Longest gradient over all parameters; default none.
    #[serde(alias = "max_grad_norm", skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Largest single gradient; default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_value: Option<f64>,
    /// Stops when a metric of the held-out records stands still, and keeps the best weights; default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stop: Option<EarlyStopConfig>,
    /// Evaluates the held-out records every so many epochs; default none: only where `early_stop` or the schedule
    /// needs it, and after the last epoch.
    #[serde(alias = "eval_every_epochs", skip_serializing_if = "Option::is_none")]
    pub evaluate_every_epochs: Option<usize>,
    /// What the products of a training step multiply: `f32`, or `bf16` for speed on processors that have it. Weights,
    /// sums, held-out scores and predictions are f32 with both; default `f32`.
    pub precision: PrecisionConfig,
    /// Random changes of training pictures and of the frames of videos; `false` for none.
    #[serde(with = "switchable")]
    pub augment: Option<ImageAugment>,
    /// Random changes of the spectrograms of training sounds; `false` for none.
    #[serde(with = "switchable")]
    pub augment_sound: Option<SpecAugment>,
    /// Random changes of training series; `false` for none.
    #[serde(with = "switchable")]
    pub augment_series: Option<SeriesAugment>,
    /// Whether evaluation averages over every picture and its mirror image; default: where `augment` flips.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flip_average: Option<bool>,
    /// Writes a checkpoint this often, if the run has a folder for it; default 60. Where writing is slow it is done
    /// less often, so that it takes a twentieth of the time at most. 0 for after every step.
    pub checkpoint_every_secs: f64,
    /// Ends after so many epochs while the schedule stays that of `epochs`; default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_after_epochs: Option<usize>,
    /// Ends after so many steps while the schedule stays that of `epochs`; default none. Set to the steps of a run
    /// that a time limit cut, it repeats that run exactly.
    #[serde(alias = "max_steps", skip_serializing_if = "Option::is_none")]
    pub stop_after_steps: Option<usize>,
}

/// What the products of a training step multiply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrecisionConfig {
    /// Numbers of 32 bits.
    #[default]
    #[serde(alias = "fp32", alias = "float32")]
    F32,
    /// Numbers of 16 bits with the range of f32 and 8 bits of accuracy.
    #[serde(alias = "bfloat16")]
    Bf16,
}

impl PrecisionConfig {
    /// Every precision.
    pub const ALL: [Self; 2] = [Self::F32, Self::Bf16];

    /// Its name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }

    /// The precision of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|precision| precision.name() == name)
    }
}

impl From<PrecisionConfig> for Precision {
    fn from(config: PrecisionConfig) -> Self {
        match config {
            PrecisionConfig::F32 => Self::F32,
            PrecisionConfig::Bf16 => Self::Bf16,
        }
    }
}

impl Default for TrainerConfig {
    fn default() -> Self {
        Self {
            epochs: 40,
            batch_size: 64,
            accumulate_steps: 1,
            optimizer: OptimizerConfig::default(),
            lr: 3e-3,
            weight_decay: 0.05,
            schedule: ScheduleConfig::default(),
            ema_decay: 0.98,
            clip_norm: None,
            clip_value: None,
            early_stop: None,
            evaluate_every_epochs: None,
            precision: PrecisionConfig::F32,
            augment: Some(ImageAugment::default()),
            augment_sound: Some(SpecAugment::default()),
            augment_series: Some(SeriesAugment::default()),
            flip_average: None,
            checkpoint_every_secs: 60.0,
            stop_after_epochs: None,
            stop_after_steps: None,
        }
    }
}

/// Serde's own sentence, with the nearest name where a key is unknown.
fn explain(message: &str) -> Problem {
    let sentence = message.lines().next().unwrap_or_default().trim();
    let mut quoted = sentence.split('`').skip(1).step_by(2);
    let what = match quoted.next() {
        Some(name) if sentence.starts_with("unknown field") => {
            let known_names: Vec<&str> = quoted.collect();
            format!("no setting \"{name}\"{}", schema::known(name, &known_names))
        }
        _ => sentence.to_owned(),
    };
    Problem::new(Code::Config, what)
}

/// A number of a configuration with the range that it must lie in.
struct Range {
    key: &'static str,
    got: f64,
    least: f64,
    /// Whether `least` itself is allowed.
    is_closed: bool,
    below: f64,
}

impl Range {
    fn problem(&self) -> Option<Problem> {
        let Self {
            key,
            got,
            least,
            is_closed,
            below,
        } = *self;
        let is_low = if is_closed { got < least } else { got <= least };
        if got.is_finite() && !is_low && got < below {
            return None;
        }
        let start = if is_closed {
            format!("at least {least}")
        } else {
            format!("more than {least}")
        };
        let end = if below.is_finite() {
            format!(" and below {below}")
        } else {
            String::new()
        };
        let problem = Problem::new(Code::Config, "outside its range").at(key);
        Some(
            problem
                .expected(format!("{start}{end}"))
                .got(got.to_string()),
        )
    }
}

impl TrainerConfig {
    /// Reads the settings table of a network's training; `place` is its dotted key for messages.
    ///
    /// # Errors
    /// One problem a wrong key.
    pub fn parse(settings: &Settings, place: &str) -> Result<Self, Vec<Problem>> {
        let whole = match settings.clone().try_into::<Self>() {
            Ok(config) => return Ok(config),
            Err(error) => error,
        };
        // Every key has a default, so each can be tried on its own and all that is wrong is found at once.
        let mut problems = Vec::new();
        for (key, value) in settings {
            let alone = Settings::from_iter([(key.clone(), value.clone())]);
            if let Err(error) = alone.try_into::<Self>() {
                problems.push(explain(error.message()).at(format!("{place}.{key}")));
            }
        }
        if problems.is_empty() {
            problems.push(explain(whole.message()).at(place));
        }
        Err(problems)
    }

    /// What is wrong with the settings for a task, everything at once; empty if nothing is.
    pub fn check(&self, task: Task) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self.ranges().iter().filter_map(Range::problem).collect();
        problems.extend(self.optimizer.check());
        problems.extend(self.schedule.check());
        if let Some(early_stop) = &self.early_stop {
            problems.extend(early_stop.check(task));
        }
        problems
    }

    /// The same as an error that shows all of them.
    ///
    /// # Errors
    /// [`TrainError::Config`] if anything is wrong.
    pub fn checked(&self, task: Task) -> Result<(), TrainError> {
        Ok(Problems::check("the trainer", self.check(task))?)
    }

    /// How the training loader makes its batches: shuffled, changed, and without a last batch of less than an eighth,
    /// whose batch statistics and gradient would be mostly noise.
    pub fn train_loader(&self, seed: Seed, threads: usize) -> LoaderConfig {
        LoaderConfig {
            batch_size: self.batch_size,
            shuffle: true,
            augment: Some(Augment {
                image: self.augment,
                sound: self.augment_sound,
                series: self.augment_series,
            }),
            seed,
            threads,
            drop_last_below: (self.batch_size / 8).max(1),
            ..LoaderConfig::default()
        }
    }

    /// Whether evaluation averages over every picture and its mirror image.
    pub fn averages_flips(&self) -> bool {
        let flips = self.augment.as_ref().is_some_and(|augment| augment.flip);
        self.flip_average.unwrap_or(flips)
    }

    /// Whether an epoch (from 1) of `num_epochs` ends with an evaluation of the held-out records.
    pub(crate) fn evaluates(&self, epoch: usize, num_epochs: usize) -> bool {
        let is_watched = self.early_stop.is_some() || self.schedule.follows_metric();
        let is_due = self
            .evaluate_every_epochs
            .is_some_and(|every| epoch.is_multiple_of(every.max(1)));
        is_watched || is_due || epoch >= num_epochs
    }

    /// What early stopping and the `plateau` schedule go by.
    pub(crate) fn watched(&self, task: Task) -> Result<Watched, TrainError> {
        let name = self
            .early_stop
            .as_ref()
            .map_or(LOSS, |early_stop| &early_stop.metric);
        Ok(Watched::find(name, task)?)
    }

    /// Epochs that will be run if nothing ends the run early.
    pub fn num_epochs(&self) -> usize {
        self.stop_after_epochs
            .map_or(self.epochs, |stop| stop.min(self.epochs))
    }

    fn ranges(&self) -> Vec<Range> {
        let count = |key, got: usize| Range {
            key,
            got: got as f64,
            least: 1.0,
            is_closed: true,
            below: f64::INFINITY,
        };
        let number = |key, got, below| Range {
            key,
            got,
            least: 0.0,
            is_closed: true,
            below,
        };
        let positive = |key, got| Range {
            key,
            got,
            least: 0.0,
            is_closed: false,
            below: f64::INFINITY,
        };
        let mut ranges = vec![
            count("epochs", self.epochs),
            count("batch_size", self.batch_size),
            count("accumulate_steps", self.accumulate_steps),
            positive("lr", self.lr),
            number("weight_decay", self.weight_decay, f64::INFINITY),
            number("ema_decay", self.ema_decay, 1.0),
            number(
                "checkpoint_every_secs",
                self.checkpoint_every_secs,
                f64::INFINITY,
            ),
        ];
        ranges.extend(self.clip_norm.map(|got| positive("clip_norm", got)));
        ranges.extend(self.clip_value.map(|got| positive("clip_value", got)));
        let counts = [
            ("evaluate_every_epochs", self.evaluate_every_epochs),
            ("stop_after_epochs", self.stop_after_epochs),
            ("stop_after_steps", self.stop_after_steps),
        ];
        ranges.extend(
            counts
                .into_iter()
                .filter_map(|(key, got)| Some(count(key, got?))),
        );
        ranges
    }
}

/// A part that can be switched off: `false` for `None`, `true` for its default, or its own settings.
mod switchable {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
    use serde_json::Value;

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        part: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match part {
            Some(part) => part.serialize(serializer),
            None => serializer.serialize_bool(false),
        }
    }

    pub(super) fn deserialize<'de, T: DeserializeOwned + Default, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(false) => Ok(None),
            Value::Bool(true) => Ok(Some(T::default())),
            settings => serde_json::from_value(settings)
                .map(Some)
                .map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<TrainerConfig, Vec<Problem>> {
        TrainerConfig::parse(&toml::from_str(text).unwrap(), "training")
    }

    #[test]
    fn the_default_is_the_measured_recipe_and_is_sound() {
        let config = parse("").unwrap();
        assert_eq!(config, TrainerConfig::default());
        assert_eq!(
            (config.epochs, config.batch_size, config.lr),
            (40, 64, 3e-3)
        );
        assert!(config.check(Task::Class).is_empty());
    }

    #[test]
    fn the_written_text_reads_back() {
        let mut config = TrainerConfig {
            augment: None,
            augment_sound: None,
            clip_norm: Some(1.0),
            ..Default::default()
        };
        config.early_stop = Some(EarlyStopConfig::default());
        let text = toml::to_string(&config).unwrap();
        assert_eq!(parse(&text).unwrap(), config, "{text}");
        let text = toml::to_string(&TrainerConfig::default()).unwrap();
        assert_eq!(parse(&text).unwrap(), TrainerConfig::default(), "{text}");
    }

    #[test]
    fn hugging_face_names_are_understood() {
        let config = parse(
            "learning_rate = 1e-4\nnum_train_epochs = 3\nmax_grad_norm = 1.0\nlr_scheduler_type = \"cosine\"\n\
             per_device_train_batch_size = 8\ngradient_accumulation_steps = 4\noptim = \"adamw_torch\"",
        )
        .unwrap();
        assert_eq!(
            (config.lr, config.epochs, config.clip_norm),
            (1e-4, 3, Some(1.0))
        );
        assert_eq!((config.batch_size, config.accumulate_steps), (8, 4));
        assert_eq!(
            config.schedule.shape,
            crate::schedule::Shape::Cosine(Default::default())
        );
    }

    #[test]
    fn everything_wrong_is_shown_at_once_before_the_first_step() {
        let config = parse(
            "epochs = 0\nlr = -1.0\nema_decay = 1.0\nclip_norm = 0.0\nschedule = { type = \"linear\", start_factor = -1.0 }\n\
             early_stop = { metric = \"acuracy\", patience = 0 }",
        )
        .unwrap();
        let places: Vec<String> = config
            .check(Task::Class)
            .into_iter()
            .map(|problem| problem.place)
            .collect();
        let expected = [
            "epochs",
            "lr",
            "ema_decay",
            "clip_norm",
            "schedule.start_factor",
            "early_stop.metric",
            "early_stop.patience",
        ];
        assert_eq!(places, expected);
        let problem = Problem::from(config.checked(Task::Class).unwrap_err());
        assert!(
            problem.what.starts_with("7 problems in the trainer"),
            "{problem}"
        );
        assert_eq!(problem.code, Code::Config);
    }

    #[test]
    fn wrong_keys_and_names_are_found_each() {
        let problems = parse("epoch = 3\nschedule = \"cosin\"\noptimizer = 4").unwrap_err();
        let text: Vec<String> = problems.iter().map(Problem::to_string).collect();
        assert!(text[0].starts_with("training.epoch: no setting \"epoch\"; closest \"epochs\""));
        assert!(text[1].contains("closest \"cosine\""), "{}", text[1]);
        assert_eq!(text.len(), 3);
    }
}
