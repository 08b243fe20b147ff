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
    let heads = nn::head::HEADS.iter().map(|row| (row.name(), row.about));
    let modalities = Modality::ALL
        .iter()
        .map(|modality| (modality.name(), about_modality(*modality)));
    vec![
        section(
            "experts",
            expert::registry::KINDS
                .iter()
                .map(|kind| (kind.name(), kind.about())),
        ),
        encoders(),
        section(
            "fusions",
            nn::fusion::FUSIONS.iter().map(|row| (row.name, row.about)),
        ),
        section("heads", heads),
        section(
            "losses",
            nn::loss::LOSSES.iter().map(|row| (row.name, row.about)),
        ),
        section("schedules", train::SCHEDULES.into_iter()),
        section("optimizers", train::OPTIMIZERS.into_iter()),
        metrics(),
        section("modalities", modalities),
        section(
            "samples",
            data::sample::sets()
                .iter()
                .map(|set| (set.name(), set.about())),
        ),
        section(
            "templates",
            TEMPLATES
                .iter()
                .map(|template| (template.name, template.about)),
        ),
    ]
}

fn section<'a>(name: &'static str, rows: impl Iterator<Item = (&'a str, &'a str)>) -> Section {
    let entries = rows
        .map(|(name, about)| (name.to_owned(), about.to_owned()))
        .collect();
    Section { name, entries }
}

/// Encoders, each with the modalities that it reads.
fn encoders() -> Section {
    let entry = |row: &nn::encoder::EncoderRow| {
        let modalities: Vec<&str> = row
            .modalities
            .iter()
            .map(|modality| modality.name())
            .collect();
        (
            row.name.to_owned(),
            format!("{} (reads {})", row.about, modalities.join(", ")),
        )
    };
    Section {
        name: "encoders",
        entries: nn::encoder::ENCODERS.iter().map(entry).collect(),
    }
}

/// Metrics, each with the tasks that it judges.
fn metrics() -> Section {
    let entry = |metric: &&'static dyn metrics::Metric| {
        let tasks: Vec<&str> = metric.tasks().iter().copied().map(Task::name).collect();
        (
            metric.name().to_owned(),
            format!("{} ({})", metric.about(), tasks.join(", ")),
        )
    };
    Section {
        name: "metrics",
        entries: metrics::all().iter().map(entry).collect(),
    }
}

fn about_modality(modality: Modality) -> &'static str {
    match modality {
        Modality::Text => "words, sentences, documents",
        Modality::Image => {
            "PNG, JPEG, WebP, GIF, BMP or TIFF: a path relative to the table, or bytes in it"
        }
        Modality::Audio => {
            "WAV, FLAC, Ogg, MP3, AAC or M4A, or a video with sound: a path relative to the table, or bytes in it"
        }
        Modality::Video => {
            "AVI (Motion JPEG), GIF, WebP, APNG, a folder of frames; MP4, WebM, MKV where ffmpeg is installed"
        }
        Modality::Series => {
            "NumPy .npy, CSV, EDF or WFDB: a path; or a list of numbers in the table"
        }
        Modality::Volume => {
            "NIfTI, or DICOM of several frames: a path relative to the table, or bytes in it"
        }
        Modality::Number => "a finite number; empty for missing",
        Modality::Category => "one of few values",
        Modality::Date => "a day or a moment, ISO 8601 and common forms",
    }
}
