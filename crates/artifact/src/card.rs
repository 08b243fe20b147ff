//! The model card: what a person should know before using a model.

use schema::{Role, Task};
use serde_json::Value;

use crate::Manifest;

/// Most class names that are spelled out.
const MOST_CLASSES: usize = 30;

/// A model card in Markdown: what the model predicts and from what, how good it is, what it was trained on, how to
/// use it, and its limits.
///
/// # Source
/// Mitchell et al. 2019, "Model Cards for Model Reporting", arXiv:1810.03993; own selection of its sections.
pub fn card(manifest: &Manifest) -> String {
    let sections = [
        title(manifest),
        inputs(manifest),
        quality(manifest),
        data(manifest),
        parts(manifest),
        usage(manifest),
        limits(manifest),
        notes(manifest),
    ];
    let mut text = sections
        .iter()
        .filter(|section| !section.is_empty())
        .map(|section| section.trim_end())
        .collect::<Vec<_>>()
        .join("\n\n");
    text.push('\n');
    text
}

fn title(manifest: &Manifest) -> String {
    let column = inline(&manifest.target.column);
    let classes = &manifest.target.classes;
    let named = || {
        let shown: Vec<_> = classes
            .iter()
            .take(MOST_CLASSES)
            .map(|class| inline(class))
            .collect();
        let rest = match classes.len().saturating_sub(MOST_CLASSES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{}{rest}", shown.join(", "))
    };
    let what = match manifest.task {
        Task::Binary => format!("one of two classes: {}", named()),
        Task::Class => format!("one of {} classes: {}", classes.len(), named()),
        Task::Multilabel => format!("any of {} labels: {}", classes.len(), named()),
        Task::Regression => "a number, with an interval".to_owned(),
    };
    format!(
        "# Model card: {column}\n\nPredicts the column {column}: {what}.\n\nSaved {} by multifuse {}. Licence: {}.",
        inline(&manifest.created),
        inline(&manifest.multifuse_version),
        manifest
            .licence
            .as_deref()
            .map_or("none given".to_owned(), inline),
    )
}

fn inputs(manifest: &Manifest) -> String {
    let mut text = String::from("## Inputs\n\n| column | kind | use |\n|---|---|---|\n");
    for column in &manifest.columns {
        let role = match column.role {
            Role::Input => "read by the model; may be missing",
            Role::Id => "names the record; copied to predictions, not read by the model",
            _ => "not read by the model",
        };
        text.push_str(&format!(
            "| {} | {} | {role} |\n",
            inline(&column.name),
            column.modality
        ));
    }
    text
}

fn quality(manifest: &Manifest) -> String {
    let metrics = manifest.metrics.get("metrics").unwrap_or(&manifest.metrics);
    let rows: String = metrics
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| metric_row(name, value))
        .collect();
    if rows.is_empty() {
        return "## How good it is\n\nNothing was measured.".to_owned();
    }
    format!(
        "## How good it is\n\nOn {} held-out records. The interval says how far the value would move if others had \
         been held out.\n\n| metric | value | interval |\n|---|---:|---|\n{rows}",
        manifest.data.num_held_out,
    )
}

fn metric_row(name: &str, value: &Value) -> Option<String> {
    let number = |key: &str| value.get(key).and_then(Value::as_f64);
    let (shown, interval) = match (value.as_f64(), number("value")) {
        (Some(alone), _) => (alone, None),
        (None, Some(middle)) => (middle, number("low").zip(number("high"))),
        (None, None) => return None,
    };
    let interval = interval.map_or(String::new(), |(low, high)| {
        format!("{} to {}", short(low), short(high))
    });
    Some(format!(
        "| {} | {} | {interval} |\n",
        inline(name),
        short(shown)
    ))
}

/// Four digits after the point, or four digits in all for large and tiny numbers.
fn short(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-3..1e4).contains(&size) {
        format!("{number:.4}")
    } else {
        format!("{number:.3e}")
    }
}

fn data(manifest: &Manifest) -> String {
    let data = &manifest.data;
    let hash = match &data.sha256 {
        Some(hash) => format!(" SHA-256 of the table: `{}`.", code(hash)),
        None => String::new(),
    };
    format!(
        "## Trained on\n\n{}: {} records learned from, {} held out.{hash}",
        inline(&data.name),
        data.num_records,
        data.num_held_out,
    )
}

fn parts(manifest: &Manifest) -> String {
    let mut text =
        String::from("## Parts\n\n| part | kind | numbers | bytes |\n|---|---|---:|---:|\n");
    for part in &manifest.parts {
        let bytes: u64 = part.files.iter().map(|file| file.num_bytes).sum();
        text.push_str(&format!(
            "| {} | {} | {} | {bytes} |\n",
            inline(&part.name),
            inline(&part.kind),
            part.num_values,
        ));
    }
    text
}

fn usage(manifest: &Manifest) -> String {
    let columns = manifest.columns.iter();
    let names: Vec<_> = columns
        .filter(|column| column.role == Role::Input)
        .map(|column| inline(&column.name))
        .collect();
    format!(
        "## How to use it\n\nGive a CSV, TSV, JSON lines or Parquet table with the columns {}; paths of pictures are \
         relative to the table.\n\n```sh\nmultifuse predict ARTIFACT records.csv --out predictions.csv\n```",
        names.join(", "),
    )
}

fn limits(manifest: &Manifest) -> String {
    let kind = match manifest.task {
        Task::Binary | Task::Class => {
            "It always answers with one of its classes, also for a record that belongs to none of them."
        }
        Task::Multilabel => "It knows no other labels than its own.",
        Task::Regression => {
            "Far outside the range of the training targets its numbers are guesses."
        }
    };
    format!(
        "## Limits\n\n- It has seen {} records; records of another origin, time or language may fare worse than the \
         table above says.\n- {kind}\n- Each input that a record lacks makes the answer less sure; a record with no \
         input gets what is most usual in the training data.\n- Nobody has checked it for fairness between groups of \
         people unless the notes say so.",
        manifest.data.num_records,
    )
}

fn notes(manifest: &Manifest) -> String {
    if manifest.notes.trim().is_empty() {
        String::new()
    } else {
        format!("## Notes\n\n{}", manifest.notes.trim())
    }
}

/// A name in running text or a table cell: on one line, with nothing that Markdown or HTML would act on.
fn inline(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            c if c.is_control() => escaped.push(' '),
            '\\' | '`' | '*' | '[' | ']' | '|' | '#' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A text within back quotes.
fn code(text: &str) -> String {
    let is_kept = |c: &char| !c.is_control() && *c != '`';
    text.chars().filter(is_kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile::example_manifest;

    #[test]
    fn says_what_how_good_and_from_what() {
        let text = card(&example_manifest());
        for expected in [
            "# Model card: label\n",
            "one of two classes: cat, dog",
            "| text | text | read by the model; may be missing |",
            "| accuracy | 0.9100 | 0.8800 to 0.9400 |",
            "| log_loss | 1.200e-4 |  |",
            "On 200 held-out records",
            "posts.csv: 800 records learned from",
            "| joint | network | 6 |",
            "the columns text, image;",
            "Licence: CC-BY-4.0",
            "## Notes\n\nCats only from one street.",
        ] {
            assert!(text.contains(expected), "no {expected:?} in\n{text}");
        }
    }

    #[test]
    fn names_cannot_break_out_of_their_place() {
        let mut manifest = example_manifest();
        manifest.columns[0].name = "a|b\n<script>".into();
        let text = card(&manifest);
        assert!(text.contains("| a\\|b &lt;script> | text |"), "{text}");
    }
}
