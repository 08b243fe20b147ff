//! The held-out records that the model got most wrong, as the report shows them.

use data::Truth;
use report::{Mistake, Shown, Thumbnail};
use schema::{Answer, Column, FittedTarget};

use super::Bench;
use crate::plan;

/// Pictures of a record that the report shows: each takes some kilobytes.
const MOST_PICTURES: usize = 3;
/// Mistakes that the report shows.
const MOST_MISTAKES: usize = 12;

impl Bench<'_> {
    /// The records about which the model is most wrong: least probable truth, or largest error.
    pub(super) fn mistakes(&self, truth: &Truth) -> Vec<Mistake> {
        let mut wrong: Vec<(f64, usize)> = self
            .judged
            .known()
            .iter()
            .filter_map(|at| Some((self.wrongness(truth, *at)?, *at)))
            .collect();
        wrong.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        wrong
            .iter()
            .take(MOST_MISTAKES)
            .map(|(_, at)| self.mistake(truth, *at))
            .collect()
    }

    /// How wrong the answer to a record is; `None` if it is right.
    fn wrongness(&self, truth: &Truth, at: usize) -> Option<f64> {
        let width = self.target().width();
        let said = &self.answers.values[at * width..(at + 1) * width];
        match truth {
            Truth::Classes(classes) => {
                let class = classes[at]? as usize;
                let best = said.iter().copied().fold(0.0, f64::max);
                (said[class] < best).then(|| best - said[class])
            }
            Truth::Labels(labels) => {
                let labels = &labels[at * width..(at + 1) * width];
                let far = |(said, label): (&f64, &f32)| (said - f64::from(*label)).abs();
                said.iter()
                    .zip(labels)
                    .map(far)
                    .filter(|far| *far > 0.5)
                    .reduce(f64::max)
            }
            Truth::Values(values) => Some((said[0] - values[at]).abs()),
        }
    }

    fn mistake(&self, truth: &Truth, at: usize) -> Mistake {
        let row = self.prepared.held_out[at];
        let table = self.prepared.dataset.table();
        let answer = self.answers.answer(self.target(), at);
        let shown = self.prepared.id_column.iter().chain(&self.prepared.columns);
        let columns = shown
            .filter_map(|column| {
                let cell = table.cell(row, table.column_index(&column.name)?);
                Some((column.name.clone(), cell_text(&cell)))
            })
            .collect();
        Mistake {
            row,
            line: table.line(row),
            columns,
            pictures: self.pictures(row),
            truth: truth_text(self.target(), truth, at),
            prediction: answer_text(&answer),
            probability: match answer {
                Answer::Class { probability, .. } => Some(probability),
                Answer::Labels { .. } | Answer::Value { .. } => None,
            },
        }
    }

    /// What the media of a record look like.
    fn pictures(&self, row: usize) -> Vec<Shown> {
        let dataset = &self.prepared.dataset;
        let shown = |(col, column): (usize, &Column)| {
            let picture = dataset.preview(col, row)?;
            Some(Shown {
                column: column.name.clone(),
                modality: column.modality,
                thumbnail: Thumbnail::of(&picture).ok()?,
            })
        };
        dataset
            .columns()
            .iter()
            .enumerate()
            .filter(|(_, column)| column.modality.is_media())
            .filter_map(shown)
            .take(MOST_PICTURES)
            .collect()
    }
}

fn cell_text(cell: &data::CellRef<'_>) -> String {
    match cell {
        data::CellRef::Missing => "(missing)".to_owned(),
        data::CellRef::Text(text) => text.as_ref().to_owned(),
        data::CellRef::Number(number) => data::number_name(*number),
        data::CellRef::Bytes(bytes) => format!("({} bytes)", bytes.len()),
        data::CellRef::List(list) => format!("({} values)", list.len()),
    }
}

fn truth_text(target: &FittedTarget, truth: &Truth, at: usize) -> String {
    match truth {
        Truth::Classes(classes) => classes[at].map_or_else(
            || "?".to_owned(),
            |class| target.classes[class as usize].clone(),
        ),
        Truth::Labels(labels) => {
            let width = target.width();
            let applies = target
                .classes
                .iter()
                .zip(&labels[at * width..(at + 1) * width]);
            let names: Vec<&str> = applies
                .filter(|(_, label)| **label > 0.5)
                .map(|(name, _)| name.as_str())
                .collect();
            names.join(", ")
        }
        Truth::Values(values) => plan::short_number(values[at]),
    }
}

fn answer_text(answer: &Answer) -> String {
    match answer {
        Answer::Class { label, .. } => label.clone(),
        Answer::Labels { labels, .. } => labels.join(", "),
        Answer::Value { value, .. } => plan::short_number(*value),
    }
}
