//! One pass over a column: counts that every later judgement goes by.

use std::{borrow::Cow, collections::HashMap};

use schema::Cell;

use crate::{
    CellRef, SeriesLimits, Table, dataset::content_hash, is_missing_word, number_name, parse_date,
    parse_number, parse_series,
};

/// Whether a text is a list of at least two numbers in brackets.
fn is_series(text: &str) -> bool {
    text.starts_with('[')
        && parse_series(text, &SeriesLimits::default()).is_ok_and(|series| series.values.len() >= 2)
}

/// Whether a part of a list is a number, or a list of such.
fn is_numeric(cell: &Cell) -> bool {
    match cell {
        Cell::Number(_) | Cell::Missing => true,
        Cell::List(list) => list.iter().all(is_numeric),
        Cell::Text(_) | Cell::Bytes(_) => false,
    }
}

fn num_words(cell: &Cell) -> usize {
    match cell {
        Cell::Text(text) => text.split_whitespace().count(),
        _ => 0,
    }
}

/// Counts over the cells of a column.
pub(super) struct Profile {
    pub(super) num_records: usize,
    /// Cells that hold something.
    pub(super) num_present: usize,
    pub(super) num_bytes: usize,
    pub(super) num_lists: usize,
    /// Lists of at least two numbers, or texts of such.
    pub(super) num_series: usize,
    /// Cells that are finite numbers.
    pub(super) num_numbers: usize,
    /// Numbers without a fraction.
    pub(super) num_whole: usize,
    pub(super) num_dates: usize,
    /// Cells of one word.
    pub(super) num_single_words: usize,
    /// Cells with a digit among other characters or by itself.
    pub(super) num_with_digit: usize,
    pub(super) num_addresses: usize,
    /// Words in all cells together.
    pub(super) num_words: usize,
    /// Whether whole numbers never fall from one record to the next.
    pub(super) ascending: bool,
    /// Records of each distinct value, by hash, with the first row that has it.
    pub(super) distinct: HashMap<u64, (usize, usize)>,
    /// Rows of the first cells that are not numbers, where others are.
    pub(super) first_not_number: Option<usize>,
}

impl Profile {
    pub(super) fn of(table: &Table, col: usize) -> Self {
        let mut profile = Self {
            num_records: table.num_records(),
            num_present: 0,
            num_bytes: 0,
            num_lists: 0,
            num_series: 0,
            num_numbers: 0,
            num_whole: 0,
            num_dates: 0,
            num_single_words: 0,
            num_with_digit: 0,
            num_addresses: 0,
            num_words: 0,
            ascending: true,
            distinct: HashMap::new(),
            first_not_number: None,
        };
        let mut last = f64::NEG_INFINITY;
        for row in 0..table.num_records() {
            if let Some(key) = table.stored_key(row, col) {
                profile.num_present += 1;
                profile.num_bytes += 1;
                profile.distinct.entry(key).or_insert((0, row)).0 += 1;
                continue;
            }
            let cell = table.cell(row, col);
            let Some(key) = cell_key(&cell) else { continue };
            profile.num_present += 1;
            profile.distinct.entry(key).or_insert((0, row)).0 += 1;
            match cell {
                CellRef::Bytes(_) => profile.num_bytes += 1,
                CellRef::List(list) => {
                    profile.num_lists += 1;
                    profile.num_words += list.iter().map(num_words).sum::<usize>();
                    profile.num_series +=
                        usize::from(list.len() >= 2 && list.iter().all(is_numeric));
                }
                CellRef::Number(number) => profile.count_number(number, &mut last),
                CellRef::Text(text) => profile.count_text(text.trim(), row, &mut last),
                CellRef::Missing => {}
            }
        }
        profile
    }

    fn count_number(&mut self, number: f64, last: &mut f64) {
        if !number.is_finite() {
            return;
        }
        self.num_numbers += 1;
        self.num_whole += usize::from(number.fract() == 0.0);
        self.ascending &= number >= *last;
        *last = number;
    }

    fn count_text(&mut self, text: &str, row: usize, last: &mut f64) {
        match parse_number(text) {
            Some(number) => self.count_number(number, last),
            None => {
                self.first_not_number.get_or_insert(row);
            }
        }
        let words = text.split_whitespace().count();
        self.num_words += words;
        self.num_single_words += usize::from(words <= 1);
        self.num_with_digit += usize::from(text.bytes().any(|byte| byte.is_ascii_digit()));
        self.num_addresses +=
            usize::from(text.starts_with("http://") || text.starts_with("https://"));
        self.num_dates += usize::from(parse_date(text).is_some());
        self.num_series += usize::from(is_series(text));
    }

    pub(super) fn num_missing(&self) -> usize {
        self.num_records - self.num_present
    }

    pub(super) fn num_distinct(&self) -> usize {
        self.distinct.len()
    }

    /// Whether at least this share of the cells that hold something are among `num`.
    pub(super) fn mostly(&self, num: usize, share: f64) -> bool {
        self.num_present > 0 && num as f64 >= share * self.num_present as f64
    }

    /// Distinct values per present cell, in [0, 1].
    pub(super) fn distinct_share(&self) -> f64 {
        self.num_distinct() as f64 / self.num_present.max(1) as f64
    }

    /// Rows that hold something, spread evenly, at most `most`.
    pub(super) fn sample_rows(&self, table: &Table, col: usize, most: usize) -> Vec<usize> {
        let every = self.num_present.div_ceil(most.max(1)).max(1);
        (0..table.num_records())
            .filter(|row| {
                table.holds_bytes(*row, col) || cell_key(&table.cell(*row, col)).is_some()
            })
            .step_by(every)
            .collect()
    }

    /// Up to three different cells as written.
    pub(super) fn examples(&self, table: &Table, col: usize) -> Vec<String> {
        let mut rows: Vec<usize> = self.distinct.values().map(|(_, row)| *row).collect();
        rows.sort_unstable();
        rows.truncate(3);
        rows.into_iter()
            .map(|row| shown(table.cell(row, col)))
            .collect()
    }
}

/// What a cell says for counting distinct values; `None` if it is missing.
pub(super) fn cell_key(cell: &CellRef<'_>) -> Option<u64> {
    Some(match cell {
        CellRef::Missing => return None,
        CellRef::Text(text) if is_missing_word(text) => return None,
        CellRef::Text(text) => content_hash(text.trim().as_bytes()),
        CellRef::Number(number) => content_hash(number_name(*number).as_bytes()),
        CellRef::Bytes(bytes) => content_hash(bytes),
        CellRef::List(list) => content_hash(format!("{list:?}").as_bytes()),
    })
}

/// A cell as a person would write it, cut at 60 characters.
pub(super) fn shown(cell: CellRef<'_>) -> String {
    let text = match cell {
        CellRef::Text(text) => Cow::Owned(text.trim().to_owned()),
        CellRef::Number(number) => Cow::Owned(number_name(number)),
        CellRef::Bytes(bytes) => Cow::Owned(format!("{} bytes", bytes.len())),
        cell @ CellRef::List(_) => Cow::Owned(crate::target::split_labels(cell).join("; ")),
        CellRef::Missing => Cow::Borrowed(""),
    };
    if text.chars().count() <= 60 {
        return text.into_owned();
    }
    text.chars().take(59).chain(['…']).collect()
}
