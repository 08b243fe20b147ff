//! Which voices are heard together: one set of weights for each pattern of missing inputs.
//!
//! Weights that are right when everything is there are too small when a voice stands alone. So patterns are played
//! through on the held-out records by hiding voices, and each gets weights of its own.

use std::collections::BTreeSet;

use super::terms::Terms;

/// Up to this number of modalities every subset is played through; above it, each one missing and each one alone.
const MAX_SUBSETS: usize = 5;
/// Held-out records of a pattern from which on weights are fitted on those alone.
const ENOUGH: usize = 60;

/// Columns that always come and go together in the eyes of the voices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// The columns.
    pub(super) columns: Vec<String>,
    /// Whether each voice reads them.
    pub(super) read_by: Vec<bool>,
}

/// Columns grouped by which voices read them, in the order in which voices name them.
pub(super) fn units(terms: &Terms) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for column in terms.inputs.iter().flatten() {
        if units.iter().any(|unit| unit.columns.contains(column)) {
            continue;
        }
        let read_by: Vec<bool> = terms
            .inputs
            .iter()
            .map(|inputs| inputs.contains(column))
            .collect();
        match units.iter_mut().find(|unit| unit.read_by == read_by) {
            Some(unit) => unit.columns.push(column.clone()),
            None => units.push(Unit {
                columns: vec![column.clone()],
                read_by,
            }),
        }
    }
    units
}

/// A pattern to fit weights for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Voices that are present in it.
    pub(super) heard: Vec<bool>,
    /// Voices that get weights: those of `heard` whose held-out scores are what they would be in this pattern.
    pub(super) weighed: Vec<bool>,
    /// Whether enough held-out records have just this pattern, so that weights are fitted on those.
    pub(super) natural: bool,
}

/// Every pattern worth weights of its own; the first has every voice.
pub(super) fn patterns(terms: &Terms, records: &[usize]) -> Vec<Pattern> {
    let all = vec![true; terms.num_voices()];
    let mut patterns = vec![Pattern {
        heard: all.clone(),
        weighed: all,
        natural: false,
    }];
    let units = units(terms);
    for subset in subsets(units.len()) {
        let any = |voice: usize| {
            units
                .iter()
                .zip(&subset)
                .any(|(unit, is_in)| *is_in && unit.read_by[voice])
        };
        let whole = |voice: usize| {
            units
                .iter()
                .zip(&subset)
                .all(|(unit, is_in)| *is_in || !unit.read_by[voice])
        };
        let heard: Vec<bool> = (0..terms.num_voices()).map(any).collect();
        if patterns.iter().any(|pattern| pattern.heard == heard) || !heard.contains(&true) {
            continue;
        }
        let num = records
            .iter()
            .filter(|record| terms.mask(**record) == heard)
            .count();
        // A voice that has lost some of its inputs does worse than its held-out scores say.
        let sighted: Vec<bool> = (0..heard.len())
            .map(|voice| heard[voice] && whole(voice))
            .collect();
        let natural = num >= ENOUGH;
        let weighed = if natural || !sighted.contains(&true) {
            heard.clone()
        } else {
            sighted
        };
        patterns.push(Pattern {
            heard,
            weighed,
            natural,
        });
    }
    patterns
}

/// Proper subsets that are not empty, largest first.
fn subsets(count: usize) -> Vec<Vec<bool>> {
    let members = |bits: usize| {
        (0..count)
            .map(|unit| bits >> unit & 1 == 1)
            .collect::<Vec<bool>>()
    };
    if count > MAX_SUBSETS {
        let singles = (0..count).map(|one| (0..count).map(|unit| unit == one).collect::<Vec<_>>());
        let missing = singles
            .clone()
            .map(|one| one.into_iter().map(|is_in| !is_in).collect());
        return missing
            .chain(singles)
            .collect::<BTreeSet<Vec<bool>>>()
            .into_iter()
            .rev()
            .collect();
    }
    let mut bits: Vec<usize> = (1..(1_usize << count).saturating_sub(1)).collect();
    bits.sort_by_key(|bits| (std::cmp::Reverse(bits.count_ones()), *bits));
    bits.into_iter().map(members).collect()
}
