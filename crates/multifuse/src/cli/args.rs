//! What a person can type. Parsing never acts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Learns from records whose columns are of several kinds.
#[derive(Debug, Parser)]
#[command(
    name = "multifuse",
    version,
    about = "Learns from records whose columns are of several kinds: text, images, sound, video, series, scans, numbers, categories, dates.",
    after_help = "Start with `multifuse demo`. With a table of your own: `multifuse inspect posts.csv --target label`, \
                  then `multifuse train posts.csv --target label --time-limit 240`.\n\
                  Exit codes: 0 done; 1 done but a required limit was missed; 2 wrong usage, configuration or data; \
                  3 internal fault; 130 ended by Ctrl-C (`train --resume` goes on).",
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    /// What is common to every command.
    #[command(flatten)]
    pub(crate) common: Common,
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// Print one JSON object on standard output; progress stays on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No progress, no hints; only results and errors.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Worker threads; all cores if not given. Results are the same for any number.
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Seed of every random decision; the same seed gives the same result.
    #[arg(long, global = true, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes social posts, trains on words and pictures, judges, and writes a report: start here.
    Demo(Demo),
    /// Writes a generated data set whose best possible result is known.
    Sample(Sample),
    /// Shows what each column is, what is wrong with it, and the class balance.
    Inspect(Inspect),
    /// Prints a configuration with every setting, commented, ready to edit.
    Init(Init),
    /// Shows experts, tensor widths, parameters and memory before any training.
    Plan(Plan),
    /// Trains a model and writes a run folder.
    Train(Train),
    /// Judges a trained model on a table with the truth in it.
    Evaluate(Evaluate),
    /// Answers every record of a table.
    Predict(Predict),
    /// Writes the report of a run again, as HTML and Markdown.
    Report(Report),
    /// Lists what can be named in a configuration.
    List(List),
    /// Says what this machine offers: cores, instruction sets, optional programs.
    Doctor,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Folder for the data, the run and the report.
    #[arg(long, value_name = "DIR", default_value = "multifuse-demo")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Sample {
    /// Which set: `multifuse list samples` shows them.
    pub(crate) name: String,
    /// Folder to write into.
    pub(crate) dir: PathBuf,
    /// Training records; the set's own default if not given.
    #[arg(long, value_name = "N")]
    pub(crate) records: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A table: .csv, .tsv, .jsonl or .parquet, several as "train-{00..09}.tar", .tar shards, or a folder of shards
    /// or of classes.
    pub(crate) data: PathBuf,
    /// Target column.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// Say what a column is, such as `--column zip=category`.
    #[arg(long = "column", value_name = "COLUMN=MODALITY")]
    pub(crate) columns: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// A table: .csv, .tsv, .jsonl or .parquet, several as "train-{00..09}.tar", .tar shards, or a folder of shards
    /// or of classes.
    #[arg(required_unless_present = "template")]
    pub(crate) data: Option<PathBuf>,
    /// Target column.
    #[arg(long, value_name = "COLUMN", required_unless_present = "template")]
    pub(crate) target: Option<String>,
    /// A named recipe instead: `multifuse list templates` shows them.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["data", "target"])]
    pub(crate) template: Option<String>,
    #[command(flatten)]
    pub(crate) choices: Choices,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// A table, shards or folder, or a configuration (.toml) whose run is planned.
    pub(crate) data: PathBuf,
    /// Target column.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// Configuration, as `multifuse init` prints it.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) choices: Choices,
}

/// What a person may decide about a training on the command line; each has its place in the configuration.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Choices {
    /// Input columns, separated by commas; inferred if not given.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) inputs: Vec<String>,
    /// Set one value of the configuration by its dotted key, such as `--set experts.0.trainer.epochs=20`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Say what a column is, such as `--column zip=category`.
    #[arg(long = "column", value_name = "COLUMN=MODALITY")]
    pub(crate) columns: Vec<String>,
    /// What is predicted: binary, class, multilabel or regression; inferred if not given.
    #[arg(long, value_name = "TASK")]
    pub(crate) task: Option<String>,
    /// Held-out records: a fraction such as 0.2, or a table.
    #[arg(long, value_name = "FILE|FRACTION", allow_negative_numbers = true)]
    pub(crate) validation: Option<String>,
    /// Records that share this column's value stay on one side of every split.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) group_by: Option<String>,
    /// Hold out the newest records by this column.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time_by: Option<String>,
    /// Wall time of the whole command in seconds; experts and epochs are planned to fit.
    #[arg(long, value_name = "SECS", allow_negative_numbers = true)]
    pub(crate) time_limit: Option<f64>,
    /// Most memory of the process, such as 1GiB: media are read again when they are needed, and cheap experts are
    /// fitted on fewer records.
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory_limit: Option<String>,
    /// Epochs of every network.
    #[arg(long, value_name = "N")]
    pub(crate) epochs: Option<usize>,
    /// What the training steps of every network multiply: f32, or bf16 for speed on processors that have it. Scores
    /// are computed in f32 with both.
    #[arg(long, value_name = "PRECISION")]
    pub(crate) precision: Option<String>,
    /// Which experts: auto (all that fit the data and the time) or joint (one network alone).
    #[arg(long, value_name = "RECIPE")]
    pub(crate) experts: Option<String>,
    /// Metric that choices go by.
    #[arg(long, value_name = "METRIC")]
    pub(crate) metric: Option<String>,
    /// Stop with an error at the first record that cannot be read, instead of skipping and counting it.
    #[arg(long)]
    pub(crate) fail_on_bad: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Train {
    /// A table: .csv, .tsv, .jsonl or .parquet, several as "train-{00..09}.tar", .tar shards, or a folder of shards
    /// or of classes.
    pub(crate) data: PathBuf,
    /// Target column.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// Configuration, as `multifuse init` prints it; options given here win over it.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Run folder; runs/<data>-<number> if not given.
    #[arg(long, value_name = "RUN")]
    pub(crate) out: Option<PathBuf>,
    /// Go on with an interrupted run in the run folder.
    #[arg(long, requires = "out")]
    pub(crate) resume: bool,
    /// Exit with 1 if the validation metric misses this value.
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, value_parser = finite)]
    pub(crate) require: Option<f64>,
    #[command(flatten)]
    pub(crate) choices: Choices,
}

#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    /// Run folder or artifact folder.
    pub(crate) run: PathBuf,
    /// A table, shards or folder with the target column.
    pub(crate) data: PathBuf,
    /// Hide this column from the model: what is it worth? May be repeated.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) drop: Vec<String>,
    /// Exit with 1 if the metric misses this value.
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, value_parser = finite)]
    pub(crate) require: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct Predict {
    /// Run folder or artifact folder.
    pub(crate) run: PathBuf,
    /// A table, shards or folder with the input columns.
    pub(crate) data: PathBuf,
    /// Where answers go: .csv, .jsonl or .parquet; standard output as CSV if not given.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Answer only part I of N, counted from 1, such as `--shard 2/4`.
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Run folder.
    pub(crate) run: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// experts, encoders, fusions, heads, schedules, metrics, modalities, samples or templates; all if not given.
    pub(crate) what: Option<String>,
}

/// Nothing reaches a limit that is no number.
fn finite(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| "a finite number is expected".to_owned())
}
