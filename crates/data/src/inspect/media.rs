//! Whether the cells of a column are media: what the files behind them begin with.

use std::io::Read;

use schema::Modality;

use super::profile::Profile;
use crate::{
    CellRef, Table,
    media::{MEDIA, Medium},
};

/// Cells that are looked at.
const SAMPLE: usize = 40;
/// Bytes that tell every format.
const MAGIC_BYTES: u64 = 512;

/// What stands behind a sample of cells.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Media {
    pub(super) num_looked_at: usize,
    /// Files, or bytes, of each modality, in the order of [`MEDIA`].
    num_of: [usize; MEDIA.len()],
    /// Paths with an ending of each modality, in the order of [`MEDIA`].
    num_endings: [usize; MEDIA.len()],
    /// Files, or bytes, of no modality.
    pub(super) num_other_files: usize,
    /// The first path without a file behind it.
    pub(super) first_missing: Option<String>,
    /// The first file of no modality.
    pub(super) first_other: Option<String>,
    /// Formats seen, such as `png`.
    pub(super) formats: Vec<&'static str>,
}

impl Media {
    pub(super) fn of(table: &Table, col: usize, profile: &Profile) -> Self {
        let mut media = Self::default();
        // Numbers and long texts are no paths; spare the file system.
        let has_numbers = [profile.num_numbers, profile.num_series]
            .into_iter()
            .any(|num| profile.mostly(num, 0.5));
        if has_numbers || profile.num_lists > 0 {
            return media;
        }
        for row in profile.sample_rows(table, col, SAMPLE) {
            match table.cell(row, col) {
                CellRef::Bytes(bytes) => {
                    media.count(&bytes[..bytes.len().min(MAGIC_BYTES as usize)], "bytes");
                }
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
        let ending = text.rsplit('.').next().unwrap_or_default().to_lowercase();
        for (num, medium) in self.num_endings.iter_mut().zip(MEDIA) {
            *num += usize::from(medium.endings().contains(&ending.as_str()));
        }
        let path = table.base_dir(row).join(text);
        let mut start = Vec::new();
        let is_file = path.is_file();
        let read = std::fs::File::open(&path)
            .and_then(|file| file.take(MAGIC_BYTES).read_to_end(&mut start));
        match read {
            Ok(_) if is_file => self.count(&start, text),
            _ if path.is_dir() && !text.is_empty() => self.count_folder(&path, text),
            _ => {
                self.first_missing.get_or_insert_with(|| text.to_owned());
            }
        }
    }

    /// A folder whose first file is a picture holds the frames of a video.
    fn count_folder(&mut self, folder: &std::path::Path, name: &str) {
        let holds_pictures = std::fs::read_dir(folder).is_ok_and(|files| {
            let mut names = files.flatten().map(|file| file.file_name());
            names.any(|name| has_picture_ending(&name.to_string_lossy()))
        });
        match place_of(Modality::Video).filter(|_| holds_pictures) {
            Some(place) => self.add(place, "folder"),
            None => {
                self.first_missing.get_or_insert_with(|| name.to_owned());
            }
        }
    }

    fn count(&mut self, start: &[u8], name: &str) {
        let ending = name.rsplit('.').next().unwrap_or_default().to_lowercase();
        let known = MEDIA.into_iter().enumerate().find_map(|(place, medium)| {
            // A header of plain text has no first bytes of its own; its name tells it.
            let by_name =
                || (ending == "hea" && medium.modality() == Modality::Series).then_some("hea");
            Some((place, medium.format(start).or_else(by_name)?))
        });
        match known {
            Some((place, format)) => self.add(place, format),
            None => {
                self.num_other_files += 1;
                self.first_other.get_or_insert_with(|| name.to_owned());
            }
        }
    }

    fn add(&mut self, place: usize, format: &'static str) {
        self.num_of[place] += 1;
        if !self.formats.contains(&format) {
            self.formats.push(format);
        }
    }

    /// The modality that most files are of, if at least half of the cells are.
    pub(super) fn modality(&self) -> Option<&'static dyn Medium> {
        self.largest(&self.num_of, 0.5)
    }

    /// The modality that most endings speak for, if at least this share of the cells have one.
    pub(super) fn modality_by_endings(&self, share: f64) -> Option<&'static dyn Medium> {
        self.largest(&self.num_endings, share)
    }

    fn largest(&self, counts: &[usize], share: f64) -> Option<&'static dyn Medium> {
        let most = counts.iter().max()?;
        let place = counts.iter().position(|count| count == most)?;
        self.mostly(*most, share).then(|| MEDIA[place])
    }

    /// Whether at least this share of the cells looked at are among `num`.
    pub(super) fn mostly(&self, num: usize, share: f64) -> bool {
        self.num_looked_at > 0 && num as f64 >= share * self.num_looked_at as f64
    }

    /// Cells looked at that have no file of a modality behind them.
    pub(super) fn num_broken(&self, modality: Modality) -> usize {
        let num = place_of(modality).map_or(0, |place| self.num_of[place]);
        self.num_looked_at - num
    }
}

fn place_of(modality: Modality) -> Option<usize> {
    MEDIA
        .iter()
        .position(|medium| medium.modality() == modality)
}

fn has_picture_ending(name: &str) -> bool {
    let ending = name.rsplit('.').next().unwrap_or_default().to_lowercase();
    crate::media::medium(Modality::Image)
        .is_some_and(|medium| medium.endings().contains(&ending.as_str()))
}
