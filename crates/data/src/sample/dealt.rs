//! Records as they are dealt from a set's cells: what each shows, what is hidden, which label stands on the table.

use schema::{Rng, Seed};

use super::truth::{Cell, Draws};

/// One record before it is drawn and written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dealt {
    /// What each input shows, in the order of [`Draws::inputs`]; `None` for an input that the record lacks.
    pub(super) seen: Vec<Option<u8>>,
    /// Index of the label on the table.
    pub(super) label: usize,
}

/// Deals the records of a part.
///
/// Cells come by systematic sampling, so that every run of neighbouring cells has its share of the records up to one
/// record: a set orders its cells so that this holds for what its truth depends on. Of input `i` a share `missing[i]`
/// of the records is hidden, but never a record's last one.
pub(super) fn deal_records(draws: &Draws, missing: &[f64], count: usize, seed: Seed) -> Vec<Dealt> {
    let mut rng = seed.named("deal").rng();
    let mut records: Vec<Dealt> = systematic(&draws.cells, count, &mut rng)
        .into_iter()
        .map(|cell| Dealt {
            seen: cell.signs.iter().copied().map(Some).collect(),
            label: cell.label,
        })
        .collect();
    rng.shuffle(&mut records);
    hide(&mut records, missing, &mut rng);
    mislabel(&mut records, draws, &mut rng);
    records
}

/// `count` cells at even distances along their weights.
fn systematic<'a>(cells: &'a [Cell], count: usize, rng: &mut Rng) -> Vec<&'a Cell> {
    let total: f64 = cells.iter().map(|cell| f64::from(cell.weight)).sum();
    let start = rng.uniform();
    let mut picked = Vec::with_capacity(count);
    let mut below = 0.0;
    for cell in cells {
        below += f64::from(cell.weight);
        while picked.len() < count && (picked.len() as f64 + start) * total < below * count as f64 {
            picked.push(cell);
        }
    }
    picked
}

fn hide(records: &mut [Dealt], missing: &[f64], rng: &mut Rng) {
    let mut order: Vec<usize> = (0..records.len()).collect();
    for (input, rate) in missing.iter().enumerate() {
        rng.shuffle(&mut order);
        let num_hidden = (records.len() as f64 * rate).round() as usize;
        let has_others = |row: &&usize| {
            let seen = &records[**row].seen;
            seen.iter()
                .enumerate()
                .any(|(other, sign)| other != input && sign.is_some())
        };
        let hidden: Vec<usize> = order
            .iter()
            .filter(has_others)
            .take(num_hidden)
            .copied()
            .collect();
        for row in hidden {
            records[row].seen[input] = None;
        }
    }
}

fn mislabel(records: &mut [Dealt], draws: &Draws, rng: &mut Rng) {
    let mut order: Vec<usize> = (0..records.len()).collect();
    rng.shuffle(&mut order);
    let num_wrong = (records.len() as f64 * draws.mislabel_rate).round() as usize;
    for row in order.into_iter().take(num_wrong) {
        let step = 1 + rng.below(draws.num_labels.saturating_sub(1));
        records[row].label = (records[row].label + step) % draws.num_labels.max(1);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn four_cells(mislabel_rate: f64) -> Draws {
        let cell = |weight: u32, a: u8, b: u8, label: usize| Cell {
            weight,
            signs: vec![a, b],
            label,
        };
        Draws {
            inputs: vec!["a", "b"],
            num_labels: 2,
            cells: vec![
                cell(1, 0, 0, 0),
                cell(2, 0, 1, 1),
                cell(3, 1, 0, 1),
                cell(4, 1, 1, 0),
            ],
            mislabel_rate,
        }
    }

    #[test]
    fn every_run_of_cells_has_its_share_up_to_one_record() {
        for seed in 0..20 {
            let records = deal_records(&four_cells(0.0), &[0.0, 0.0], 101, Seed(seed));
            assert_eq!(records.len(), 101);
            let of_first = records.iter().filter(|it| it.seen[0] == Some(0)).count();
            // By hand: 3 of 10 weights, of 101 records.
            assert!((29..=32).contains(&of_first), "{of_first}");
        }
    }

    #[test]
    fn shares_are_hidden_and_mislabelled_and_nobody_loses_everything() {
        let records = deal_records(&four_cells(0.1), &[0.5, 0.6], 200, Seed(1));
        let lacking = |input: usize| records.iter().filter(|it| it.seen[input].is_none()).count();
        assert_eq!(
            (lacking(0), lacking(1)),
            (100, 100),
            "the rest have only that one"
        );
        assert!(records.iter().all(|it| it.seen.iter().any(Option::is_some)));
        let whole = deal_records(&four_cells(0.1), &[0.0, 0.0], 200, Seed(1));
        let wrong = whole
            .iter()
            .filter(|it| it.label != usize::from(it.seen[0] != it.seen[1]))
            .count();
        assert_eq!(wrong, 20);
    }
}
