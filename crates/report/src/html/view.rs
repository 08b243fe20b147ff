//! The top of the page: headline, facts, what simpler answers reach, what inputs are worth, mistakes.

use metrics::Interval;
use schema::Modality;

use crate::{
    BaselineKind, Mistake, RunSummary, Shown,
    chart::{Bar, Scale, bar},
    number::{count, counted, duration, of_hundred, range, short_count, signed, value},
    sentence,
};

/// Most inputs whose worth is drawn.
const MOST_INPUTS: usize = 20;

/// The result in large letters.
pub(super) struct Headline {
    /// Whether it needs smaller letters.
    pub(super) is_long: bool,
    /// The value.
    pub(super) value: String,
    /// Its interval.
    pub(super) range: String,
    /// Where it lies between the worst and the best, as a bar.
    pub(super) bar: String,
}

/// One entry of the strip below the verdict.
pub(super) struct Fact {
    /// What it is.
    pub(super) name: &'static str,
    /// What it says.
    pub(super) text: String,
}

/// One row of a bar chart.
pub(super) struct BarRow {
    /// What it is about.
    pub(super) name: String,
    /// A few words more.
    pub(super) note: String,
    /// The bar, as SVG.
    pub(super) bar: String,
    /// The value.
    pub(super) value: String,
    /// Its interval; may be empty.
    pub(super) range: String,
    /// Whether it is the model itself.
    pub(super) is_own: bool,
}

/// One picture of a record.
pub(super) struct PictureView<'a> {
    /// Its column.
    pub(super) column: &'a str,
    /// What is seen, such as `frames of a video`.
    pub(super) about: &'static str,
    /// Address of the picture.
    pub(super) address: String,
    /// Whether it takes the whole width of the card.
    pub(super) is_wide: bool,
}

/// One card among the mistakes.
pub(super) struct MistakeView<'a> {
    /// The record.
    pub(super) mistake: &'a Mistake,
    /// Its pictures.
    pub(super) pictures: Vec<PictureView<'a>>,
    /// How sure the model was.
    pub(super) sure: String,
}

impl MistakeView<'_> {
    /// Whether a picture stands beside what is right and wrong.
    pub(super) fn has_small(&self) -> bool {
        self.pictures.iter().any(|picture| !picture.is_wide)
    }
}

pub(super) fn headline(summary: &RunSummary) -> Option<Headline> {
    let result = summary.result()?;
    let scale = Scale::fit(values(summary), is_share(summary));
    let value = value(result.value);
    Some(Headline {
        is_long: value.len() > 6,
        value,
        range: range(result),
        bar: bar(own_bar(result), scale),
    })
}

fn own_bar(interval: Interval) -> Bar {
    Bar {
        value: interval.value,
        interval: Some((interval.low, interval.high)),
        class: "own",
    }
}

/// The metric and what it is, in the words of the metrics room.
pub(super) fn metric_about(summary: &RunSummary) -> String {
    let name = sentence::metric_name(&summary.metric);
    match metrics::by_name(&summary.metric).map(|metric| metric.about()) {
        Ok(about) if about.to_lowercase().starts_with(&name.to_lowercase()) => {
            sentence::capitalised(about)
        }
        Ok(about) => format!("{}: {about}", sentence::capitalised(&name)),
        Err(_) => sentence::capitalised(&name),
    }
}

pub(super) fn facts(summary: &RunSummary) -> Vec<Fact> {
    let inputs: Vec<String> = summary
        .inputs
        .iter()
        .map(|column| format!("{} ({})", column.name, column.modality))
        .collect();
    let mut records = format!(
        "{} fitted on, {} held out",
        count(summary.num_fit),
        count(summary.num_held_out)
    );
    if let Some(test) = &summary.test {
        records += &format!(", {} test", count(test.evaluation.num_records));
    }
    let mut target = summary.target.clone();
    if !summary.classes.is_empty() {
        target += &format!(" ({} classes)", count(summary.classes.len()));
    }
    let mut facts = vec![
        Fact {
            name: "Predicts",
            text: target,
        },
        Fact {
            name: "From",
            text: inputs.join(", "),
        },
        Fact {
            name: "Records",
            text: records,
        },
        Fact {
            name: "Trained in",
            text: duration(summary.total_secs),
        },
        Fact {
            name: "Parameters",
            text: short_count(summary.num_parameters()),
        },
    ];
    facts.retain(|fact| !fact.text.is_empty() && fact.text != "0");
    facts
}

/// Whether the run's metric lies between 0 and 1 with 1 as the best.
fn is_share(summary: &RunSummary) -> bool {
    !matches!(
        summary.metric.as_str(),
        "log_loss" | "brier" | "mae" | "rmse" | "r2"
    )
}

/// Every value that the bars of baselines share a scale with.
fn values(summary: &RunSummary) -> Vec<f64> {
    let baselines = summary
        .judgement()
        .baselines
        .iter()
        .map(|baseline| baseline.interval);
    summary
        .result()
        .into_iter()
        .chain(baselines)
        .flat_map(|interval| [interval.value, interval.low, interval.high])
        .collect()
}

/// The model, then the baselines from best to worst.
pub(super) fn baselines(summary: &RunSummary) -> Vec<BarRow> {
    let scale = Scale::fit(values(summary), is_share(summary));
    let row = |name: &str, note: &str, interval: Interval, is_own: bool| {
        let class = if is_own { "own" } else { "other" };
        BarRow {
            name: name.to_owned(),
            note: note.to_owned(),
            bar: bar(
                Bar {
                    class,
                    ..own_bar(interval)
                },
                scale,
            ),
            value: value(interval.value),
            range: range(interval),
            is_own,
        }
    };
    let mut others: Vec<_> = summary.judgement().baselines.iter().collect();
    let sign = if summary.higher_is_better() {
        -1.0
    } else {
        1.0
    };
    others.sort_by(|a, b| (sign * a.interval.value).total_cmp(&(sign * b.interval.value)));
    let own = summary
        .result()
        .map(|result| row("This model", "all inputs", result, true));
    let others = others.into_iter().map(|baseline| {
        row(
            &baseline.name,
            kind_note(baseline.kind),
            baseline.interval,
            false,
        )
    });
    own.into_iter().chain(others).collect()
}

fn kind_note(kind: BaselineKind) -> &'static str {
    match kind {
        BaselineKind::Constant => "the same answer for every record",
        BaselineKind::SingleInput => "one input only",
        BaselineKind::EqualMean => "every voice counts the same",
        BaselineKind::Voice => "one voice of the model",
    }
}

/// How much worse the model gets without each input, most valuable first.
pub(super) fn worth(summary: &RunSummary) -> Vec<BarRow> {
    let mut inputs: Vec<_> = summary.judgement().worth.iter().collect();
    let gain = |worth: &&crate::Worth| sentence::worth_value(summary, worth);
    inputs.sort_by(|a, b| gain(b).total_cmp(&gain(a)));
    let interval = |worth: &crate::Worth| {
        worth
            .paired
            .map(|paired| summary.better(paired.low, paired.high))
    };
    inputs.truncate(MOST_INPUTS);
    let ends = inputs.iter().flat_map(|worth| {
        let (low, high) = interval(worth).unwrap_or_default();
        [gain(worth), low, high]
    });
    let scale = Scale::fit(ends, false);
    let size = summary.result().map_or(1.0, |result| result.value);
    inputs
        .iter()
        .map(|worth| {
            let interval = interval(worth);
            let class = match sentence::is_worth_shown(summary, worth) {
                Some(false) => "other",
                _ => "worth",
            };
            BarRow {
                name: worth.input.clone(),
                note: format!("{}; without it {}", worth.modality, value(worth.without)),
                bar: bar(
                    Bar {
                        value: gain(worth),
                        interval,
                        class,
                    },
                    scale,
                ),
                value: signed(gain(worth), size),
                range: interval.map_or_else(String::new, |(low, high)| {
                    format!("{} to {}", signed(low, size), signed(high, size))
                }),
                is_own: false,
            }
        })
        .collect()
}

pub(super) fn mistakes(summary: &RunSummary) -> Vec<MistakeView<'_>> {
    summary.mistakes.iter().map(mistake_view).collect()
}

fn mistake_view(mistake: &Mistake) -> MistakeView<'_> {
    MistakeView {
        pictures: mistake.pictures.iter().map(picture).collect(),
        sure: mistake.probability.map_or_else(String::new, |probability| {
            format!("{} % sure", of_hundred(probability))
        }),
        mistake,
    }
}

fn picture(shown: &Shown) -> PictureView<'_> {
    PictureView {
        column: &shown.column,
        about: match shown.modality {
            Modality::Video => "frames of a video",
            Modality::Audio => "spectrogram of a sound",
            Modality::Series => "lines of a series",
            Modality::Volume => "slices of a volume",
            _ => "picture",
        },
        address: shown.thumbnail.data_url(),
        is_wide: shown.thumbnail.is_wide(),
    }
}

/// A count of records in words.
pub(super) fn records(number: usize) -> String {
    counted(number, "record")
}
