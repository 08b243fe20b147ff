//! The middle of the page: all metrics, classes, confusions, presence.

use metrics::Evaluation;

use super::view::records;
use crate::{
    Judgement, RunSummary,
    chart::{Bar, Scale, bar},
    number::{count, range, value},
    sentence,
};

/// One row of the table of classes.
pub(super) struct ClassRow {
    /// Its name.
    pub(super) name: String,
    /// Records that have it.
    pub(super) support: String,
    /// Share of the records given it that have it.
    pub(super) precision: String,
    /// Share of the records that have it that were given it.
    pub(super) recall: String,
    /// Harmonic mean of the two.
    pub(super) f1: String,
    /// The last one as a bar.
    pub(super) bar: String,
}

/// One row of the table of presence patterns.
pub(super) struct PresenceRow {
    /// Inputs that are there.
    pub(super) present: String,
    /// How many records.
    pub(super) records: String,
    /// The metric.
    pub(super) value: String,
    /// The metric as a bar; empty where it is undefined.
    pub(super) bar: String,
}

/// Every metric on one set of records.
pub(super) struct MetricTable {
    /// Which records.
    pub(super) title: String,
    /// Name, value, interval.
    pub(super) rows: Vec<[String; 3]>,
}

pub(super) fn metric_tables(summary: &RunSummary) -> Vec<MetricTable> {
    let table = |title: &str, judgement: &Judgement| MetricTable {
        title: format!("{title}, {}", records(judgement.evaluation.num_records)),
        rows: judgement
            .evaluation
            .metrics
            .iter()
            .map(|(name, interval)| {
                [
                    sentence::metric_name(name),
                    value(interval.value),
                    range(*interval),
                ]
            })
            .collect(),
    };
    let test = summary.test.as_ref().map(|test| table("Test table", test));
    test.into_iter()
        .chain([table("Held out", &summary.held_out)])
        .collect()
}

pub(super) fn classes(evaluation: &Evaluation) -> Vec<ClassRow> {
    let scale = Scale::fit([0.0, 1.0], true);
    evaluation
        .per_class
        .iter()
        .map(|class| ClassRow {
            name: class.class.clone(),
            support: count(class.support as usize),
            precision: value(class.precision),
            recall: value(class.recall),
            f1: value(class.f1),
            bar: bar(
                Bar {
                    value: class.f1,
                    interval: None,
                    class: "own",
                },
                scale,
            ),
        })
        .collect()
}

/// The most frequent confusions in words, at most five.
pub(super) fn confusions(classes: &[String], confusion: &[Vec<u64>]) -> Vec<String> {
    let mut found: Vec<(u64, &String, &String)> = Vec::new();
    for (truth, row) in classes.iter().zip(confusion) {
        for (prediction, number) in classes.iter().zip(row) {
            if *number > 0 && truth != prediction {
                found.push((*number, truth, prediction));
            }
        }
    }
    found.sort_by_key(|confusion| std::cmp::Reverse(confusion.0));
    found
        .iter()
        .take(5)
        .map(|(number, truth, prediction)| {
            format!(
                "{truth} taken for {prediction}: {}",
                records(*number as usize)
            )
        })
        .collect()
}

/// The metric by which inputs a record has; empty if all records have the same.
pub(super) fn presence(summary: &RunSummary) -> Vec<PresenceRow> {
    let groups = &summary.judgement().by_presence;
    if groups.len() < 2 {
        return Vec::new();
    }
    let values = groups.iter().filter_map(|group| group.value);
    let are_shares = summary.result().is_some_and(|result| result.high <= 1.0);
    let scale = Scale::fit(values, are_shares);
    groups
        .iter()
        .map(|group| PresenceRow {
            present: group.present.replace('+', " + "),
            records: count(group.num_records),
            value: group.value.map_or_else(|| "undefined".to_owned(), value),
            bar: group.value.map_or_else(String::new, |value| {
                bar(
                    Bar {
                        value,
                        interval: None,
                        class: "other",
                    },
                    scale,
                )
            }),
        })
        .collect()
}
