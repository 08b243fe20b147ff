//! Bars on sounds, videos, series and X-rays: on the test table, over folds, beside one modality alone, under noise.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Bar, Limit, Options, Row, noise, tables};
use crate::release::output;

/// Bars like those of words and pictures.
pub(super) const BARS: [Bar; 3] = [
    Bar {
        name: "digits",
        set: "av_digits",
        target: "label",
        inputs: "image,audio",
        time_limit_secs: 120.0,
        metric: "accuracy",
        limit: Limit::AtLeast(0.995),
        stretch: "1.000",
    },
    Bar {
        name: "digits-image",
        set: "av_digits",
        target: "label",
        inputs: "image",
        time_limit_secs: 120.0,
        metric: "accuracy",
        limit: Limit::AtLeast(0.975),
        stretch: "0.977 (sketch)",
    },
    Bar {
        name: "digits-audio",
        set: "av_digits",
        target: "label",
        inputs: "audio",
        time_limit_secs: 120.0,
        metric: "accuracy",
        limit: Limit::AtLeast(0.985),
        stretch: "0.992 (sketch)",
    },
];

/// A bar measured by cross-validation over groups.
struct Folded {
    name: &'static str,
    set: &'static str,
    /// Tables whose records are cut into folds.
    files: &'static [&'static str],
    group: &'static str,
    target: &'static str,
    inputs: &'static str,
    time_limit_secs: f64,
    accuracy: f64,
    macro_f1: Option<f64>,
    stretch: &'static str,
    /// Whether one more run trains on the training table and is judged on the test table, without a bar.
    reports_test: bool,
}

impl Folded {
    fn trial<'a>(&self, folder: &'a Path) -> Trial<'a> {
        Trial {
            folder,
            target: self.target,
            inputs: self.inputs,
            group: Some(self.group),
            time_limit_secs: self.time_limit_secs,
        }
    }
}

const FOLDED: [Folded; 2] = [
    Folded {
        name: "ecg",
        set: "ecg_beats",
        files: &["train.csv"],
        group: "record",
        target: "label",
        inputs: "signal,rr_prev_s,rr_next_s,age,sex,note",
        time_limit_secs: 120.0,
        accuracy: 0.79,
        macro_f1: Some(0.68),
        stretch: "0.82 / 0.72",
        reports_test: true,
    },
    Folded {
        name: "covid",
        set: "covid_cxr",
        files: &["train.csv", "test.csv"],
        group: "patient",
        target: "label",
        inputs: "image,clinical_notes,sex,age,offset_days,view,temperature_c,po2_saturation,leukocyte_count,lymphocyte_count",
        time_limit_secs: 60.0,
        accuracy: 0.80,
        macro_f1: None,
        stretch: "",
        reports_test: false,
    },
];

/// A bar that both modalities together must reach, and by how much they must beat the sound alone.
struct Beside {
    name: &'static str,
    /// Signal to noise in the sound, in decibels; none for the sound as it is.
    snr_db: Option<f64>,
    limit: f64,
    margin: f64,
    stretch: &'static str,
}

const BESIDE: [Beside; 2] = [
    Beside {
        name: "grid",
        snr_db: None,
        limit: 0.97,
        margin: 0.0,
        stretch: "0.992 (sketch)",
    },
    Beside {
        name: "grid-noise",
        snr_db: Some(-8.0),
        limit: 0.60,
        margin: 0.03,
        stretch: "",
    },
];

const NUM_FOLDS: usize = 5;
const GRID_SECS: f64 = 300.0;

/// Every bar of this file.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let like = BARS.iter().map(|bar| bar.name);
    let folded = FOLDED.iter().map(|bar| bar.name);
    like.chain(folded).chain(BESIDE.iter().map(|bar| bar.name))
}

/// Measures those bars that are wanted and are not like the bars of words and pictures.
pub(super) fn run(
    wanted: &dyn Fn(&str) -> bool,
    binary: &Path,
    work: &Path,
    options: &Options,
) -> Result<Vec<Row>, String> {
    let lab = Lab {
        binary,
        work,
        options,
    };
    let mut rows = Vec::new();
    for bar in FOLDED.iter().filter(|bar| wanted(bar.name)) {
        rows.push(lab.folded(bar)?);
    }
    for bar in BESIDE.iter().filter(|bar| wanted(bar.name)) {
        rows.push(lab.beside(bar)?);
    }
    Ok(rows)
}

/// What to train on and what to judge with.
struct Trial<'a> {
    folder: &'a Path,
    target: &'a str,
    inputs: &'a str,
    group: Option<&'a str>,
    time_limit_secs: f64,
}

/// What a trial gave.
struct Outcome {
    secs: f64,
    truth: Vec<String>,
    said: Vec<String>,
}

impl Outcome {
    fn accuracy(&self) -> f64 {
        tables::scores(&self.truth, &self.said).0
    }
}

struct Lab<'a> {
    binary: &'a Path,
    work: &'a Path,
    options: &'a Options,
}

impl Lab<'_> {
    /// Trains on `train.csv` of a folder and answers its `test.csv`.
    fn trial(&self, trial: &Trial<'_>) -> Result<Outcome, String> {
        let text = |path: PathBuf| path.display().to_string();
        let table = text(trial.folder.join("train.csv"));
        let test = text(trial.folder.join("test.csv"));
        let run = text(self.work.join("run"));
        let answers = text(self.work.join("answers.csv"));
        let limit = trial.time_limit_secs.to_string();
        let _ = fs::remove_dir_all(&run);
        let mut arguments = vec![
            "train",
            &table,
            "--target",
            trial.target,
            "--inputs",
            trial.inputs,
        ];
        arguments.extend([
            "--time-limit",
            &limit,
            "--out",
            &run,
            "--seed",
            &self.options.seed,
        ]);
        arguments.push("--quiet");
        if let Some(group) = trial.group {
            arguments.extend(["--group-by", group]);
        }
        let (secs, _) = output(self.binary, &arguments)?;
        output(
            self.binary,
            &["predict", &run, &test, "--out", &answers, "--quiet"],
        )?;
        let cells = |path: &str, column: &str| -> Result<Vec<String>, String> {
            let path = Path::new(path);
            let folder = path.parent().unwrap_or(Path::new("."));
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let records = tables::Records::read(folder, &[&file])?;
            Ok(records
                .cells(column)?
                .into_iter()
                .map(str::to_owned)
                .collect())
        };
        let outcome = Outcome {
            secs,
            truth: cells(&test, trial.target)?,
            said: cells(&answers, "prediction")?,
        };
        if outcome.truth.len() != outcome.said.len() {
            return Err(format!(
                "{answers}: not one answer for each record of {test}"
            ));
        }
        eprintln!("   accuracy {:.4} in {secs:.0} s", outcome.accuracy());
        Ok(outcome)
    }

    /// One training for each fold: accuracy of each, the longest seconds, and all answers together.
    fn folds(&self, bar: &Folded, folder: &Path) -> Result<(Vec<f64>, Outcome), String> {
        let records = tables::Records::read(folder, bar.files)?;
        let fold_of = tables::folds(
            &records.cells(bar.group)?,
            &records.cells(bar.target)?,
            NUM_FOLDS,
        );
        let out = self.work.join(bar.name);
        fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
        let mut accuracies = Vec::new();
        let mut all = Outcome {
            secs: 0.0,
            truth: Vec::new(),
            said: Vec::new(),
        };
        for fold in 0..NUM_FOLDS {
            let (test, train): (Vec<usize>, Vec<usize>) =
                (0..fold_of.len()).partition(|record| fold_of[*record] == fold);
            records.write(&out.join("train.csv"), &train)?;
            records.write(&out.join("test.csv"), &test)?;
            let outcome = self.trial(&bar.trial(&out))?;
            accuracies.push(outcome.accuracy());
            all.secs = all.secs.max(outcome.secs);
            all.truth.extend(outcome.truth);
            all.said.extend(outcome.said);
        }
        Ok((accuracies, all))
    }

    fn folded(&self, bar: &Folded) -> Result<Row, String> {
        let folder = self.options.data.join(bar.set);
        let (accuracies, Outcome { secs, truth, said }) = self.folds(bar, &folder)?;
        let (accuracy, macro_f1) = tables::scores(&truth, &said);
        let mut value = format!(
            "accuracy {accuracy:.4} (s.d. over folds {:.3}), macro F1 {macro_f1:.4}",
            tables::deviation(&accuracies)
        );
        if bar.reports_test {
            let outcome = self.trial(&bar.trial(&folder))?;
            let (accuracy, macro_f1) = tables::scores(&outcome.truth, &outcome.said);
            value.push_str(&format!(
                "; test table {accuracy:.4} / {macro_f1:.4}, no bar"
            ));
        }
        let limit = match bar.macro_f1 {
            Some(macro_f1) => format!("at least {} / {macro_f1}", bar.accuracy),
            None => format!("at least {}", bar.accuracy),
        };
        Ok(Row {
            name: bar.name.to_owned(),
            command: format!(
                "{NUM_FOLDS} folds by {} of {}/{}: train --target {} --inputs {} --group-by {} --time-limit {}",
                bar.group,
                bar.set,
                bar.files.join("+"),
                bar.target,
                bar.inputs,
                bar.group,
                bar.time_limit_secs
            ),
            value,
            limit,
            stretch: bar.stretch.to_owned(),
            secs,
            holds: accuracy >= bar.accuracy
                && bar.macro_f1.is_none_or(|limit| macro_f1 >= limit)
                && secs <= bar.time_limit_secs * 1.1,
        })
    }

    fn beside(&self, bar: &Beside) -> Result<Row, String> {
        let clean = self.options.data.join("grid_av");
        let noisy = self.work.join(bar.name);
        let folder = match bar.snr_db {
            None => &clean,
            Some(snr_db) => {
                let tables = (&["train.csv", "test.csv"][..], "audio");
                noise::noisy_tables(&clean, &noisy, tables, snr_db)?;
                &noisy
            }
        };
        let trial = |inputs| {
            self.trial(&Trial {
                folder,
                target: "digit",
                inputs,
                group: None,
                time_limit_secs: GRID_SECS,
            })
        };
        let (alone, both) = (trial("audio")?, trial("video,audio")?);
        let (sound, fused) = (alone.accuracy(), both.accuracy());
        let noise = bar.snr_db.map_or(String::new(), |snr_db| {
            format!(", white noise at {snr_db} dB in the sound of both tables")
        });
        let beats = match bar.margin > 0.0 {
            true => format!(", {} above the sound alone", bar.margin),
            false => ", never below the sound alone".to_owned(),
        };
        Ok(Row {
            name: bar.name.to_owned(),
            command: format!(
                "train grid_av/train.csv --target digit --inputs video,audio --time-limit {GRID_SECS}{noise}"
            ),
            value: format!("accuracy {fused:.4}, the sound alone {sound:.4}"),
            limit: format!("at least {}{beats}", bar.limit),
            stretch: bar.stretch.to_owned(),
            secs: both.secs,
            holds: fused >= bar.limit
                && fused >= sound + bar.margin
                && both.secs <= GRID_SECS * 1.1,
        })
    }
}
