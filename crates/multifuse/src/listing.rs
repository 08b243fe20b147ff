//! Everything that can be named in a configuration, from the registries of all rooms.

use schema::{Modality, Task};

use crate::template::TEMPLATES;

/// One kind of name.
pub struct Section {
    /// What is listed, such as `encoders`.
    pub name: &'static str,
    /// Names, each with one sentence.
    pub entries: Vec<(String, String)>,
}

/// Everything that can be named.
pub fn listing() -> Vec<Section> {
    let section = |name, entries: Vec<(&str, String)>| Section {
        name,
        entries: entries
            .into_iter()
            .map(|(name, about)| (name.to_owned(), about))
            .collect(),
    };
    let modalities =
        |list: &[Modality]| list.iter().map(|m| m.name()).collect::<Vec<_>>().join(", ");
    let tasks = |list: &[Task]| {
        list.iter()
            .map(|task| task.name())
            .collect::<Vec<_>>()
            .join(", ")
    };
    vec![
        section(
            "experts",
            expert::registry::KINDS
                .iter()
                .map(|kind| (kind.name(), kind.about().to_owned()))
                .collect(),
        ),
        section(
            "encoders",
            nn::encoder::ENCODERS
                .iter()
                .map(|row| {
                    (
                        row.name,
                        format!("{} (reads {})", row.about, modalities(row.modalities)),
                    )
                })
                .collect(),
        ),
        section(
            "fusions",
            nn::fusion::FUSIONS
                .iter()
                .map(|row| (row.name, row.about.to_owned()))
                .collect(),
        ),
        section(
            "heads",
            nn::head::HEADS
                .iter()
                .map(|row| (row.name(), row.about.to_owned()))
                .collect(),
        ),
        section(
            "losses",
            nn::loss::LOSSES
                .iter()
                .map(|row| (row.name, row.about.to_owned()))
                .collect(),
        ),
        section(
            "schedules",
            train::SCHEDULES
                .iter()
                .map(|(name, about)| (*name, (*about).to_owned()))
                .collect(),
        ),
        section(
            "optimizers",
            train::OPTIMIZERS
                .iter()
                .map(|(name, about)| (*name, (*about).to_owned()))
                .collect(),
        ),
        section(
            "metrics",
            metrics::all()
                .iter()
                .map(|metric| {
                    (
                        metric.name(),
                        format!("{} ({})", metric.about(), tasks(metric.tasks())),
                    )
                })
                .collect(),
        ),
        section(
            "modalities",
            Modality::ALL
                .iter()
                .map(|m| (m.name(), about_modality(*m).to_owned()))
                .collect(),
        ),
        section(
            "samples",
            data::sample::sets()
                .iter()
                .map(|set| (set.name(), set.about().to_owned()))
                .collect(),
        ),
        section(
            "templates",
            TEMPLATES
                .iter()
                .map(|template| (template.name, template.about.to_owned()))
                .collect(),
        ),
    ]
}

fn about_modality(modality: Modality) -> &'static str {
    match modality {
        Modality::Text => "words, sentences, documents",
        Modality::Image => {
            "PNG, JPEG, WebP, GIF, BMP or TIFF: a path relative to the table, or bytes in it"
        }
        Modality::Number => "a finite number; empty for missing",
        Modality::Category => "one of few values",
        Modality::Date => "a day or a moment, ISO 8601 and common forms",
    }
}
