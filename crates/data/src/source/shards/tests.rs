//! Archives as a person would make them, and as nobody should.

use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::{Compression, write::GzEncoder};
use schema::Modality;

use super::*;
use crate::{
    CellRef, Dataset, DatasetOptions, Form,
    fixture::{input, plain_png, tar},
};

fn picture(level: u8) -> Vec<u8> {
    plain_png(4, [level, 0, 0])
}

fn rows(table: &Table) -> Vec<Vec<CellRef<'_>>> {
    (0..table.num_records())
        .map(|row| {
            (0..table.columns().len())
                .map(|col| table.cell(row, col))
                .collect()
        })
        .collect()
}

fn text(text: &str) -> CellRef<'_> {
    CellRef::Text(text.into())
}

#[test]
fn files_of_one_key_are_a_record_wherever_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let (one, two) = (picture(1), picture(2));
    let files: [(&str, &[u8]); 8] = [
        ("./b/001.jpeg", &one),
        ("b/001.cls", b"7\n"),
        ("a.seg.PNG", &two),
        ("b/001.txt", "zwölf Wörter".as_bytes()),
        (
            "a.json",
            br#"{"label": "cat", "txt": "own", "n": 2.5, "tags": ["x", "y"], "deep": {"k": 1}}"#,
        ),
        ("a.cls", b"3"),
        ("a.txt", b"hello"),
        ("b/.hidden.jpg", b"x"),
    ];
    std::fs::write(&path, tar(&files)).unwrap();
    let table = Table::open(&path).unwrap();
    let expected = [
        "__key__", "jpg", "cls", "txt", "seg.png", "label", "json.txt", "n", "tags", "deep",
    ];
    assert_eq!(table.columns(), expected);
    assert_eq!(table.num_records(), 2);
    assert_eq!(table.num_bad_rows(), 0);
    let rows = rows(&table);
    assert_eq!(
        rows[0][..3],
        [text("b/001"), CellRef::Bytes((&one[..]).into()), text("7")]
    );
    assert_eq!(rows[0][3], text("zwölf Wörter"));
    assert!(rows[0][4..].iter().all(CellRef::is_missing));
    assert_eq!(
        rows[1][2..6],
        [
            text("3"),
            text("hello"),
            CellRef::Bytes((&two[..]).into()),
            text("cat")
        ]
    );
    assert_eq!(rows[1][6..8], [text("own"), CellRef::Number(2.5)]);
    assert_eq!(rows[1][9], text("{\"k\":1}"));
    assert_eq!(
        (table.line(0), table.line(1), table.name()),
        (1, 3, "a.tar")
    );
}

/// Three archives of two records each.
fn three(folder: &Path, pack: bool) -> PathBuf {
    for shard in 0..3_u8 {
        let files: Vec<(String, Vec<u8>)> = (0..2)
            .flat_map(|at| {
                let level = 10 * shard + at;
                [
                    (format!("{at}.png"), picture(level)),
                    (format!("{at}.cls"), level.to_string().into_bytes()),
                ]
            })
            .collect();
        let files: Vec<(&str, &[u8])> = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), &bytes[..]))
            .collect();
        let mut archive = tar(&files);
        let ending = if pack { "tar.gz" } else { "tar" };
        if pack {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(&archive).unwrap();
            archive = packed.finish().unwrap();
        }
        std::fs::write(folder.join(format!("s-{shard:02}.{ending}")), archive).unwrap();
    }
    folder.join(format!(
        "s-{{00..02}}.{}",
        if pack { "tar.gz" } else { "tar" }
    ))
}

#[test]
fn a_pattern_and_a_folder_are_all_archives_in_order() {
    for pack in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let pattern = three(folder.path(), pack);
        for path in [pattern, folder.path().to_owned()] {
            let table = Table::open(&path).unwrap();
            assert_eq!(table.num_records(), 6, "{}", path.display());
            for (row, level) in [0, 1, 10, 11, 20, 21].into_iter().enumerate() {
                assert_eq!(table.cell(row, 1), CellRef::Bytes(picture(level).into()));
                assert_eq!(table.cell(row, 2), text(&level.to_string()));
            }
            assert!(table.name_of(3).starts_with("s-01.tar"));
            let part = table.rows(2..5);
            assert_eq!(part.cell(0, 1), CellRef::Bytes(picture(10).into()));
            // Joined tables still read from the archives they came from.
            let both = Table::concat(&[part.clone(), table.rows(5..6), table])
                .unwrap()
                .unwrap();
            assert_eq!(both.num_records(), 10);
            assert_eq!(both.cell(3, 1), CellRef::Bytes(picture(21).into()));
            assert_eq!(both.cell(2, 1), CellRef::Bytes(picture(20).into()));
            assert_eq!(both.cell(9, 1), CellRef::Bytes(picture(21).into()));
            assert!(both.name_of(2).starts_with("s-02.tar"));
            both.check().unwrap();
        }
    }
    let absent = Table::open("no/such-{0..1}.tar").unwrap_err();
    assert!(absent.to_string().contains("such-0.tar"), "{absent}");
}

#[test]
fn names_that_lead_elsewhere_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let files: [(&str, &[u8]); 7] = [
        ("../up.txt", b"a"),
        ("/abs.txt", b"b"),
        ("x/../../y.txt", b"c"),
        ("C:\\z.txt", b"d"),
        ("no_ending", b"e"),
        ("..\\w.txt", b"f"),
        ("good.txt", b"g"),
    ];
    std::fs::write(&path, tar(&files)).unwrap();
    let table = Table::open(&path).unwrap();
    assert_eq!((table.num_records(), table.num_bad_rows()), (1, 6));
    assert_eq!(table.cell(0, 0), text("good"));
    let lines: Vec<usize> = table.bad_rows().iter().map(|bad| bad.line).collect();
    assert_eq!(lines, [1, 2, 3, 4, 5, 6]);
    assert!(
        table.bad_rows()[0]
            .text
            .contains("leads out of the archive")
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn records_that_cannot_be_used_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let files: [(&str, &[u8]); 9] = [
        ("twice.txt", b"a"),
        ("twice.txt", b"b"),
        ("no_text.txt", b"\xff\xfe"),
        ("no_json.json", b"{"),
        ("two.x.json", br#"{"n": 1}"#),
        ("two.json", br#"{"x.n": 1}"#),
        ("list.json", b"[1, 2]"),
        ("cut.png", &[7; 700]),
        ("cut.txt", &[b'a'; 600]),
    ];
    let mut archive = tar(&files);
    // Inside the contents of the last file.
    archive.truncate(archive.len() - 1024 - 1000);
    std::fs::write(&path, archive).unwrap();
    let table = Table::open(&path).unwrap();
    assert_eq!(table.num_records(), 1);
    let texts: Vec<&str> = table
        .bad_rows()
        .iter()
        .map(|bad| bad.text.as_str())
        .collect();
    assert_eq!(texts.len(), 5, "{texts:?}");
    for (text, part) in texts.iter().zip([
        "there twice",
        "no UTF-8",
        "no JSON",
        "two values",
        "cut off",
    ]) {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn what_is_no_archive_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    for bytes in [&b"not a tar"[..], &[b'x'; 5000], &[0; 10]] {
        std::fs::write(&path, bytes).unwrap();
        let error = Table::open(&path).unwrap_err();
        assert!(matches!(error, DataError::Malformed { .. }), "{error:?}");
    }
    for bytes in [&[][..], &[0; 1024]] {
        std::fs::write(&path, bytes).unwrap();
        let error = Table::open(&path).unwrap_err();
        assert!(matches!(error, DataError::Empty { .. }), "{error:?}");
    }
    let path = folder.path().join("a.tgz");
    std::fs::write(&path, b"\x1f\x8b\x08 damaged").unwrap();
    let error = Table::open(&path).unwrap_err();
    assert!(matches!(error, DataError::Malformed { .. }), "{error:?}");
}

#[test]
fn names_that_are_no_keys_are_refused_before_they_fill_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let names: Vec<String> = (0..1200).map(|at| format!("v1.{at}.jpg")).collect();
    let files: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), &b"x"[..]))
        .collect();
    std::fs::write(&path, tar(&files)).unwrap();
    let error = Table::open(&path).unwrap_err();
    assert!(error.to_string().contains("first dot"), "{error}");
}

#[test]
fn damage_is_an_error_or_counted_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let (one, two) = (picture(1), picture(2));
    let files: [(&str, &[u8]); 4] = [
        ("1.png", &one),
        ("1.json", br#"{"a": 1}"#),
        ("2.png", &two),
        ("2.txt", b"x"),
    ];
    let whole = tar(&files);
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        if let Ok(table) = Table::open(&path) {
            for row in rows(&table) {
                assert_eq!(row.len(), table.columns().len());
            }
            table.check().unwrap();
        }
    };
    for len in (0..whole.len()).step_by(97) {
        read(&whole[..len]);
    }
    for at in (0..whole.len()).step_by(5) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        read(&damaged);
    }
}

#[test]
fn an_archive_that_changes_while_it_is_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    std::fs::write(
        &path,
        tar(&[("1.png", &picture(1)), ("2.png", &picture(2))]),
    )
    .unwrap();
    let table = Table::open(&path).unwrap();
    assert!(!table.cell(1, 1).is_missing());
    table.check().unwrap();
    std::fs::write(&path, b"short").unwrap();
    assert_eq!(table.cell(1, 1), CellRef::Bytes(Vec::new().into()));
    let error = table.check().unwrap_err();
    assert!(matches!(error, DataError::Archive { .. }), "{error}");
}

#[test]
fn pictures_are_decoded_out_of_the_archive_and_broken_ones_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let files: [(&str, &[u8]); 3] = [
        ("1.png", &picture(9)),
        ("2.png", b""),
        ("3.png", b"no picture"),
    ];
    std::fs::write(&path, tar(&files)).unwrap();
    let options = DatasetOptions {
        forms: vec![Form::Picture { size_px: 4 }],
        cache_bytes: 0,
        cache_disk_bytes: 0,
        ..DatasetOptions::default()
    };
    let seen = AtomicUsize::new(0);
    let table = Arc::new(Table::open(&path).unwrap());
    let dataset = Dataset::open_with_progress(
        table,
        &[input("png", Modality::Image)],
        &options,
        &|_, _| {
            seen.fetch_add(1, Ordering::Relaxed);
        },
    )
    .unwrap();
    assert_eq!(seen.into_inner(), 3);
    assert_eq!(dataset.good_rows(), [0]);
    assert_eq!(dataset.bad().len(), 2);
    assert_eq!(dataset.image(0, 0, 4).unwrap().rgb[..3], [9, 0, 0]);
}
