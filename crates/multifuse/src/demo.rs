//! The hands-on project: social posts, a model, a judgement and a report, without any input.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use data::{Table, sample};
use schema::{Code, Problem, Seed};
use serde::Serialize;
use train::{Event, Observer};

use crate::{Predictor, Trainer, summary};

/// What the demo is given.
pub struct Options<'a> {
    /// Folder for data, run and report; an earlier demo in it is replaced.
    pub folder: &'a Path,
    /// Seed of data and training.
    pub seed: Seed,
    /// Threads; 0 for all cores.
    pub threads: usize,
    /// Who is told how it goes.
    pub observer: &'a dyn Observer,
    /// A flag that ends it.
    pub stop: Arc<AtomicBool>,
    /// When the program began.
    pub started: Instant,
}

/// What the demo found, on records that the model never saw.
#[derive(Debug, Clone, Serialize)]
pub struct Demo {
    /// Accuracy of the fused model on the test records.
    pub accuracy: f64,
    /// Its 95 % interval.
    pub interval: (f64, f64),
    /// Accuracy of the same model with only one input.
    pub alone: BTreeMap<String, f64>,
    /// The best accuracy that any model can reach, from all inputs and from each alone.
    pub best: BTreeMap<String, f64>,
    /// Test records.
    pub num_records: usize,
    /// Seconds from start to end.
    pub secs: f64,
    /// The report.
    pub report: PathBuf,
    /// The run folder.
    pub run: PathBuf,
    /// The test table.
    pub test: PathBuf,
}

/// Name of the file by which an earlier demo is known.
const MARK: &str = ".multifuse-demo";
/// Training records: enough for the topics that need both inputs, few enough for a minute.
const RECORDS: usize = 1000;
/// Seconds for everything.
const LIMIT: Duration = Duration::from_secs(30);

/// Draws posts, trains, judges on the test records, writes the report.
///
/// # Errors
/// If the folder cannot be written or holds something that is no earlier demo.
pub fn run(options: &Options<'_>) -> Result<Demo, Problem> {
    let folder = options.folder;
    clear(folder)?;
    let data = folder.join("data");
    let set = sample::by_name("posts")?;
    let drawing = "drawing posts".to_owned();
    let start = Instant::now();
    options.observer.event(&Event::PartStarted {
        name: drawing.clone(),
        total: 0,
    });
    let written = set.write(&data, RECORDS, options.seed, &|_, _| {})?;
    options.observer.event(&Event::PartEnded {
        name: drawing,
        secs: start.elapsed().as_secs_f64(),
    });

    let mut run = Trainer::new(written.target)
        .inputs(["text", "image"])
        .seed(options.seed.0)
        .threads(options.threads)
        .time_limit(LIMIT)
        .started_at(options.started)
        .name("posts")
        .command("multifuse demo")
        .out(folder.join("run"))
        .stop_flag(Arc::clone(&options.stop))
        .observer(options.observer)
        .fit(&Table::open(&written.train)?)?;

    let model = Predictor::open(run.folder())?.threads(options.threads);
    let table = Table::open(&written.test)?;
    let judge = |drop: &[String]| model.evaluate(&table, drop, options.seed.0);
    let fused = judge(&[])?;
    let interval =
        fused.metrics.get("accuracy").copied().ok_or_else(|| {
            Problem::new(Code::Internal, "the demo's test records gave no accuracy")
        })?;
    let mut alone = BTreeMap::new();
    for (input, other) in [("text", "image"), ("image", "text")] {
        let judgement = judge(&[other.to_owned()])?;
        let value = judgement
            .metrics
            .get("accuracy")
            .map_or(f64::NAN, |interval| interval.value);
        alone.insert(input.to_owned(), value);
    }
    let report = summary::with_test(run.report(), &model, &table, fused)?;
    run.set_report(report);
    run.write_report()?;
    Ok(Demo {
        accuracy: interval.value,
        interval: (interval.low, interval.high),
        alone,
        best: written.best,
        num_records: written.num_test,
        secs: options.started.elapsed().as_secs_f64(),
        report: run.folder().join("report.html"),
        run: run.folder().to_owned(),
        test: written.test,
    })
}

/// Makes the folder, or empties it of an earlier demo; anything else is left alone.
fn clear(folder: &Path) -> Result<(), Problem> {
    let problem = |error: std::io::Error| {
        Problem::new(Code::Data, "the demo's folder cannot be written")
            .at(folder.display().to_string())
            .got(error.to_string())
            .help("choose another with --out")
    };
    let is_empty = fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty && !folder.join(MARK).exists() {
        return Err(Problem::new(
            Code::Config,
            "the folder is not empty and holds no earlier demo",
        )
        .at(folder.display().to_string())
        .help("choose another with --out"));
    }
    for part in ["data", "run"] {
        let part = folder.join(part);
        if part.exists() {
            fs::remove_dir_all(&part).map_err(problem)?;
        }
    }
    fs::create_dir_all(folder).map_err(problem)?;
    fs::write(
        folder.join(MARK),
        b"made by `multifuse demo`, which may replace data/ and run/\n",
    )
    .map_err(problem)
}

impl Demo {
    /// What was learned and what to try next, in one paragraph.
    pub fn story(&self) -> String {
        let percent = |value: f64| format!("{:.1} %", 100.0 * value);
        let of = |map: &BTreeMap<String, f64>, name: &str| {
            percent(map.get(name).copied().unwrap_or(f64::NAN))
        };
        format!(
            "On {} posts that it never saw the model names the right topic in {} of the cases \
             (95 % interval {} to {}; the best that any model can reach is {}). From the words alone it gets {} \
             right, from the picture alone {}: some topics only the words tell, some only the picture, and \"irony\" \
             against \"weather\" only both together, so here fusion is worth {:.0} points. It took {:.0} s.\n\n\
             report  {}\nnext    multifuse predict {} {} --out answers.csv\n        multifuse train YOUR.csv --target COLUMN",
            self.num_records,
            percent(self.accuracy),
            percent(self.interval.0),
            percent(self.interval.1),
            of(&self.best, "all"),
            of(&self.alone, "text"),
            of(&self.alone, "image"),
            100.0 * (self.accuracy - self.alone.values().copied().fold(0.0, f64::max)),
            self.secs,
            self.report.display(),
            self.run.display(),
            self.test.display(),
        )
    }
}
