//! Tables of records as text: read, written with other rows, and cut into folds for cross-validation.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Cells longer than this are no path.
const LONGEST_PATH: usize = 200;

/// A table of records whose media paths are absolute, so that it can be written anywhere.
pub(super) struct Records {
    header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Records {
    /// The records of some tables of a folder, behind one another.
    pub(super) fn read(folder: &Path, files: &[&str]) -> Result<Self, String> {
        let folder =
            fs::canonicalize(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut records = Self {
            header: Vec::new(),
            rows: Vec::new(),
        };
        for file in files {
            let path = folder.join(file);
            let wrong = |error: csv::Error| format!("{}: {error}", path.display());
            let mut reader = csv::Reader::from_path(&path).map_err(wrong)?;
            records.header = reader
                .headers()
                .map_err(wrong)?
                .iter()
                .map(str::to_owned)
                .collect();
            for row in reader.records() {
                let row = row.map_err(wrong)?;
                records
                    .rows
                    .push(row.iter().map(|cell| absolute(&folder, cell)).collect());
            }
        }
        Ok(records)
    }

    /// The place of a column.
    pub(super) fn column(&self, name: &str) -> Result<usize, String> {
        self.header
            .iter()
            .position(|own| own == name)
            .ok_or_else(|| format!("no column {name} among {}", self.header.join(", ")))
    }

    /// One cell of every record.
    pub(super) fn cells(&self, name: &str) -> Result<Vec<&str>, String> {
        let place = self.column(name)?;
        Ok(self.rows.iter().map(|row| row[place].as_str()).collect())
    }

    /// Writes some of the records.
    pub(super) fn write(&self, path: &Path, rows: &[usize]) -> Result<(), String> {
        let wrong = |error: csv::Error| format!("{}: {error}", path.display());
        let mut writer = csv::Writer::from_path(path).map_err(wrong)?;
        writer.write_record(&self.header).map_err(wrong)?;
        for row in rows {
            writer.write_record(&self.rows[*row]).map_err(wrong)?;
        }
        writer
            .flush()
            .map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// A cell that names a file of the folder, as an absolute path; other cells as they are.
fn absolute(folder: &Path, cell: &str) -> String {
    let path: PathBuf = folder.join(cell);
    if !cell.is_empty() && cell.len() <= LONGEST_PATH && path.is_file() {
        path.display().to_string()
    } else {
        cell.to_owned()
    }
}

/// The fold of each record: records of a group share a fold, and folds have about the same share of each class.
///
/// Source: `StratifiedGroupKFold` of scikit-learn without its shuffle: groups with the most uneven classes first, each
/// into the fold that keeps the classes most even over the folds.
pub(super) fn folds(groups: &[&str], classes: &[&str], num_folds: usize) -> Vec<usize> {
    let mut names: Vec<&str> = classes.to_vec();
    names.sort_unstable();
    names.dedup();
    let mut counts = BTreeMap::<&str, Vec<f64>>::new();
    let mut totals = vec![0.0; names.len()];
    for (group, class) in groups.iter().zip(classes) {
        let place = names.partition_point(|name| name < class);
        counts
            .entry(group)
            .or_insert_with(|| vec![0.0; names.len()])[place] += 1.0;
        totals[place] += 1.0;
    }
    let mut order: Vec<(&str, &Vec<f64>)> = counts.iter().map(|(name, own)| (*name, own)).collect();
    order.sort_by(|a, b| deviation(b.1).total_cmp(&deviation(a.1)));
    let mut filled = vec![vec![0.0; names.len()]; num_folds];
    let mut fold_of = BTreeMap::new();
    for (name, own) in order {
        let unevenness = |fold: usize| {
            let share = |class: usize| -> Vec<f64> {
                let with = |place: usize| f64::from(u8::from(place == fold)) * own[class];
                let count = |(place, filled): (usize, &Vec<f64>)| filled[class] + with(place);
                let shares = filled.iter().enumerate().map(count);
                shares.map(|count| count / totals[class]).collect()
            };
            (0..names.len())
                .map(|class| deviation(&share(class)))
                .sum::<f64>()
        };
        let fold = (0..num_folds)
            .min_by(|a, b| unevenness(*a).total_cmp(&unevenness(*b)))
            .unwrap_or(0);
        for (filled, own) in filled[fold].iter_mut().zip(own) {
            *filled += own;
        }
        fold_of.insert(name, fold);
    }
    groups.iter().map(|group| fold_of[group]).collect()
}

/// Standard deviation.
pub(super) fn deviation(values: &[f64]) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt()
}

/// Accuracy, and the mean over the classes of the truth of F1.
pub(super) fn scores(truth: &[String], said: &[String]) -> (f64, f64) {
    let pairs = || truth.iter().zip(said);
    let right = pairs().filter(|(a, b)| a == b).count();
    let mut classes: Vec<&String> = truth.iter().chain(said).collect();
    classes.sort_unstable();
    classes.dedup();
    let f1 = |class: &&String| {
        let both = pairs().filter(|(a, b)| a == class && b == class).count();
        let either = pairs()
            .map(|(a, b)| usize::from(a == *class) + usize::from(b == *class))
            .sum::<usize>();
        2.0 * both as f64 / either.max(1) as f64
    };
    let sum: f64 = classes.iter().map(f1).sum();
    (
        right as f64 / truth.len().max(1) as f64,
        sum / classes.len().max(1) as f64,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_stay_together_and_folds_have_every_class() {
        let groups: Vec<String> = (0..100).map(|record| format!("g{}", record / 5)).collect();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let classes: Vec<&str> = (0..100)
            .map(|record| if record % 10 < 3 { "a" } else { "b" })
            .collect();
        let fold_of = folds(&groups, &classes, 5);
        for record in 0..100 {
            assert_eq!(fold_of[record], fold_of[record / 5 * 5], "{record}");
        }
        for fold in 0..5 {
            let own: Vec<usize> = (0..100).filter(|record| fold_of[*record] == fold).collect();
            let share = own.iter().filter(|r| classes[**r] == "a").count() as f64;
            assert_eq!(own.len(), 20);
            assert!((share / 20.0 - 0.3).abs() < 0.051, "{share}");
        }
    }

    /// By hand from the definitions.
    #[test]
    fn f1_is_the_mean_over_classes_even_of_those_never_said() {
        let words = |text: &str| -> Vec<String> { text.chars().map(|c| c.to_string()).collect() };
        let (accuracy, f1) = scores(&words("aaabbc"), &words("aabbbb"));
        assert!((accuracy - 4.0 / 6.0).abs() < 1e-12);
        // a: 4/5, b: 4/6, c: 0.
        assert!((f1 - (0.8 + 2.0 / 3.0) / 3.0).abs() < 1e-12);
    }
}
