//! Pictures that are not there, cut off, no pictures, or far too large.

use std::{fs, path::Path};

use multifuse::Table;

use crate::{
    program::{fresh_folder, multifuse, write},
    shared,
};

/// A network on pictures, the quickest there is.
const CONFIG: &str = r#"
[data]
target = "label"
inputs = ["image", "text"]

[[experts]]
kind = "network"
name = "joint"
inputs = ["image", "text"]

[experts.encoders.image]
type = "image_conv"
size_px = 32

[experts.trainer]
epochs = 1
"#;

#[test]
fn bad_pictures_are_skipped_and_counted_by_reason() {
    let folder = fresh_folder();
    let at = folder.path();
    copy_posts(at);
    write(at, "run.toml", CONFIG);
    let pictures = pictures_with_content(&at.join("train.csv"));
    spoil(at, &pictures);

    let inspection = multifuse(at, "inspect train.csv --target label").succeeds();
    assert!(
        inspection.contains("warning: column \"image\": "),
        "{inspection}"
    );
    let summary = multifuse(at, "train train.csv --config run.toml --out run").succeeds();
    assert!(summary.contains("5 records left out"), "{summary}");

    let judged = multifuse(at, "evaluate run train.csv --json").json();
    assert_eq!(judged["num_skipped"], 5);
    let skipped = serde_json::json!({
        "file_missing": 1, "image_truncated": 1, "not_an_image": 2, "too_many_pixels": 1
    });
    assert_eq!(judged["skipped"], skipped);

    let said = multifuse(at, "predict run train.csv --out answers.jsonl").succeeds();
    assert!(said.contains("5 records could not be read"), "{said}");
    let answers = Table::open(at.join("answers.jsonl")).unwrap();
    let reasons = [
        "no file",
        "damaged PNG",
        "not a picture",
        "50000 x 50000 pixels",
        "it is empty",
    ];
    for ((row, picture), reason) in pictures.iter().zip(reasons) {
        let record = answers.record(*row);
        let error = format!("{:?}", record.cell("error"));
        assert!(error.contains(reason), "{picture}: {error}");
        assert!(record.cell("prediction").is_missing(), "{picture}");
    }
}

#[test]
fn the_first_bad_picture_ends_a_run_that_asks_for_it() {
    let folder = fresh_folder();
    let at = folder.path();
    copy_posts(at);
    write(at, "run.toml", CONFIG);
    let pictures = pictures_with_content(&at.join("train.csv"));
    let (row, picture) = &pictures[0];
    fs::remove_file(at.join(picture)).unwrap();
    let place = format!("train.csv:{}", row + 2);
    multifuse(
        at,
        "train train.csv --config run.toml --fail-on-bad --out run",
    )
    .refuses_with(&[&place, "\"image\"", picture, "help"]);
    let again = multifuse(at, "train train.csv --config run.toml --out run");
    again.succeeds();
}

#[test]
fn a_path_out_of_the_tables_folder_or_to_a_device_is_no_picture() {
    let folder = fresh_folder();
    let at = folder.path();
    copy_posts(at);
    write(at, "run.toml", CONFIG);
    multifuse(at, "train train.csv --config run.toml --out run").succeeds();
    let places = [
        "/dev/zero",
        "/dev/stdin",
        "/etc/passwd",
        ".",
        "images",
        "x\u{0}y",
        "https://a.b/c.png",
    ];
    let mut lines = String::new();
    for place in places {
        let value = serde_json::json!({ "image": place, "text": "hello" });
        lines.push_str(&format!("{value}\n"));
    }
    write(at, "places.jsonl", lines);
    let said = multifuse(at, "predict run places.jsonl").succeeds();
    assert_eq!(said.lines().count(), places.len() + 1);
    for line in said.lines().skip(1) {
        assert!(line.contains("column \"\"image\"\""), "{line}");
    }
}

/// Missing, cut in half, text, 50,000 x 50,000, empty: one picture each.
fn spoil(folder: &Path, pictures: &[(usize, String)]) {
    let place = |at: usize| folder.join(&pictures[at].1);
    fs::remove_file(place(0)).unwrap();
    let bytes = fs::read(place(1)).unwrap();
    fs::write(place(1), &bytes[..bytes.len() / 2]).unwrap();
    fs::write(place(2), "this is text, whatever its name says\n").unwrap();
    fs::write(place(3), huge_png(&bytes)).unwrap();
    fs::write(place(4), "").unwrap();
}

/// The same PNG with a header that claims 50,000 x 50,000 pixels.
///
/// Layout: W3C PNG, 5.3 and 11.2.1: eight bytes of signature, length and type of the chunk, width, height, five
/// more bytes, the checksum of type and data.
fn huge_png(png: &[u8]) -> Vec<u8> {
    let mut huge = png.to_vec();
    huge[16..20].copy_from_slice(&50_000_u32.to_be_bytes());
    huge[20..24].copy_from_slice(&50_000_u32.to_be_bytes());
    let checksum = crc32(&huge[12..29]);
    huge[29..33].copy_from_slice(&checksum.to_be_bytes());
    huge
}

/// W3C PNG, annex D: the checksum of a chunk, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

fn copy_posts(folder: &Path) {
    let posts = shared::posts();
    fs::create_dir(folder.join("images")).unwrap();
    fs::copy(posts.join("train.csv"), folder.join("train.csv")).unwrap();
    for picture in fs::read_dir(posts.join("images")).unwrap() {
        let picture = picture.unwrap();
        fs::copy(
            picture.path(),
            folder.join("images").join(picture.file_name()),
        )
        .unwrap();
    }
}

/// Row and path of every record that has a picture.
fn pictures_with_content(table: &Path) -> Vec<(usize, String)> {
    let table = Table::open(table).unwrap();
    (0..table.num_records())
        .filter_map(|row| match table.record(row).cell("image") {
            multifuse::Cell::Text(path) => Some((row, path.clone())),
            _ => None,
        })
        .collect()
}
