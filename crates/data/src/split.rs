//! Splits that keep records together which are the same or belong together.

use std::collections::{BTreeMap, HashMap};

use schema::{Modality, Seed};

use crate::{CellRef, DataError, Dataset, Truth, dataset::content_hash, number_name};

/// A text or picture that more than this share of the records have says nothing about identity: it is a
/// placeholder, and grouping by it would put everything on one side.
const PLACEHOLDER_SHARE: f64 = 0.1;

/// Rows to fit on, and rows held out.
pub type Sides = (Vec<usize>, Vec<usize>);

/// Which records must stay on one side of every split: group number of each row, from 0, in order of appearance.
///
/// Records are joined if a text column has the identical text, if any picture has the identical bytes, or if the
/// column `group_by` has the same value; and further along chains of these.
///
/// # Errors
/// [`DataError::NoColumn`] if there is no column `group_by`.
pub fn groups(
    dataset: &Dataset,
    rows: &[usize],
    group_by: Option<&str>,
) -> Result<Vec<usize>, DataError> {
    let mut sets = UnionFind::new(rows.len());
    let limit = (rows.len() as f64 * PLACEHOLDER_SHARE).max(2.0) as usize;
    for keys in content_keys(dataset, rows) {
        let shared = keys.chunk_by(|a, b| a.0 == b.0);
        for members in shared.filter(|members| members.len() <= limit) {
            members
                .windows(2)
                .for_each(|pair| sets.join(pair[0].1 as usize, pair[1].1 as usize));
        }
    }
    if let Some(name) = group_by {
        let col = dataset.table().require(name)?;
        let mut first = HashMap::<String, usize>::new();
        for (at, row) in rows.iter().enumerate() {
            let key = match dataset.table().cell(*row, col) {
                CellRef::Text(text) if !text.trim().is_empty() => text.trim().to_owned(),
                CellRef::Number(number) => number_name(number),
                _ => continue,
            };
            let with = *first.entry(key).or_insert(at);
            sets.join(with, at);
        }
    }
    Ok(sets.numbers())
}

/// Contents with the positions that have them, sorted: one list a text column, one for all media together.
fn content_keys(dataset: &Dataset, rows: &[usize]) -> Vec<Vec<(u64, u32)>> {
    let mut lists = Vec::new();
    let mut media = Vec::new();
    for (col, column) in dataset.columns().iter().enumerate() {
        let mut texts = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let (list, hash) = match column.modality {
                Modality::Text => (&mut texts, dataset.text_hash(col, *row)),
                modality if modality.is_media() => (&mut media, dataset.media_hash(col, *row)),
                _ => break,
            };
            list.extend(hash.map(|hash| (hash, at as u32)));
        }
        lists.push(texts);
    }
    lists.push(media);
    lists.iter_mut().for_each(|list| list.sort_unstable());
    lists
}

/// Splits rows in those to fit on and those held out, groups whole, classes in proportion.
///
/// `groups` and `truth` belong to `rows` by position; a regression truth is stratified by its deciles.
/// Returns `(fit, held_out)`, each in the order of `rows`.
///
/// # Errors
/// [`DataError::CannotSplit`] if there are fewer than two groups; [`DataError::Length`] if lists do not match.
pub fn holdout(
    rows: &[usize],
    groups: &[usize],
    truth: Option<&Truth>,
    fraction: f64,
    seed: Seed,
) -> Result<Sides, DataError> {
    let fraction = fraction.clamp(0.0, 1.0);
    let parts = assign(
        rows,
        groups,
        truth,
        &[1.0 - fraction, fraction],
        seed.named("holdout"),
    )?;
    Ok(pick(rows, &parts, 1))
}

/// `(fit, held_out)` of each of `num_folds` folds; every row is held out once.
///
/// # Errors
/// As [`holdout`], for fewer groups than folds.
pub fn folds(
    rows: &[usize],
    groups: &[usize],
    truth: Option<&Truth>,
    num_folds: usize,
    seed: Seed,
) -> Result<Vec<Sides>, DataError> {
    let shares = vec![1.0 / num_folds.max(1) as f64; num_folds.max(1)];
    let parts = assign(rows, groups, truth, &shares, seed.named("folds"))?;
    Ok((0..num_folds)
        .map(|fold| pick(rows, &parts, fold))
        .collect())
}

/// Holds out the newest records by a date column of the table; records without a date are fitted on.
///
/// # Errors
/// [`DataError::NoColumn`]; [`DataError::CannotSplit`] if a side would be empty.
pub fn by_time(
    dataset: &Dataset,
    rows: &[usize],
    column: &str,
    fraction: f64,
) -> Result<Sides, DataError> {
    let table = dataset.table();
    let col = table.require(column)?;
    let moment = |row: usize| match table.cell(row, col) {
        CellRef::Number(number) => number,
        CellRef::Text(text) => crate::parse_date(&text)
            .map(|secs| secs as f64)
            .or_else(|| crate::parse_number(&text))
            .unwrap_or(f64::NEG_INFINITY),
        _ => f64::NEG_INFINITY,
    };
    let mut order: Vec<(f64, usize)> = rows.iter().map(|row| (moment(*row), *row)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let num_held = (rows.len() as f64 * fraction.clamp(0.0, 1.0)).round() as usize;
    let mut cut = rows.len() - num_held;
    // Records of one moment stay together, on the side of the older.
    while cut > 0 && cut < order.len() && order[cut - 1].0 == order[cut].0 {
        cut += 1;
    }
    if cut == 0 || cut >= rows.len() {
        return Err(DataError::CannotSplit {
            num_records: rows.len(),
            num_groups: rows.len().min(1),
            num_parts: 2,
        });
    }
    let rows_of = |part: &[(f64, usize)]| part.iter().map(|(_, row)| *row).collect();
    Ok((rows_of(&order[..cut]), rows_of(&order[cut..])))
}

/// Rows of `other` whose text or picture also stands in `rows` of `dataset`: a test record seen in training.
///
/// Columns are matched by name. A record counts if all its texts and pictures that are present occur in one and the
/// same record of `dataset`.
pub fn duplicates(
    dataset: &Dataset,
    rows: &[usize],
    other: &Dataset,
    other_rows: &[usize],
) -> Vec<usize> {
    let shared: Vec<(usize, usize)> = dataset
        .columns()
        .iter()
        .enumerate()
        .filter(|(_, column)| column.modality == Modality::Text || column.modality.is_media())
        .filter_map(|(col, column)| Some((col, other.column_position(&column.name)?)))
        .collect();
    let key = |dataset: &Dataset, cols: &mut dyn Iterator<Item = usize>, row: usize| {
        let hashes: Vec<u64> = cols
            .map(|col| {
                dataset
                    .text_hash(col, row)
                    .or_else(|| dataset.media_hash(col, row))
                    .unwrap_or(0)
            })
            .collect();
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        hashes
            .iter()
            .any(|hash| *hash != 0)
            .then(|| content_hash(&bytes))
    };
    let seen: std::collections::HashSet<u64> = rows
        .iter()
        .filter_map(|row| key(dataset, &mut shared.iter().map(|pair| pair.0), *row))
        .collect();
    other_rows
        .iter()
        .copied()
        .filter(|row| {
            key(other, &mut shared.iter().map(|pair| pair.1), *row)
                .is_some_and(|key| seen.contains(&key))
        })
        .collect()
}

fn pick(rows: &[usize], parts: &[usize], held: usize) -> Sides {
    let side = |held_out: bool| {
        let placed = rows.iter().zip(parts);
        let on_side = placed.filter(|(_, part)| (**part == held) == held_out);
        let mut side: Vec<usize> = on_side.map(|(row, _)| *row).collect();
        side.shrink_to_fit();
        side
    };
    (side(false), side(true))
}

/// Part of each row: whole groups, the largest first, each to the part that lacks its classes most.
fn assign(
    rows: &[usize],
    groups: &[usize],
    truth: Option<&Truth>,
    shares: &[f64],
    seed: Seed,
) -> Result<Vec<usize>, DataError> {
    if groups.len() != rows.len() {
        return Err(DataError::Length {
            what: "groups",
            got: groups.len(),
            expected: rows.len(),
        });
    }
    let strata = strata(truth, rows.len())?;
    let num_strata = strata.iter().max().map_or(1, |max| max + 1);
    let mut members: Vec<u32> = (0..rows.len() as u32).collect();
    members.sort_by_key(|at| groups[*at as usize]);
    let mut order: Vec<&[u32]> = members
        .chunk_by(|a, b| groups[*a as usize] == groups[*b as usize])
        .collect();
    if order.len() < shares.len() || shares.iter().any(|share| *share <= 0.0) {
        return Err(DataError::CannotSplit {
            num_records: rows.len(),
            num_groups: order.len(),
            num_parts: shares.len(),
        });
    }
    seed.rng().shuffle(&mut order);
    order.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let mut totals = vec![0.0; num_strata];
    strata.iter().for_each(|stratum| totals[*stratum] += 1.0);
    let mut filled = vec![vec![0.0; num_strata]; shares.len()];
    let mut sizes = vec![0.0; shares.len()];
    let mut parts = vec![0; rows.len()];
    for (done, group) in order.iter().enumerate() {
        let mut counts = BTreeMap::<usize, f64>::new();
        group
            .iter()
            .for_each(|at| *counts.entry(strata[*at as usize]).or_default() += 1.0);
        let empty = sizes.iter().filter(|size| **size == 0.0).count();
        let must_fill = order.len() - done <= empty;
        let cost = |part: usize| {
            let own: f64 = counts
                .iter()
                .map(|(stratum, count)| {
                    let wanted = totals[*stratum] * shares[part];
                    count * (filled[part][*stratum] + count - wanted)
                        / totals[*stratum]
                        / shares[part]
                })
                .sum();
            let all = sizes[part] + group.len() as f64 - rows.len() as f64 * shares[part];
            own + group.len() as f64 * all / rows.len() as f64 / shares[part]
        };
        let best = (0..shares.len())
            .filter(|part| !must_fill || sizes[*part] == 0.0)
            .min_by(|a, b| cost(*a).total_cmp(&cost(*b)))
            .unwrap_or(0);
        sizes[best] += group.len() as f64;
        counts
            .iter()
            .for_each(|(stratum, count)| filled[best][*stratum] += count);
        group.iter().for_each(|at| parts[*at as usize] = best);
    }
    Ok(parts)
}

/// Stratum of each record: its class, its rarest label, or the decile of its value; unknown truth is one of its own.
fn strata(truth: Option<&Truth>, num_rows: usize) -> Result<Vec<usize>, DataError> {
    let strata = match truth {
        None => vec![0; num_rows],
        Some(Truth::Classes(classes)) => classes
            .iter()
            .map(|class| class.map_or(0, |class| class as usize + 1))
            .collect(),
        Some(Truth::Labels(labels)) if num_rows > 0 => {
            rarest_labels(labels, labels.len() / num_rows)
        }
        Some(Truth::Labels(_)) => Vec::new(),
        Some(Truth::Values(values)) => deciles(values),
    };
    if strata.len() != num_rows {
        return Err(DataError::Length {
            what: "truth",
            got: strata.len(),
            expected: num_rows,
        });
    }
    Ok(strata)
}

fn rarest_labels(labels: &[f32], width: usize) -> Vec<usize> {
    let mut counts = vec![0_usize; width];
    for row in labels.chunks_exact(width.max(1)) {
        row.iter()
            .zip(&mut counts)
            .for_each(|(label, count)| *count += usize::from(*label > 0.5));
    }
    labels
        .chunks_exact(width.max(1))
        .map(|row| {
            let own = (0..width).filter(|label| row[*label] > 0.5);
            own.min_by_key(|label| counts[*label])
                .map_or(0, |label| label + 1)
        })
        .collect()
}

fn deciles(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len())
        .filter(|at| values[*at].is_finite())
        .collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut strata = vec![0; values.len()];
    for (rank, at) in order.iter().enumerate() {
        strata[*at] = rank * 10 / order.len() + 1;
    }
    strata
}

/// Disjoint sets with path halving.
struct UnionFind {
    parent: Vec<usize>,
}

impl UnionFind {
    fn new(len: usize) -> Self {
        Self {
            parent: (0..len).collect(),
        }
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.parent[at] != at {
            self.parent[at] = self.parent[self.parent[at]];
            at = self.parent[at];
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        // The earlier one leads, so that numbers do not depend on the order of joining.
        self.parent[a.max(b)] = a.min(b);
    }

    fn numbers(mut self) -> Vec<usize> {
        let mut numbers = HashMap::new();
        (0..self.parent.len())
            .map(|at| {
                let root = self.root(at);
                let next = numbers.len();
                *numbers.entry(root).or_insert(next)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use schema::{Cell, Record};

    use super::*;
    use crate::{
        DatasetOptions,
        fixture::{dataset, input, plain_png},
    };

    fn open(records: Vec<Record>) -> Dataset {
        let inputs = [
            input("text", Modality::Text),
            input("photo", Modality::Image),
        ];
        dataset(records, &inputs, &DatasetOptions::default())
    }

    fn all(num: usize) -> Vec<usize> {
        (0..num).collect()
    }

    #[test]
    fn equal_text_equal_bytes_and_an_equal_group_join_along_chains() {
        let picture = |level: u8| Cell::Bytes(plain_png(2, [level, 0, 0]));
        let mut records = vec![
            Record::new()
                .with("text", "one")
                .with("photo", picture(1))
                .with("who", "a"),
            Record::new()
                .with("text", " ONE ")
                .with("photo", picture(2))
                .with("who", "b"),
            Record::new()
                .with("text", "two")
                .with("photo", picture(2))
                .with("who", "c"),
            Record::new()
                .with("text", "three")
                .with("photo", picture(3))
                .with("who", "c"),
            Record::new()
                .with("text", "four")
                .with("photo", picture(4))
                .with("who", ""),
            Record::new().with("who", ""),
        ];
        records.extend((0..20).map(|i| Record::new().with("text", format!("other {i}"))));
        let dataset = open(records);
        let rows = all(26);
        let plain = groups(&dataset, &rows, None).unwrap();
        assert_eq!(plain[..6], [0, 0, 0, 1, 2, 3]);
        let grouped = groups(&dataset, &rows, Some("who")).unwrap();
        assert_eq!(grouped[..6], [0, 0, 0, 0, 1, 2]);
        assert!(groups(&dataset, &rows, Some("whom")).is_err());
        // Rows keep their groups whatever their order.
        assert_eq!(groups(&dataset, &[3, 1, 0], None).unwrap(), [0, 1, 1]);
    }

    #[test]
    fn a_text_that_a_tenth_of_all_records_have_joins_nothing() {
        let records = (0..50)
            .map(|i| {
                Record::new().with(
                    "text",
                    if i < 10 {
                        "no text".into()
                    } else {
                        format!("t{i}")
                    },
                )
            })
            .collect();
        let groups = groups(&open(records), &all(50), None).unwrap();
        assert_eq!(groups, all(50));
    }

    #[test]
    fn a_holdout_keeps_groups_whole_and_classes_in_proportion() {
        let rows = all(1000);
        let mut rng = Seed(1).rng();
        let groups: Vec<usize> = rows.iter().map(|_| rng.below(400)).collect();
        let classes: Vec<Option<u32>> = groups
            .iter()
            .map(|group| Some([0, 0, 0, 1, 1, 2][group % 6]))
            .collect();
        let truth = Truth::Classes(classes.clone());
        let (fit, held) = holdout(&rows, &groups, Some(&truth), 0.2, Seed(7)).unwrap();
        assert_eq!(fit.len() + held.len(), 1000);
        let groups_of =
            |rows: &[usize]| rows.iter().map(|row| groups[*row]).collect::<BTreeSet<_>>();
        assert!(groups_of(&fit).is_disjoint(&groups_of(&held)));
        for class in 0..3 {
            let count = |rows: &[usize]| {
                rows.iter()
                    .filter(|row| classes[**row] == Some(class))
                    .count() as f64
            };
            let share = count(&held) / (count(&held) + count(&fit));
            // Groups have about 2.5 records, so a class of 170 cannot be met closer than about one group.
            assert!((share - 0.2).abs() < 0.02, "class {class}: {share}");
        }
        assert_eq!(
            holdout(&rows, &groups, Some(&truth), 0.2, Seed(7))
                .unwrap()
                .1,
            held
        );
        assert_ne!(
            holdout(&rows, &groups, Some(&truth), 0.2, Seed(8))
                .unwrap()
                .1,
            held
        );
    }

    #[test]
    fn numbers_are_spread_by_their_deciles() {
        let rows = all(200);
        let values: Vec<f64> = rows
            .iter()
            .map(|row| f64::from(*row as u32).exp2().min(1e9))
            .collect();
        let (_, held) = holdout(&rows, &rows, Some(&Truth::Values(values)), 0.25, Seed(3)).unwrap();
        assert_eq!(held.len(), 50);
        for decile in 0..10 {
            let num = held.iter().filter(|row| **row / 20 == decile).count();
            assert!((4..=6).contains(&num), "decile {decile}: {num} of 20");
        }
    }

    #[test]
    fn folds_hold_every_row_out_once() {
        let rows: Vec<usize> = (10..60).collect();
        let groups: Vec<usize> = (0..50).map(|at| at / 2).collect();
        let folds = folds(&rows, &groups, None, 5, Seed(2)).unwrap();
        let mut held: Vec<usize> = folds.iter().flat_map(|(_, held)| held.clone()).collect();
        held.sort_unstable();
        assert_eq!(held, rows);
        for (fit, held) in &folds {
            assert_eq!((fit.len(), held.len()), (40, 10));
        }
    }

    #[test]
    fn one_group_or_odd_lists_cannot_be_split() {
        let rows = all(5);
        let one = holdout(&rows, &[0; 5], None, 0.2, Seed(0));
        assert!(matches!(
            one,
            Err(DataError::CannotSplit { num_groups: 1, .. })
        ));
        assert!(holdout(&rows, &rows, None, 0.0, Seed(0)).is_err());
        assert!(matches!(
            holdout(&rows, &[0, 1], None, 0.2, Seed(0)),
            Err(DataError::Length { .. })
        ));
        let short = Truth::Values(vec![1.0]);
        assert!(matches!(
            holdout(&rows, &rows, Some(&short), 0.2, Seed(0)),
            Err(DataError::Length { .. })
        ));
        let two = holdout(&[4, 9], &[0, 1], None, 0.5, Seed(0)).unwrap();
        assert_eq!((two.0.len(), two.1.len()), (1, 1));
        // A tiny fraction still holds one group out.
        assert_eq!(
            holdout(&rows, &rows, None, 0.01, Seed(0)).unwrap().1.len(),
            1
        );
    }

    #[test]
    fn the_newest_are_held_out_and_one_moment_is_never_cut() {
        let days = [
            "2024-01-05",
            "2024-01-01",
            "2024-01-03",
            "2024-01-03",
            "",
            "2024-01-02",
        ];
        let records = days
            .iter()
            .map(|day| Record::new().with("text", "t").with("day", *day))
            .collect();
        let dataset = open(records);
        let (fit, held) = by_time(&dataset, &all(6), "day", 0.4).unwrap();
        assert_eq!((fit, held), (vec![4, 1, 5, 2, 3], vec![0]));
        assert!(by_time(&dataset, &all(6), "day", 0.0).is_err());
        assert!(by_time(&dataset, &all(6), "date", 0.5).is_err());
    }

    #[test]
    fn a_test_record_seen_in_training_is_found() {
        let picture = |level: u8| Cell::Bytes(plain_png(2, [level, 0, 0]));
        let record = |text: &str, level| {
            Record::new()
                .with("text", text)
                .with("photo", picture(level))
        };
        let train = open(vec![record("one", 1), record("two", 2)]);
        let test = open(vec![
            record("one", 1),
            record("one", 2),
            record("new", 3),
            Record::new(),
        ]);
        assert_eq!(duplicates(&train, &all(2), &test, &all(4)), [0]);
    }
}
