//! A trained model that answers.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use artifact::{Check, Manifest};
use data::{Dataset, DatasetOptions, Table};
use expert::{Combined, Ensemble, Part};
use schema::{Answer, Column, FittedTarget, OnBad, Prediction, Record, Role};

use crate::PredictError;

/// Records that are decoded at once when a table is answered: bounds the memory.
const CHUNK: usize = 2048;

/// A trained model that answers raw records.
pub struct Predictor {
    ensemble: Ensemble,
    manifest: Manifest,
    /// Digests of the numbers; no answer leaves before it is done.
    check: Check,
    columns: Vec<Column>,
    threads: usize,
}

impl Predictor {
    /// Opens a run folder or an artifact folder.
    ///
    /// Descriptions are verified before this returns; the digests of the numbers are computed meanwhile, and the first
    /// answer waits for them. Numbers stay in the files: those that are never looked at are never in memory.
    ///
    /// # Errors
    /// [`PredictError::NoModel`] if there is none; [`PredictError::Artifact`] for a file that is damaged, missing
    /// or from a newer version.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, PredictError> {
        let folder = artifact_folder(folder.as_ref())?;
        let (mut artifact, check) = artifact::open_while_checking(&folder)?;
        let manifest = artifact.manifest.clone();
        let parts = manifest
            .parts
            .iter()
            .filter_map(|part| {
                let pack = artifact.take(&part.name)?;
                Some(Part {
                    name: part.name.clone(),
                    kind: part.kind.clone(),
                    pack,
                })
            })
            .collect();
        let ensemble = match Ensemble::open(manifest.target.clone(), parts) {
            Ok(ensemble) => ensemble,
            Err(error) => {
                // That a file has changed says more than what came of it.
                check.wait()?;
                return Err(error.into());
            }
        };
        let columns = manifest
            .columns
            .iter()
            .filter(|column| column.role == Role::Input)
            .cloned()
            .collect();
        Ok(Self {
            ensemble,
            manifest,
            check,
            columns,
            threads: 0,
        })
    }

    /// Uses this many threads to decode; 0 for all cores. Answers do not depend on it.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// What is predicted.
    pub fn target(&self) -> &FittedTarget {
        self.ensemble.target()
    }

    /// The input columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// What the artifact says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The metric that choices of the run went by.
    pub fn metric(&self) -> &str {
        let chosen = self.manifest.settings["metric"].as_str();
        chosen.unwrap_or_else(|| metrics::default_for(self.target().task))
    }

    /// Channels that the series of each column must have: as many as those that were learned from.
    fn channels(&self) -> BTreeMap<String, usize> {
        let known = self.manifest.settings["channels"].as_object();
        let counts = known.into_iter().flatten();
        counts
            .filter_map(|(column, num)| Some((column.clone(), num.as_u64()? as usize)))
            .collect()
    }

    /// The column that names records, if the training table had one.
    pub fn id_column(&self) -> Option<&str> {
        let id = self
            .manifest
            .columns
            .iter()
            .find(|column| column.role == Role::Id);
        id.map(|column| column.name.as_str())
    }

    /// What the experts and their stack say about rows of a data set.
    pub(crate) fn answer(
        &self,
        dataset: &Arc<Dataset>,
        rows: &[usize],
    ) -> Result<Combined, PredictError> {
        let said = self.ensemble.answer(dataset, rows);
        self.check.wait()?;
        Ok(said?)
    }

    /// Answers one record; paths in it are relative to the working directory. Columns that it lacks are missing.
    ///
    /// # Errors
    /// [`PredictError::BadRecord`] if a cell cannot be read.
    pub fn predict(&self, record: &Record) -> Result<Answer, PredictError> {
        let table = Arc::new(Table::from_records(vec![record.clone()], "."));
        let dataset = self.open_dataset(&table, OnBad::Skip)?;
        if let Some(bad) = dataset.bad().first() {
            return Err(PredictError::BadRecord(format!(
                "column \"{}\": {}",
                bad.column, bad.text
            )));
        }
        Ok(self.answer(&dataset, &[0])?.answer(self.target(), 0))
    }

    /// Answers some rows of a table, in order; memory does not grow with their number.
    ///
    /// `each` is given the predictions of one part after the other. Columns that the table lacks are missing.
    ///
    /// # Errors
    /// [`PredictError::NoInput`] if the table has no input column; whatever `each` returns.
    pub fn predict_rows(
        &self,
        table: &Arc<Table>,
        rows: Range<usize>,
        each: &mut dyn FnMut(&[Prediction]) -> Result<(), PredictError>,
    ) -> Result<(), PredictError> {
        self.check_columns(table)?;
        let mut start = rows.start;
        while start < rows.end {
            let end = rows.end.min(start + CHUNK);
            let part = Arc::new(table.rows(start..end));
            let dataset = self.open_dataset(&part, OnBad::Skip)?;
            let combined = self.answer(&dataset, dataset.good_rows())?;
            let mut predictions: Vec<Prediction> = dataset
                .good_rows()
                .iter()
                .enumerate()
                .map(|(at, row)| Prediction {
                    row: start + row,
                    answer: Ok(combined.answer(self.target(), at)),
                })
                .collect();
            predictions.extend(dataset.bad().iter().map(|bad| Prediction {
                row: start + bad.row,
                answer: Err(format!("column \"{}\": {}", bad.column, bad.text)),
            }));
            predictions.sort_by_key(|prediction| prediction.row);
            each(&predictions)?;
            start = end;
        }
        Ok(())
    }

    /// Answers a whole table, in order.
    ///
    /// # Errors
    /// As [`Predictor::predict_rows`].
    pub fn predict_table(&self, table: &Arc<Table>) -> Result<Vec<Prediction>, PredictError> {
        let mut all = Vec::with_capacity(table.num_records());
        self.predict_rows(table, 0..table.num_records(), &mut |predictions| {
            all.extend_from_slice(predictions);
            Ok(())
        })?;
        Ok(all)
    }

    pub(crate) fn check_columns(&self, table: &Table) -> Result<(), PredictError> {
        let has_input = self
            .columns
            .iter()
            .any(|column| table.column_index(&column.name).is_some());
        if has_input {
            return Ok(());
        }
        Err(PredictError::NoInput {
            inputs: self
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect(),
            columns: table.columns().to_vec(),
        })
    }

    pub(crate) fn open_dataset(
        &self,
        table: &Arc<Table>,
        on_bad: OnBad,
    ) -> Result<Arc<Dataset>, PredictError> {
        let options = DatasetOptions {
            forms: self.ensemble.forms(&self.columns)?,
            on_bad,
            threads: self.threads,
            absent_columns: true,
            channels: self.channels(),
            ..DatasetOptions::default()
        };
        Ok(Arc::new(Dataset::open(
            Arc::clone(table),
            &self.columns,
            &options,
        )?))
    }
}

fn artifact_folder(folder: &Path) -> Result<PathBuf, PredictError> {
    [folder.join("artifact"), folder.to_owned()]
        .into_iter()
        .find(|candidate| candidate.join("manifest.json").is_file())
        .ok_or_else(|| PredictError::NoModel(folder.to_owned()))
}
