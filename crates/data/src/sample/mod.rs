//! Generated data sets whose best possible result is known.
//!
//! A set is drawn, written and sounded by code from a seed, so nothing is downloaded and the truth of every
//! subset of its inputs can be computed from how the records were drawn. A set writes `train.csv`, `test.csv`, its
//! media and, last of all, `truth.json`: where that file lies, the set is complete.
//!
//! A new set is one file that implements [`Set`] and one line in `registry.rs`.

mod canvas;
mod clips;
mod dealt;
mod error;
mod folder;
mod movie;
mod parts;
mod patients;
mod posts;
mod registry;
mod seed;
mod sentiment;
mod sound;
mod truth;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use schema::{Code, Problem, Seed, known};

pub use error::SampleError;

/// Called with the number of records written so far and the number in all.
pub type Progress<'a> = dyn Fn(usize, usize) + 'a;

/// A data set that is drawn from a seed.
pub trait Set: Sync {
    /// Name, as typed on the command line.
    fn name(&self) -> &'static str;

    /// One sentence: which inputs, what is predicted, what it is good for.
    fn about(&self) -> &'static str;

    /// Training records that are written if no number is asked for.
    fn default_records(&self) -> usize;

    /// Writes the set into `dir`, which is created if it is not there; files of the same names are replaced.
    ///
    /// The same `records` and `seed` give the same bytes. Two fifths as many records again go to `test.csv`.
    ///
    /// # Errors
    /// [`SampleError::TooFewRecords`] below the set's smallest number; the other variants if something cannot be
    /// written. `truth.json` is then missing.
    fn write(
        &self,
        dir: &Path,
        records: usize,
        seed: Seed,
        progress: &Progress<'_>,
    ) -> Result<Written, SampleError>;
}

/// What was written, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Table to train on.
    pub train: PathBuf,
    /// Table to test on.
    pub test: PathBuf,
    /// The known answer.
    pub truth: PathBuf,
    /// Records in `train`.
    pub num_train: usize,
    /// Records in `test`.
    pub num_test: usize,
    /// Name of the target column.
    pub target: &'static str,
    /// Best accuracy that any model can expect on `test`, from `all` inputs and from each subset of them.
    pub best: BTreeMap<String, f64>,
}

/// The name of every set, in the order of the registry.
pub fn names() -> Vec<&'static str> {
    registry::SETS.iter().map(|set| set.name()).collect()
}

/// Every set, in the order in which `list` shows them.
pub fn sets() -> &'static [&'static dyn Set] {
    registry::SETS
}

/// The set with a name.
///
/// # Errors
/// A problem that names the closest set if there is none of this name.
pub fn by_name(name: &str) -> Result<&'static dyn Set, Problem> {
    registry::SETS
        .iter()
        .copied()
        .find(|set| set.name() == name)
        .ok_or_else(|| {
            Problem::new(
                Code::Config,
                format!("no sample \"{name}\"{}", known(name, &names())),
            )
        })
}

/// Records of `test.csv` for a number of training records: two fifths, at least one.
fn num_test(num_train: usize) -> usize {
    (num_train * 2).div_ceil(5).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_gets_the_closest_set() {
        let error = by_name("post").err().unwrap();
        assert_eq!(
            error.what,
            "no sample \"post\"; closest \"posts\" (known: posts, clips, sentiment, patients, seed)"
        );
    }

    #[test]
    fn names_are_unique_and_every_set_says_what_it_is() {
        let mut names = names();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), sets().len());
        for set in sets() {
            assert_eq!(by_name(set.name()).unwrap().name(), set.name());
            assert!(set.about().len() > 30 && set.default_records() > 0);
        }
    }

    #[test]
    fn the_test_table_has_two_fifths_of_the_records() {
        assert_eq!([1, 5, 100, 1000].map(num_test), [1, 2, 40, 400]);
    }
}
