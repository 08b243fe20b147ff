//! Folders: archives in one, or media files, one folder a class.

use std::path::{Path, PathBuf};

use super::{is_table, name_and_folder, shards};
use crate::{
    DataError, Table,
    media::{MEDIA, Medium},
    table::TableBuilder,
};

/// The column of classes.
const LABEL: &str = "label";

/// Reads a folder: its archives if it has some; otherwise its media files, or those of its folders, whose names are
/// then the classes.
pub(super) fn open(path: &Path) -> Result<Table, DataError> {
    let top = Listing::of(path)?;
    if !top.archives.is_empty() {
        return shards::open(&top.archives, false);
    }
    if let Some(table) = top.tables.first() {
        let (name, _) = name_and_folder(table);
        let help = format!("open the table: \"{}\"", table.display());
        let got = format!("a table, \"{name}\", with its files beside it");
        return Err(no_records(path, got, help));
    }
    let classes = top
        .folders
        .iter()
        .map(|folder| Listing::of(folder))
        .collect::<Result<Vec<_>, _>>()?;
    if top.media.is_empty() && classes.iter().all(|class| class.media.is_empty()) {
        return Err(nothing_in(path, &top, &classes));
    }
    let media = used_media(std::iter::once(&top).chain(&classes));
    let has_classes = classes.iter().any(|class| !class.media.is_empty());
    let mut columns: Vec<String> = media
        .iter()
        .map(|at| MEDIA[*at].modality().to_string())
        .collect();
    if has_classes {
        columns.push(LABEL.to_owned());
    }
    // A class is named like a folder; where paths start from, no folder may bear its name, or it would be a file.
    let whole = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (name, base_dir) = name_and_folder(&whole);
    let mut builder = TableBuilder::new(&name, &base_dir, columns);
    let mut number = 0;
    // A file beside the folders of classes has no class.
    for listing in std::iter::once(&top).chain(&classes) {
        let label = listing.path.strip_prefix(path).unwrap_or(Path::new(""));
        for (at, file) in &listing.media {
            number += 1;
            let col = media.iter().position(|used| used == at).unwrap_or(0);
            match file.strip_prefix(path).ok().and_then(Path::to_str) {
                Some(file) => {
                    builder.text(col, &format!("{name}/{file}"));
                    if has_classes {
                        builder.text(media.len(), &label.to_string_lossy());
                    }
                    builder.end_record(number)?;
                }
                None => builder.bad_row(number, format!("{}: no UTF-8 name", file.display())),
            }
        }
        for file in listing.others.iter().chain(&listing.tables) {
            number += 1;
            builder.bad_row(number, format!("\"{}\" is no media file", file.display()));
        }
    }
    builder.finish_file(path)
}

/// Places in [`MEDIA`] of the media that occur, ascending.
fn used_media<'a>(listings: impl Iterator<Item = &'a Listing>) -> Vec<usize> {
    let mut used: Vec<usize> = listings
        .flat_map(|listing| listing.media.iter().map(|(at, _)| *at))
        .collect();
    used.sort_unstable();
    used.dedup();
    used
}

fn nothing_in(path: &Path, top: &Listing, classes: &[Listing]) -> DataError {
    let deeper = classes.iter().find(|class| !class.folders.is_empty());
    let got = format!(
        "{} folders without media files, {} other files",
        top.folders.len(),
        top.others.len()
    );
    let help = match deeper {
        Some(class) => format!(
            "open one of its folders, such as \"{}\"",
            class.path.display()
        ),
        None => "lay it out as CLASS/FILE, such as cat/001.png and dog/002.png".to_owned(),
    };
    no_records(path, got, help)
}

fn no_records(path: &Path, got: String, help: String) -> DataError {
    DataError::Folder {
        path: path.to_owned(),
        got,
        help,
    }
}

/// What lies in a folder, each by name; hidden files are left out.
#[derive(Default)]
struct Listing {
    path: PathBuf,
    folders: Vec<PathBuf>,
    archives: Vec<PathBuf>,
    tables: Vec<PathBuf>,
    /// With the place of their medium in [`MEDIA`].
    media: Vec<(usize, PathBuf)>,
    others: Vec<PathBuf>,
}

impl Listing {
    fn of(path: &Path) -> Result<Self, DataError> {
        let read_error = |source| DataError::Read {
            path: path.to_owned(),
            source,
        };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(path).map_err(read_error)? {
            paths.push(entry.map_err(read_error)?.path());
        }
        paths.sort_unstable();
        let mut listing = Self {
            path: path.to_owned(),
            ..Self::default()
        };
        for file in paths {
            let (name, _) = name_and_folder(&file);
            if name.starts_with('.') {
                continue;
            }
            if file.is_dir() {
                listing.folders.push(file);
            } else if shards::is_archive(&file) {
                listing.archives.push(file);
            } else if let Some(at) = medium_of(&name) {
                listing.media.push((at, file));
            } else if is_table(&file) {
                listing.tables.push(file);
            } else {
                listing.others.push(file);
            }
        }
        Ok(listing)
    }
}

/// Place in [`MEDIA`] of the medium whose files end like this name.
fn medium_of(name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    let ends = |medium: &&dyn Medium| {
        let mut endings = medium.endings().iter();
        endings.any(|ending| {
            let rest = name.strip_suffix(ending);
            rest.is_some_and(|rest| rest.ends_with('.'))
        })
    };
    MEDIA.iter().position(ends)
}

#[cfg(test)]
mod tests {
    use schema::Modality;

    use super::*;
    use crate::{CellRef, fixture::plain_png};

    fn put(folder: &Path, name: &str, bytes: &[u8]) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn folders_are_the_classes_of_their_files() {
        let folder = tempfile::tempdir().unwrap();
        let png = plain_png(2, [1, 2, 3]);
        for name in [
            "dog/b.PNG",
            "cat/1.png",
            "dog/a.png",
            "cat/.hidden.png",
            "stray.png",
        ] {
            put(folder.path(), name, &png);
        }
        put(folder.path(), "cat/notes.docx", b"x");
        let table = Table::open(folder.path()).unwrap();
        assert_eq!(table.columns(), ["image", "label"]);
        let rows: Vec<(String, String)> = (0..table.num_records())
            .map(|row| [0, 1].map(|col| format!("{:?}", table.cell(row, col).to_cell())))
            .map(|[file, label]| (file, label))
            .collect();
        let cell = |text: &str| format!("Text({text:?})");
        let file = |file: &str| format!("{}/{file}", table.name());
        assert_eq!(rows[0], (cell(&file("stray.png")), "Missing".to_owned()));
        assert_eq!(rows[1], (cell(&file("cat/1.png")), cell("cat")));
        assert_eq!(rows[2], (cell(&file("dog/a.png")), cell("dog")));
        assert_eq!(rows[3], (cell(&file("dog/b.PNG")), cell("dog")));
        assert_eq!(rows.len(), 4);
        assert_eq!(table.num_bad_rows(), 1);
        assert!(table.bad_rows()[0].text.contains("notes.docx"));
        let first = table.base_dir(1).join(file("cat/1.png"));
        assert_eq!(std::fs::read(first).unwrap(), png);
        let seen = crate::inspect(&table, None, &Default::default()).unwrap();
        let modalities: Vec<Modality> = seen
            .columns
            .iter()
            .map(|info| info.column.modality)
            .collect();
        assert_eq!(modalities, [Modality::Image, Modality::Text]);
    }

    #[test]
    fn files_of_several_media_have_columns_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "a/1.wav", b"x");
        put(folder.path(), "b/1.png", b"x");
        put(folder.path(), "b/2.mp4", b"x");
        let table = Table::open(folder.path()).unwrap();
        let text = |file: &str| CellRef::Text(format!("{}/{file}", table.name()).into());
        assert_eq!(table.columns(), ["image", "video", "audio", "label"]);
        assert_eq!(table.cell(0, 2), text("a/1.wav"));
        assert!(table.cell(0, 0).is_missing() && table.cell(0, 1).is_missing());
        assert_eq!(table.cell(2, 1), text("b/2.mp4"));
    }

    #[test]
    fn files_without_folders_have_no_label() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "1.png", b"x");
        let table = Table::open(folder.path()).unwrap();
        assert_eq!(table.columns(), ["image"]);
    }

    #[test]
    fn a_folder_without_records_says_what_is_expected() {
        let folder = tempfile::tempdir().unwrap();
        let text = |path: &Path| {
            let problem: schema::Problem = Table::open(path).unwrap_err().into();
            problem.terminal()
        };
        let empty = text(folder.path());
        assert!(
            empty.contains("one folder of media for each class"),
            "{empty}"
        );
        assert!(empty.contains("cat/001.png"), "{empty}");
        put(folder.path(), "root/train/cat/1.png", b"x");
        put(folder.path(), "root/test/cat/1.png", b"x");
        let root = text(&folder.path().join("root"));
        assert!(root.contains("open one of its folders"), "{root}");
        assert_eq!(
            Table::open(folder.path().join("root/train"))
                .unwrap()
                .columns(),
            ["image", "label"]
        );
        put(folder.path(), "with/train.csv", b"a\n1\n");
        let with = text(&folder.path().join("with"));
        assert!(
            with.contains("open the table") && with.contains("train.csv"),
            "{with}"
        );
    }
}
