//! The facts of a run that its reports show; saved as `metrics.json`.

use metrics::{Evaluation, Interval, PairedDifference};
use schema::{Column, Modality, Task};
use serde::{Deserialize, Serialize};

use crate::Thumbnail;

/// Everything that the reports of a run show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Heading of the report, such as `posts: label`.
    pub title: String,
    /// Version of multifuse that trained.
    pub version: String,
    /// When the run ended, as it should be shown.
    pub created: String,
    /// The command that was typed; empty if there was none.
    pub command: String,
    /// The run folder.
    pub run_dir: String,
    /// The table that was learned from.
    pub table: String,
    /// What was predicted.
    pub task: Task,
    /// Target column.
    pub target: String,
    /// Class or label names in the order of the confusion matrix; empty for regression.
    pub classes: Vec<String>,
    /// Input columns.
    pub inputs: Vec<Column>,
    /// Metric that choices went by; every [`Interval`] below that has no name is of this metric.
    pub metric: String,
    /// Records that experts were fitted on.
    pub num_fit: usize,
    /// Records kept aside.
    pub num_held_out: usize,
    /// Records that could not be used.
    pub skipped: Skipped,
    /// What a person should know about the data or the run.
    pub warnings: Vec<String>,
    /// On the held-out records.
    pub held_out: Judgement,
    /// On a test table, if one was given.
    pub test: Option<Judgement>,
    /// Who speaks in the ensemble, and how loud.
    pub voices: Vec<VoiceSummary>,
    /// Experts that were not trained or not kept.
    pub left_out: Vec<LeftOut>,
    /// How each network learned.
    pub curves: Vec<LearningCurve>,
    /// Where the time went, in order.
    pub timings: Vec<Timing>,
    /// Wall time of the whole run in seconds.
    pub total_secs: f64,
    /// What the experts consist of.
    pub plan: Vec<PlanPart>,
    /// Held-out (or test) records with the most wrong answers, worst first.
    pub mistakes: Vec<Mistake>,
    /// The whole configuration, as TOML.
    pub config: String,
}

/// How good the model is on one set of records, beside what it is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Every metric, classes, confusion.
    pub evaluation: Evaluation,
    /// What simpler answers reach.
    pub baselines: Vec<Baseline>,
    /// Whether the whole is better than its best single input.
    pub fusion: Option<FusionTest>,
    /// What each input is worth.
    pub worth: Vec<Worth>,
    /// The metric by which inputs a record has.
    pub by_presence: Vec<PresenceGroup>,
}

impl Judgement {
    /// A judgement of which only the metrics are known.
    pub fn new(evaluation: Evaluation) -> Self {
        Self {
            evaluation,
            baselines: Vec::new(),
            fusion: None,
            worth: Vec::new(),
            by_presence: Vec::new(),
        }
    }
}

/// What kind of simpler answer a baseline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaselineKind {
    /// The same answer for every record: the most frequent class, the mean.
    Constant,
    /// The voices of one input only.
    SingleInput,
    /// All voices with the same weight.
    EqualMean,
    /// One voice of several inputs or one of several voices of an input.
    Voice,
}

/// A simpler answer to compare with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// What it is called in the report, such as `text alone`.
    pub name: String,
    /// What kind it is.
    pub kind: BaselineKind,
    /// What it reaches.
    pub interval: Interval,
}

/// The model against the best of its single inputs on the same records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FusionTest {
    /// Name of the best single input.
    pub single: String,
    /// What that input alone reaches.
    pub single_value: f64,
    /// The model minus the single input.
    pub paired: PairedDifference,
}

/// What one input is worth: the metric without it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Worth {
    /// Input column.
    pub input: String,
    /// Its modality.
    pub modality: Modality,
    /// The metric when the input is hidden from the model.
    pub without: f64,
    /// The model minus the model without the input; `None` if it was not tested.
    pub paired: Option<PairedDifference>,
}

/// Records with the same inputs present.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PresenceGroup {
    /// Present inputs joined by `+`, or `nothing`.
    pub present: String,
    /// Number of records.
    pub num_records: usize,
    /// The metric on them; `None` where it is undefined.
    pub value: Option<f64>,
}

/// One voice of the ensemble.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoiceSummary {
    /// Name, such as `joint/image`.
    pub name: String,
    /// Columns it listens to.
    pub inputs: Vec<String>,
    /// Its weight in the stack; 0 for a voice that is not heard.
    pub weight: f64,
    /// What it reaches alone on the held-out records.
    pub alone: Option<Interval>,
}

/// An expert that is not part of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Name of the expert.
    pub name: String,
    /// Why, in words.
    pub why: String,
}

/// How one network learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LearningCurve {
    /// Name of the expert.
    pub name: String,
    /// Its epochs in order.
    pub epochs: Vec<EpochPoint>,
    /// Epoch whose weights were kept, from 1.
    pub best_epoch: Option<usize>,
    /// Why it stopped, in words; empty if it ran to its planned end.
    pub stopped_by: String,
}

/// One epoch of a learning curve; a value that was not measured or is not finite is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochPoint {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Mean training loss.
    pub train_loss: Option<f64>,
    /// Mean loss on the held-out records.
    pub validation_loss: Option<f64>,
    /// The run's metric on the held-out records.
    pub metric: Option<f64>,
    /// Learning rate at the end of the epoch.
    pub learning_rate: f64,
}

/// Time of one part of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// What was done.
    pub part: String,
    /// How long it took, in seconds.
    pub secs: f64,
}

/// One part of an expert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanPart {
    /// Expert it belongs to.
    pub expert: String,
    /// Name, such as `encoder.image`.
    pub name: String,
    /// Its row in a registry, such as `image_conv`.
    pub kind: String,
    /// Axis lengths of its result without the batch axis; empty if it has none.
    pub shape: Vec<usize>,
    /// Trained values.
    pub num_parameters: usize,
}

/// What a cell that is no text looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Its column.
    pub column: String,
    /// What the column holds.
    pub modality: Modality,
    /// A picture of it.
    pub thumbnail: Thumbnail,
}

/// A record that the model got badly wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mistake {
    /// Row in the table, from 0.
    pub row: usize,
    /// Line in the file, from 1.
    pub line: usize,
    /// Name and value of each column that is shown.
    pub columns: Vec<(String, String)>,
    /// What its pictures, sounds and other media look like.
    #[serde(default)]
    pub pictures: Vec<Shown>,
    /// What it is.
    pub truth: String,
    /// What the model says.
    pub prediction: String,
    /// Probability that the model gave its answer; `None` for regression.
    pub probability: Option<f64>,
}

/// Records that could not be used, counted by reason; the first ten are kept in words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Reasons in the order in which they turned up.
    pub reasons: Vec<SkippedReason>,
    /// The first ten records in words, with their place.
    pub examples: Vec<String>,
}

/// One reason to skip records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedReason {
    /// The reason.
    pub reason: String,
    /// Records.
    pub num_records: usize,
}

impl Skipped {
    /// Number of examples that are kept.
    const MOST_EXAMPLES: usize = 10;

    /// Counts one record and keeps it as an example if there is room.
    pub fn add(&mut self, reason: &str, example: &str) {
        self.count(reason, 1);
        if self.examples.len() < Self::MOST_EXAMPLES {
            self.examples.push(example.to_owned());
        }
    }

    /// Counts records of a reason without an example.
    pub fn count(&mut self, reason: &str, num_records: usize) {
        if num_records == 0 {
            return;
        }
        match self.reasons.iter_mut().find(|known| known.reason == reason) {
            Some(known) => known.num_records += num_records,
            None => self.reasons.push(SkippedReason {
                reason: reason.to_owned(),
                num_records,
            }),
        }
    }

    /// Records that could not be used.
    pub fn num_records(&self) -> usize {
        self.reasons.iter().map(|reason| reason.num_records).sum()
    }
}

impl RunSummary {
    /// A summary with the least that a report needs; the other fields are empty and can be filled in.
    pub fn new(task: Task, target: &str, metric: &str, held_out: Judgement) -> Self {
        Self {
            title: target.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            created: String::new(),
            command: String::new(),
            run_dir: String::new(),
            table: String::new(),
            task,
            target: target.to_owned(),
            classes: Vec::new(),
            inputs: Vec::new(),
            metric: metric.to_owned(),
            num_fit: 0,
            num_held_out: held_out.evaluation.num_records,
            skipped: Skipped::default(),
            warnings: Vec::new(),
            held_out,
            test: None,
            voices: Vec::new(),
            left_out: Vec::new(),
            curves: Vec::new(),
            timings: Vec::new(),
            total_secs: 0.0,
            plan: Vec::new(),
            mistakes: Vec::new(),
            config: String::new(),
        }
    }

    /// The judgement to go by: the test table if there is one, otherwise the held-out records.
    pub fn judgement(&self) -> &Judgement {
        self.test.as_ref().unwrap_or(&self.held_out)
    }

    /// What the model reaches there; `None` if the metric was undefined.
    pub fn result(&self) -> Option<Interval> {
        self.judgement()
            .evaluation
            .metrics
            .get(&self.metric)
            .copied()
    }

    /// Whether more of the run's metric is better.
    pub fn higher_is_better(&self) -> bool {
        metrics::by_name(&self.metric).map_or(true, |metric| metric.higher_is_better())
    }

    /// How the records of [`RunSummary::judgement`] are called.
    pub(crate) fn records_name(&self) -> &'static str {
        if self.test.is_some() {
            "test"
        } else {
            "held-out"
        }
    }

    /// Trained values of all parts.
    pub(crate) fn num_parameters(&self) -> usize {
        self.plan.iter().map(|part| part.num_parameters).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_records_are_counted_by_reason_and_ten_are_kept() {
        let mut skipped = Skipped::default();
        for line in 0..14 {
            skipped.add("no_file", &format!("train.csv:{line}"));
        }
        skipped.count("no target", 3);
        skipped.count("nothing", 0);
        assert_eq!(skipped.num_records(), 17);
        assert_eq!(skipped.examples.len(), 10);
        assert_eq!(skipped.reasons.len(), 2);
        assert_eq!(skipped.reasons[0].num_records, 14);
    }
}
