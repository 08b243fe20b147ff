//! A model held against the truth of a table.

use std::{collections::BTreeMap, sync::Arc};

use data::{Dataset, Table, Truth};
use expert::{Combined, Judged};
use metrics::{EvaluateOptions, Interval, Metric, PairedDifference, PerClass};
use schema::{FittedTarget, OnBad};
use serde::Serialize;

use crate::{PredictError, Predictor};

/// How good a model is on a table.
#[derive(Debug, Clone, Serialize)]
pub struct Judgement {
    /// Records that were judged.
    pub num_records: usize,
    /// Records that were left out.
    pub num_skipped: usize,
    /// How many were left out for each reason.
    pub skipped: BTreeMap<String, usize>,
    /// The metric that choices of the run went by.
    pub metric: String,
    /// Every metric of the task with its interval.
    pub metrics: BTreeMap<String, Interval>,
    /// Each class or label; empty for regression.
    pub per_class: Vec<PerClass>,
    /// Records by true class (outer) and predicted class (inner).
    pub confusion: Vec<Vec<u64>>,
    /// Class names in the order of `confusion`.
    pub classes: Vec<String>,
    /// The metric for each pattern of present inputs that occurs, most frequent first.
    pub by_presence: Vec<PatternValue>,
    /// Columns that were hidden from the model.
    pub dropped: Vec<String>,
}

/// The metric of the records with one pattern of present inputs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PatternValue {
    /// The present inputs joined by `+`, or `nothing`.
    pub name: String,
    /// Records of this pattern.
    pub num_records: usize,
    /// The metric; `None` where it is undefined for so few records.
    pub value: Option<f64>,
}

impl Judgement {
    /// Whether the run's metric is at least as good as a limit.
    pub fn reaches(&self, limit: f64) -> bool {
        let Some(interval) = self.metrics.get(&self.metric) else {
            return false;
        };
        let higher_is_better =
            metrics::by_name(&self.metric).is_ok_and(|metric| metric.higher_is_better());
        if higher_is_better {
            interval.value >= limit
        } else {
            interval.value <= limit
        }
    }
}

impl Predictor {
    /// Judges the model on a table that has the target; `drop` hides columns from the model, and with each what is
    /// derived from its files.
    ///
    /// # Errors
    /// [`PredictError::NotAnInput`] for a dropped name that is no input and that none is derived from; [`PredictError::NothingToJudge`] if no
    /// record can be judged; [`PredictError::Data`] if the table lacks the target.
    pub fn evaluate(
        &self,
        table: &Table,
        drop: &[String],
        seed: u64,
    ) -> Result<Judgement, PredictError> {
        self.check_dropped(table, drop)?;
        self.check_columns(table)?;
        let present: Vec<&String> = drop
            .iter()
            .filter(|name| table.column_index(name).is_some())
            .collect();
        let table = Arc::new(table.with_columns_dropped(&present)?);
        let dataset = self.open_dataset(&table, OnBad::Skip)?;
        let rows = dataset.good_rows().to_vec();
        let truth = data::truth(&table, &rows, self.target())?;
        let judged = Judged::new(self.target(), &truth);
        let skipped = skipped(&table, &dataset, rows.len() - judged.known().len());
        if judged.known().is_empty() {
            return Err(PredictError::NothingToJudge {
                skipped: skipped.into_iter().collect(),
            });
        }
        let answers = self.answer(&dataset, &rows)?;
        let options = EvaluateOptions {
            seed,
            ..EvaluateOptions::default()
        };
        let evaluation = judged.evaluate(&answers, options)?;
        let metric = self.metric().to_owned();
        Ok(Judgement {
            num_records: evaluation.num_records,
            num_skipped: skipped.values().sum(),
            skipped,
            by_presence: by_presence(
                (self.target(), &metric),
                (&dataset, &rows),
                &truth,
                &answers,
            ),
            metric,
            metrics: evaluation.metrics,
            per_class: evaluation.per_class,
            confusion: evaluation.confusion,
            classes: self.target().classes.clone(),
            dropped: drop.to_vec(),
        })
    }

    /// Insists that dropped names are inputs, or columns that inputs are derived from.
    fn check_dropped(&self, table: &Table, drop: &[String]) -> Result<(), PredictError> {
        let inputs: Vec<String> = self
            .columns()
            .iter()
            .map(|column| column.name.clone())
            .collect();
        let is_read = |name: &String| {
            let derived = |input: &String| table.derived_from(input) == Some(name);
            inputs.contains(name) || inputs.iter().any(derived)
        };
        match drop.iter().find(|name| !is_read(name)) {
            Some(name) => Err(PredictError::NotAnInput {
                name: name.clone(),
                inputs,
            }),
            None => Ok(()),
        }
    }

    /// Whether all inputs together are better than the best of them alone, on the records of a table: name and value
    /// of that input, and the paired difference. `None` for a model of one input.
    ///
    /// # Errors
    /// As [`Predictor::evaluate`].
    pub fn fusion_test(
        &self,
        table: &Table,
        metric: &dyn Metric,
    ) -> Result<Option<(String, f64, PairedDifference)>, PredictError> {
        if self.columns().len() < 2 {
            return Ok(None);
        }
        let dataset = self.open_dataset(&Arc::new(table.clone()), OnBad::Skip)?;
        let rows = dataset.good_rows();
        let truth = data::truth(table, rows, self.target())?;
        let judged = Judged::new(self.target(), &truth);
        let whole = self.answer(&dataset, rows)?;
        let mut best: Option<(String, f64, Combined)> = None;
        for column in self.columns() {
            let others: Vec<String> = self
                .columns()
                .iter()
                .map(|other| other.name.clone())
                .collect();
            let hidden: Vec<String> = others
                .into_iter()
                .filter(|name| *name != column.name)
                .collect();
            let answers = self.answer(&Arc::new(dataset.hiding(&hidden)), rows)?;
            let Ok(value) = judged.value(&answers, metric.name()) else {
                continue;
            };
            if best
                .as_ref()
                .is_none_or(|(_, most, _)| metric.is_better(value, *most))
            {
                best = Some((column.name.clone(), value, answers));
            }
        }
        let Some((name, value, answers)) = best else {
            return Ok(None);
        };
        let paired = judged.compare(metric.name(), &whole, &answers, EvaluateOptions::default())?;
        Ok(Some((name, value, paired)))
    }
}

/// The metric of each pattern of present inputs that occurs, most frequent first.
///
/// `truth` and `answers` belong to `rows` of the data set by position; records of unknown truth take no part.
pub fn by_presence(
    (target, metric): (&FittedTarget, &str),
    (dataset, rows): (&Dataset, &[usize]),
    truth: &Truth,
    answers: &Combined,
) -> Vec<PatternValue> {
    let mut patterns = BTreeMap::<Vec<bool>, Vec<usize>>::new();
    for (at, row) in rows.iter().enumerate() {
        if truth.is_known(at) {
            let pattern = (0..dataset.columns().len())
                .map(|col| dataset.is_present(col, *row))
                .collect();
            patterns.entry(pattern).or_default().push(at);
        }
    }
    let width = target.width();
    let mut values: Vec<PatternValue> = patterns
        .iter()
        .map(|(pattern, records)| PatternValue {
            name: pattern_name(dataset, pattern),
            num_records: records.len(),
            value: Judged::new(target, &truth.select(records, width))
                .value(&answers.select(records, width), metric)
                .ok(),
        })
        .collect();
    values.sort_by(|a, b| {
        b.num_records
            .cmp(&a.num_records)
            .then_with(|| a.name.cmp(&b.name))
    });
    values
}

fn pattern_name(dataset: &Dataset, pattern: &[bool]) -> String {
    let present = dataset
        .columns()
        .iter()
        .zip(pattern)
        .filter(|(_, present)| **present);
    let names: Vec<&str> = present.map(|(column, _)| column.name.as_str()).collect();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join("+")
    }
}

fn skipped(table: &Table, dataset: &Dataset, num_unknown: usize) -> BTreeMap<String, usize> {
    let mut skipped: BTreeMap<String, usize> = dataset
        .num_bad_by_reason()
        .into_iter()
        .map(|(reason, count)| (reason.to_owned(), count))
        .collect();
    if table.num_bad_rows() > 0 {
        skipped.insert("bad_row".to_owned(), table.num_bad_rows());
    }
    if num_unknown > 0 {
        skipped.insert(
            "target_missing_or_not_seen_in_training".to_owned(),
            num_unknown,
        );
    }
    skipped
}
