//! From what training found to what reports show: metrics, baselines, what mattered, the worst mistakes.

mod mistakes;

use std::{path::Path, time::Instant};

use data::Truth;
use expert::{Combined, EnsembleFit, Judged, Voice};
use metrics::EvaluateOptions;
use report::{
    Baseline, BaselineKind, EpochPoint, FusionTest, Judgement, LearningCurve, LeftOut, PlanPart,
    PresenceGroup, RunSummary, Timing, VoiceSummary, Worth,
};
use schema::{Column, FittedTarget, Problem, Task};
use train::StoppedBy;

use crate::{prepare::Prepared, run};

/// What surrounds a run.
pub(crate) struct Facts<'a> {
    pub(crate) name: &'a str,
    pub(crate) command: &'a str,
    pub(crate) folder: &'a Path,
    pub(crate) started: Instant,
}

/// Bootstrap resamples of baselines and paired tests: enough for two digits of an interval, cheap.
const RESAMPLES: usize = 500;

/// The held-out records and everything that was said about them.
struct Bench<'a> {
    prepared: &'a Prepared,
    fitted: &'a EnsembleFit,
    judged: Judged<'a>,
    metric: String,
    /// The stack's answers by weights that were fitted on other records.
    answers: Combined,
    options: EvaluateOptions<'a>,
}

/// Judges a fitted ensemble on its held-out records.
pub(crate) fn summarise(
    prepared: &Prepared,
    fitted: &EnsembleFit,
    facts: &Facts<'_>,
) -> Result<RunSummary, Problem> {
    let target = &prepared.target;
    let truth = prepared.truth.select(&prepared.held_out, target.width());
    let half_width = fitted.ensemble.stack().half_width();
    let judged = Judged::new(target, &truth);
    let groups: Vec<usize> = judged
        .known()
        .iter()
        .map(|at| prepared.held_out_groups[*at])
        .collect();
    let bench = Bench {
        prepared,
        fitted,
        metric: prepared.metric(),
        answers: Combined::from_scores(target, &fitted.stack.scores, half_width),
        options: EvaluateOptions {
            resamples: RESAMPLES,
            seed: prepared.config.run.seed,
            groups: Some(&groups),
            ..EvaluateOptions::default()
        },
        judged,
    };
    let mut summary = RunSummary::new(
        target.task,
        &target.column,
        &bench.metric,
        bench.judgement(&truth)?,
    );
    describe(&mut summary, prepared, fitted, facts);
    summary.voices = bench.voices()?;
    summary.left_out = left_out(fitted);
    summary.curves = curves(fitted, &bench.metric);
    summary.timings = timings(fitted);
    summary.plan = plan_parts(fitted);
    summary.mistakes = bench.mistakes(&truth);
    summary.config = run::trained_config(prepared, fitted).to_toml()?;
    summary.total_secs = facts.started.elapsed().as_secs_f64();
    Ok(summary)
}

/// What the run was about: names, columns, counts, warnings.
fn describe(
    summary: &mut RunSummary,
    prepared: &Prepared,
    fitted: &EnsembleFit,
    facts: &Facts<'_>,
) {
    let target = &prepared.target;
    summary.title = format!("{}: {}", facts.name, target.column);
    summary.created = run::now();
    facts.command.clone_into(&mut summary.command);
    summary.run_dir = facts.folder.display().to_string();
    prepared
        .dataset
        .table()
        .name()
        .clone_into(&mut summary.table);
    summary.classes.clone_from(&target.classes);
    let is_read = |name: &String| {
        fitted
            .configs
            .iter()
            .any(|config| config.inputs.contains(name))
    };
    let (read, unread): (Vec<Column>, Vec<Column>) = prepared
        .columns
        .iter()
        .cloned()
        .partition(|column| is_read(&column.name));
    summary.inputs = read;
    summary.num_fit = prepared.fit_rows.len();
    summary.num_held_out = prepared.held_out.len();
    summary.skipped = prepared.skipped.clone();
    summary.warnings.clone_from(&prepared.warnings);
    summary.warnings.extend(fitted.notes.iter().cloned());
    summary.warnings.extend(unread.iter().map(|column| {
        format!(
            "column \"{}\" is not read: no expert that reads it was trained",
            column.name
        )
    }));
}

impl Bench<'_> {
    fn judgement(&self, truth: &Truth) -> Result<Judgement, Problem> {
        let full = EvaluateOptions {
            resamples: EvaluateOptions::default().resamples,
            ..self.options
        };
        let mut judgement = Judgement::new(self.judged.evaluate(&self.answers, full)?);
        judgement.baselines = self.baselines()?;
        judgement.fusion = self.fusion()?;
        judgement.worth = self.worth()?;
        judgement.by_presence = self.by_presence(truth);
        Ok(judgement)
    }

    fn target(&self) -> &FittedTarget {
        &self.prepared.target
    }

    fn num_records(&self) -> usize {
        self.prepared.held_out.len()
    }

    /// What the voices said about the records as they are.
    fn open_voices(&self) -> &[Voice] {
        self.fitted
            .hidings
            .first()
            .map_or(&[], |hiding| &hiding.voices)
    }

    fn baseline(
        &self,
        name: String,
        kind: BaselineKind,
        answers: &Combined,
    ) -> Result<Option<Baseline>, Problem> {
        let evaluation = self.judged.evaluate(answers, self.options)?;
        let interval = evaluation.metrics.get(&self.metric).copied();
        Ok(interval.map(|interval| Baseline {
            name,
            kind,
            interval,
        }))
    }

    fn baselines(&self) -> Result<Vec<Baseline>, Problem> {
        let constant = if self.target().task == Task::Regression {
            "the mean"
        } else {
            "the most frequent answer"
        };
        let prior = Combined::prior(self.target(), self.num_records());
        let mut baselines =
            vec![self.baseline(constant.to_owned(), BaselineKind::Constant, &prior)?];
        for (input, answers) in self.single_inputs()? {
            baselines.push(self.baseline(
                format!("{input} alone"),
                BaselineKind::SingleInput,
                &answers,
            )?);
        }
        let voices = self.open_voices();
        if voices.len() > 1 {
            let mean = equal_mean(self.target(), voices, self.num_records());
            baselines.push(self.baseline(
                "an equal mean".to_owned(),
                BaselineKind::EqualMean,
                &mean,
            )?);
        }
        Ok(baselines.into_iter().flatten().collect())
    }

    /// The model's answers when all inputs but one are hidden, for every input for which that was tried.
    fn single_inputs(&self) -> Result<Vec<(String, Combined)>, Problem> {
        let columns = &self.prepared.columns;
        let mut singles = Vec::new();
        for column in columns.iter().filter(|_| columns.len() > 1) {
            let others = self.fitted.hidings.iter().find(|hiding| {
                hiding.hidden.len() + 1 == columns.len() && !hiding.hidden.contains(&column.name)
            });
            if let Some(hiding) = others {
                let answers = self
                    .fitted
                    .ensemble
                    .combine(&hiding.voices, self.num_records())?;
                singles.push((column.name.clone(), answers));
            }
        }
        Ok(singles)
    }

    fn fusion(&self) -> Result<Option<FusionTest>, Problem> {
        let metric = metrics::by_name(&self.metric)?;
        let mut best: Option<(String, Combined, f64)> = None;
        for (input, answers) in self.single_inputs()? {
            let Ok(value) = self.judged.value(&answers, &self.metric) else {
                continue;
            };
            if best
                .as_ref()
                .is_none_or(|(_, _, most)| metric.is_better(value, *most))
            {
                best = Some((input, answers, value));
            }
        }
        let Some((single, answers, single_value)) = best else {
            return Ok(None);
        };
        let paired = self
            .judged
            .compare(&self.metric, &self.answers, &answers, self.options)?;
        Ok(Some(FusionTest {
            single,
            single_value,
            paired,
        }))
    }

    fn worth(&self) -> Result<Vec<Worth>, Problem> {
        let whole = self
            .fitted
            .ensemble
            .combine(self.open_voices(), self.num_records())?;
        let own = self.judged.value(&self.answers, &self.metric)?;
        let mut worths = Vec::new();
        for column in &self.prepared.columns {
            let hidden = self
                .fitted
                .hidings
                .iter()
                .find(|hiding| hiding.hidden == [column.name.clone()]);
            let Some(hiding) = hidden else { continue };
            let answers = self
                .fitted
                .ensemble
                .combine(&hiding.voices, self.num_records())?;
            let compared = self
                .judged
                .compare(&self.metric, &whole, &answers, self.options);
            let Ok(paired) = compared else { continue };
            worths.push(Worth {
                input: column.name.clone(),
                modality: column.modality,
                // Beside the model's own value, whose weights did not see these records; the difference is between
                // two answers by the same weights.
                without: own - paired.difference,
                paired: Some(paired),
            });
        }
        let size = |worth: &Worth| worth.paired.map_or(0.0, |paired| paired.difference.abs());
        worths.sort_by(|a, b| size(b).total_cmp(&size(a)));
        Ok(worths)
    }

    fn by_presence(&self, truth: &Truth) -> Vec<PresenceGroup> {
        let groups = predict::by_presence(
            (self.target(), &self.metric),
            (&self.prepared.dataset, &self.prepared.held_out),
            truth,
            &self.answers,
        );
        groups.into_iter().map(presence_group).collect()
    }

    fn voices(&self) -> Result<Vec<VoiceSummary>, Problem> {
        let weights: Vec<(&str, f64)> = self.fitted.ensemble.stack().weights().collect();
        let mut voices = Vec::new();
        for voice in self.open_voices() {
            let alone = Combined::from_voice(self.target(), voice);
            let evaluation = self.judged.evaluate(&alone, self.options)?;
            let weight = weights
                .iter()
                .find(|(name, _)| *name == voice.name)
                .map_or(0.0, |(_, weight)| *weight);
            voices.push(VoiceSummary {
                name: voice.name.clone(),
                inputs: voice.inputs.clone(),
                weight,
                alone: evaluation.metrics.get(&self.metric).copied(),
            });
        }
        Ok(voices)
    }
}

/// All voices with the same weight: what one gets without a stack.
fn equal_mean(target: &FittedTarget, voices: &[Voice], num_records: usize) -> Combined {
    let all: Vec<Combined> = voices
        .iter()
        .map(|voice| Combined::from_voice(target, voice))
        .collect();
    let width = target.width();
    let values = (0..num_records * width)
        .map(|at| {
            let record = at / width;
            let present = voices
                .iter()
                .zip(&all)
                .filter(|(voice, _)| voice.present[record]);
            let (sum, count) = present.fold((0.0, 0.0), |(sum, count), (_, said)| {
                (sum + said.values[at], count + 1.0)
            });
            if count > 0.0 {
                sum / count
            } else {
                all.first().map_or(0.0, |said| said.values[at])
            }
        })
        .collect();
    Combined {
        values,
        intervals: Vec::new(),
    }
}

fn left_out(fitted: &EnsembleFit) -> Vec<LeftOut> {
    let unheard = fitted
        .configs
        .iter()
        .filter(|config| !fitted.ensemble.stack().listens_to(&config.name))
        .map(|config| LeftOut {
            name: config.name.clone(),
            why: "it adds nothing to the other experts on the held-out records".to_owned(),
        });
    let planned = fitted.left_out.iter().map(|(name, why)| LeftOut {
        name: name.clone(),
        why: why.clone(),
    });
    planned.chain(unheard).collect()
}

fn curves(fitted: &EnsembleFit, metric: &str) -> Vec<LearningCurve> {
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    let point = |record: &train::EpochRecord| EpochPoint {
        epoch: record.epoch,
        train_loss: finite(record.train_loss),
        validation_loss: record.validation_loss,
        metric: record.metrics.get(metric).copied(),
        learning_rate: record.learning_rate,
    };
    fitted
        .trainings
        .iter()
        .map(|(name, training)| LearningCurve {
            name: name.clone(),
            epochs: training.history.epochs.iter().map(point).collect(),
            best_epoch: training.best_epoch,
            stopped_by: match training.stopped_by {
                StoppedBy::Finished => String::new(),
                StoppedBy::EarlyStop => "the held-out metric stood still".to_owned(),
                StoppedBy::Deadline => "the time limit".to_owned(),
                StoppedBy::Interrupt => "Ctrl-C".to_owned(),
            },
        })
        .collect()
}

fn timings(fitted: &EnsembleFit) -> Vec<Timing> {
    let mut timings = Vec::new();
    for time in &fitted.times {
        timings.push(Timing {
            part: time.name.clone(),
            secs: time.fit_secs,
        });
        if time.refit_secs > 0.0 {
            let part = format!("{} on all records", time.name);
            timings.push(Timing {
                part,
                secs: time.refit_secs,
            });
        }
    }
    timings
}

fn plan_parts(fitted: &EnsembleFit) -> Vec<PlanPart> {
    let mut parts = Vec::new();
    for (config, time) in fitted.configs.iter().zip(&fitted.times) {
        match &time.plan {
            Some(plan) => parts.extend(plan.parts.iter().map(|part| PlanPart {
                expert: config.name.clone(),
                name: part.name.clone(),
                kind: part.kind.clone(),
                shape: part.shape.clone(),
                num_parameters: part.num_parameters,
            })),
            None => parts.push(PlanPart {
                expert: config.name.clone(),
                name: config.name.clone(),
                kind: config.kind.clone(),
                shape: Vec::new(),
                num_parameters: time.num_parameters,
            }),
        }
    }
    parts
}

/// A run's summary with the judgement of a test table beside that of the held-out records.
pub(crate) fn with_test(
    summary: &RunSummary,
    model: &predict::Predictor,
    table: &data::Table,
    judgement: predict::Judgement,
) -> Result<RunSummary, Problem> {
    let metric = metrics::by_name(&summary.metric)?;
    let evaluation = metrics::Evaluation {
        num_records: judgement.num_records,
        metrics: judgement.metrics,
        per_class: judgement.per_class,
        confusion: judgement.confusion,
    };
    let mut test = Judgement::new(evaluation);
    let groups = judgement.by_presence.into_iter();
    test.by_presence = groups.map(presence_group).collect();
    let value = |drop: &[String]| -> Result<Option<metrics::Interval>, Problem> {
        let judgement = model.evaluate(table, drop, 0)?;
        Ok(judgement.metrics.get(metric.name()).copied())
    };
    for column in &summary.inputs {
        let names = summary.inputs.iter().map(|column| column.name.clone());
        let others: Vec<String> = names.filter(|name| *name != column.name).collect();
        if let Some(interval) = value(&others)? {
            let name = format!("{} alone", column.name);
            test.baselines.push(Baseline {
                name,
                kind: BaselineKind::SingleInput,
                interval,
            });
        }
        if let Some(interval) = value(std::slice::from_ref(&column.name))? {
            test.worth.push(Worth {
                input: column.name.clone(),
                modality: column.modality,
                without: interval.value,
                paired: None,
            });
        }
    }
    test.fusion = model
        .fusion_test(table, metric)?
        .map(|(single, single_value, paired)| FusionTest {
            single,
            single_value,
            paired,
        });
    Ok(RunSummary {
        test: Some(test),
        ..summary.clone()
    })
}

fn presence_group(group: predict::PatternValue) -> PresenceGroup {
    PresenceGroup {
        present: group.name,
        num_records: group.num_records,
        value: group.value,
    }
}
