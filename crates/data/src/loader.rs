//! Rows to batches: in a shuffled order, prepared ahead by worker threads.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
};

use schema::{Batch, FittedTarget, Seed, TargetBatch};

use crate::{Augmentation, DataError, Dataset, Fitted, ImageAugment, Truth};

/// How rows become batches.
#[derive(Debug, Clone)]
pub struct LoaderConfig {
    /// Examples in a batch.
    pub batch_size: usize,
    /// Whether every epoch has an order of its own; otherwise rows come in the order given.
    pub shuffle: bool,
    /// Random changes of pictures.
    pub augment: Option<ImageAugment>,
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

/// The truth and the weight of every row of a data set, as numbers for a loss.
#[derive(Debug, Clone, Default)]
pub struct LoaderTarget {
    /// By row; rows without a known truth are left out of batches.
    values: Option<Numbers>,
    /// Weight in the loss by row.
    weights: Option<Vec<f32>>,
}

#[derive(Debug, Clone)]
enum Numbers {
    Classes(Vec<Option<u32>>),
    Labels { values: Vec<f32>, width: usize },
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
            Truth::Classes(classes) => Numbers::Classes(classes.clone()),
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
            values: Some(values),
            weights: weights.map(<[f32]>::to_vec),
        }
    }

    fn check(&self, num_rows: usize) -> Result<(), DataError> {
        let got = match &self.values {
            None => num_rows,
            Some(Numbers::Classes(classes)) => classes.len(),
            Some(Numbers::Labels { values, width }) => values.len() / width,
            Some(Numbers::Values(values)) => values.len(),
        };
        let weights = self.weights.as_ref().map_or(num_rows, Vec::len);
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
        match &self.values {
            None | Some(Numbers::Labels { .. }) => true,
            Some(Numbers::Classes(classes)) => classes[row].is_some(),
            Some(Numbers::Values(values)) => values[row].is_finite(),
        }
    }

    fn batch(&self, rows: &[usize]) -> Option<TargetBatch> {
        Some(match self.values.as_ref()? {
            Numbers::Classes(classes) => {
                TargetBatch::Classes(rows.iter().map(|row| classes[*row].unwrap_or(0)).collect())
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
    augment: Option<ImageAugment>,
    seed: Seed,
}

impl Source {
    fn batch(&self, epoch: u64, rows: Vec<usize>) -> Batch {
        let augment = self.augment.map(|image| Augmentation {
            image,
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
    answer: Sender<(usize, Batch)>,
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
        let rows = rows
            .iter()
            .copied()
            .filter(|row| target.is_known(*row))
            .collect();
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
        let mut order = self.rows.clone();
        if self.config.shuffle {
            self.config
                .seed
                .named("shuffle")
                .at(epoch)
                .rng()
                .shuffle(&mut order);
        }
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
            // A worker that panicked has nothing more to give; its batch is made by the asker.
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
        let batch = source.batch(job.epoch, job.rows);
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
    sender: Sender<(usize, Batch)>,
    answers: Receiver<(usize, Batch)>,
    early: BTreeMap<usize, Batch>,
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

impl Iterator for Epoch<'_> {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        if self.next >= self.end {
            return None;
        }
        let place = self.next;
        let working = self.ask();
        self.next += 1;
        if !working {
            return Some(self.loader.source.batch(self.epoch, self.rows(place)));
        }
        loop {
            if let Some(batch) = self.early.remove(&place) {
                return Some(batch);
            }
            match self.answers.recv() {
                Ok((at, batch)) => {
                    self.early.insert(at, batch);
                }
                Err(_) => return Some(self.loader.source.batch(self.epoch, self.rows(place))),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end.saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Epoch<'_> {}
