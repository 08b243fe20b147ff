//! A configuration as a person edits it: every setting with its value, those that all runs share with a comment.

use schema::{Config, Problem};

/// What the settings that all runs share do, by their line in the configuration.
const COMMENTS: &[(&str, &str)] = &[
    (
        "[data]",
        "What is learned from. Not set: target, task, inputs, group_by, time_by, weight, memory_limit.",
    ),
    (
        "train",
        "the table, for `multifuse plan` with this file alone",
    ),
    ("target", "the column to predict"),
    ("task", "binary, class, multilabel or regression"),
    ("inputs", "the columns that the model reads"),
    (
        "validation",
        "held-out records: a fraction, or the path of a table",
    ),
    (
        "on_bad",
        "a record that cannot be read: skip (and count), or fail",
    ),
    (
        "cache_mib",
        "most memory for decoded media, in MiB; further ones lie in a temporary file",
    ),
    (
        "cache_disk_mib",
        "most room for that file, in MiB, and half of what is free; further ones are decoded again",
    ),
    (
        "memory_limit",
        "most memory of the process, such as 1GiB; bounds cache_mib and max_rows",
    ),
    (
        "group_by",
        "records that share its value stay on one side of every split",
    ),
    ("time_by", "the newest records by this column are held out"),
    ("weight", "weight of each record in the loss"),
    (
        "[run]",
        "What the run does. Not set: metric (choices go by it), recipe (auto or joint), time_limit_secs.",
    ),
    (
        "seed",
        "the same seed gives the same weights, for any number of threads",
    ),
    (
        "balance_classes",
        "weight classes by the inverse of their frequency",
    ),
    (
        "cross_fit",
        "the stack's weights go by every record, not by the held-out ones alone",
    ),
    ("time_limit_secs", "wall time of the whole command"),
    (
        "[columns]",
        "What each column is: text, image, number, category or date.",
    ),
    (
        "[[experts]]",
        "One expert. Remove it to do without; remove all of them for the automatic recipe.",
    ),
    (
        "[experts.trainer]",
        "How the network is trained. `multifuse list schedules` shows schedules.",
    ),
    (
        "[experts.fusion]",
        "How embeddings become one: `multifuse list fusions`.",
    ),
];

/// The configuration as commented TOML.
pub(crate) fn text(config: &Config) -> Result<String, Problem> {
    let mut text = String::from(
        "# A complete configuration: `multifuse train DATA --config FILE`. Options given there win over it.\n\n",
    );
    let mut section = "";
    for line in config.to_toml()?.lines() {
        if let Some(header) = COMMENTS.iter().find(|(key, _)| *key == line) {
            text.push_str(&format!("# {}\n", header.1));
        }
        if line.starts_with('[') {
            section = if line.starts_with("[data]") || line.starts_with("[run]") {
                "shared"
            } else {
                "own"
            };
        }
        let key = line.split(" =").next().unwrap_or_default();
        let comment = COMMENTS
            .iter()
            .find(|(name, _)| *name == key && section == "shared");
        // Only a value on one line can have a comment behind it.
        match comment.filter(|_| line.contains(" = ") && !line.ends_with('[')) {
            Some((_, comment)) => text.push_str(&format!("{line:<36} # {comment}\n")),
            None => text.push_str(&format!("{line}\n")),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commented_text_reads_back_as_the_same_configuration() {
        let mut config = Config::default();
        config.data.target = Some("label".into());
        config.data.inputs = vec!["text".into(), "image".into()];
        let text = text(&config).unwrap();
        assert!(text.contains("# the column to predict"), "{text}");
        assert_eq!(Config::parse(&text).unwrap(), config);
    }
}
