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
    let start = input.fill_buf().map_err(read_error)?;
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        let what = "it is UTF-16 text; save it as UTF-8".to_owned();
        return Err(DataError::Malformed {
            path: path.to_owned(),
            what,
        });
    }
    let header = start
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let delimiter = sniff(header, delimiter);
    // The reader ends a record at the first byte of a line end of two, so its lines lag by one.
    let lag = usize::from(header.ends_with(b"\r"));
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(input);
    let csv_error = |error| csv_error(path, error);
    let columns = header_names(reader.byte_headers().map_err(csv_error)?);
    if columns.is_empty() {
        return TableBuilder::new("", path, columns).finish_file(path);
    }
    check_names(path, &columns)?;
    let (name, folder) = name_and_folder(path);
    let mut builder = TableBuilder::new(&name, &folder, columns);
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(csv_error)? {
        let line = record
            .position()
            .map_or(0, |position| position.line() as usize + lag);
        push(&mut builder, &record, line)?;
    }
    builder.finish_file(path)
}

fn push(
    builder: &mut TableBuilder,
    record: &csv::ByteRecord,
    line: usize,
) -> Result<(), DataError> {
    if record.len() != builder.num_columns() {
        let text = format!(
            "{} fields, expected {}",
            record.len(),
            builder.num_columns()
        );
        builder.bad_row(line, text);
        return Ok(());
    }
    if record
        .iter()
        .any(|field| std::str::from_utf8(field).is_err())
    {
        builder.bad_row(line, "not UTF-8 text".to_owned());
        return Ok(());
    }
    for (col, field) in record.iter().enumerate() {
        builder.text(col, std::str::from_utf8(field).unwrap_or_default());
    }
    builder.end_record(line)
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

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;
    use crate::CellRef;

    fn table(name: &str, bytes: &[u8]) -> Result<Table, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path: PathBuf = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        Table::open(&path)
    }

    #[test]
    fn quoted_fields_keep_commas_quotes_and_line_ends() {
        let table = table(
            "a.csv",
            b"\xef\xbb\xbftext,n\r\n\"so \"\"cute\"\", really\nyes\",1\r\nplain,2\r\n",
        )
        .unwrap();
        assert_eq!(table.columns(), ["text", "n"]);
        assert_eq!(
            table.cell(0, 0),
            CellRef::Text("so \"cute\", really\nyes".into())
        );
        assert_eq!((table.line(0), table.line(1)), (2, 4));
        assert_eq!(table.cell(1, 1), CellRef::Text("2".into()));
        assert_eq!(table.cell(9, 0), CellRef::Missing);
    }

    #[test]
    fn ragged_and_foreign_rows_are_left_out_and_counted_with_their_line() {
        let table = table("a.csv", b"a,b\n1,2\n3\n4,5,6\n\xff,7\n8,\n").unwrap();
        assert_eq!(table.num_records(), 2);
        assert_eq!(table.num_bad_rows(), 3);
        let bad: Vec<(usize, &str)> = table
            .bad_rows()
            .iter()
            .map(|bad| (bad.line, bad.text.as_str()))
            .collect();
        assert_eq!(
            bad,
            [
                (3, "1 fields, expected 2"),
                (4, "3 fields, expected 2"),
                (5, "not UTF-8 text")
            ]
        );
        assert!(table.cell(1, 1).is_missing());
    }

    #[test]
    fn tabs_and_semicolons_separate_where_the_header_says_so() {
        for (name, text) in [("a.tsv", "a\tb,c\n1\t2\n"), ("a.csv", "a;b\n1;2\n")] {
            let table = table(name, text.as_bytes()).unwrap();
            assert_eq!(table.columns().len(), 2, "{name}");
            assert_eq!(table.cell(0, 1), CellRef::Text("2".into()));
        }
    }

    #[test]
    fn an_index_column_without_a_name_gets_one() {
        assert_eq!(
            table("a.csv", b",x\n0,1\n").unwrap().columns(),
            ["unnamed_1", "x"]
        );
    }

    #[test]
    fn empty_files_double_names_and_unknown_kinds_are_refused() {
        let text = |name: &str, bytes: &[u8]| {
            schema::Problem::from(table(name, bytes).unwrap_err()).to_string()
        };
        assert!(text("a.csv", b"").ends_with("a.csv\" has no columns"));
        assert!(text("a.csv", b"a,b\n").ends_with("a.csv\" has no records"));
        let ragged = text("a.csv", b"a,b\n1\n");
        assert!(
            ragged.ends_with(
                "got 1 rows that are no records, the first in line 2: 1 fields, expected 2"
            ),
            "{ragged}"
        );
        assert!(text("a.csv", b"x,y,x\n1,2,3\n").ends_with("are named \"x\""));
        let foreign = text("a.csv", b"\xff\xfea\0");
        assert!(
            foreign.ends_with("is damaged: it is UTF-16 text; save it as UTF-8"),
            "{foreign}"
        );
        let unknown = text("a.xlsx", b"");
        assert!(
            unknown.contains("expected a table: .csv, .tsv, .jsonl, .ndjson, .parquet, .pq"),
            "{unknown}"
        );
        let absent = Table::open("no/such.csv").unwrap_err();
        assert!(matches!(absent, DataError::Read { .. }), "{absent}");
    }
}
