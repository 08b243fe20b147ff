//! Cells to values, by the modality of their column; what cannot be read is a fault with a reason.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use schema::{Cell, Modality};

use super::{CellFault, Dataset, MediaColumn, Values};
use crate::{CellRef, Form, is_missing_word, number_name, parse_date, parse_number};

impl Dataset {
    /// Reads a column, media apart: those come later, in parallel.
    pub(super) fn read_column(
        &self,
        col: usize,
        forms: &[Form],
    ) -> (Values, Vec<(usize, CellFault)>) {
        if self.table_cols[col].is_none() {
            return (Values::Absent, Vec::new());
        }
        let mut faults = Vec::new();
        let values = match self.columns[col].modality {
            Modality::Text => {
                self.read_cells(col, &mut faults, |cell| text_of(cell).map(|_| None::<()>));
                Values::Text
            }
            Modality::Number => {
                let numbers = self.read_cells(col, &mut faults, number_of);
                Values::Number(numbers.into_iter().map(|n| n.unwrap_or(f64::NAN)).collect())
            }
            Modality::Date => {
                let dates = self.read_cells(col, &mut faults, date_of);
                Values::Date(dates.into_iter().map(|d| d.unwrap_or(i64::MIN)).collect())
            }
            Modality::Category => {
                let mut interner = Interner::default();
                let codes = self.read_cells(col, &mut faults, |cell| {
                    category_of(cell).map(|name| name.map(|name| interner.code(&name)))
                });
                let codes = codes
                    .into_iter()
                    .map(|code| code.unwrap_or(u32::MAX))
                    .collect();
                Values::Category {
                    codes,
                    names: interner.names,
                }
            }
            modality => Values::Media(MediaColumn::unread(self.num_rows(), modality, forms)),
        };
        (values, faults)
    }

    fn read_cells<T>(
        &self,
        col: usize,
        faults: &mut Vec<(usize, CellFault)>,
        mut read: impl FnMut(CellRef<'_>) -> Result<Option<T>, CellFault>,
    ) -> Vec<Option<T>> {
        let mut value_of = |row| {
            read(self.cell(col, row)).unwrap_or_else(|fault| {
                faults.push((row, fault));
                None
            })
        };
        (0..self.num_rows()).map(&mut value_of).collect()
    }
}

#[derive(Default)]
struct Interner {
    codes: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Interner {
    fn code(&mut self, name: &str) -> u32 {
        if let Some(code) = self.codes.get(name) {
            return *code;
        }
        let name: Arc<str> = Arc::from(name);
        let code = self.names.len() as u32;
        self.names.push(Arc::clone(&name));
        self.codes.insert(name, code);
        code
    }
}

pub(super) fn is_missing(cell: &CellRef<'_>) -> bool {
    match cell {
        CellRef::Missing => true,
        CellRef::Text(text) => is_missing_word(text),
        _ => false,
    }
}

pub(super) fn text_of(cell: CellRef<'_>) -> Result<Option<Cow<'_, str>>, CellFault> {
    match cell {
        cell if is_missing(&cell) => Ok(None),
        CellRef::Text(text) => Ok(Some(text)),
        CellRef::Number(number) => Ok(Some(Cow::Owned(number_name(number)))),
        CellRef::List(list) => Ok(Some(Cow::Owned(join(&list)))),
        CellRef::Bytes(bytes) => utf8(bytes).map(Some),
        CellRef::Missing => Ok(None),
    }
}

fn utf8(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, str>, CellFault> {
    let fault = |len: usize| ("not_text", format!("{len} bytes that are not UTF-8 text"));
    match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes)
            .map(Cow::Borrowed)
            .map_err(|_| fault(bytes.len())),
        Cow::Owned(bytes) => String::from_utf8(bytes)
            .map(Cow::Owned)
            .map_err(|error| fault(error.as_bytes().len())),
    }
}

fn join(list: &[Cell]) -> String {
    let parts: Vec<Cow<'_, str>> = list
        .iter()
        .filter_map(|item| match item {
            Cell::Text(text) => Some(Cow::Borrowed(text.as_str())),
            Cell::Number(number) => Some(Cow::Owned(number_name(*number))),
            Cell::List(list) => Some(Cow::Owned(join(list))),
            Cell::Missing | Cell::Bytes(_) => None,
        })
        .collect();
    parts.join(" ")
}

fn number_of(cell: CellRef<'_>) -> Result<Option<f64>, CellFault> {
    match cell {
        cell if is_missing(&cell) => Ok(None),
        CellRef::Number(number) if number.is_finite() => Ok(Some(number)),
        CellRef::Text(text) => match parse_number(&text) {
            Some(number) => Ok(Some(number)),
            None => Err((
                "not_a_number",
                expected("a finite number, or empty for missing", &text),
            )),
        },
        other => Err(("not_a_number", expected("a finite number", &shown(other)))),
    }
}

fn date_of(cell: CellRef<'_>) -> Result<Option<i64>, CellFault> {
    match cell {
        cell if is_missing(&cell) => Ok(None),
        // Binary sources give moments as numbers: seconds since 1970.
        CellRef::Number(number) if number.abs() < 1e15 => Ok(Some(number.floor() as i64)),
        CellRef::Text(text) => match parse_date(&text) {
            Some(date) => Ok(Some(date)),
            None => Err(("not_a_date", expected("a date such as 2024-03-31", &text))),
        },
        other => Err((
            "not_a_date",
            expected("a date such as 2024-03-31", &shown(other)),
        )),
    }
}

fn category_of(cell: CellRef<'_>) -> Result<Option<Cow<'_, str>>, CellFault> {
    match text_of(cell)? {
        Some(Cow::Borrowed(text)) => Ok(Some(Cow::Borrowed(text.trim()))),
        other => Ok(other),
    }
}

fn expected(what: &str, got: &str) -> String {
    let got: String = got.chars().take(60).collect();
    format!("expected {what}, got \"{got}\"")
}

fn shown(cell: CellRef<'_>) -> String {
    match cell {
        CellRef::Number(number) => number_name(number),
        CellRef::Bytes(bytes) => format!("{} bytes", bytes.len()),
        CellRef::List(list) => format!("a list of {}", list.len()),
        CellRef::Text(text) => text.into_owned(),
        CellRef::Missing => String::new(),
    }
}
