//! The end of the page: how the networks learned, what the model consists of, where the time went.

use crate::{
    EpochPoint, LearningCurve, RunSummary,
    chart::{Bar, Scale, Series, bar, curves as draw},
    number::{count, duration, value},
    sentence,
};

/// The curves of one network.
pub(super) struct CurveView<'a> {
    /// Name of the expert.
    pub(super) name: &'a str,
    /// What happened, in a sentence.
    pub(super) note: String,
    /// Training and validation loss over epochs.
    pub(super) loss: Option<String>,
    /// The run's metric over epochs.
    pub(super) metric: Option<String>,
    /// Learning rate over epochs.
    pub(super) rate: Option<String>,
}

/// One row of the table of voices.
pub(super) struct VoiceRow {
    /// Its name.
    pub(super) name: String,
    /// What it listens to.
    pub(super) inputs: String,
    /// Its weight.
    pub(super) weight: String,
    /// The weight as a bar.
    pub(super) bar: String,
    /// What it reaches alone.
    pub(super) alone: String,
}

/// One row of the table of parts.
pub(super) struct PartRow {
    /// Expert, part, kind, shape, parameters.
    pub(super) cells: [String; 5],
}

/// One row of the table of times.
pub(super) struct TimingRow {
    /// What was done.
    pub(super) part: String,
    /// How long it took.
    pub(super) time: String,
    /// The time as a bar.
    pub(super) bar: String,
}

pub(super) fn curves(summary: &RunSummary) -> Vec<CurveView<'_>> {
    summary
        .curves
        .iter()
        .map(|curve| curve_view(summary, curve))
        .collect()
}

fn curve_view<'a>(summary: &RunSummary, curve: &'a LearningCurve) -> CurveView<'a> {
    let points = |pick: &dyn Fn(&EpochPoint) -> Option<f64>| -> Vec<(usize, f64)> {
        let point = |epoch: &EpochPoint| Some((epoch.epoch, pick(epoch)?));
        curve.epochs.iter().filter_map(point).collect()
    };
    let series = |name, class, points| Series {
        class,
        points,
        name,
    };
    let kept = curve.best_epoch;
    let metric = sentence::metric_name(&summary.metric);
    let loss = [
        series("training", "train", points(&|epoch| epoch.train_loss)),
        series("held-out", "valid", points(&|epoch| epoch.validation_loss)),
    ];
    let metric_series = [series(&metric, "score", points(&|epoch| epoch.metric))];
    let rate_series = [series(
        "learning rate",
        "rate",
        points(&|epoch| Some(epoch.learning_rate)),
    )];
    CurveView {
        name: &curve.name,
        note: curve_note(curve),
        loss: draw("Loss", &loss, kept),
        metric: draw(&sentence::capitalised(&metric), &metric_series, kept),
        rate: draw("Learning rate", &rate_series, None),
    }
}

fn curve_note(curve: &LearningCurve) -> String {
    let mut note = format!("{} epochs", curve.epochs.len());
    if let Some(best) = curve.best_epoch {
        note += &format!("; the weights of epoch {best} were kept");
    }
    if !curve.stopped_by.is_empty() {
        note += &format!("; stopped: {}", curve.stopped_by);
    }
    note + "."
}

/// Loudest first.
pub(super) fn voices(summary: &RunSummary) -> Vec<VoiceRow> {
    let mut voices: Vec<_> = summary.voices.iter().collect();
    voices.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    let scale = Scale::fit(voices.iter().map(|voice| voice.weight), false);
    voices
        .iter()
        .map(|voice| VoiceRow {
            name: voice.name.clone(),
            inputs: voice.inputs.join(", "),
            weight: crate::number::fixed(voice.weight, 2),
            bar: bar(
                Bar {
                    value: voice.weight,
                    interval: None,
                    class: "own",
                },
                scale,
            ),
            alone: voice
                .alone
                .map_or_else(String::new, |alone| value(alone.value)),
        })
        .collect()
}

pub(super) fn parts(summary: &RunSummary) -> Vec<PartRow> {
    summary
        .plan
        .iter()
        .map(|part| {
            let shape: Vec<String> = part.shape.iter().map(|length| count(*length)).collect();
            let [expert, name, kind] = [&part.expert, &part.name, &part.kind].map(Clone::clone);
            PartRow {
                cells: [
                    expert,
                    name,
                    kind,
                    shape.join(" \u{d7} "),
                    count(part.num_parameters),
                ],
            }
        })
        .collect()
}

pub(super) fn timings(summary: &RunSummary) -> Vec<TimingRow> {
    let scale = Scale::fit(summary.timings.iter().map(|timing| timing.secs), false);
    summary
        .timings
        .iter()
        .map(|timing| TimingRow {
            part: timing.part.clone(),
            time: duration(timing.secs),
            bar: bar(
                Bar {
                    value: timing.secs,
                    interval: None,
                    class: "other",
                },
                scale,
            ),
        })
        .collect()
}
