//! Columns that the table lacks but whose files hold them, from `inspect` to `predict`.

use std::{fs, path::Path};

use multifuse::Table;

use crate::{
    media_files::{avi, dicom, tone, wav},
    program::{fresh_folder, multifuse, write},
};

const NUM_VIDEOS: usize = 120;

/// Videos: the pitch of the sound tells the class, the frames nothing, and every fifth has no sound.
fn videos(at: &Path) {
    let mut table = String::from("video,label\n");
    for row in 0..NUM_VIDEOS {
        let is_high = row % 2 == 0;
        let hz = if is_high { 1500.0 } else { 300.0 } + row as f64;
        let grey = |frame: usize| ((row * 37 + frame * 11) % 150) as u8;
        let num_samples = if row % 5 == 4 { 0 } else { 4000 + 10 * row };
        let bytes = avi(&[0, 1, 2, 3, 4].map(grey), &tone(num_samples, hz));
        write(at, &format!("v{row}.avi"), bytes);
        // Every eleventh label is wrong, so that there are mistakes to show.
        let is_called_high = is_high != (row % 11 == 3);
        let label = if is_called_high { "high" } else { "low" };
        table += &format!("v{row}.avi,{label}\n");
    }
    write(at, "videos.csv", table);
}

const CONFIG: &str = r#"
[data]
target = "label"
inputs = ["video", "video.sound"]

[[experts]]
kind = "media_feature"
name = "sound"
inputs = ["video.sound"]

[[experts]]
kind = "network"
name = "joint"
inputs = ["video", "video.sound"]

[experts.encoders.video]
type = "video_frames"
size_px = 16
num_frames = 4
widths = [4, 8]
embed_dim = 16

[experts.encoders."video.sound"]
type = "audio_conv"
rate_hz = 8000
len_ms = 400
keep = "windows"
widths = [4, 8]
embed_dim = 16

[experts.trainer]
epochs = 2
"#;

#[test]
fn the_sound_track_of_a_video_is_an_input_of_its_own() {
    let folder = fresh_folder();
    let at = folder.path();
    videos(at);
    write(at, "run.toml", CONFIG);
    let seen = multifuse(at, "inspect videos.csv --target label").succeeds();
    let line = "video.sound  audio     input    sound track of videos, 32 of 40 looked at have it";
    assert!(seen.contains("video.sound  audio"), "{line}\n{seen}");

    multifuse(at, "train videos.csv --config run.toml --out run").succeeds();
    let judge = |words: &str| {
        let judged = multifuse(at, &format!("evaluate run videos.csv --json {words}")).json();
        (
            judged["metrics"]["accuracy"]["value"].as_f64().unwrap(),
            judged,
        )
    };
    let (all, judged) = judge("");
    assert_eq!(judged["num_records"], NUM_VIDEOS);
    assert_eq!(judged["num_skipped"], 0);
    let patterns: Vec<&str> = judged["by_presence"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pattern| pattern["name"].as_str().unwrap())
        .collect();
    assert_eq!(patterns, ["video+video.sound", "video"]);
    let (silent, judged) = judge("--drop video.sound");
    assert!(all > silent, "{all} with the sound, {silent} without");
    assert_eq!(judged["by_presence"][0]["name"], "video");
    let (_, judged) = judge("--drop video");
    assert_eq!(judged["by_presence"][0]["name"], "nothing");
    assert_eq!(judged["by_presence"].as_array().unwrap().len(), 1);

    // A table with sound files of its own, and one without videos.
    write(at, "own.wav", wav(8000, 1, &tone(4000, 1500.0)));
    write(at, "own.csv", "video.sound\nown.wav\n");
    multifuse(at, "predict run own.csv --out own.jsonl").succeeds();
    let answer = Table::open(at.join("own.jsonl")).unwrap().record(0);
    assert!(!answer.cell("prediction").is_missing(), "{answer:?}");
    multifuse(at, "predict run videos.csv --out answers.jsonl").succeeds();
    assert_eq!(
        Table::open(at.join("answers.jsonl")).unwrap().num_records(),
        NUM_VIDEOS
    );

    let report = fs::read_to_string(at.join("run/report.html")).unwrap();
    for alt in [
        "video: frames of a video",
        "video.sound: spectrogram of a sound",
    ] {
        assert!(report.contains(alt), "{alt}");
    }
    // The run's own configuration reads back.
    let again = "train videos.csv --config run/config.toml --out again";
    multifuse(at, again).succeeds();
    multifuse(
        at,
        "train videos.csv --target label --inputs video.sound --time-limit 4 --out alone",
    )
    .succeeds();
    multifuse(at, "train videos.csv --target label --inputs video.sounds").refuses_with(&[
        "no column \"video.sounds\"",
        "did you mean \"video.sound\"?",
    ]);
}

#[test]
fn fields_of_dicom_files_are_inputs_and_names_of_patients_go_nowhere() {
    let folder = fresh_folder();
    let at = folder.path();
    let mut table = String::from("scan,label\n");
    for row in 0..NUM_VIDEOS {
        let age = 20 + row * 7 % 60;
        let bytes = dicom(&format!("{age:03}Y"), Some((row * 53 % 200) as u8));
        write(at, &format!("s{row}.dcm"), bytes);
        let scan = if row % 9 == 8 {
            String::new()
        } else {
            format!("s{row}.dcm")
        };
        table += &format!("{scan},{}\n", if age >= 50 { "old" } else { "young" });
    }
    write(at, "scans.csv", table);
    let seen = multifuse(at, "inspect scans.csv --target label").succeeds();
    assert!(seen.contains("scan.PatientAge  number"), "{seen}");
    assert!(
        !seen.contains("PatientName") && !seen.contains("PatientID"),
        "{seen}"
    );

    multifuse(
        at,
        "train scans.csv --target label --time-limit 6 --out run",
    )
    .succeeds();
    let config = fs::read_to_string(at.join("run/config.toml")).unwrap();
    assert!(config.contains("\"scan.PatientAge\""), "{config}");
    let judged = multifuse(at, "evaluate run scans.csv --json").json();
    assert_eq!(judged["num_records"], NUM_VIDEOS);
    assert!(judged["metrics"]["accuracy"]["value"].as_f64().unwrap() > 0.85);
    let dropped = multifuse(at, "evaluate run scans.csv --json --drop scan").json();
    assert_eq!(dropped["by_presence"][0]["name"], "nothing");
    multifuse(
        at,
        "train scans.csv --target label --inputs scan.PatientName",
    )
    .refuses_with(&["no column \"scan.PatientName\""]);
    for (name, bytes) in files_below(&at.join("run")) {
        for secret in ["Doe^", "MRN-4711"] {
            let holds = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!holds, "{name} holds {secret}");
        }
    }
}

fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => files_below(&path),
            false => vec![(path.display().to_string(), fs::read(&path).unwrap())],
        })
        .collect()
}
