//! CSV and TSV: quoted fields, a byte-order mark, any line ends; ragged rows are left out and counted.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use super::{check_names, name_and_folder};
use crate::{DataError, Table, table::TableBuilder};

/// Reads a delimited table. A `.csv` file whose header has semicolons or tabs and no comma is read with those.
pub(crate) fn open(path: &Path, delimiter: u8) -> Result<Table, DataError> {
    let read_error = |source| DataError::Read {
        path: path.to_owned(),
        source,
    };
    let mut input = BufReader::with_capacity(1 << 16, File::open(path).map_err(read_error)?);
    let delimiter = sniff(input.fill_buf().map_err(read_error)?, delimiter);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(input);
    let csv_error = |error| csv_error(path, error);
    let columns = header_names(reader.byte_headers().map_err(csv_error)?);
    if columns.is_empty() {
        return Err(DataError::Empty {
            path: path.to_owned(),
            lacks: "columns",
            num_bad_rows: 0,
        });
    }
    check_names(path, &columns)?;
    let (name, folder) = name_and_folder(path);
    let mut builder = TableBuilder::new(&name, &folder, columns);
    let mut record = csv::ByteRecord::new();
    let mut num_records = 0_usize;
    while reader.read_byte_record(&mut record).map_err(csv_error)? {
        let line = record
            .position()
            .map_or(0, |position| position.line() as usize);
        if push(&mut builder, &record, line) {
            num_records += 1;
        }
    }
    if num_records == 0 {
        let num_bad_rows = builder.num_bad_rows();
        return Err(DataError::Empty {
            path: path.to_owned(),
            lacks: "records",
            num_bad_rows,
        });
    }
    Ok(builder.finish())
}

fn push(builder: &mut TableBuilder, record: &csv::ByteRecord, line: usize) -> bool {
    if record.len() != builder.num_columns() {
        let text = format!(
            "{} fields, expected {}",
            record.len(),
            builder.num_columns()
        );
        builder.bad_row(line, text);
        return false;
    }
    if record
        .iter()
        .any(|field| std::str::from_utf8(field).is_err())
    {
        builder.bad_row(line, "not UTF-8 text".to_owned());
        return false;
    }
    for field in record {
        builder.text(std::str::from_utf8(field).unwrap_or_default());
    }
    builder.end_record(line);
    true
}

/// Column names, trimmed; a column without a name (an index that another program wrote) gets one.
fn header_names(header: &csv::ByteRecord) -> Vec<String> {
    header
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let name = String::from_utf8_lossy(name);
            let name = name.trim_start_matches('\u{feff}').trim();
            if name.is_empty() {
                format!("unnamed_{}", index + 1)
            } else {
                name.to_owned()
            }
        })
        .collect()
}

fn sniff(start: &[u8], usual: u8) -> u8 {
    let header = start
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let count = |delimiter: u8| header.iter().filter(|byte| **byte == delimiter).count();
    if usual != b',' || count(b',') > 0 {
        return usual;
    }
    [b';', b'\t']
        .into_iter()
        .find(|delimiter| count(*delimiter) > 0)
        .unwrap_or(usual)
}

fn csv_error(path: &Path, error: csv::Error) -> DataError {
    let what = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(source) => DataError::Read {
            path: path.to_owned(),
            source,
        },
        _ => DataError::Malformed {
            path: path.to_owned(),
            what,
        },
    }
}
