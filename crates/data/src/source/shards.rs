//! Archives of records as WebDataset has them: the files whose names are alike up to the first dot are one record,
//! and what follows the dot names the column.
//!
//! Media stay where they are: a cell is a place in its archive and is read when it is asked for, so that a record
//! costs some bytes of memory however large it is. Source: the WebDataset format description, with these differences:
//! the files of a record need not be neighbours, and the fields of a `json` file are columns of their own.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
};

use flate2::read::MultiGzDecoder;
use schema::Cell;

use super::{
    json_lines, name_and_folder,
    tar::{Fault, Kind, Member, Members},
};
use crate::{
    DataError, Table,
    table::{Archive, TableBuilder},
};

/// The column that names records.
pub(crate) const KEY: &str = "__key__";

/// Bytes of the largest file that may be a cell.
const MAX_MEDIA_BYTES: u64 = 256 << 20;
/// Bytes of the largest text.
const MAX_TEXT_BYTES: u64 = 16 << 20;
/// Columns above which the names are not those of such an archive.
const MAX_COLUMNS: usize = 1000;
/// Endings of texts, the last part of a column's name.
const TEXT_ENDINGS: [&str; 12] = [
    "txt",
    "text",
    "transcript",
    "caption",
    "cls",
    "cls2",
    "class",
    "label",
    "count",
    "index",
    "inx",
    "id",
];
/// Most that a compressed archive may grow, and size below which that does not matter: video and pictures grow
/// hardly at all, texts tenfold.
const MAX_GROWTH: u64 = 200;
const SMALL_BYTES: u64 = 1 << 30;

/// Whether a file is an archive of records, by its name.
pub(super) fn is_archive(path: &Path) -> bool {
    let name = path.to_string_lossy().to_lowercase();
    name.ends_with(".tar") || is_compressed(&name)
}

fn is_compressed(name: &str) -> bool {
    name.ends_with(".tar.gz") || name.ends_with(".tgz")
}

/// Reads the records of some archives, one after the other; `hold` keeps them open, for those that will be gone soon.
pub(super) fn open(archives: &[PathBuf], hold: bool) -> Result<Table, DataError> {
    let mut reader = Reader {
        builder: TableBuilder::new("", Path::new(""), vec![KEY.to_owned()]),
        columns: HashMap::from([(KEY.to_owned(), 0)]),
        endings: Names::default(),
        path: Path::new(""),
    };
    let mut unpacked = Unpacked::default();
    for path in archives {
        reader.path = path;
        let read_error = |source| DataError::Read {
            path: path.clone(),
            source,
        };
        let file = File::open(path).map_err(read_error)?;
        let (file, archive, start) = if is_compressed(&path.to_string_lossy().to_lowercase()) {
            let (file, start) = unpacked.add(path, file)?;
            let archive = Archive::Open(Arc::new(file.try_clone().map_err(read_error)?));
            (file, archive, start)
        } else if hold {
            let archive = Archive::Open(Arc::new(file.try_clone().map_err(read_error)?));
            (file, archive, 0)
        } else {
            (file, Archive::Path(path.clone()), 0)
        };
        let end = file.metadata().map_err(read_error)?.len();
        reader.archive(file, &archive, start, end)?;
    }
    let first = archives.first().map_or(Path::new(""), PathBuf::as_path);
    reader.builder.finish_file(first)
}

/// The contents of compressed archives, one after the other in a file without a name.
#[derive(Default)]
struct Unpacked {
    file: Option<File>,
}

impl Unpacked {
    /// Unpacks an archive; gives the file and where it begins in it.
    fn add(&mut self, path: &Path, packed: File) -> Result<(File, u64), DataError> {
        let spilled = |source| DataError::Spill {
            folder: std::env::temp_dir(),
            source,
        };
        let damaged = |what: String| DataError::Malformed {
            path: path.to_owned(),
            what,
        };
        let mut file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile().map_err(spilled)?,
        };
        let start = file.seek(SeekFrom::End(0)).map_err(spilled)?;
        let packed_bytes = packed.metadata().map_or(0, |about| about.len());
        let most = SMALL_BYTES.max(packed_bytes.saturating_mul(MAX_GROWTH));
        let mut input = MultiGzDecoder::new(BufReader::new(packed)).take(most + 1);
        let mut buffer = vec![0; 1 << 16];
        let mut written = 0;
        loop {
            let read = match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(damaged(format!("it cannot be unpacked: {error}"))),
            };
            file.write_all(&buffer[..read]).map_err(spilled)?;
            written += read as u64;
        }
        if written > most {
            return Err(damaged(format!("it unpacks to more than {most} bytes")));
        }
        self.file = Some(file.try_clone().map_err(spilled)?);
        Ok((file, start))
    }
}

/// Names, each of which stands for its place.
#[derive(Default)]
struct Names {
    names: Vec<Rc<str>>,
    places: HashMap<Rc<str>, usize>,
}

impl Names {
    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let name: Rc<str> = Rc::from(name);
        self.names.push(Rc::clone(&name));
        self.places.insert(name, self.names.len() - 1);
        self.names.len() - 1
    }
}

/// The files of one record.
struct Gathered {
    key: String,
    number: usize,
    /// Ending, first byte and length of each.
    files: Vec<(usize, u64, u64)>,
    /// Why the record is left out.
    fault: Option<String>,
}

struct Reader<'a> {
    builder: TableBuilder,
    columns: HashMap<String, usize>,
    /// What files are called behind their keys.
    endings: Names,
    /// The archive that is being read.
    path: &'a Path,
}

impl Reader<'_> {
    fn archive(
        &mut self,
        file: File,
        archive: &Archive,
        start: u64,
        end: u64,
    ) -> Result<(), DataError> {
        let (name, _) = name_and_folder(self.path);
        let mut input = BufReader::new(file);
        input
            .seek(SeekFrom::Start(start))
            .map_err(|source| self.read_error(source))?;
        let records = self.gather(Members::new(input, start, end))?;
        self.builder.begin_archive(&name, archive.clone());
        for record in records {
            self.record(record, archive)?;
        }
        Ok(())
    }

    fn read_error(&self, source: io::Error) -> DataError {
        DataError::Read {
            path: self.path.to_owned(),
            source,
        }
    }

    /// The records of an archive in the order of their first files.
    fn gather(&mut self, members: Members<BufReader<File>>) -> Result<Vec<Gathered>, DataError> {
        let mut records = Vec::<Gathered>::new();
        let mut place_of = HashMap::<String, usize>::new();
        let mut number = 0;
        for member in members {
            let member = match member {
                Ok(member) => member,
                Err(Fault::Read(source)) => return Err(self.read_error(source)),
                Err(Fault::Damaged { name, what }) if number > 0 => {
                    self.cut_off(number + 1, name, what, &mut records, &place_of);
                    break;
                }
                Err(Fault::Damaged { what, .. }) => {
                    return Err(DataError::Malformed {
                        path: self.path.to_owned(),
                        what: format!("no tar archive: {what}"),
                    });
                }
            };
            number = member.number;
            let (key, ending) = match parts_of(&member) {
                Ok(Some(parts)) => parts,
                Ok(None) => continue,
                Err(what) => {
                    let text = format!("\"{}\" is left out: {what}", shown(&member.name));
                    self.builder.bad_row(number, text);
                    continue;
                }
            };
            let ending = self.endings.place(&ending);
            if ending >= MAX_COLUMNS {
                return Err(self.too_many_columns());
            }
            let at = *place_of.entry(key.clone()).or_insert_with(|| {
                records.push(Gathered {
                    key,
                    number,
                    files: Vec::new(),
                    fault: None,
                });
                records.len() - 1
            });
            add(&mut records[at], ending, &member);
        }
        Ok(records)
    }

    /// Notes where an archive ends too early; the record that is cut off is left out.
    fn cut_off(
        &mut self,
        number: usize,
        name: Option<String>,
        what: String,
        records: &mut [Gathered],
        place_of: &HashMap<String, usize>,
    ) {
        let key = name.as_deref().and_then(|name| split(name).ok().flatten());
        let place = key.and_then(|(key, _)| place_of.get(&key));
        let text = match &name {
            Some(name) => format!("\"{}\": {what}", shown(name)),
            None => what,
        };
        match place.and_then(|place| records.get_mut(*place)) {
            Some(record) => record.fault = Some(text),
            None => self.builder.bad_row(number, text),
        }
    }

    fn record(&mut self, record: Gathered, archive: &Archive) -> Result<(), DataError> {
        let cells = match &record.fault {
            Some(fault) => Err(Unusable::Text(fault.clone())),
            None => self.cells(&record, archive),
        };
        match cells {
            Ok(()) => self.builder.end_record(record.number),
            Err(Unusable::Archive(error)) => Err(error),
            Err(Unusable::Text(fault)) => {
                let text = format!("record \"{}\": {fault}", shown(&record.key));
                self.builder.bad_row(record.number, text);
                Ok(())
            }
        }
    }

    /// Gives the cells of a record, none of them if it cannot be used.
    fn cells(&mut self, record: &Gathered, archive: &Archive) -> Result<(), Unusable> {
        let names: Vec<Rc<str>> = record
            .files
            .iter()
            .map(|(ending, ..)| Rc::clone(&self.endings.names[*ending]))
            .collect();
        let mut cells = Vec::<(String, Given)>::with_capacity(names.len());
        let mut objects = Vec::new();
        for (name, (_, at, len)) in names.iter().zip(&record.files) {
            match last_part(name) {
                "json" | "jsn" => objects.push((name, self.text(name, *at, *len, archive)?)),
                last if TEXT_ENDINGS.contains(&last) => {
                    let text = self.text(name, *at, *len, archive)?;
                    cells.push((
                        name.to_string(),
                        Given::Cell(Cell::Text(text.trim().to_owned())),
                    ));
                }
                _ => cells.push((name.to_string(), Given::Place(*at, *len as u32))),
            }
        }
        for (name, text) in objects {
            fields(name, &text, &names, &mut cells)?;
        }
        let mut given = Vec::with_capacity(cells.len());
        for (name, cell) in cells {
            let col = self.column(&name).map_err(Unusable::Archive)?;
            if given.iter().any(|(taken, _)| *taken == col) {
                return Err(Unusable::Text(format!("two values for \"{name}\"")));
            }
            given.push((col, cell));
        }
        self.builder.text(0, &record.key);
        for (col, cell) in given {
            match cell {
                Given::Cell(cell) => self.builder.cell(col, &cell),
                Given::Place(at, len) => self.builder.stored(col, at, len),
            }
        }
        Ok(())
    }

    /// A file that is no media: read now.
    fn text(&self, name: &str, at: u64, len: u64, archive: &Archive) -> Result<String, Unusable> {
        if len > MAX_TEXT_BYTES {
            let text = format!("its {name} has {len} bytes, at most {MAX_TEXT_BYTES} are read");
            return Err(Unusable::Text(text));
        }
        let bytes = archive
            .read(at, len as usize)
            .map_err(|source| Unusable::Archive(self.read_error(source)))?;
        String::from_utf8(bytes).map_err(|_| Unusable::Text(format!("its {name} is no UTF-8 text")))
    }

    fn too_many_columns(&self) -> DataError {
        DataError::Malformed {
            path: self.path.to_owned(),
            what: format!(
                "its names give more than {MAX_COLUMNS} columns; what follows the first dot of a name is the column, \
                 as in 000017.jpg and 000017.cls"
            ),
        }
    }

    fn column(&mut self, name: &str) -> Result<usize, DataError> {
        if let Some(col) = self.columns.get(name) {
            return Ok(*col);
        }
        if self.columns.len() > MAX_COLUMNS {
            return Err(self.too_many_columns());
        }
        let col = self.builder.add_column(name);
        self.columns.insert(name.to_owned(), col);
        Ok(col)
    }
}

/// Why a record has no cells.
enum Unusable {
    /// It is left out.
    Text(String),
    /// Nothing more can be read.
    Archive(DataError),
}

/// What a column of a record is given.
enum Given {
    Cell(Cell),
    /// Bytes of the archive.
    Place(u64, u32),
}

/// The fields of a JSON object as cells. A field that is named as a file of the record has the name of the JSON file
/// before its own, and so have all fields of a file such as `meta.json`.
fn fields(
    file: &str,
    text: &str,
    files: &[Rc<str>],
    cells: &mut Vec<(String, Given)>,
) -> Result<(), Unusable> {
    let value = serde_json::from_str::<serde_json::Value>(text)
        .map_err(|error| Unusable::Text(format!("its {file} is no JSON: {error}")))?;
    let serde_json::Value::Object(object) = value else {
        cells.push((file.to_owned(), Given::Cell(json_lines::cell(value))));
        return Ok(());
    };
    for (field, cell) in json_lines::cells(object).map_err(Unusable::Text)? {
        let is_taken = field == KEY || files.iter().any(|file| **file == *field);
        let name = match file.rsplit_once('.') {
            Some((before, _)) => format!("{before}.{field}"),
            None if is_taken => format!("{file}.{field}"),
            None => field,
        };
        cells.push((name, Given::Cell(cell)));
    }
    Ok(())
}

fn add(record: &mut Gathered, ending: usize, member: &Member) {
    let fault = if record.files.iter().any(|(other, ..)| *other == ending) {
        format!("\"{}\" is there twice", shown(&member.name))
    } else if member.len > MAX_MEDIA_BYTES {
        let mib = member.len >> 20;
        format!(
            "\"{}\" has {mib} MiB, at most {} are read",
            shown(&member.name),
            MAX_MEDIA_BYTES >> 20
        )
    } else {
        record.files.push((ending, member.at, member.len));
        return;
    };
    record.fault.get_or_insert(fault);
}

/// Key and column of a member; `None` for what is no data, such as folders; why it is left out where it should be.
fn parts_of(member: &Member) -> Result<Option<(String, String)>, &'static str> {
    match member.kind {
        Kind::Folder => Ok(None),
        Kind::Link => Err("a link"),
        Kind::Sparse => Err("a file with holes"),
        Kind::Other => Err("no file"),
        Kind::File => split(&member.name),
    }
}

/// Splits a name at the first dot behind its folder; hidden files are none.
fn split(name: &str) -> Result<Option<(String, String)>, &'static str> {
    let name = name.replace('\\', "/");
    let mut name = name.as_str();
    while let Some(rest) = name.strip_prefix("./") {
        name = rest;
    }
    let has_drive = name.as_bytes().get(1) == Some(&b':');
    if name.starts_with('/') || has_drive {
        return Err("its name is absolute");
    }
    if name.split('/').any(|part| part == "..") {
        return Err("its name leads out of the archive");
    }
    let file = name.rsplit('/').next().unwrap_or_default();
    if file.starts_with('.') {
        return Ok(None);
    }
    match file.split_once('.') {
        Some((_, ending)) if !ending.is_empty() => {
            let key = &name[..name.len() - ending.len() - 1];
            Ok(Some((key.to_owned(), column_of(ending))))
        }
        _ => Err("its name has no ending that could be a column"),
    }
}

/// The column of an ending: two spellings of one format are one column.
fn column_of(ending: &str) -> String {
    let ending = ending.to_lowercase();
    let (before, last) = ending.split_at(ending.len() - last_part(&ending).len());
    match last {
        "jpeg" => format!("{before}jpg"),
        "tiff" => format!("{before}tif"),
        _ => ending,
    }
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or_default()
}

/// A name for a message, cut.
fn shown(name: &str) -> String {
    name.chars().take(100).collect()
}

#[cfg(test)]
mod tests;
