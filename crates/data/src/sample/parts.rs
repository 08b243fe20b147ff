//! The way from dealt records to the two tables of a set and its truth, the same for every set that is dealt.

use std::path::Path;

use schema::{Rng, Seed};

use super::{
    Progress, SampleError, Set, Written,
    dealt::{Dealt, deal_records},
    folder::Folder,
    num_test,
    truth::{Draws, Truth},
};

/// One of a list; empty for an empty list.
pub(super) fn one<'a>(words: &[&'a str], rng: &mut Rng) -> &'a str {
    rng.pick(words).copied().unwrap_or_default()
}

/// What a set of dealt records has to say about itself.
pub(super) struct Outline<'a, const N: usize> {
    /// The set.
    pub(super) set: &'a dyn Set,
    /// Fewest records: every cell should turn up.
    pub(super) least: usize,
    /// Folders for media inside the set's folder.
    pub(super) media: &'a [&'a str],
    /// Columns of the tables.
    pub(super) header: [&'a str; N],
    /// How records are drawn.
    pub(super) draws: Draws,
    /// Share of records that lack an input, in the order of the inputs.
    pub(super) missing: &'a [f64],
}

/// Where the media of a record go, and the place that it is drawn from.
pub(super) struct Spot<'a> {
    /// The folder of the set.
    pub(super) folder: &'a Folder,
    /// File name without folder and ending, such as `train_00012`.
    pub(super) stem: String,
    /// Seed of the record.
    pub(super) seed: Seed,
}

impl<const N: usize> Outline<'_, N> {
    /// Deals, draws and writes both parts; `row` writes the media of a record and gives its cells, `truth` judges
    /// what the test records show.
    pub(super) fn write(
        &self,
        (dir, records, seed): (&Path, usize, Seed),
        progress: &Progress<'_>,
        row: impl Fn(&Spot<'_>, &Dealt) -> Result<[String; N], SampleError>,
        truth: impl Fn(&[Vec<Option<u8>>]) -> Truth,
    ) -> Result<Written, SampleError> {
        if records < self.least {
            return Err(SampleError::TooFewRecords {
                set: self.set.name(),
                got: records,
                least: self.least,
            });
        }
        let folder = Folder::open_with(dir, self.media)?;
        let total = records + num_test(records);
        let mut num_done = 0;
        let mut part = |name: &str, count: usize| {
            let seed = seed.named(self.set.name()).named(name);
            let dealt = deal_records(&self.draws, self.missing, count, seed);
            let mut rows = Vec::with_capacity(count);
            for (index, record) in dealt.iter().enumerate() {
                let spot = Spot {
                    folder: &folder,
                    stem: format!("{name}_{index:05}"),
                    seed: seed.at(index as u64),
                };
                rows.push(row(&spot, record)?);
                num_done += 1;
                progress(num_done, total);
            }
            let path = folder.table(&format!("{name}.csv"), self.header, &rows)?;
            Ok((path, dealt))
        };
        let (train, train_records) = part("train", records)?;
        let (test, test_records) = part("test", num_test(records))?;
        let seen: Vec<Vec<Option<u8>>> = test_records.into_iter().map(|it| it.seen).collect();
        let truth = truth(&seen);
        Ok(Written {
            train,
            test,
            truth: folder.truth(&truth)?,
            num_train: train_records.len(),
            num_test: seen.len(),
            target: truth.target,
            best: truth.best,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::{collections::BTreeMap, fs};

    /// Every file of a set by its path within the folder.
    fn files(dir: &Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![dir.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(dir).unwrap().to_owned();
                    files.insert(name, fs::read(path).unwrap());
                }
            }
        }
        files
    }

    /// Holds a set to its promises: the same seed the same bytes, too few records refused.
    pub(in crate::sample) fn keeps_its_promises(set: &dyn Set, least: usize) {
        let write = |seed| {
            let dir = tempfile::tempdir().unwrap();
            let written = set
                .write(dir.path(), least, Seed(seed), &|_, _| {})
                .unwrap();
            assert_eq!(
                (written.num_train, written.num_test),
                (least, num_test(least))
            );
            files(dir.path())
        };
        let first = write(1);
        assert!(first.contains_key(Path::new("truth.json")));
        assert!(first.len() > least, "media of their own");
        assert!(first == write(1), "the same seed");
        assert!(first != write(2), "another seed");
        let dir = tempfile::tempdir().unwrap();
        let error = set
            .write(dir.path(), least - 1, Seed(0), &|_, _| {})
            .unwrap_err();
        let problem = schema::Problem::from(error);
        assert_eq!(problem.expected, Some(format!("at least {least}")));
    }

    /// Holds what the truth says to the share of dealt records that the best answers get right.
    pub(in crate::sample) fn best_answers_reach(
        draws: &Draws,
        missing: &[f64],
        subsets: &[(&str, &[usize])],
        tolerance: f64,
    ) {
        for seed in 0..5 {
            let dealt = deal_records(draws, missing, 400, Seed(seed));
            let seen: Vec<_> = dealt.iter().map(|it| it.seen.clone()).collect();
            let best = draws.best_accuracy(&seen);
            for (key, inputs) in subsets {
                let hits = dealt.iter().filter(|record| {
                    let reads = |(input, sign): (usize, &Option<u8>)| {
                        sign.filter(|_| inputs.contains(&input))
                    };
                    let seen: Vec<_> = record.seen.iter().enumerate().map(reads).collect();
                    draws.best_answer(&seen).0 == record.label
                });
                let share = hits.count() as f64 / dealt.len() as f64;
                let expected = best[*key];
                assert!(
                    (share - expected).abs() < tolerance,
                    "{key}: {share}, truth {expected}"
                );
            }
        }
    }
}
