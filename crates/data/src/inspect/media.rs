//! Whether the cells of a column are pictures: what the files behind them begin with.

use std::io::Read;

use super::profile::Profile;
use crate::{CellRef, Table, picture::known_format};

/// Cells that are looked at.
const SAMPLE: usize = 40;
/// Bytes that tell a picture format.
const MAGIC_BYTES: u64 = 32;

/// What stands behind a sample of cells.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Media {
    pub(super) num_looked_at: usize,
    pub(super) num_pictures: usize,
    /// Files, or bytes, of another kind.
    pub(super) num_other_files: usize,
    /// Paths with the ending of a picture.
    pub(super) num_picture_endings: usize,
    /// The first path without a file behind it.
    pub(super) first_missing: Option<String>,
    /// The first file that is no picture.
    pub(super) first_other: Option<String>,
    /// Formats seen, such as `png`.
    pub(super) formats: Vec<&'static str>,
}

impl Media {
    pub(super) fn of(table: &Table, col: usize, profile: &Profile) -> Self {
        let mut media = Self::default();
        // Numbers and long texts are no paths; spare the file system.
        if profile.mostly(profile.num_numbers, 0.5) || profile.num_lists > 0 {
            return media;
        }
        for row in profile.sample_rows(table, col, SAMPLE) {
            match table.cell(row, col) {
                CellRef::Bytes(bytes) => media.count(&bytes[..bytes.len().min(64)], "bytes"),
                CellRef::Text(text) => media.look_at(table, row, text.trim()),
                _ => {}
            }
            media.num_looked_at += 1;
        }
        media
    }

    fn look_at(&mut self, table: &Table, row: usize, text: &str) {
        if text.len() > 1024 || text.contains('\n') {
            return;
        }
        self.num_picture_endings += usize::from(has_picture_ending(text));
        let path = table.base_dir(row).join(text);
        let mut start = Vec::new();
        let is_file = path.is_file();
        let read = std::fs::File::open(&path)
            .and_then(|file| file.take(MAGIC_BYTES).read_to_end(&mut start));
        match read {
            Ok(_) if is_file => self.count(&start, text),
            _ => {
                self.first_missing.get_or_insert_with(|| text.to_owned());
            }
        }
    }

    fn count(&mut self, start: &[u8], name: &str) {
        match known_format(start) {
            Some(format) => {
                self.num_pictures += 1;
                let name = format
                    .extensions_str()
                    .first()
                    .copied()
                    .unwrap_or("picture");
                if !self.formats.contains(&name) {
                    self.formats.push(name);
                }
            }
            None => {
                self.num_other_files += 1;
                self.first_other.get_or_insert_with(|| name.to_owned());
            }
        }
    }

    /// Whether at least this share of the cells looked at are among `num`.
    pub(super) fn mostly(&self, num: usize, share: f64) -> bool {
        self.num_looked_at > 0 && num as f64 >= share * self.num_looked_at as f64
    }

    pub(super) fn num_broken(&self) -> usize {
        self.num_looked_at - self.num_pictures
    }
}

fn has_picture_ending(text: &str) -> bool {
    let ending = text.rsplit('.').next().unwrap_or_default().to_lowercase();
    ["png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff"].contains(&ending.as_str())
}
