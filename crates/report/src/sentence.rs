//! The sentences that every form of the report shares.

use schema::Task;

use crate::{
    FusionVerdict, RunSummary, Skipped, Worth,
    number::{self, counted, of_hundred, range, signed, value},
};

/// A metric's name in plain words; other names are shown as they are.
pub(crate) fn metric_name(name: &str) -> String {
    match name {
        "mae" => "mean absolute error".to_owned(),
        "rmse" => "root mean squared error".to_owned(),
        "median_absolute_error" | "median_ae" => "median absolute error".to_owned(),
        "r2" => "R\u{b2}".to_owned(),
        "roc_auc" => "ROC AUC".to_owned(),
        "f1_macro" => "F1 (mean of classes)".to_owned(),
        "f1_micro" => "F1 (all decisions)".to_owned(),
        "f1_weighted" => "F1 (weighted)".to_owned(),
        other => other.replace('_', " "),
    }
}

/// Names in a row: `image, text and age`; more than five are cut.
pub(crate) fn listed(names: &[&str]) -> String {
    match names {
        [] => "no inputs".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] if names.len() <= 5 => format!("{} and {last}", first.join(", ")),
        _ => format!("{} and {} more", names[..4].join(", "), names.len() - 4),
    }
}

/// A metric's name with its article: `an accuracy`, `an F1`, `a log loss`.
fn with_article(name: &str) -> String {
    let is_an = name.starts_with(['a', 'e', 'i', 'o', 'u'])
        || ["F1", "R\u{b2}"].iter().any(|it| name.starts_with(it));
    format!("{} {name}", if is_an { "an" } else { "a" })
}

fn inputs(summary: &RunSummary) -> String {
    let names: Vec<&str> = summary
        .inputs
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    listed(&names)
}

/// What the model does and how well: the first sentence of every report.
pub(crate) fn result(summary: &RunSummary) -> String {
    let (inputs, target) = (inputs(summary), &summary.target);
    let num_records = summary.judgement().evaluation.num_records;
    let records = counted(num_records, &format!("{} record", summary.records_name()));
    let Some(result) = summary.result() else {
        return format!(
            "The {} of this run could not be computed on {records}.",
            metric_name(&summary.metric)
        );
    };
    let interval = format!("95 % interval {}", range(result));
    if summary.metric == "accuracy" {
        return format!(
            "From {inputs}, the model names the right {target} for {} of 100 records that it was not trained on \
             (accuracy {}, {interval}, {records}).",
            of_hundred(result.value),
            value(result.value),
        );
    }
    let direction = if summary.higher_is_better() {
        "more"
    } else {
        "less"
    };
    let verb = match summary.task {
        Task::Regression => "estimates",
        _ => "predicts",
    };
    format!(
        "From {inputs}, the model {verb} {target} with {} of {} on {records} that it was not trained on \
         ({interval}; {direction} is better).",
        with_article(&metric_name(&summary.metric)),
        value(result.value),
    )
}

/// How that compares with the same answer for every record; empty if it is not known.
pub(crate) fn against_constant(summary: &RunSummary) -> String {
    let (Some(constant), Some(beats)) = (summary.constant(), summary.beats_constant()) else {
        return String::new();
    };
    let reached = if summary.metric == "accuracy" {
        format!("would be right for {}", of_hundred(constant.interval.value))
    } else {
        format!("would reach {}", value(constant.interval.value))
    };
    if beats {
        format!("The simplest answer ({}) {reached}.", constant.name)
    } else {
        format!(
            "The simplest answer ({}) {reached}, and it is not shown that the model is any \
             better: the inputs may say little about {}, or the records may be too few.",
            constant.name, summary.target,
        )
    }
}

/// A few words for the verdict on fusion.
pub(crate) fn fusion_title(verdict: FusionVerdict) -> &'static str {
    match verdict {
        FusionVerdict::Helps => "Fusion helps",
        FusionVerdict::Hurts => "Fusion hurts",
        FusionVerdict::NotShown => "Not shown that fusion helps",
        FusionVerdict::OneInput => "One input",
        FusionVerdict::Untested => "Fusion not tested",
    }
}

/// Whether using several inputs at once is better than the best of them alone, and how sure that is.
pub(crate) fn fusion(summary: &RunSummary) -> String {
    let verdict = summary.fusion_verdict();
    let Some(test) = &summary.judgement().fusion else {
        return match verdict {
            FusionVerdict::OneInput => {
                "There is only one input, so there is nothing to fuse.".to_owned()
            }
            _ => "Whether fusion helps was not tested.".to_owned(),
        };
    };
    if verdict == FusionVerdict::OneInput {
        return "There is only one input, so there is nothing to fuse.".to_owned();
    }
    let size = test.single_value.abs().max(test.paired.difference.abs());
    let paired = test.paired;
    let numbers = format!(
        "{} against {} for {} (difference {}, 95 % interval {} to {}, {})",
        value(test.single_value + paired.difference),
        value(test.single_value),
        test.single,
        signed(paired.difference, size),
        signed(paired.low, size),
        signed(paired.high, size),
        number::p_value(paired.p_value),
    );
    let metric = with_article(&metric_name(&summary.metric));
    match verdict {
        FusionVerdict::Helps => {
            format!("Fusion helps: all inputs together have {metric} of {numbers}.")
        }
        FusionVerdict::Hurts => format!(
            "Fusion hurts: all inputs together have {metric} of {numbers}. Use {} instead.",
            test.single
        ),
        _ => format!(
            "It is not shown that fusion helps: all inputs together have {metric} of {numbers}, which can be \
             chance. {} may do as well, and costs less.",
            capitalised(&test.single)
        ),
    }
}

/// What a reader should keep in mind about the held-out numbers; empty if there is a test table.
pub(crate) fn caution(summary: &RunSummary) -> String {
    if summary.test.is_some() || summary.voices.len() < 2 {
        return String::new();
    }
    "The weights of the voices were chosen on these same held-out records, so expect a little less on new ones; \
     `multifuse evaluate` tells on a table of its own."
        .to_owned()
}

/// What one input is worth, as a short clause: `without image 0.431 (-0.524)`.
pub(crate) fn worth(summary: &RunSummary, worth: &Worth) -> String {
    let size = summary
        .result()
        .map_or(worth.without, |result| result.value);
    let lost = worth_value(summary, worth);
    let change = if summary.higher_is_better() {
        -lost
    } else {
        lost
    };
    format!(
        "without {} {} ({})",
        worth.input,
        value(worth.without),
        signed(change, size)
    )
}

/// How much better the model is than without the input, turned so that more is better.
pub(crate) fn worth_value(summary: &RunSummary, worth: &Worth) -> f64 {
    let difference = match (worth.paired, summary.result()) {
        (Some(paired), _) => paired.difference,
        (None, Some(result)) => result.value - worth.without,
        (None, None) => 0.0,
    };
    summary.better(difference, difference).0
}

/// Whether it is shown that the model is worse without the input.
pub(crate) fn is_worth_shown(summary: &RunSummary, worth: &Worth) -> Option<bool> {
    worth
        .paired
        .map(|paired| summary.better(paired.low, paired.high).0 > 0.0)
}

/// How many records were skipped and why; empty if none.
pub(crate) fn skipped(skipped: &Skipped) -> String {
    let reasons: Vec<String> = skipped
        .reasons
        .iter()
        .map(|reason| {
            format!(
                "{} {}",
                number::count(reason.num_records),
                reason.reason.replace('_', " ")
            )
        })
        .collect();
    match skipped.num_records() {
        0 => String::new(),
        number => format!(
            "{} left out: {}",
            counted(number, "record"),
            reasons.join(", ")
        ),
    }
}

/// The text with its first letter in upper case.
pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_as_in_a_sentence() {
        assert_eq!(listed(&["text"]), "text");
        assert_eq!(listed(&["image", "text", "age"]), "image, text and age");
        let many = ["a", "b", "c", "d", "e", "f", "g"];
        assert_eq!(listed(&many), "a, b, c, d and 3 more");
    }
}
