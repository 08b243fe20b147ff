//! What hiding columns costs a model.

use std::sync::Arc;

use data::Table;
use expert::Judged;
use metrics::{EvaluateOptions, PairedDifference};
use schema::OnBad;
use serde::Serialize;

use crate::{PredictError, Predictor};

/// A model with and without some columns, on the same records.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DropLoss {
    /// The metric that choices of the run went by.
    pub metric: String,
    /// Records that both were judged on: those that can be read whole.
    pub num_records: usize,
    /// The metric with all columns.
    pub with: f64,
    /// The metric without the dropped ones.
    pub without: f64,
    /// `without` minus `with`, with its interval.
    pub change: PairedDifference,
}

impl Predictor {
    /// What it costs to hide some columns, by a paired comparison on the records of a table that has the target. Names
    /// that are no columns of it cost nothing.
    ///
    /// # Errors
    /// As [`Predictor::evaluate`].
    pub fn drop_loss(
        &self,
        table: &Table,
        drop: &[String],
        seed: u64,
    ) -> Result<DropLoss, PredictError> {
        self.check_columns(table)?;
        let dataset = self.open_dataset(&Arc::new(table.clone()), OnBad::Skip)?;
        let rows = dataset.good_rows();
        let truth = data::truth(table, rows, self.target())?;
        let judged = Judged::new(self.target(), &truth);
        if judged.known().is_empty() {
            return Err(PredictError::NothingToJudge {
                skipped: Vec::new(),
            });
        }
        let whole = self.answer(&dataset, rows)?;
        let hidden = self.dropped_inputs(table, drop);
        let without = self.answer(&Arc::new(dataset.hiding(&hidden)), rows)?;
        let options = EvaluateOptions {
            seed,
            ..EvaluateOptions::default()
        };
        let metric = self.metric();
        Ok(DropLoss {
            metric: metric.to_owned(),
            num_records: judged.known().len(),
            with: judged.value(&whole, metric)?,
            without: judged.value(&without, metric)?,
            change: judged.compare(metric, &without, &whole, options)?,
        })
    }

    /// The inputs that are dropped, with those that are derived from them.
    fn dropped_inputs(&self, table: &Table, drop: &[String]) -> Vec<String> {
        let inputs = self.columns().iter().map(|column| column.name.clone());
        let is_dropped = |input: &String| {
            let base = table.derived_from(input);
            drop.iter().any(|name| name == input || base == Some(name))
        };
        inputs.filter(is_dropped).collect()
    }
}
