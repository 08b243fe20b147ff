//! The report as one HTML file: styles, pictures and charts inside, nothing to fetch.
//!
//! The template only places what the `view` types hold; everything that a user provides goes through the template's
//! escaping, and what is inserted as markup comes from [`crate::chart`], which escapes for itself.

mod model;
mod score;
mod view;

use askama::Template;

use crate::{FusionVerdict, RunSummary, sentence};
use model::{CurveView, PartRow, TimingRow, VoiceRow};
use score::{ClassRow, MetricTable, PresenceRow};
use view::{BarRow, Fact, Headline, MistakeView};

/// The whole page.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    summary: &'a RunSummary,
    headline: Option<Headline>,
    result: String,
    against_constant: String,
    fusion_title: &'static str,
    fusion: String,
    caution: String,
    tone: &'static str,
    facts: Vec<Fact>,
    metric_name: String,
    metric_about: String,
    records_name: &'static str,
    baselines: Vec<BarRow>,
    worth: Vec<BarRow>,
    presence: Vec<PresenceRow>,
    metric_tables: Vec<MetricTable>,
    classes: Vec<ClassRow>,
    heat: Option<String>,
    confusions: Vec<String>,
    mistakes: Vec<MistakeView<'a>>,
    curves: Vec<CurveView<'a>>,
    voices: Vec<VoiceRow>,
    parts: Vec<PartRow>,
    timings: Vec<TimingRow>,
    skipped: String,
}

/// The report as one self-contained HTML file: it needs no network and runs no script.
pub fn html(summary: &RunSummary) -> String {
    rendered(&page(summary))
}

fn rendered(page: &Page<'_>) -> String {
    page.render()
        .expect("no part of the template can fail while it is written into a string")
}

fn page(summary: &RunSummary) -> Page<'_> {
    let evaluation = &summary.judgement().evaluation;
    Page {
        headline: view::headline(summary),
        result: sentence::result(summary),
        against_constant: sentence::against_constant(summary),
        fusion_title: sentence::fusion_title(summary.fusion_verdict()),
        fusion: sentence::fusion(summary),
        caution: sentence::caution(summary).replace('`', "\""),
        tone: tone(summary),
        facts: view::facts(summary),
        metric_name: sentence::capitalised(&sentence::metric_name(&summary.metric)),
        metric_about: view::metric_about(summary),
        records_name: summary.records_name(),
        baselines: view::baselines(summary),
        worth: view::worth(summary),
        presence: score::presence(summary),
        metric_tables: score::metric_tables(summary),
        classes: score::classes(evaluation),
        heat: crate::chart::heat(&summary.classes, &evaluation.confusion),
        confusions: score::confusions(&summary.classes, &evaluation.confusion),
        mistakes: view::mistakes(summary),
        curves: model::curves(summary),
        voices: model::voices(summary),
        parts: model::parts(summary),
        timings: model::timings(summary),
        skipped: sentence::skipped(&summary.skipped),
        summary,
    }
}

/// Colour of the verdict.
fn tone(summary: &RunSummary) -> &'static str {
    if summary.beats_constant() == Some(false) {
        return "bad";
    }
    match summary.fusion_verdict() {
        FusionVerdict::Helps => "good",
        FusionVerdict::Hurts => "bad",
        FusionVerdict::NotShown => "warn",
        FusionVerdict::OneInput | FusionVerdict::Untested => "plain",
    }
}
