//! How large the pictures of a column are, from a few headers, before anything is decoded.

use std::io::Read;

use super::{header, known_format};
use crate::{CellRef, Table};

/// Pictures that are looked at.
const SAMPLE: usize = 41;
/// Bytes that are read of a file: the size of a JPEG stands behind its metadata.
const HEAD_BYTES: u64 = 256 << 10;

/// Median of the longer sides, in pixels, of a sample of a column's pictures; `None` if no size could be read.
pub fn median_picture_px(table: &Table, column: &str) -> Option<usize> {
    let col = table.column_index(column)?;
    let step = table.num_records().div_ceil(SAMPLE).max(1);
    let mut sides: Vec<u32> = (0..table.num_records())
        .step_by(step)
        .filter_map(|row| longer_side(table, row, col))
        .collect();
    sides.sort_unstable();
    sides.get(sides.len() / 2).map(|side| *side as usize)
}

fn longer_side(table: &Table, row: usize, col: usize) -> Option<u32> {
    let mut head = Vec::new();
    match table.cell(row, col) {
        CellRef::Bytes(bytes) => head.extend_from_slice(&bytes),
        CellRef::Text(text) => {
            let file = std::fs::File::open(table.base_dir(row).join(text.trim())).ok()?;
            file.take(HEAD_BYTES).read_to_end(&mut head).ok()?;
        }
        _ => return None,
    }
    let header = header::read(known_format(&head)?, &head)?;
    Some(header.width.max(header.height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Record;

    #[test]
    fn the_median_of_what_can_be_read_counts() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = vec![Record::new().with("image", "gone.png")];
        for (index, side) in [20, 64, 64, 200].into_iter().enumerate() {
            let name = format!("{index}.png");
            image::RgbImage::new(side, 10)
                .save(folder.path().join(&name))
                .unwrap();
            records.push(Record::new().with("image", name));
        }
        let table = Table::from_records(records, folder.path());
        assert_eq!(median_picture_px(&table, "image"), Some(64));
        assert_eq!(median_picture_px(&table, "text"), None);
    }
}
