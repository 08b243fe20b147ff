//! Sounds, videos, series and medical files as a hostile person would give them: each is skipped and counted, or used.

use std::path::Path;

use multifuse::Table;
use serde_json::json;

use crate::{
    media_files::{avi, dicom, tone, wav},
    program::{fresh_folder, multifuse, write},
};

/// Forty good records of a sound and a series of two channels, of every rate and number of channels.
fn good(at: &Path, header: &str, more: impl Fn(usize) -> String) -> String {
    let mut table = format!("{header}\n");
    for row in 0..40_usize {
        let is_high = row % 2 == 0;
        let tone = tone(1600 + 40 * row, if is_high { 1200.0 } else { 250.0 });
        let (rate_hz, samples) = match row % 3 {
            0 => (8000, tone),
            // Twice as fast: the same sound of half the length, an octave higher.
            1 => (16_000, tone.iter().chain(&tone).copied().collect()),
            _ => (8000, tone),
        };
        let num_channels = if row % 4 == 3 { 2 } else { 1 };
        let samples: Vec<i16> = samples
            .iter()
            .flat_map(|sample| std::iter::repeat_n(*sample, usize::from(num_channels)))
            .collect();
        write(
            at,
            &format!("s{row}.wav"),
            wav(rate_hz, num_channels, &samples),
        );
        let label = if is_high { "high" } else { "low" };
        table += &format!("s{row}.wav,{},{label}\n", more(row));
    }
    table
}

/// A series of some channels; every third value of the second record is not there.
fn series(row: usize, num_channels: usize) -> String {
    let moments = (0..30 + row % 5).map(|moment| {
        let values = (0..num_channels).map(|channel| {
            let value = (moment * (row % 2 + 1) * (channel + 1)) % 7;
            if row == 1 && moment % 3 == 0 {
                "null".to_owned()
            } else {
                format!("{value}.5")
            }
        });
        format!("[{}]", values.collect::<Vec<_>>().join(","))
    });
    format!("\"[{}]\"", moments.collect::<Vec<_>>().join(","))
}

/// Eleven records of a bad sound or a bad series, and two in which one is missing.
fn bad(at: &Path) -> String {
    let mut table = String::new();
    let whole = wav(8000, 1, &tone(2000, 500.0));
    let mut ten_hours = whole.clone();
    let promised = 10 * 3600 * 8000 * 2_u32;
    ten_hours[4..8].copy_from_slice(&(promised + 36).to_le_bytes());
    ten_hours[40..44].copy_from_slice(&promised.to_le_bytes());
    write(at, "ten_hours.wav", ten_hours);
    write(at, "silent.wav", wav(8000, 1, &[]));
    write(at, "cut.wav", &whole[..whole.len() / 2]);
    write(at, "empty.wav", "");
    write(at, "text.wav", "hello");
    write(at, "video.avi", avi(&[1, 2], &[]));
    for name in [
        "ten_hours.wav",
        "silent.wav",
        "cut.wav",
        "empty.wav",
        "text.wav",
        "video.avi",
        "gone.wav",
    ] {
        table += &format!("{name},{},high\n", series(2, 2));
    }
    table += &format!("s0.wav,{},high\n", series(2, 3));
    table += "s0.wav,\"[[null,null],[null,null]]\",high\n";
    table += "s0.wav,\"[[1,2],[3]]\",high\n";
    table += "s0.wav,\"[1,x]\",high\n";
    // A sound or a series that is missing is no fault.
    table += &format!(",{},high\ns0.wav,,high\n", series(2, 2));
    table
}

#[test]
fn bad_sounds_and_series_are_counted_by_reason_and_the_rest_is_learned() {
    let folder = fresh_folder();
    let at = folder.path();
    let mut table = good(at, "sound,signal,label", |row| series(row, 2));
    table += &bad(at);
    write(at, "train.csv", &table);

    let summary = multifuse(
        at,
        "train train.csv --target label --time-limit 6 --out run",
    )
    .succeeds();
    assert!(summary.contains("11 records left out"), "{summary}");
    let judged = multifuse(at, "evaluate run train.csv --json").json();
    assert_eq!(judged["num_records"], 42, "{judged}");
    let skipped = json!({
        "file_missing": 1, "no_sound": 1, "not_a_sound": 2, "sound_empty": 1, "sound_truncated": 2,
        "series_empty": 1, "series_damaged": 1, "not_a_series": 1, "wrong_channels": 1
    });
    assert_eq!(judged["skipped"], skipped);

    // A table of three channels throughout: none is what the model learned from.
    let three = (0..4).map(|row| format!("s{row}.wav,{},high\n", series(row, 3)));
    let three: String = ["sound,signal,label\n".to_owned()]
        .into_iter()
        .chain(three)
        .collect();
    write(at, "three.csv", three);
    let said = multifuse(at, "predict run three.csv --out three.jsonl").succeeds();
    assert!(said.contains("4 records could not be read"), "{said}");
    let error = format!(
        "{:?}",
        Table::open(at.join("three.jsonl"))
            .unwrap()
            .record(0)
            .cell("error")
    );
    assert!(
        error.contains("3 channels, the model learned from 2"),
        "{error}"
    );
    multifuse(
        at,
        "train train.csv --target label --set data.on_bad=\"fail\" --out failed",
    )
    .refuses_with(&[
        "train.csv:42, column \"sound\"",
        "the header promises 36000.0 s",
    ]);
}

#[test]
fn videos_and_scans_without_a_picture_are_counted() {
    let folder = fresh_folder();
    let at = folder.path();
    let mut table = String::from("clip,scan,label\n");
    for row in 0..24_u8 {
        let grey = if row % 2 == 0 { 40 } else { 200 } + row;
        write(at, &format!("c{row}.avi"), avi(&[grey, grey / 2], &[]));
        write(at, &format!("s{row}.dcm"), dicom("050Y", Some(255 - grey)));
        table += &format!(
            "c{row}.avi,s{row}.dcm,{}\n",
            ["dark", "light"][usize::from(row % 2)]
        );
    }
    write(at, "no_frames.avi", avi(&[], &tone(100, 300.0)));
    let whole = avi(&[1, 2, 3], &[]);
    write(at, "cut.avi", &whole[..whole.len() - 200]);
    write(at, "no_pixels.dcm", dicom("050Y", None));
    let whole = dicom("050Y", Some(9));
    write(at, "cut.dcm", &whole[..whole.len() - 30]);
    for clip in ["no_frames.avi", "cut.avi", "s1.dcm"] {
        table += &format!("{clip},s0.dcm,dark\n");
    }
    for scan in ["no_pixels.dcm", "cut.dcm", "c1.avi"] {
        table += &format!("c0.avi,{scan},dark\n");
    }
    write(at, "train.csv", &table);
    multifuse(
        at,
        "train train.csv --target label --time-limit 5 --out run",
    )
    .succeeds();
    let judged = multifuse(at, "evaluate run train.csv --json").json();
    assert_eq!(judged["num_records"], 24, "{judged}");
    let skipped = json!({
        "clip_empty": 1, "clip_truncated": 1, "not_a_clip": 1,
        "dicom_without_pixels": 1, "medical_truncated": 1, "not_an_image": 1
    });
    assert_eq!(judged["skipped"], skipped);
}
