//! The main job: from a table to a trained, judged, saved model.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use data::Table;
use expert::{Context, EnsemblePlan, auto};
use schema::{
    ByteSize, Code, Config, ExpertConfig, Problem, Problems, Seed, Settings, Task, set_by_path,
};
use train::{Control, Event, NoObserver, Observer, PrecisionConfig};

use crate::{
    Plan, Run, commented, memory, plan,
    prepare::{self, Outline},
    run, summary,
};

/// Trains a model on a table.
///
/// ```no_run
/// # fn main() -> Result<(), multifuse::Problem> {
/// let table = multifuse::Table::open("houses.csv")?;
/// let run = multifuse::Trainer::new("price").time_limit(multifuse::secs(60)).fit(&table)?;
/// # Ok(())
/// # }
/// ```
pub struct Trainer<'a> {
    config: Config,
    overrides: Overrides,
    out: Option<PathBuf>,
    name: String,
    threads: usize,
    resume: bool,
    command: String,
    started: Instant,
    stop: Arc<AtomicBool>,
    observer: &'a dyn Observer,
}

impl<'a> Trainer<'a> {
    /// A training with every default; `target` is the column to predict.
    pub fn new(target: &str) -> Self {
        let mut config = Config::default();
        config.data.target = Some(target.to_owned());
        Self::from_config(config)
    }

    /// A training as a configuration says.
    pub fn from_config(config: Config) -> Self {
        Self {
            config,
            overrides: Overrides::default(),
            out: None,
            name: "run".to_owned(),
            threads: 0,
            resume: false,
            command: String::new(),
            started: Instant::now(),
            stop: Arc::default(),
            observer: &NoObserver,
        }
    }

    /// Reads these columns and no others.
    #[must_use]
    pub fn inputs<S: Into<String>>(mut self, inputs: impl IntoIterator<Item = S>) -> Self {
        self.config.data.inputs = inputs.into_iter().map(Into::into).collect();
        self
    }

    /// Predicts this kind of target instead of what its cells look like.
    #[must_use]
    pub fn task(mut self, task: Task) -> Self {
        self.config.data.task = Some(task);
        self
    }

    /// Plans experts and epochs so that everything, from [`Trainer::started_at`] on, takes this long.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.config.run.time_limit_secs = Some(limit.as_secs_f64());
        self
    }

    /// Seed of every random decision.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.config.run.seed = seed;
        self
    }

    /// Trains one joint network and nothing else.
    #[must_use]
    pub fn joint(mut self) -> Self {
        self.config.run.recipe = Some("joint".to_owned());
        self
    }

    /// Epochs of every network.
    #[must_use]
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.overrides.epochs = Some(epochs);
        self
    }

    /// What the training steps of every network multiply: `f32`, or `bf16` for speed on processors that have it.
    #[must_use]
    pub fn precision(mut self, precision: PrecisionConfig) -> Self {
        self.overrides.precision = Some(precision);
        self
    }

    /// Keeps the memory of the process below this: bounds the cache of media and the records of cheap experts.
    #[must_use]
    pub fn memory_limit(mut self, limit: ByteSize) -> Self {
        self.config.data.memory_limit = Some(limit);
        self
    }

    /// Run folder; `runs/<name>-<number>` if not given.
    #[must_use]
    pub fn out(mut self, folder: impl AsRef<Path>) -> Self {
        self.out = Some(folder.as_ref().to_owned());
        self
    }

    /// Name of the run, for its folder and its report.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Threads; 0 for all cores. Results do not depend on it.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Goes on with the interrupted run in the run folder, by that run's configuration.
    #[must_use]
    pub fn resume(mut self) -> Self {
        self.resume = true;
        self
    }

    /// The command that was typed, for the report.
    #[must_use]
    pub fn command(mut self, command: &str) -> Self {
        command.clone_into(&mut self.command);
        self
    }

    /// When the time limit began to run; when the trainer was made if not given.
    #[must_use]
    pub fn started_at(mut self, started: Instant) -> Self {
        self.started = started;
        self
    }

    /// A flag that ends the run when it is set; what was done so far is kept for [`Trainer::resume`].
    #[must_use]
    pub fn stop_flag(mut self, stop: Arc<AtomicBool>) -> Self {
        self.stop = stop;
        self
    }

    /// Who is told how it goes.
    #[must_use]
    pub fn observer(mut self, observer: &'a dyn Observer) -> Self {
        self.observer = observer;
        self
    }

    /// What would be trained, without training.
    ///
    /// # Errors
    /// If the table or the configuration cannot be used.
    pub fn plan(&self, table: &Table) -> Result<Plan, Problem> {
        let outline = self.outline(table)?;
        plan::plan(prepare::prepare(outline, self.threads, self.observer)?)
    }

    /// The complete configuration for a table as commented TOML.
    ///
    /// # Errors
    /// If the table or the configuration cannot be used.
    pub fn commented_config(&self, table: &Table) -> Result<String, Problem> {
        commented::text(&self.outline(table)?.config)
    }

    /// Trains on a table and writes the run folder.
    ///
    /// # Errors
    /// If the table or the configuration cannot be used, nothing can be learned, the run folder cannot be written,
    /// or the run is interrupted.
    pub fn fit(mut self, table: &Table) -> Result<Run, Problem> {
        let folder = run::folder(self.out.take(), &self.name, self.resume)?;
        let may_go_on = self.resume;
        let stop = Arc::clone(&self.stop);
        self.fit_in(&folder, table).inspect_err(|_| {
            if !may_go_on && !stop.load(Ordering::SeqCst) {
                run::give_back(&folder);
            }
        })
    }

    fn fit_in(mut self, folder: &Path, table: &Table) -> Result<Run, Problem> {
        if self.resume {
            self.config = run::saved_config(folder)?;
        }
        let limit = self.config.run.time_limit_secs;
        let fit_to_time = limit.is_some();
        let outline = self.outline(table)?;
        run::write_config(folder, &outline.config)?;
        let prepared = prepare::prepare(outline, self.threads, self.observer)?;
        let control = self.control(limit);
        let plan = EnsemblePlan {
            experts: prepared.config.experts.clone(),
            fit_rows: prepared.fit_rows.clone(),
            held_out: prepared.held_out.clone(),
            num_held_out_groups: prepared.num_held_out_groups(),
            folds: prepared.folds.clone(),
            fit_to_time,
        };
        let context = Context {
            dataset: &prepared.dataset,
            target: &prepared.target,
            truth: &prepared.truth,
            weights: prepared.weights.as_deref(),
            seed: Seed(prepared.config.run.seed),
            threads: self.threads,
            observer: self.observer,
            control: &control,
            folder: Some(folder),
            resume: self.resume,
        };
        let fitted = expert::fit(&plan, &context)?;
        prepared.dataset.table().check()?;
        let facts = summary::Facts {
            name: &self.name,
            command: &self.command,
            folder,
            started: self.started,
        };
        let report = summary::summarise(&prepared, &fitted, &facts)?;
        let run = Run::new(folder.to_owned(), report);
        run.write(&prepared, &fitted)?;
        self.warn_of_memory(&prepared.config);
        Ok(run)
    }

    fn warn_of_memory(&self, config: &Config) {
        if let (Some(limit), Some(peak)) = (config.data.memory_limit, memory::peak())
            && peak > limit
        {
            let text = format!(
                "the run took {} MiB of memory, the limit is {limit}; fewer or smaller networks take less",
                peak.0 >> 20
            );
            self.observer.event(&Event::Warning(text));
        }
    }

    /// The time limit leaves a little for what follows training: judging, saving, the report.
    fn control(&self, limit: Option<f64>) -> Control {
        /// Share of the limit that is kept for what follows training.
        const AFTERWARDS: f64 = 0.04;
        /// Seconds that are kept at least.
        const LEAST_AFTERWARDS: f64 = 0.5;
        let control = Control::with_flag(Arc::clone(&self.stop));
        match limit {
            None => control,
            Some(limit) => {
                let afterwards = (limit * AFTERWARDS).max(LEAST_AFTERWARDS);
                let left = Duration::from_secs_f64((limit - afterwards).max(0.0));
                control.with_deadline(self.started + left)
            }
        }
    }

    /// Answers every question of the configuration, experts included.
    fn outline(&self, table: &Table) -> Result<Outline, Problem> {
        check_run(&self.config)?;
        if self.overrides.epochs == Some(0) {
            return Err(Problem::new(Code::Config, "--epochs")
                .expected("at least 1")
                .got("0"));
        }
        let mut outline = prepare::outline(table.clone(), self.config.clone())?;
        if let Some(metric) = &outline.config.run.metric {
            metrics::find(metric, outline.task)?;
        }
        let experts = if outline.config.experts.is_empty() {
            self.recipe(&outline)?
        } else {
            outline.config.experts.clone()
        };
        outline.config.experts = complete(experts, &outline, self.overrides)?;
        memory::bound(&mut outline.config)?;
        let run = &mut outline.config.run;
        let limit = run.time_limit_secs;
        run.cross_fit
            .get_or_insert_with(|| auto::wants_cross_fit(outline.num_training, limit));
        Ok(outline)
    }

    fn recipe(&self, outline: &Outline) -> Result<Vec<ExpertConfig>, Problem> {
        let situation = auto::Situation {
            columns: &outline.columns,
            task: outline.task,
            num_records: outline.num_training,
            picture_px: outline.picture_px(),
            media: &outline.media_shapes(),
            group_constants: &outline.group_constants()?,
            has_time_limit: self.config.run.time_limit_secs.is_some(),
        };
        Ok(match self.config.run.recipe.as_deref() {
            Some("joint") => auto::joint_alone(&situation),
            _ => auto::recipe(&situation),
        })
    }
}

/// Settings of the trainer that one option changes for every network.
#[derive(Clone, Copy, Default)]
struct Overrides {
    epochs: Option<usize>,
    precision: Option<PrecisionConfig>,
}

impl Overrides {
    fn apply(self, settings: &mut Settings) -> Result<(), Problem> {
        if let Some(epochs) = self.epochs {
            set_by_path(settings, "trainer.epochs", &epochs.to_string())?;
        }
        if let Some(precision) = self.precision {
            set_by_path(settings, "trainer.precision", precision.name())?;
        }
        Ok(())
    }
}

/// Names of recipes.
const RECIPES: [&str; 2] = ["auto", "joint"];

fn check_run(config: &Config) -> Result<(), Problem> {
    let mut problems = Vec::new();
    if let Some(recipe) = config
        .run
        .recipe
        .as_deref()
        .filter(|recipe| !RECIPES.contains(recipe))
    {
        let what = format!("no recipe \"{recipe}\"{}", schema::known(recipe, &RECIPES));
        problems.push(Problem::new(Code::Config, what).at("run.recipe"));
    }
    if let Some(limit) = config
        .run
        .time_limit_secs
        .filter(|limit| !(*limit > 0.0 && limit.is_finite()))
    {
        problems.push(
            Problem::new(Code::Config, "run.time_limit_secs")
                .expected("a number of seconds above 0")
                .got(limit.to_string()),
        );
    }
    Problems::check("the configuration", problems)
}

/// Writes every setting of every expert out, and refuses what is wrong with any of them, all at once.
fn complete(
    experts: Vec<ExpertConfig>,
    outline: &Outline,
    overrides: Overrides,
) -> Result<Vec<ExpertConfig>, Problem> {
    let mut problems = Vec::new();
    let mut names = std::collections::BTreeSet::new();
    for expert in &experts {
        let place = |problem: Problem| problem.at(format!("experts.{}", expert.name));
        let kind = match expert::by_name(&expert.kind) {
            Ok(kind) => kind,
            Err(error) => {
                problems.push(place(error.into()));
                continue;
            }
        };
        if !kind.is_cheap() {
            problems.extend(check_name(&expert.name).err().map(place));
        }
        problems.extend(
            kind.check(expert, &outline.columns, outline.task)
                .into_iter()
                .map(place),
        );
        if !names.insert(expert.name.as_str()) {
            problems.push(
                Problem::new(
                    Code::Config,
                    format!("two experts are called \"{}\"", expert.name),
                )
                .at("experts"),
            );
        }
    }
    Problems::check("the configuration", problems)?;
    let mut complete = Vec::new();
    for expert in experts {
        let kind = expert::by_name(&expert.kind)?;
        let mut expert = kind.complete(&expert, &outline.columns, outline.task)?;
        if expert.settings.contains_key("trainer") {
            overrides.apply(&mut expert.settings)?;
        }
        complete.push(expert);
    }
    Ok(complete)
}

/// Folders of logs and checkpoints bear the name of an expert that keeps some; it must not lead out of the run folder.
fn check_name(name: &str) -> Result<(), Problem> {
    let is_plain = |letter: char| letter.is_alphanumeric() || " _-.+".contains(letter);
    if !name.is_empty() && !name.starts_with('.') && name.chars().all(is_plain) {
        return Ok(());
    }
    Err(Problem::new(Code::Config, "not a name for an expert")
        .got(format!("\"{name}\""))
        .expected("letters, digits, blanks, `_`, `-`, `+` and inner dots"))
}
