//! Rows to batches: in a shuffled order, prepared ahead by worker threads.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
};

use schema::{Batch, FittedTarget, Seed, TargetBatch};

use crate::{Augment, Augmentation, DataError, Dataset, Fitted, Truth, shard_order};

/// How rows become batches.
#[derive(Debug, Clone)]
pub struct LoaderConfig {
    /// Examples in a batch.
    pub batch_size: usize,
    /// Whether every epoch has an order of its own; otherwise rows come in the order given.
    pub shuffle: bool,
    /// Random changes of media.
    pub augment: Option<Augment>,
    /// Seed of order and changes.
    pub seed: Seed,
    /// Worker threads; 0 prepares each batch when it is asked for. The batches do not depend on it.
    pub threads: usize,
    /// Batches prepared ahead, at most.
    pub prefetch: usize,
    /// A last batch of fewer examples than this is left out, unless it is the only one.
    pub drop_last_below: usize,
}

impl Default for LoaderConfig {
    fn default() -> Self {
        Self {
            batch_size: 64,
            shuffle: false,
            augment: None,
            seed: Seed(0),
            threads: 0,
            prefetch: 4,
            drop_last_below: 1,
        }
    }
}

/// The truth and the weight of every row of a data set, as numbers for a loss. A clone shares them.
#[derive(Debug, Clone, Default)]
pub struct LoaderTarget {
    /// By row; rows without a known truth are left out of batches.
    values: Option<Arc<Numbers>>,
    /// Weight in the loss by row.
    weights: Option<Arc<[f32]>>,
}

/// Stands for a class that is not known.
const UNKNOWN: u32 = u32::MAX;

#[derive(Debug, Clone)]
enum Numbers {
    /// [`UNKNOWN`] where it is not known.
    Classes(Vec<u32>),
    Labels {
        values: Vec<f32>,
        width: usize,
    },
    Values(Vec<f32>),
}

impl LoaderTarget {
    /// No truth: batches for prediction.
    pub fn none() -> Self {
        Self::default()
    }

    /// The truth of every row of the data set, scaled as fitted, and optionally the weight of every row.
    pub fn new(truth: &Truth, target: &FittedTarget, weights: Option<&[f32]>) -> Self {
        let values = match truth {
            Truth::Classes(classes) => {
                let classes = classes.iter().map(|class| class.unwrap_or(UNKNOWN));
                Numbers::Classes(classes.collect())
            }
            Truth::Labels(labels) => Numbers::Labels {
                values: labels.clone(),
                width: target.width(),
            },
            Truth::Values(values) => Numbers::Values(
                values
                    .iter()
                    .map(|value| target.scale.map_or(*value, |scale| scale.apply(*value)) as f32)
                    .collect(),
            ),
        };
        Self {
            values: Some(Arc::new(values)),
            weights: weights.map(Arc::from),
        }
    }

    fn check(&self, num_rows: usize) -> Result<(), DataError> {
        let got = match self.values.as_deref() {
            None => num_rows,
            Some(Numbers::Classes(classes)) => classes.len(),
            Some(Numbers::Labels { values, width }) => values.len() / width,
            Some(Numbers::Values(values)) => values.len(),
        };
        let weights = self
            .weights
            .as_ref()
            .map_or(num_rows, |weights| weights.len());
        for (what, got) in [("truth", got), ("weights", weights)] {
            if got != num_rows {
                return Err(DataError::Length {
                    what,
                    got,
                    expected: num_rows,
                });
            }
        }
        Ok(())
    }

    fn is_known(&self, row: usize) -> bool {
        match self.values.as_deref() {
            None | Some(Numbers::Labels { .. }) => true,
            Some(Numbers::Classes(classes)) => classes[row] != UNKNOWN,
            Some(Numbers::Values(values)) => values[row].is_finite(),
        }
    }

    fn batch(&self, rows: &[usize]) -> Option<TargetBatch> {
        Some(match self.values.as_deref()? {
            Numbers::Classes(classes) => {
                let class = |row: &usize| Some(classes[*row]).filter(|class| *class != UNKNOWN);
                TargetBatch::Classes(rows.iter().map(|row| class(row).unwrap_or(0)).collect())
            }
            Numbers::Labels { values, width } => TargetBatch::Labels(
                rows.iter()
                    .flat_map(|row| &values[row * width..(row + 1) * width])
                    .copied()
                    .collect(),
            ),
            Numbers::Values(values) => {
                TargetBatch::Values(rows.iter().map(|row| values[*row]).collect())
            }
        })
    }
}

/// What workers share.
struct Source {
    dataset: Arc<Dataset>,
    inputs: Vec<(usize, Fitted)>,
    target: LoaderTarget,
    augment: Option<Augment>,
    seed: Seed,
}

impl Source {
    fn batch(&self, epoch: u64, rows: Vec<usize>) -> Batch {
        let augment = self.augment.map(|amounts| Augmentation {
            amounts,
            seed: self.seed.named("augment").at(epoch),
        });
        let inputs = self
            .inputs
            .iter()
            .map(|(col, fitted)| fitted.collate(&self.dataset, *col, &rows, augment.as_ref()))
            .collect();
        let weights = self
            .target
            .weights
            .as_ref()
            .map(|weights| rows.iter().map(|row| weights[*row]).collect());
        Batch {
            inputs,
            target: self.target.batch(&rows),
            weights,
            rows,
        }
    }
}

struct Job {
    epoch: u64,
    place: usize,
    rows: Vec<usize>,
    answer: Sender<(usize, Option<Batch>)>,
}

/// Gives the batches of epoch after epoch.
pub struct Loader {
    source: Arc<Source>,
    rows: Vec<usize>,
    config: LoaderConfig,
    jobs: Option<Sender<Job>>,
    workers: Vec<JoinHandle<()>>,
}

impl Loader {
    /// A loader over some rows of a data set; `inputs` are places of columns with what was fitted for them.
    ///
    /// Rows whose truth is not known are left out.
    ///
    /// # Errors
    /// [`DataError::Length`] if `target` does not cover every row of the data set; [`DataError::Threads`].
    pub fn new(
        dataset: Arc<Dataset>,
        rows: &[usize],
        inputs: Vec<(usize, Fitted)>,
        target: LoaderTarget,
        config: LoaderConfig,
    ) -> Result<Self, DataError> {
        target.check(dataset.num_rows())?;
        if let Some(row) = rows.iter().find(|row| **row >= dataset.num_rows()) {
            return Err(DataError::Length {
                what: "data set",
                got: dataset.num_rows(),
                expected: row + 1,
            });
        }
        let known = rows.iter().copied().filter(|row| target.is_known(*row));
        let mut rows: Vec<usize> = known.collect();
        rows.shrink_to_fit();
        let source = Source {
            dataset,
            inputs,
            target,
            augment: config.augment,
            seed: config.seed,
        };
        let mut loader = Self {
            source: Arc::new(source),
            rows,
            config,
            jobs: None,
            workers: Vec::new(),
        };
        loader.config.batch_size = loader.config.batch_size.max(1);
        if loader.config.threads > 0 && loader.num_batches() > 1 {
            loader.start_workers()?;
        }
        Ok(loader)
    }

    fn start_workers(&mut self) -> Result<(), DataError> {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..self.config.threads {
            let (queue, source) = (Arc::clone(&queue), Arc::clone(&self.source));
            let worker = std::thread::Builder::new()
                .name("loader".to_owned())
                .spawn(move || work(&queue, &source))
                .map_err(|error| DataError::Threads {
                    what: error.to_string(),
                })?;
            self.workers.push(worker);
        }
        self.jobs = Some(jobs);
        Ok(())
    }

    /// Rows that batches are made of, in the order given.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// The data set underneath.
    pub fn dataset(&self) -> &Arc<Dataset> {
        &self.source.dataset
    }

    /// Batches in an epoch.
    pub fn num_batches(&self) -> usize {
        let (whole, rest) = (
            self.rows.len() / self.config.batch_size,
            self.rows.len() % self.config.batch_size,
        );
        let keep_rest = rest > 0 && (rest >= self.config.drop_last_below || whole == 0);
        whole + usize::from(keep_rest)
    }

    /// The batches of an epoch in order. The same epoch gives the same batches for any number of threads.
    pub fn epoch(&self, epoch: u64) -> Epoch<'_> {
        self.epoch_from(epoch, 0)
    }

    /// The batches of an epoch from a place on, to resume in its middle.
    pub fn epoch_from(&self, epoch: u64, first_batch: usize) -> Epoch<'_> {
        let seed = self.config.seed.named("shuffle").at(epoch);
        let order = match self.source.dataset.shard_to_read() {
            _ if !self.config.shuffle => self.rows.clone(),
            Some(shard_of) => shard_order::order(&self.rows, shard_of, seed),
            None => {
                let mut order = self.rows.clone();
                seed.rng().shuffle(&mut order);
                order
            }
        };
        let (sender, answers) = channel();
        Epoch {
            loader: self,
            epoch,
            order,
            next: first_batch,
            asked: first_batch,
            end: self.num_batches(),
            sender,
            answers,
            early: BTreeMap::new(),
        }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // Workers end when the queue does.
        self.jobs = None;
        for worker in self.workers.drain(..) {
            // Workers catch their panics, so there is nothing to be told.
            let _ = worker.join();
        }
    }
}

fn work(queue: &Mutex<Receiver<Job>>, source: &Source) {
    loop {
        let job = match queue.lock() {
            Ok(queue) => queue.recv(),
            Err(_) => return,
        };
        let Ok(job) = job else { return };
        // A panic is a fault of ours; the asker makes the batch again and panics in its own thread, where it is seen.
        let batch = catch_unwind(AssertUnwindSafe(|| source.batch(job.epoch, job.rows))).ok();
        // Nobody waits for it where an epoch was left early.
        let _ = job.answer.send((job.place, batch));
    }
}

/// The batches of one epoch.
pub struct Epoch<'a> {
    loader: &'a Loader,
    epoch: u64,
    order: Vec<usize>,
    next: usize,
    asked: usize,
    end: usize,
    sender: Sender<(usize, Option<Batch>)>,
    answers: Receiver<(usize, Option<Batch>)>,
    early: BTreeMap<usize, Option<Batch>>,
}

impl Epoch<'_> {
    fn rows(&self, place: usize) -> Vec<usize> {
        let size = self.loader.config.batch_size;
        let start = place * size;
        self.order[start..(start + size).min(self.order.len())].to_vec()
    }

    /// Keeps `prefetch` batches in the making; false if there are no workers.
    fn ask(&mut self) -> bool {
        let Some(jobs) = &self.loader.jobs else {
            return false;
        };
        let ahead = self.next + self.loader.config.prefetch.max(1);
        while self.asked < self.end.min(ahead) {
            let job = Job {
                epoch: self.epoch,
                place: self.asked,
                rows: self.rows(self.asked),
                answer: self.sender.clone(),
            };
            if jobs.send(job).is_err() {
                return false;
            }
            self.asked += 1;
        }
        true
    }
}

impl Epoch<'_> {
    /// The batch of a place from the workers; `None` if the one that made it panicked.
    fn wait_for(&mut self, place: usize) -> Option<Batch> {
        loop {
            if let Some(batch) = self.early.remove(&place) {
                return batch;
            }
            let (at, batch) = self.answers.recv().ok()?;
            self.early.insert(at, batch);
        }
    }
}

impl Iterator for Epoch<'_> {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        if self.next >= self.end {
            return None;
        }
        let place = self.next;
        let working = self.ask();
        self.next += 1;
        let batch = if working { self.wait_for(place) } else { None };
        Some(batch.unwrap_or_else(|| self.loader.source.batch(self.epoch, self.rows(place))))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end.saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Epoch<'_> {}

#[cfg(test)]
mod tests {
    use schema::{Modality, Preparation, Record, Scale, Task};

    use super::*;
    use crate::{
        DatasetOptions, Form, ImageAugment,
        fixture::{dataset, input, plain_png},
    };

    fn open(num: usize) -> Arc<Dataset> {
        let records = (0..num)
            .map(|row| {
                let picture = plain_png(4, [row as u8 * 3, 100, 200 - row as u8]);
                Record::new().with("n", row as f64).with("photo", picture)
            })
            .collect();
        let inputs = [
            input("n", Modality::Number),
            input("photo", Modality::Image),
        ];
        let options = DatasetOptions {
            forms: vec![Form::Picture { size_px: 4 }],
            ..DatasetOptions::default()
        };
        Arc::new(dataset(records, &inputs, &options))
    }

    fn loader(dataset: &Arc<Dataset>, target: LoaderTarget, config: LoaderConfig) -> Loader {
        let rows: Vec<usize> = (0..dataset.num_rows()).collect();
        let forms = [
            Preparation::Number { num_bins: 2 },
            Preparation::Pixels {
                size_px: 4,
                normalise: true,
            },
        ];
        let inputs = forms
            .iter()
            .enumerate()
            .map(|(col, form)| (col, Fitted::fit(form, dataset, col, &rows).unwrap()))
            .collect();
        Loader::new(Arc::clone(dataset), &rows, inputs, target, config).unwrap()
    }

    fn training(threads: usize) -> LoaderConfig {
        LoaderConfig {
            batch_size: 7,
            shuffle: true,
            augment: Some(Augment {
                image: Some(ImageAugment::default()),
                ..Augment::default()
            }),
            seed: Seed(5),
            threads,
            prefetch: 3,
            ..LoaderConfig::default()
        }
    }

    #[test]
    fn batches_do_not_depend_on_the_number_of_threads() {
        let dataset = open(40);
        let alone = loader(&dataset, LoaderTarget::none(), training(0));
        for threads in [1, 2, 5] {
            let other = loader(&dataset, LoaderTarget::none(), training(threads));
            for epoch in [0, 1] {
                assert!(
                    alone.epoch(epoch).eq(other.epoch(epoch)),
                    "{threads} threads"
                );
            }
        }
    }

    #[test]
    fn every_epoch_is_a_permutation_of_its_own() {
        let loader = loader(&open(40), LoaderTarget::none(), training(2));
        let order = |epoch| {
            loader
                .epoch(epoch)
                .flat_map(|batch| batch.rows)
                .collect::<Vec<_>>()
        };
        assert_ne!(order(0), order(1));
        assert_eq!(order(1), order(1));
        let mut sorted = order(3);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..40).collect::<Vec<_>>());
    }

    #[test]
    fn an_epoch_left_early_or_resumed_gives_the_batches_of_a_whole_one() {
        let loader = loader(&open(40), LoaderTarget::none(), training(2));
        let whole: Vec<Batch> = loader.epoch(2).collect();
        assert!(loader.epoch(2).take(2).eq(whole[..2].iter().cloned()));
        assert!(loader.epoch_from(2, 4).eq(whole[4..].iter().cloned()));
        assert!(loader.epoch(2).eq(whole));
    }

    #[test]
    fn a_small_last_batch_is_left_out_only_if_asked_and_never_the_only_one() {
        let dataset = open(16);
        for (drop_last_below, num_batches) in [(1, 3), (2, 3), (3, 2)] {
            let config = LoaderConfig {
                drop_last_below,
                ..training(0)
            };
            let loader = loader(&dataset, LoaderTarget::none(), config);
            assert_eq!(loader.num_batches(), num_batches);
            assert_eq!(loader.epoch(0).count(), num_batches);
        }
        let config = LoaderConfig {
            drop_last_below: 99,
            batch_size: 99,
            ..training(0)
        };
        assert_eq!(
            loader(&dataset, LoaderTarget::none(), config)
                .epoch(0)
                .count(),
            1
        );
    }

    #[test]
    fn rows_without_truth_are_left_out_and_values_are_scaled() {
        let dataset = open(4);
        let scale = Scale {
            log: false,
            mean: 10.0,
            deviation: 5.0,
        };
        let target = FittedTarget {
            column: "y".to_owned(),
            task: Task::Regression,
            classes: Vec::new(),
            scale: Some(scale),
            prior: Vec::new(),
        };
        let truth = Truth::Values(vec![10.0, f64::NAN, 20.0, 5.0]);
        let weights = [1.0, 2.0, 3.0, 4.0];
        let target = LoaderTarget::new(&truth, &target, Some(&weights));
        let config = LoaderConfig {
            batch_size: 8,
            ..LoaderConfig::default()
        };
        let batch = loader(&dataset, target, config).epoch(0).next().unwrap();
        assert_eq!(batch.rows, [0, 2, 3]);
        assert_eq!(
            batch.target,
            Some(TargetBatch::Values(vec![0.0, 2.0, -1.0]))
        );
        assert_eq!(batch.weights, Some(vec![1.0, 3.0, 4.0]));
    }

    #[test]
    fn a_truth_of_another_length_is_refused() {
        let dataset = open(4);
        let target = LoaderTarget {
            values: Some(Arc::new(Numbers::Values(vec![0.0; 3]))),
            weights: None,
        };
        let made = Loader::new(dataset, &[0], Vec::new(), target, LoaderConfig::default());
        assert!(matches!(
            made.err(),
            Some(DataError::Length {
                what: "truth",
                got: 3,
                expected: 4
            })
        ));
    }

    #[test]
    fn no_rows_give_no_batches() {
        let made =
            Loader::new(open(2), &[], Vec::new(), LoaderTarget::none(), training(2)).unwrap();
        assert_eq!(made.epoch(0).count(), 0);
    }
}
