//! `multifuse train`.

use data::Table;
use multifuse::{Run, Trainer};
use schema::{Code, Problem};

use super::{
    Done,
    args::{Common, Train},
    choices,
    console::Console,
    interrupt,
    output::Output,
};

pub(crate) fn run(options: &Train, common: &Common, output: Output) -> Result<Done, Problem> {
    let mut config = choices::config(
        options.config.as_deref(),
        options.target.as_deref(),
        &options.choices,
        common,
    )?;
    config.data.train = Some(options.data.clone());
    let console = Console::new(output);
    let mut trainer = Trainer::from_config(config)
        .started_at(super::start_of_program())
        .command(&command_line())
        .stop_flag(interrupt::flag())
        .observer(&console);
    if let Some(out) = &options.out {
        trainer = trainer.out(out);
    }
    if let Some(threads) = common.threads {
        trainer = trainer.threads(threads);
    }
    trainer = choices::trainer(trainer, &options.choices)?;
    if options.resume {
        trainer = trainer.resume();
    }
    let run = trainer
        .name(&stem(&options.data))
        .fit(&Table::open(&options.data)?)?;
    let value = serde_json::to_value(run.report()).map_err(|error| {
        Problem::new(Code::Internal, "the summary is no JSON").got(error.to_string())
    })?;
    output.result(&run.summary(), &value)?;
    Ok(judge(&run, options.require))
}

fn judge(run: &Run, require: Option<f64>) -> Done {
    match require {
        Some(limit) if !run.reaches(limit) => {
            let value = run
                .report()
                .result()
                .map_or(f64::NAN, |interval| interval.value);
            super::say_missed(&run.report().metric, value, limit);
            Done::MissedLimit
        }
        _ => Done::Well,
    }
}

fn stem(path: &std::path::Path) -> String {
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let folder = path.parent().and_then(|parent| parent.file_name());
    match folder {
        // `emoji/train.csv` says more as "emoji" than as "train".
        Some(folder) if name == "train" => folder.to_string_lossy().into_owned(),
        _ => name,
    }
}

fn command_line() -> String {
    let quote = |word: String| {
        if word.contains([' ', '"']) {
            format!("{word:?}")
        } else {
            word
        }
    };
    let words = std::env::args()
        .skip(1)
        .map(quote)
        .collect::<Vec<_>>()
        .join(" ");
    format!("multifuse {words}")
}
