//! Several experts and the stack over them: fitted together, saved together, answering as one.

mod cross;
mod hiding;

use std::{path::Path, sync::Arc, time::Instant};

use data::{Dataset, Form};
use nn::NetworkPlan;
use schema::{Column, ExpertConfig, FittedTarget, Pack};
use serde::{Deserialize, Serialize};
use train::{Event, FitResult, StoppedBy};

pub use self::hiding::Hiding;
use crate::{
    Combined, Context, Expert, ExpertError, FittedStack, Kind, Voice, registry,
    stack::{self, Heard, StackFit},
};

/// What an ensemble is fitted from.
#[derive(Debug, Clone)]
pub struct EnsemblePlan {
    /// The experts, in training order.
    pub experts: Vec<ExpertConfig>,
    /// Rows that experts are fitted on.
    pub fit_rows: Vec<usize>,
    /// Rows that the stack is fitted on.
    pub held_out: Vec<usize>,
    /// Groups among the held-out rows, such as patients.
    pub num_held_out_groups: usize,
    /// Parts of `fit_rows` that the stack is fitted on, too, by quick experts fitted again on everything else.
    pub folds: Vec<Vec<usize>>,
    /// Whether networks may be planned anew to fit the time that is left.
    pub fit_to_time: bool,
}

/// A trained expert with the configuration that made it.
struct Member {
    config: ExpertConfig,
    expert: Box<dyn Expert>,
}

/// Experts and the stack over them.
pub struct Ensemble {
    target: FittedTarget,
    members: Vec<Member>,
    stack: FittedStack,
}

/// How long an expert took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartTime {
    /// Name of the expert.
    pub name: String,
    /// Seconds for the first fit.
    pub fit_secs: f64,
    /// Seconds for the fit on all rows; 0 if there was none.
    pub refit_secs: f64,
    /// Number of its parameters.
    pub num_parameters: usize,
    /// The parts of a network; `None` for other kinds.
    #[serde(skip)]
    pub plan: Option<NetworkPlan>,
}

/// A fitted ensemble and what was learned on the way.
pub struct EnsembleFit {
    /// The result.
    pub ensemble: Ensemble,
    /// What each voice said about the held-out rows, by experts that did not see them: first as the records are,
    /// then with inputs hidden.
    pub hidings: Vec<Hiding>,
    /// The stack's weights and honest scores about the held-out rows.
    pub stack: StackFit,
    /// The experts as they were planned, with where the clock cut a network: training from them gives the same again.
    pub configs: Vec<ExpertConfig>,
    /// Time of each expert.
    pub times: Vec<PartTime>,
    /// How the training of each network went, by the name of its expert.
    pub trainings: Vec<(String, FitResult)>,
    /// Experts that were left out, with the reason.
    pub left_out: Vec<(String, String)>,
    /// What a person should know, such as an expert that was fitted on some of the records only.
    pub notes: Vec<String>,
}

/// What the experts of a run gave so far.
#[derive(Default)]
struct Progress {
    members: Vec<Member>,
    configs: Vec<ExpertConfig>,
    times: Vec<PartTime>,
    trainings: Vec<(String, FitResult)>,
    left_out: Vec<(String, String)>,
    notes: Vec<String>,
    /// By member: what it says of the folds, each fitted on everything else; `None` for slow ones.
    crossed: Vec<Option<Voice>>,
}

/// Fits every expert, then the stack, then cheap experts again on all rows.
///
/// # Errors
/// [`ExpertError`] of the first expert that fails, or if none is left.
pub fn fit(plan: &EnsemblePlan, context: &Context<'_>) -> Result<EnsembleFit, ExpertError> {
    let mut progress = Progress::default();
    let mut nothing_to_learn = None;
    // What reading left free must not stay resident beside the experts.
    engine::release_idle_memory();
    for config in &plan.experts {
        match context.control.wants_stop() {
            Some(StoppedBy::Interrupt) => return Err(ExpertError::Interrupted),
            Some(_) if !progress.members.is_empty() => {
                let name = config.name.clone();
                progress
                    .left_out
                    .push((name, "no time was left".to_owned()));
            }
            _ => match progress.add(config, plan, context) {
                // A column that is missing nearly everywhere must not cost what the others tell.
                Err(error @ ExpertError::NothingToLearn { .. }) => {
                    let why = "too few records have its inputs".to_owned();
                    progress.left_out.push((config.name.clone(), why));
                    nothing_to_learn.get_or_insert(error);
                }
                added => added?,
            },
        }
    }
    if progress.members.is_empty() {
        return Err(nothing_to_learn.unwrap_or(ExpertError::NoExpert));
    }
    let hidings = hiding::hidings(&progress.members, plan, context)?;
    let stack = progress.stack(&hidings[0].voices, plan, context)?;
    progress.refit(&stack.stack, plan, context)?;
    let ensemble = Ensemble {
        target: context.target.clone(),
        members: progress.members,
        stack: stack.stack.clone(),
    };
    Ok(EnsembleFit {
        ensemble,
        hidings,
        stack,
        configs: progress.configs,
        times: progress.times,
        trainings: progress.trainings,
        left_out: progress.left_out,
        notes: progress.notes,
    })
}

impl Progress {
    /// Plans and fits one expert.
    fn add(
        &mut self,
        config: &ExpertConfig,
        plan: &EnsemblePlan,
        context: &Context<'_>,
    ) -> Result<(), ExpertError> {
        let kind = registry::by_name(&config.kind)?;
        let part = Watched::start(context, &config.name, kind.is_cheap());
        // Fitting again on all rows takes about as long as the first fit.
        let refit_secs: f64 = self.times.iter().map(|time| time.fit_secs).sum();
        let num_rows = plan.fit_rows.len();
        let num_rows = bound(config, num_rows).unwrap_or(num_rows);
        let needed = refit_secs + 2.0 * self.expected_secs(kind, num_rows);
        let is_short = plan.fit_to_time
            && kind.is_cheap()
            && context
                .control
                .remaining_secs()
                .is_some_and(|left| left < needed);
        let planned = if is_short {
            None
        } else {
            planned(kind, config, plan, context, refit_secs)?
        };
        // Trying some steps of a network to plan its epochs took as much as training it will.
        engine::release_idle_memory();
        let Some(config) = planned else {
            let why = "it does not fit the time limit".to_owned();
            self.left_out.push((config.name.clone(), why));
            return Ok(());
        };
        let planned = config;
        if let Some(max_rows) = bound(&planned, plan.fit_rows.len()) {
            let note = format!(
                "the expert \"{}\" is fitted on {max_rows} of {} records, to bound its memory (max_rows)",
                planned.name,
                plan.fit_rows.len()
            );
            context.observer.event(&Event::Warning(note.clone()));
            self.notes.push(note);
        }
        let (expert, config) = kind.fit(&planned, context, &plan.fit_rows, &plan.held_out)?;
        // Gradients and the optimiser's memory; the next expert and the answers need other sizes.
        engine::release_idle_memory();
        self.times.push(PartTime {
            name: config.name.clone(),
            fit_secs: part.end(),
            refit_secs: 0.0,
            num_parameters: expert.num_parameters(),
            plan: expert.plan(),
        });
        let training = expert.training().cloned();
        self.trainings
            .extend(training.map(|training| (config.name.clone(), training)));
        // A run from these configurations makes the same choices in the same order, down to the bit; only where the
        // clock cut a network must be written down.
        self.configs.push(if kind.is_cheap() {
            planned
        } else {
            config.clone()
        });
        self.crossed.push(cross::voice(
            kind,
            (&config, expert.as_ref()),
            plan,
            context,
        )?);
        self.members.push(Member { config, expert });
        Ok(())
    }

    /// Weights from what the voices say of held-out rows, and of the folds where they were crossed.
    fn stack(
        &self,
        voices: &[Voice],
        plan: &EnsemblePlan,
        context: &Context<'_>,
    ) -> Result<StackFit, ExpertError> {
        let members = self
            .members
            .iter()
            .map(|member| member.config.name.as_str());
        let crossed: Vec<(&str, &Voice)> = members
            .zip(&self.crossed)
            .filter_map(|(name, voice)| Some((name, voice.as_ref()?)))
            .collect();
        let (voices, rows) = cross::behind(voices, &crossed, plan, context.target.width());
        let truth = context.truth.select(&rows, context.target.width());
        let heard = Heard {
            num_held_out: plan.held_out.len(),
            num_groups: plan.num_held_out_groups,
            crossed: crossed.iter().map(|(name, _)| (*name).to_owned()).collect(),
        };
        let seed = context.seed.named("stack");
        stack::fit(context.target, &truth, &voices, &heard, seed)
    }

    /// Seconds that a cheap kind will take: as long as its last one did, or what its kind says.
    fn expected_secs(&self, kind: &dyn Kind, num_rows: usize) -> f64 {
        let same = self
            .configs
            .iter()
            .zip(&self.times)
            .filter(|(config, _)| config.kind == kind.name());
        same.map(|(_, time)| time.fit_secs)
            .next_back()
            .unwrap_or_else(|| kind.expected_secs(num_rows))
    }

    /// Drops experts to which the stack does not listen and fits cheap ones again on all rows.
    fn refit(
        &mut self,
        stack: &FittedStack,
        plan: &EnsemblePlan,
        context: &Context<'_>,
    ) -> Result<(), ExpertError> {
        self.members
            .retain(|member| stack.listens_to(&member.config.name));
        let mut rows: Vec<usize> = plan
            .fit_rows
            .iter()
            .chain(&plan.held_out)
            .copied()
            .collect();
        rows.sort_unstable();
        for member in &mut self.members {
            if context.control.wants_stop() == Some(StoppedBy::Interrupt) {
                return Err(ExpertError::Interrupted);
            }
            // The deadline is not asked for: time for this was kept when networks were planned.
            if !registry::by_name(&member.config.kind)?.is_cheap() {
                continue;
            }
            let name = format!("{} on all records", member.config.name);
            let part = Watched::start(context, &name, true);
            member.expert = member.expert.refit(&member.config, context, &rows)?;
            let secs = part.end();
            let times = self.times.iter_mut();
            times
                .filter(|time| time.name == member.config.name)
                .for_each(|time| time.refit_secs = secs);
        }
        Ok(())
    }
}

/// The setting `max_rows` of an expert, if it has one and there are more rows.
fn bound(config: &ExpertConfig, num_rows: usize) -> Option<usize> {
    let max_rows = config.settings.get("max_rows")?.as_integer()?;
    let max_rows = usize::try_from(max_rows).ok()?;
    (max_rows > 0 && max_rows < num_rows).then_some(max_rows)
}

/// A part of the work that whoever watches is told of.
struct Watched<'a> {
    context: &'a Context<'a>,
    name: String,
    start: Instant,
    /// Networks tell of themselves.
    tells: bool,
}

impl<'a> Watched<'a> {
    fn start(context: &'a Context<'a>, name: &str, tells: bool) -> Self {
        if tells {
            context.observer.event(&Event::PartStarted {
                name: name.to_owned(),
                total: 0,
            });
        }
        Self {
            context,
            name: name.to_owned(),
            start: Instant::now(),
            tells,
        }
    }

    /// Seconds that it took.
    fn end(self) -> f64 {
        let secs = self.start.elapsed().as_secs_f64();
        if self.tells {
            self.context.observer.event(&Event::PartEnded {
                name: self.name,
                secs,
            });
        }
        secs
    }
}

/// The configuration to fit: as planned by an interrupted run that is gone on with, else fitted to the time that is
/// left, else as it is. `None` if the expert does not fit.
fn planned(
    kind: &dyn Kind,
    config: &ExpertConfig,
    plan: &EnsemblePlan,
    context: &Context<'_>,
    refit_secs: f64,
) -> Result<Option<ExpertConfig>, ExpertError> {
    let note = context.folder.map(|folder| {
        folder
            .join("checkpoints")
            .join(format!("{}.toml", config.name))
    });
    if let (true, Some(note)) = (context.resume, &note)
        && let Ok(text) = std::fs::read_to_string(note)
        && let Ok(noted) = toml::from_str(&text)
    {
        return Ok(Some(noted));
    }
    if !plan.fit_to_time {
        return Ok(Some(config.clone()));
    }
    let planned = kind.plan(config, context, &plan.fit_rows, refit_secs)?;
    if let (Some(planned), Some(note), false) = (&planned, &note, kind.is_cheap()) {
        keep(planned, note)?;
    }
    Ok(planned)
}

/// Writes a planned configuration down, so that an interrupted run goes on with the same plan.
fn keep(planned: &ExpertConfig, note: &Path) -> Result<(), ExpertError> {
    let text = toml::to_string(planned).map_err(|error| ExpertError::Setting {
        expert: planned.name.clone(),
        what: error.to_string(),
    })?;
    let folder = note.parent().unwrap_or(note);
    std::fs::create_dir_all(folder)
        .and_then(|()| schema::write_atomic(note, text.as_bytes()))
        .map_err(|source| ExpertError::Write {
            path: note.to_owned(),
            source,
        })
}

/// One saved part of an ensemble.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Name of the expert, or `stack`.
    pub name: String,
    /// Kind of the expert, or `stack`.
    pub kind: String,
    /// What it is made of.
    pub pack: Pack,
}

/// Name and kind of the part that holds the stack.
const STACK: &str = "stack";

#[derive(Serialize, Deserialize)]
struct MemberDescription {
    config: ExpertConfig,
    fitted: serde_json::Value,
}

impl Ensemble {
    /// The target as fitted.
    pub fn target(&self) -> &FittedTarget {
        &self.target
    }

    /// The stack.
    pub fn stack(&self) -> &FittedStack {
        &self.stack
    }

    /// Number of parameters of every expert together.
    pub fn num_parameters(&self) -> usize {
        self.members
            .iter()
            .map(|member| member.expert.num_parameters())
            .sum()
    }

    /// Every form in which media among the columns will be asked for.
    ///
    /// # Errors
    /// [`ExpertError`] for a kind that this version does not know.
    pub fn forms(&self, columns: &[Column]) -> Result<Vec<Form>, ExpertError> {
        let configs = self.members.iter().map(|member| &member.config);
        registry::forms(configs, columns)
    }

    /// What every voice says about some rows.
    ///
    /// # Errors
    /// [`ExpertError`] of the first expert that fails.
    pub fn speak(&self, dataset: &Arc<Dataset>, rows: &[usize]) -> Result<Vec<Voice>, ExpertError> {
        let mut voices = Vec::new();
        for member in &self.members {
            voices.extend(member.expert.speak(dataset, rows)?);
        }
        Ok(voices)
    }

    /// The ensemble's answers about some rows.
    ///
    /// # Errors
    /// As [`Ensemble::speak`].
    pub fn answer(&self, dataset: &Arc<Dataset>, rows: &[usize]) -> Result<Combined, ExpertError> {
        let voices = self.speak(dataset, rows)?;
        self.combine(&voices, rows.len())
    }

    /// Puts what the voices said about `num_records` records together.
    ///
    /// # Errors
    /// [`ExpertError`] if a voice does not cover the records.
    pub fn combine(&self, voices: &[Voice], num_records: usize) -> Result<Combined, ExpertError> {
        let scores = self.stack.combine(&self.target, voices, num_records)?;
        Ok(Combined::from_scores(
            &self.target,
            &scores,
            self.stack.half_width(),
        ))
    }

    /// Everything that opening it again needs.
    ///
    /// # Errors
    /// [`ExpertError`] if a part cannot be described.
    pub fn save(&self) -> Result<Vec<Part>, ExpertError> {
        let describe = |value: Result<serde_json::Value, serde_json::Error>| {
            value.map_err(|source| ExpertError::Description {
                part: STACK.to_owned(),
                source,
            })
        };
        let mut parts = vec![Part {
            name: STACK.to_owned(),
            kind: STACK.to_owned(),
            pack: Pack {
                description: describe(serde_json::to_value(&self.stack))?,
                tensors: Default::default(),
            },
        }];
        for member in &self.members {
            let mut pack = member.expert.save()?;
            pack.description = describe(serde_json::to_value(MemberDescription {
                config: member.config.clone(),
                fitted: pack.description,
            }))?;
            parts.push(Part {
                name: member.config.name.clone(),
                kind: member.config.kind.clone(),
                pack,
            });
        }
        Ok(parts)
    }

    /// Opens what [`Ensemble::save`] gave.
    ///
    /// # Errors
    /// [`ExpertError`] if a part is missing, of an unknown kind or does not fit.
    pub fn open(target: FittedTarget, parts: Vec<Part>) -> Result<Self, ExpertError> {
        let mut members = Vec::new();
        let mut fitted_stack = None;
        for Part {
            name,
            kind,
            mut pack,
        } in parts
        {
            let wrong = |source| ExpertError::Description {
                part: name.clone(),
                source,
            };
            if kind == STACK {
                fitted_stack = Some(serde_json::from_value(pack.description).map_err(wrong)?);
                continue;
            }
            let description: MemberDescription =
                serde_json::from_value(std::mem::take(&mut pack.description)).map_err(wrong)?;
            pack.description = description.fitted;
            let expert = registry::by_name(&kind)?.open(&description.config, &target, pack)?;
            members.push(Member {
                config: description.config,
                expert,
            });
        }
        let stack = fitted_stack.ok_or(ExpertError::NoStack)?;
        Ok(Self {
            target,
            members,
            stack,
        })
    }
}
