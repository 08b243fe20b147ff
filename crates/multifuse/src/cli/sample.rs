//! `multifuse sample`: a generated data set.

use schema::{Problem, Seed};
use serde_json::json;
use train::{Event, Observer};

use super::{
    args::{Common, Sample},
    console::Console,
    output::Output,
};

pub(crate) fn run(options: &Sample, common: &Common, output: Output) -> Result<(), Problem> {
    let set = data::sample::by_name(&options.name)?;
    let records = options.records.unwrap_or_else(|| set.default_records());
    let seed = Seed(common.seed.unwrap_or(0));
    let console = Console::new(output);
    let name = format!("drawing {}", set.name());
    let watch = Watch::start(&console, &name);
    let written = set.write(&options.dir, records, seed, &|done, total| {
        watch.progress(done, total)
    })?;
    watch.end();
    let value = json!({
        "train": written.train, "test": written.test, "truth": written.truth,
        "num_train": written.num_train, "num_test": written.num_test,
        "target": written.target, "best": written.best,
    });
    let text = format!(
        "{} training and {} test records in {}\nnext: multifuse train {} --target {}",
        written.num_train,
        written.num_test,
        options.dir.display(),
        written.train.display(),
        written.target
    );
    output.result(&text, &value)
}

/// Turns a plain progress callback into events.
pub(crate) struct Watch<'a> {
    observer: &'a dyn Observer,
    name: &'a str,
    start: std::time::Instant,
}

impl<'a> Watch<'a> {
    pub(crate) fn start(observer: &'a dyn Observer, name: &'a str) -> Self {
        observer.event(&Event::PartStarted {
            name: name.to_owned(),
            total: 0,
        });
        Self {
            observer,
            name,
            start: std::time::Instant::now(),
        }
    }

    pub(crate) fn progress(&self, done: usize, total: usize) {
        let secs = self.start.elapsed().as_secs_f64();
        let records_per_sec = if secs > 0.0 { done as f64 / secs } else { 0.0 };
        self.observer.event(&Event::Progress {
            name: self.name.to_owned(),
            done,
            total,
            records_per_sec,
            eta_secs: None,
            loss: None,
            metric: None,
        });
    }

    pub(crate) fn end(self) {
        let secs = self.start.elapsed().as_secs_f64();
        self.observer.event(&Event::PartEnded {
            name: self.name.to_owned(),
            secs,
        });
    }
}
