//! The target column: what is learned about it from the training split, and the truth of records as numbers.

use std::{borrow::Cow, collections::BTreeMap};

use schema::{Cell, FittedTarget, Scale, Task};

use crate::{CellRef, DataError, Table, is_missing_word, number_name, parse_number};

/// The truth of records as numbers, in the order of the rows it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Truth {
    /// Class of each record; `None` if the cell is missing or its class was not seen in training.
    Classes(Vec<Option<u32>>),
    /// `[N, K]` row-major, 1.0 where the label applies; labels not seen in training are left out.
    Labels(Vec<f32>),
    /// Value of each record in the target's own unit; NaN if the cell is missing.
    Values(Vec<f64>),
}

impl Truth {
    /// Number of records, given the number of labels (only used by [`Truth::Labels`]).
    pub fn num_records(&self, width: usize) -> usize {
        match self {
            Self::Classes(classes) => classes.len(),
            Self::Labels(labels) => labels.len() / width.max(1),
            Self::Values(values) => values.len(),
        }
    }

    /// Whether the truth of the record at a position is known.
    pub fn is_known(&self, position: usize) -> bool {
        match self {
            Self::Classes(classes) => classes.get(position).is_some_and(Option::is_some),
            Self::Labels(_) => true,
            Self::Values(values) => values.get(position).is_some_and(|value| value.is_finite()),
        }
    }

    /// The truth of some positions only, in their order; `width` is the number of labels.
    ///
    /// # Panics
    /// If a position is not below [`Truth::num_records`].
    #[must_use]
    pub fn select(&self, positions: &[usize], width: usize) -> Self {
        match self {
            Self::Classes(classes) => {
                Self::Classes(positions.iter().map(|at| classes[*at]).collect())
            }
            Self::Labels(labels) => Self::Labels(
                positions
                    .iter()
                    .flat_map(|at| &labels[at * width..(at + 1) * width])
                    .copied()
                    .collect(),
            ),
            Self::Values(values) => Self::Values(positions.iter().map(|at| values[*at]).collect()),
        }
    }
}

/// Learns the classes, labels or scale of the target from some records; those whose cell is missing do not count.
///
/// Classes are in number order if all are numbers, otherwise in text order. A positive and skewed number is learned
/// on a logarithmic scale.
///
/// # Errors
/// [`DataError::NothingToLearn`] for fewer than two classes or values, or more than two for [`Task::Binary`];
/// [`DataError::BadTarget`] for a cell that does not fit the task; [`DataError::NoColumn`].
pub fn fit_target(
    table: &Table,
    rows: &[usize],
    column: &str,
    task: Task,
) -> Result<FittedTarget, DataError> {
    let col = table.require(column)?;
    let mut fitted = FittedTarget {
        column: column.to_owned(),
        task,
        classes: Vec::new(),
        scale: None,
        prior: Vec::new(),
    };
    if task == Task::Regression {
        fitted.scale = Some(fit_scale(table, rows, col)?);
        return Ok(fitted);
    }
    let mut counts = BTreeMap::<String, usize>::new();
    let mut num_known = 0;
    for &row in rows {
        let labels = labels_of(table, row, col, task)?;
        num_known += usize::from(task == Task::Multilabel || !labels.is_empty());
        for label in labels {
            *counts.entry(label).or_default() += 1;
        }
    }
    check_classes(&counts, column, task)?;
    let mut classes: Vec<(String, usize)> = counts.into_iter().collect();
    if classes
        .iter()
        .all(|(class, _)| parse_number(class).is_some())
    {
        classes.sort_by(|a, b| {
            let number = |class: &str| parse_number(class).unwrap_or(0.0);
            number(&a.0)
                .total_cmp(&number(&b.0))
                .then_with(|| a.0.cmp(&b.0))
        });
    }
    fitted.prior = classes
        .iter()
        .map(|(_, count)| *count as f64 / num_known as f64)
        .collect();
    fitted.classes = classes.into_iter().map(|(class, _)| class).collect();
    Ok(fitted)
}

/// The truth of some records as numbers, by what was learned about the target.
///
/// # Errors
/// [`DataError::NoColumn`] if the table lacks the target; [`DataError::BadTarget`] for a cell that does not fit.
pub fn truth(table: &Table, rows: &[usize], target: &FittedTarget) -> Result<Truth, DataError> {
    let col = table.require(&target.column)?;
    let index: BTreeMap<&str, usize> = target
        .classes
        .iter()
        .enumerate()
        .map(|(index, class)| (class.as_str(), index))
        .collect();
    match target.task {
        Task::Regression => {
            let values = rows.iter().map(|&row| value_of(table, row, col));
            Ok(Truth::Values(values.collect::<Result<_, _>>()?))
        }
        Task::Multilabel => {
            let mut values = vec![0.0; rows.len() * target.width()];
            for (values, &row) in values.chunks_exact_mut(target.width()).zip(rows) {
                for label in labels_of(table, row, col, target.task)? {
                    if let Some(at) = index.get(label.as_str()) {
                        values[*at] = 1.0;
                    }
                }
            }
            Ok(Truth::Labels(values))
        }
        Task::Binary | Task::Class => Ok(Truth::Classes(
            rows.iter()
                .map(|&row| {
                    let label = label_of(table.cell(row, col))?;
                    index.get(&*label).map(|index| *index as u32)
                })
                .collect(),
        )),
    }
}

/// Weight of every record of a table in the loss; 1 where the cell is missing.
///
/// # Errors
/// [`DataError::NoColumn`]; [`DataError::BadCell`] for a weight that is no finite number of at least 0.
pub fn weights(table: &Table, column: &str) -> Result<Vec<f32>, DataError> {
    let col = table.require(column)?;
    (0..table.num_records())
        .map(|row| {
            let bad = |got: String| DataError::BadCell {
                table: table.name_of(row).to_owned(),
                line: table.line(row),
                column: column.to_owned(),
                reason_code: "bad_weight",
                text: format!("expected a weight of at least 0, or empty for 1, got \"{got}\""),
            };
            match value_of(table, row, col) {
                Ok(weight) if weight.is_nan() => Ok(1.0),
                Ok(weight) if (0.0..=f64::from(f32::MAX)).contains(&weight) => Ok(weight as f32),
                Ok(weight) => Err(bad(number_name(weight))),
                Err(DataError::BadTarget { got, .. }) => Err(bad(got)),
                Err(other) => Err(other),
            }
        })
        .collect()
}

/// Name of the class in a cell. The word "none" is a class here: a target says so more often than it is missing.
pub(crate) fn label_of(cell: CellRef<'_>) -> Option<Cow<'_, str>> {
    match cell {
        CellRef::Text(text) => {
            let text = match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
                Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
            };
            let known = !is_missing_word(&text) || text.eq_ignore_ascii_case("none");
            known.then_some(text)
        }
        CellRef::Number(number) => Some(Cow::Owned(number_name(number))),
        CellRef::Missing | CellRef::Bytes(_) | CellRef::List(_) => None,
    }
}

/// The labels of a cell: one for class tasks, any number for multilabel; each once, none if missing.
pub(crate) fn split_labels(cell: CellRef<'_>) -> Vec<String> {
    let mut labels: Vec<String> = match cell {
        CellRef::List(list) => list
            .iter()
            .filter_map(|item| match item {
                Cell::Text(text) => Some(text.trim().to_owned()),
                Cell::Number(number) => Some(number_name(*number)),
                _ => None,
            })
            .collect(),
        CellRef::Text(text) => text
            .split([';', '|'])
            .map(|part| part.trim().to_owned())
            .collect(),
        other => label_of(other).map(Cow::into_owned).into_iter().collect(),
    };
    labels.retain(|label| !is_missing_word(label));
    labels.sort_unstable();
    labels.dedup();
    labels
}

fn labels_of(table: &Table, row: usize, col: usize, task: Task) -> Result<Vec<String>, DataError> {
    let cell = table.cell(row, col);
    match (task, cell) {
        (Task::Multilabel, cell) => Ok(split_labels(cell)),
        (_, CellRef::List(_) | CellRef::Bytes(_)) => Err(bad_target(table, row, col, task)),
        (_, cell) => Ok(label_of(cell).map(Cow::into_owned).into_iter().collect()),
    }
}

fn value_of(table: &Table, row: usize, col: usize) -> Result<f64, DataError> {
    match table.cell(row, col) {
        CellRef::Missing => Ok(f64::NAN),
        CellRef::Number(number) if number.is_finite() => Ok(number),
        CellRef::Text(text) if is_missing_word(&text) => Ok(f64::NAN),
        CellRef::Text(text) => {
            parse_number(&text).ok_or_else(|| bad_target(table, row, col, Task::Regression))
        }
        _ => Err(bad_target(table, row, col, Task::Regression)),
    }
}

fn bad_target(table: &Table, row: usize, col: usize, task: Task) -> DataError {
    let got = match table.cell(row, col) {
        CellRef::Text(text) => text.chars().take(60).collect(),
        CellRef::Number(number) => number_name(number),
        CellRef::List(list) => format!("a list of {}", list.len()),
        CellRef::Bytes(bytes) => format!("{} bytes", bytes.len()),
        CellRef::Missing => String::new(),
    };
    DataError::BadTarget {
        table: table.name_of(row).to_owned(),
        line: table.line(row),
        column: table.column_name(col).into_owned(),
        task,
        got,
    }
}

fn check_classes(
    counts: &BTreeMap<String, usize>,
    column: &str,
    task: Task,
) -> Result<(), DataError> {
    let (got, expected) = match (counts.len(), task) {
        (0, _) => (
            "no record with a value".to_owned(),
            "records whose target is filled in",
        ),
        (1, Task::Binary | Task::Class) => {
            let class = counts.keys().next().map_or("", String::as_str);
            (format!("one class, \"{class}\""), "at least two classes")
        }
        (num, Task::Binary) if num > 2 => (format!("{num} classes"), "two classes"),
        _ => return Ok(()),
    };
    Err(DataError::NothingToLearn {
        column: column.to_owned(),
        task,
        got,
        expected,
    })
}

fn fit_scale(table: &Table, rows: &[usize], col: usize) -> Result<Scale, DataError> {
    let mut values = Vec::with_capacity(rows.len());
    for &row in rows {
        let value = value_of(table, row, col)?;
        if value.is_finite() {
            values.push(value);
        }
    }
    let log = is_positive_and_skewed(&values);
    if log {
        values.iter_mut().for_each(|value| *value = value.ln());
    }
    let (mean, deviation) = mean_and_deviation(&values);
    if deviation > 0.0 && deviation.is_finite() && mean.is_finite() {
        return Ok(Scale {
            log,
            mean,
            deviation,
        });
    }
    let got = match values.first() {
        None => "no record with a value".to_owned(),
        Some(_) => "one value only".to_owned(),
    };
    Err(DataError::NothingToLearn {
        column: table.column_name(col).into_owned(),
        task: Task::Regression,
        got,
        expected: "at least two different values",
    })
}

/// Mean and population deviation; 0 and 0 for nothing.
pub(crate) fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let n = values.len() as f64;
    // Each value is divided first: sums of numbers near the largest double must not overflow.
    let mean = values.iter().map(|value| value / n).sum::<f64>();
    let variance = values
        .iter()
        .map(|value| (value - mean) * ((value - mean) / n))
        .sum::<f64>();
    (mean, variance.sqrt())
}

/// Whether the logarithm makes a positive column more even: skewness above 1 that the logarithm brings nearer 0.
pub(crate) fn is_positive_and_skewed(values: &[f64]) -> bool {
    // Below a skewness of 1 the logarithm gains nothing that standardising does not (exponential: 2, normal: 0).
    const SKEWED: f64 = 1.0;
    if values.len() < 3 || values.iter().any(|value| *value <= 0.0) {
        return false;
    }
    let plain = skewness(values);
    let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    plain > SKEWED && skewness(&logs).abs() < plain
}

fn skewness(values: &[f64]) -> f64 {
    let (mean, deviation) = mean_and_deviation(values);
    if deviation == 0.0 || !deviation.is_finite() {
        return 0.0;
    }
    values
        .iter()
        .map(|value| ((value - mean) / deviation).powi(3))
        .sum::<f64>()
        / values.len() as f64
}

#[cfg(test)]
mod tests {
    use schema::Record;

    use super::*;

    fn table(cells: &[&str]) -> Table {
        let records = cells
            .iter()
            .map(|cell| Record::new().with("y", *cell))
            .collect();
        Table::from_records(records, ".")
    }

    fn fit(cells: &[&str], task: Task) -> Result<FittedTarget, DataError> {
        let rows: Vec<usize> = (0..cells.len()).collect();
        fit_target(&table(cells), &rows, "y", task)
    }

    #[test]
    fn classes_are_in_text_order_or_in_number_order() {
        let names = fit(&["dog", "cat", " dog ", "none", "NA"], Task::Class).unwrap();
        assert_eq!(names.classes, ["cat", "dog", "none"]);
        assert_eq!(names.prior, [0.25, 0.5, 0.25]);
        let numbers = fit(&["10", "9", "9"], Task::Binary).unwrap();
        assert_eq!(numbers.classes, ["9", "10"]);
    }

    #[test]
    fn a_class_not_seen_in_training_and_a_missing_cell_have_no_truth() {
        let fitted = fit(&["a", "b"], Task::Binary).unwrap();
        let truth = truth(&table(&["b", "c", "", "a"]), &[0, 1, 2, 3], &fitted).unwrap();
        assert_eq!(truth, Truth::Classes(vec![Some(1), None, None, Some(0)]));
        assert!(truth.is_known(0) && !truth.is_known(1));
        assert_eq!(
            truth.select(&[3, 0], 2),
            Truth::Classes(vec![Some(0), Some(1)])
        );
    }

    #[test]
    fn labels_are_split_and_unseen_ones_left_out() {
        let fitted = fit(&["a; b", "b|c", ""], Task::Multilabel).unwrap();
        assert_eq!(fitted.classes, ["a", "b", "c"]);
        assert_eq!(fitted.prior, [1.0 / 3.0, 2.0 / 3.0, 1.0 / 3.0]);
        let truth = truth(&table(&["c;d", "b;a"]), &[0, 1], &fitted).unwrap();
        assert_eq!(truth, Truth::Labels(vec![0.0, 0.0, 1.0, 1.0, 1.0, 0.0]));
        assert_eq!(truth.num_records(3), 2);
    }

    #[test]
    fn a_list_cell_is_a_set_of_labels() {
        let list = Cell::List(vec!["b".into(), "a".into(), "b".into()]);
        assert_eq!(
            split_labels(CellRef::List(std::slice::from_ref(&list).into())),
            Vec::<String>::new()
        );
        let Cell::List(items) = &list else {
            unreachable!()
        };
        assert_eq!(split_labels(CellRef::List(items.into())), ["a", "b"]);
    }

    /// By hand: mean of 1, 2, 3 is 2, population deviation sqrt(2/3).
    #[test]
    fn an_even_number_keeps_its_scale_and_a_skewed_one_is_logged() {
        let scale = fit(&["1", "2", "3", "nan"], Task::Regression)
            .unwrap()
            .scale
            .unwrap();
        assert!(!scale.log);
        assert_eq!((scale.mean, scale.deviation), (2.0, (2.0_f64 / 3.0).sqrt()));
        let skewed = fit(&["1", "1", "1", "2", "2", "3", "1000"], Task::Regression).unwrap();
        assert!(skewed.scale.unwrap().log);
    }

    #[test]
    fn targets_without_anything_to_learn_are_refused() {
        for (cells, task, got) in [
            (&["a", "a"][..], Task::Class, "one class, \"a\""),
            (&["a", "b", "c"], Task::Binary, "3 classes"),
            (&["", ""], Task::Class, "no record with a value"),
            (&["5", "5"], Task::Regression, "one value only"),
        ] {
            let error = fit(cells, task).unwrap_err();
            let DataError::NothingToLearn { got: found, .. } = &error else {
                panic!("{error:?}")
            };
            assert_eq!(found, got);
        }
    }

    #[test]
    fn weights_are_one_where_missing_and_never_negative() {
        assert_eq!(
            weights(&table(&["0", "2.5", "NA"]), "y").unwrap(),
            [0.0, 2.5, 1.0]
        );
        for cell in ["-1", "heavy"] {
            let error = weights(&table(&["1", cell]), "y").unwrap_err();
            assert_eq!(
                schema::Problem::from(error).to_string(),
                format!(
                    "records:2, column \"y\": expected a weight of at least 0, or empty for 1, got \"{cell}\""
                )
            );
        }
        assert!(weights(&table(&["1e300"]), "y").is_err());
    }

    #[test]
    fn a_word_in_a_number_target_is_told_with_its_line() {
        let problem = schema::Problem::from(fit(&["1", "4O"], Task::Regression).unwrap_err());
        assert_eq!(
            problem.to_string(),
            "records:2, column \"y\": the target is not usable for regression: expected a finite number, got \"4O\""
        );
        let infinite = fit(&["1", "inf"], Task::Regression).unwrap_err();
        assert!(matches!(infinite, DataError::BadTarget { line: 2, .. }));
    }
}
