//! Lists of media in one cell: each has a column of its own, so that a model sees all of them.

use schema::Cell;

use crate::media::MEDIA;

/// Media of one cell that are read; more are more than a model could be given as columns.
const MAX_MEDIA: usize = 16;

/// Whether a cell is a list of media: bytes, or paths that end like those of a medium.
pub(super) fn is_of_media(cell: &Cell) -> bool {
    let is_medium = |item: &Cell| match item {
        Cell::Bytes(_) => true,
        Cell::Text(text) => has_media_ending(text.trim()),
        Cell::Missing | Cell::Number(_) | Cell::List(_) => false,
    };
    matches!(cell, Cell::List(list) if !list.is_empty() && list.iter().all(is_medium))
}

fn has_media_ending(name: &str) -> bool {
    let ending = name.rsplit('.').next().unwrap_or_default().to_lowercase();
    name.contains('.')
        && MEDIA
            .into_iter()
            .any(|medium| medium.endings().contains(&ending.as_str()))
}

/// The cells that stand for one: `image`, `image.2`, `image.3` for a list of three pictures, otherwise the cell itself.
///
/// # Errors
/// In words, for a list of more media than are read.
pub(super) fn spread(name: String, cell: Cell) -> Result<Vec<(String, Cell)>, String> {
    if !is_of_media(&cell) {
        return Ok(vec![(name, cell)]);
    }
    let Cell::List(list) = cell else {
        return Ok(Vec::new());
    };
    if list.len() > MAX_MEDIA {
        return Err(format!(
            "column \"{name}\" has {} media in one cell, at most {MAX_MEDIA} are read",
            list.len()
        ));
    }
    let named = |(at, item): (usize, Cell)| match at {
        0 => (name.clone(), item),
        _ => (format!("{name}.{}", at + 1), item),
    };
    Ok(list.into_iter().enumerate().map(named).collect())
}

#[cfg(test)]
mod tests {
    use crate::{CellRef, Table};

    #[test]
    fn every_medium_of_a_list_has_a_column_and_other_lists_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let many: Vec<String> = (0..17).map(|at| format!("\"{at}.png\"")).collect();
        let lines = [
            r#"{"image": ["a.png", "b.JPG"], "captions": ["one cat", "a cat sits"], "tags": ["x"]}"#.to_owned(),
            r#"{"image": "c.png", "captions": "alone"}"#.to_owned(),
            r#"{"image": [{"path": "d.png", "bytes": null}], "captions": ["see a.png", "2.5"]}"#.to_owned(),
            format!("{{\"image\": [{}]}}", many.join(",")),
            r#"{"image": ["a.png", "b.png"], "image.2": "c.png"}"#.to_owned(),
        ];
        std::fs::write(&path, lines.join("\n")).unwrap();
        let table = Table::open(&path).unwrap();
        assert_eq!(table.columns(), ["image", "image.2", "captions", "tags"]);
        let cell = |row: usize, col: usize| table.cell(row, col).to_cell();
        assert_eq!((cell(0, 0), cell(0, 1)), ("a.png".into(), "b.JPG".into()));
        assert_eq!(cell(1, 0), "c.png".into());
        assert_eq!(cell(2, 0), "d.png".into());
        assert!(table.cell(1, 1).is_missing() && table.cell(2, 1).is_missing());
        assert!(matches!(table.cell(0, 2), CellRef::List(_)));
        let bad: Vec<(usize, &str)> = table
            .bad_rows()
            .iter()
            .map(|bad| (bad.line, bad.text.as_str()))
            .collect();
        assert_eq!(
            bad,
            [
                (
                    4,
                    "column \"image\" has 17 media in one cell, at most 16 are read"
                ),
                (5, "two values for \"image.2\"")
            ]
        );
    }
}
