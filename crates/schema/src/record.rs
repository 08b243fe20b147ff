//! A row as it was read, before anything is known about its columns.

use std::collections::BTreeMap;

/// One cell as a source gives it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Nothing there: an empty field, a null, a column that the record lacks.
    Missing,
    /// Text: words, a path, a number still to be parsed.
    Text(String),
    /// A number that the source already knows to be one.
    Number(f64),
    /// Media bytes that stand in the table itself.
    Bytes(Vec<u8>),
    /// Several values, such as labels.
    List(Vec<Cell>),
}

impl Cell {
    /// Whether there is nothing in it.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<f32> for Cell {
    fn from(number: f32) -> Self {
        Self::Number(f64::from(number))
    }
}

impl From<i32> for Cell {
    fn from(number: i32) -> Self {
        Self::Number(f64::from(number))
    }
}

impl From<Vec<u8>> for Cell {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&std::path::Path> for Cell {
    fn from(path: &std::path::Path) -> Self {
        Self::Text(path.to_string_lossy().into_owned())
    }
}

impl From<std::path::PathBuf> for Cell {
    fn from(path: std::path::PathBuf) -> Self {
        Self::from(path.as_path())
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Missing, Into::into)
    }
}

/// One row by column name; a name that is not there is a missing cell.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Record {
    /// The cells by column name.
    pub cells: BTreeMap<String, Cell>,
}

impl Record {
    /// A record with no cells.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a cell.
    #[must_use]
    pub fn with(mut self, column: impl Into<String>, cell: impl Into<Cell>) -> Self {
        self.cells.insert(column.into(), cell.into());
        self
    }

    /// The cell of a column; missing if the record lacks it.
    pub fn cell(&self, column: &str) -> &Cell {
        self.cells.get(column).unwrap_or(&Cell::Missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_that_is_not_there_is_missing() {
        let record = Record::new()
            .with("text", "so cute")
            .with("age", 3.0)
            .with("image", None::<&str>);
        assert_eq!(record.cell("text"), &Cell::Text("so cute".into()));
        assert!(record.cell("image").is_missing());
        assert!(record.cell("nope").is_missing());
    }
}
