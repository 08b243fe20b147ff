//! The best that any model can expect, from how the records were drawn.
//!
//! A record is drawn as one of a few cells; a cell fixes what each input shows (its sign) and the label. A model that
//! reads an input perfectly knows its sign and nothing more, so the best answer for a record is the most probable
//! label given the signs it has, and the expected accuracy of that answer is its probability. Where a label stands for
//! a number, the best estimate is the median of the numbers given the signs.

use std::collections::{BTreeMap, HashMap};

use schema::Rng;

/// One way in which a record can be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    /// Share among the records, up to a common factor.
    pub(super) weight: u32,
    /// What each input shows, in the order of [`Draws::inputs`].
    pub(super) signs: Vec<u8>,
    /// Index of the label.
    pub(super) label: usize,
}

/// How a set's records are drawn.
#[derive(Debug, Clone)]
pub(super) struct Draws {
    /// Names of the inputs.
    pub(super) inputs: Vec<&'static str>,
    /// Number of labels.
    pub(super) num_labels: usize,
    /// Every way to draw a record.
    pub(super) cells: Vec<Cell>,
    /// Share of records whose label is replaced by another one, any of them equally likely.
    pub(super) mislabel_rate: f64,
}

impl Draws {
    /// The most probable label given the signs that are seen (`None`: not seen) and its probability.
    pub(super) fn best_answer(&self, seen: &[Option<u8>]) -> (usize, f64) {
        let weights = self.weights(seen);
        let total: f64 = weights.iter().sum();
        let mut best = 0;
        for label in 1..weights.len() {
            if weights[label] > weights[best] {
                best = label;
            }
        }
        let share = weights[best] / total.max(1.0);
        let others = (self.num_labels - 1).max(1) as f64;
        let probability =
            share * (1.0 - self.mislabel_rate) + (1.0 - share) * self.mislabel_rate / others;
        (best, probability)
    }

    /// Weight of each label given the signs that are seen.
    fn weights(&self, seen: &[Option<u8>]) -> Vec<f64> {
        let mut weights = vec![0.0; self.num_labels];
        for cell in &self.cells {
            let agrees = |(sign, seen): (&u8, &Option<u8>)| seen.is_none_or(|seen| seen == *sign);
            if cell.signs.iter().zip(seen).all(agrees) {
                weights[cell.label] += f64::from(cell.weight);
            }
        }
        weights
    }

    /// Expected accuracy of the best answers from each subset of the inputs, over records given by what they show
    /// (`None`: missing). Keys: `all`, and for each smaller subset its input names joined by `+`.
    pub(super) fn best_accuracy(&self, records: &[Vec<Option<u8>>]) -> BTreeMap<String, f64> {
        self.by_subset(records, |seen| self.best_answer(seen).1)
    }

    /// Expected absolute error of the best estimates from each subset of the inputs, where `values[label]` is the
    /// number that a label stands for, rising. The best estimate is the median given the signs that are seen.
    pub(super) fn best_absolute_error(
        &self,
        values: &[f64],
        records: &[Vec<Option<u8>>],
    ) -> BTreeMap<String, f64> {
        self.by_subset(records, |seen| {
            let weights = self.weights(seen);
            let total: f64 = weights.iter().sum();
            let mut below = 0.0;
            let median = weights.iter().position(|weight| {
                below += weight;
                2.0 * below >= total
            });
            let median = median.map_or(0.0, |label| values[label]);
            let errors = weights.iter().zip(values);
            errors
                .map(|(weight, value)| weight * (value - median).abs())
                .sum::<f64>()
                / total.max(1.0)
        })
    }

    /// The same records with labels put together: label `l` becomes `of(l)`, below `num_labels`.
    pub(super) fn relabelled(&self, num_labels: usize, of: impl Fn(usize) -> usize) -> Self {
        let mut draws = self.clone();
        draws.num_labels = num_labels;
        for cell in &mut draws.cells {
            cell.label = of(cell.label);
        }
        draws
    }

    /// Mean over the records of what the signs that a subset of the inputs shows are worth.
    fn by_subset(
        &self,
        records: &[Vec<Option<u8>>],
        worth: impl Fn(&[Option<u8>]) -> f64,
    ) -> BTreeMap<String, f64> {
        let num_inputs = self.inputs.len();
        let full = (1_usize << num_inputs) - 1;
        let mut best = BTreeMap::new();
        // Records that show the same are many, and so are subsets in which they do.
        let mut known = HashMap::<Vec<Option<u8>>, f64>::new();
        for subset in 1..=full {
            let reads = |input: &usize| subset >> input & 1 == 1;
            let sum: f64 = records
                .iter()
                .map(|record| {
                    let seen: Vec<Option<u8>> = (0..num_inputs)
                        .map(|input| record[input].filter(|_| reads(&input)))
                        .collect();
                    *known.entry(seen).or_insert_with_key(|seen| worth(seen))
                })
                .sum();
            let key = if subset == full {
                "all".to_owned()
            } else {
                let names: Vec<&str> = (0..num_inputs)
                    .filter(reads)
                    .map(|input| self.inputs[input])
                    .collect();
                names.join("+")
            };
            // Four digits: finer than any test set of a size that is written can tell.
            let mean = sum / records.len().max(1) as f64;
            best.insert(key, (mean * 1e4).round() / 1e4);
        }
        best
    }
}

/// Cells for a number of records, in random order: each as often as its weight says, up to rounding.
///
/// Dealt like cards instead of drawn one by one, so that shares on the table are the shares that the answer is
/// computed with.
pub(super) fn deal(cells: &[Cell], count: usize, rng: &mut Rng) -> Vec<Cell> {
    let mut deck: Vec<&Cell> = Vec::new();
    for cell in cells {
        deck.extend((0..cell.weight).map(|_| cell));
    }
    let mut dealt = Vec::with_capacity(count);
    while dealt.len() < count && !deck.is_empty() {
        rng.shuffle(&mut deck);
        dealt.extend(
            deck.iter()
                .take(count - dealt.len())
                .map(|cell| (*cell).clone()),
        );
    }
    rng.shuffle(&mut dealt);
    dealt
}

/// What `truth.json` says.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(super) struct Truth {
    /// Target column.
    pub(super) target: &'static str,
    /// Metric of `best`.
    pub(super) metric: &'static str,
    /// Best value by subset of inputs.
    pub(super) best: BTreeMap<String, f64>,
    /// The same by other metrics, or for other columns that can be the target; mostly empty.
    pub(super) also: Vec<AlsoKnown>,
}

/// Best values by another metric or of another column.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(super) struct AlsoKnown {
    /// Column to predict.
    pub(super) target: &'static str,
    /// Metric of `best`.
    pub(super) metric: &'static str,
    /// Best value by subset of inputs.
    pub(super) best: BTreeMap<String, f64>,
}

impl Truth {
    /// The text of `truth.json`.
    pub(super) fn json(&self) -> String {
        let mut value = serde_json::json!({
            "target": self.target,
            "metric": self.metric,
            "best": self.best,
        });
        if !self.also.is_empty() {
            value["also"] = serde_json::json!(self.also);
        }
        format!("{value:#}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exclusive_or(mislabel_rate: f64) -> Draws {
        let cell = |a: u8, b: u8| Cell {
            weight: 1,
            signs: vec![a, b],
            label: usize::from(a ^ b),
        };
        Draws {
            inputs: vec!["text", "image"],
            num_labels: 2,
            cells: vec![cell(0, 0), cell(0, 1), cell(1, 0), cell(1, 1)],
            mislabel_rate,
        }
    }

    #[test]
    fn exclusive_or_is_chance_from_one_input_and_certain_from_both() {
        let draws = exclusive_or(0.0);
        let records = vec![vec![Some(0), Some(1)], vec![Some(1), Some(1)]];
        let best = draws.best_accuracy(&records);
        let expected = [("all", 1.0), ("text", 0.5), ("image", 0.5)];
        assert_eq!(best.len(), 3);
        for (key, value) in expected {
            assert_eq!(best[key], value, "{key}");
        }
    }

    #[test]
    fn a_missing_input_falls_back_to_what_is_left_and_wrong_labels_cost() {
        let draws = exclusive_or(0.1);
        // By hand: one record certain up to the wrong labels (0.9), one at chance (0.5).
        let records = vec![vec![Some(0), Some(1)], vec![Some(1), None]];
        assert_eq!(draws.best_accuracy(&records)["all"], 0.7);
        assert_eq!(draws.best_answer(&[Some(1), Some(0)]), (1, 0.9));
    }

    #[test]
    fn dealt_cells_keep_their_shares() {
        let cells = exclusive_or(0.0).cells;
        let dealt = deal(&cells, 42, &mut schema::Seed(5).rng());
        assert_eq!(dealt.len(), 42);
        for cell in &cells {
            let count = dealt.iter().filter(|dealt| *dealt == cell).count();
            assert!((10..=11).contains(&count), "{count}");
        }
        assert_ne!(dealt[..4], cells[..]);
    }

    #[test]
    fn the_file_has_target_metric_and_best() {
        let truth = Truth {
            target: "label",
            metric: "accuracy",
            best: exclusive_or(0.0).best_accuracy(&[vec![Some(0), Some(0)]]),
            also: Vec::new(),
        };
        let value: serde_json::Value = serde_json::from_str(&truth.json()).unwrap();
        assert_eq!(value["target"], "label");
        assert_eq!(value["metric"], "accuracy");
        assert_eq!(value["best"]["all"], 1.0);
        assert_eq!(value.get("also"), None);
    }

    #[test]
    fn the_best_estimate_is_the_median_and_labels_can_be_put_together() {
        let cell = |weight: u32, sign: u8, label: usize| Cell {
            weight,
            signs: vec![sign],
            label,
        };
        let draws = Draws {
            inputs: vec!["text"],
            num_labels: 3,
            cells: vec![cell(2, 0, 0), cell(1, 0, 1), cell(1, 0, 2), cell(4, 1, 2)],
            mislabel_rate: 0.0,
        };
        let records = [vec![Some(0)], vec![Some(1)], vec![None]];
        // By hand, values 0, 1, 4. Sign 0: median 0, error (0 2 + 1 1 + 4 1) / 4 = 1.25. Sign 1: 0. Unknown: median 4,
        // error (4 2 + 3 1) / 8 = 1.375.
        let error = draws.best_absolute_error(&[0.0, 1.0, 4.0], &records)["all"];
        assert_eq!(error, 0.875);
        let merged = draws.relabelled(2, |label| usize::from(label > 0));
        // Sign 0: a half; sign 1: certain; unknown: 6 of 8.
        assert_eq!(merged.best_accuracy(&records)["all"], 0.75);
    }
}
