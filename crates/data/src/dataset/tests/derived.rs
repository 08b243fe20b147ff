//! Columns that the table lacks but whose files hold them.

use std::collections::BTreeMap;

use image::ImageFormat;
use schema::{Role, SpectrogramForm};

use super::*;
use crate::{
    Inspection,
    clip::tests::files::{COLOURS, PLACES, avi, gif, still},
    fixture::wav,
    inspect,
    medical::tests::{EXPLICIT, file, grey, with},
};

/// Sound of the videos of this test.
const FORM: SpectrogramForm = SpectrogramForm {
    rate_hz: 8000,
    num_mels: 8,
    keep: schema::Keep::Centre,
    hop_ms: 10,
    len_ms: 200,
};

/// A video of two frames with a tone of so many samples in both channels.
fn video(samples: usize, step: usize) -> Vec<u8> {
    let tone: Vec<i16> = (0..2 * samples)
        .map(|at| ((at * step % 97) * 300) as i16)
        .collect();
    let frames = [0, 1].map(|colour| still(16, 8, COLOURS[colour], ImageFormat::Jpeg));
    let sound: &[&[i16]] = if samples > 0 { &[&tone] } else { &[] };
    avi(b"MJPG", &frames, sound)
}

fn open(records: Vec<Record>, inputs: &[Column]) -> Dataset {
    let options = DatasetOptions {
        forms: vec![
            Form::Spectrogram(FORM),
            Form::Frames {
                num_frames: 2,
                size_px: 4,
            },
            Form::Picture { size_px: 4 },
        ],
        ..DatasetOptions::default()
    };
    dataset(records, inputs, &options)
}

fn with_video(bytes: Vec<u8>) -> Record {
    Record::new().with("video", Cell::Bytes(bytes))
}

#[test]
fn the_sound_track_of_a_video_is_a_column_and_may_be_missing() {
    let records = vec![
        with_video(video(800, 7)),
        with_video(video(0, 0)),
        with_video(gif(&PLACES)),
        Record::new().with("other", 1.0),
        with_video(b"RIFF\0\0\0\0AVI nothing".to_vec()),
    ];
    let inputs = [
        input("video", Modality::Video),
        input("video.sound", Modality::Audio),
    ];
    let both = open(records.clone(), &inputs);
    let present = |dataset: &Dataset, col| [0, 1, 2, 3, 4].map(|row| dataset.is_present(col, row));
    assert_eq!(present(&both, 0), [true, true, true, false, false]);
    assert_eq!(present(&both, 1), [true, false, false, false, false]);
    assert_eq!(both.good_rows(), [0, 1, 2, 3]);
    assert_eq!(both.bad()[0].column, "video");
    // The track alone: a damaged video is a bad record all the same.
    let alone = open(records.clone(), &inputs[1..]);
    assert_eq!(alone.bad().len(), 1);
    assert_eq!(
        (alone.bad()[0].row, alone.bad()[0].column.as_str()),
        (4, "video.sound")
    );
    // A sound column that names a video holds the same sound, and has to hold one.
    let renamed = records.iter().map(|record| {
        let cell = record.cell("video").clone();
        Record::new().with("audio", cell)
    });
    let named = open(renamed.collect(), &[input("audio", Modality::Audio)]);
    assert_eq!(
        named.spectrogram(0, 0, FORM).unwrap(),
        both.spectrogram(1, 0, FORM).unwrap()
    );
    assert_eq!(named.bad()[0].reason_code, "no_sound");
    assert_eq!(named.bad().len(), 3);
}

#[test]
fn own_columns_win_and_only_known_parts_are_derived() {
    let record = with_video(video(800, 7)).with("video.sound", Cell::Bytes(wav(400, |_| 0.1)));
    let table = Table::from_records(vec![record], ".");
    assert_eq!(table.column_index("video.sound"), Some(1));
    assert_eq!(table.derived_from("video.sound"), None);
    let table = Table::from_records(vec![with_video(Vec::new())], ".");
    for name in [
        "video.sounds",
        "sound",
        "clip.sound",
        "video.",
        "video.PatientName",
        "video.sound.sound",
    ] {
        assert_eq!(table.column_index(name), None, "{name}");
    }
    let place = table.column_index("video.sound").unwrap();
    assert_eq!(table.column_name(place), "video.sound");
    assert_eq!(table.derived_from("video.sound"), Some("video"));
    assert_eq!(table.column_name(usize::MAX), "");
    assert!(table.cell(0, usize::MAX).is_missing());
}

#[test]
fn dropping_a_column_hides_what_derives_from_it_but_not_the_other_way() {
    let table = Table::from_records(vec![with_video(video(800, 7))], ".");
    let missing = |table: &Table| {
        ["video", "video.sound"]
            .map(|name| table.cell(0, table.require(name).unwrap()).is_missing())
    };
    assert_eq!(missing(&table), [false, false]);
    let dropped = |name| table.with_columns_dropped(&[name]).unwrap();
    assert_eq!(missing(&dropped("video")), [true, true]);
    assert_eq!(missing(&dropped("video.sound")), [false, true]);
    let scans = scans(2).with_columns_dropped(&["scan"]).unwrap();
    let age = scans.require("scan.PatientAge").unwrap();
    assert!(scans.cell(0, age).is_missing());
}

/// DICOM files: ages differ, the sex does not, the weight is there in half of them.
fn scans(num: usize) -> Table {
    let records = (0..num).map(|row| {
        let age = format!("{:03}Y", 30 + row);
        let spacing = format!("0.{}\\9", 1 + row % 3);
        let mut elements = with(
            &grey(EXPLICIT, "MONOCHROME2", &[1; 6]),
            (0x10, 0x1010),
            Some(age.as_bytes()),
        );
        if row % 2 == 1 {
            elements.push(((0x10, 0x1030), b"DS", b"heavy".to_vec()));
        }
        elements.push(((0x28, 0x30), b"DS", spacing.into_bytes()));
        elements.sort_by_key(|element| element.0);
        Record::new()
            .with("scan", Cell::Bytes(file(EXPLICIT, &elements)))
            .with("y", ["a", "b"][row % 2])
    });
    Table::from_records(records.collect(), ".")
}

#[test]
fn fields_of_dicom_files_are_columns_and_those_that_identify_are_none() {
    let table = scans(4);
    let texts = |name: &str| {
        let col = table.require(name).unwrap();
        [0, 3].map(|row| match table.cell(row, col) {
            CellRef::Text(text) => text.into_owned(),
            other => format!("{other:?}"),
        })
    };
    assert_eq!(texts("scan.PatientAge"), ["30", "33"]);
    assert_eq!(texts("scan.PatientSex"), ["F", "F"]);
    assert_eq!(texts("scan.PixelSpacing"), ["0.1", "0.1"]);
    // Not there, and no number.
    assert_eq!(texts("scan.PatientWeight"), ["Missing", "Missing"]);
    for name in crate::dicom_field_names(true) {
        assert_eq!(table.column_index(&format!("scan.{name}")), None, "{name}");
    }
    let inputs = [
        input("scan.PatientAge", Modality::Number),
        input("scan", Modality::Image),
    ];
    let dataset = Dataset::open(Arc::new(table), &inputs, &DatasetOptions::default()).unwrap();
    assert_eq!(dataset.number(0, 2), Some(32.0));
    assert_eq!(dataset.good_rows().len(), 4);
    let rows = dataset.table().rows(2..4);
    let age = rows.require("scan.PatientAge").unwrap();
    assert_eq!(rows.cell(1, age), CellRef::Text("33".into()));
}

#[test]
fn fields_are_read_of_files_that_are_cut_off_and_of_files_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let whole = file(EXPLICIT, &grey(EXPLICIT, "MONOCHROME2", &[1; 6]));
    // Behind the sex, within the age.
    let cut = whole.windows(4).position(|four| four == b"093Y").unwrap();
    fs::write(folder.path().join("cut.dcm"), &whole[..cut + 1]).unwrap();
    let names = ["cut.dcm", "gone.dcm", "", "."];
    let records = names.map(|name| Record::new().with("scan", name));
    let table = Table::from_records(records.into(), folder.path());
    let values = ["scan.PatientSex", "scan.PatientAge"].map(|name| {
        let col = table.require(name).unwrap();
        [0, 1, 2, 3].map(|row| !table.cell(row, col).is_missing())
    });
    assert_eq!(values, [[true, false, false, false], [false; 4]]);
}

fn look(table: &Table) -> Inspection {
    inspect(table, Some("y"), &BTreeMap::new()).unwrap()
}

#[test]
fn inspect_offers_what_differs_and_shows_what_does_not() {
    let seen = look(&scans(40));
    let of = |name: &str| {
        let info = seen.column(name)?;
        Some((info.column.modality, info.column.role))
    };
    assert_eq!(of("scan"), Some((Modality::Image, Role::Input)));
    assert_eq!(of("scan.PatientAge"), Some((Modality::Number, Role::Input)));
    assert_eq!(
        of("scan.PatientSex"),
        Some((Modality::Category, Role::Ignored))
    );
    assert_eq!(of("scan.PatientWeight"), None);
    assert_eq!(of("scan.KVP"), None);
    assert_eq!(
        seen.column("scan.PatientAge").unwrap().why,
        "field of DICOM files, 40 of 40 looked at have it: whole numbers, 40 distinct"
    );
    assert!(seen.inputs_named(&["scan.PatientSex"]).is_ok());
    let named = BTreeMap::from([("scan.KVP".to_owned(), Modality::Number)]);
    let seen = inspect(&scans(4), Some("y"), &named).unwrap();
    assert_eq!(
        seen.column("scan.KVP").unwrap().column.role,
        Role::Input,
        "a person named it"
    );
}

#[test]
fn inspect_offers_sound_tracks_unless_the_table_has_a_sound_column() {
    let record = |row: usize| {
        with_video(video(if row.is_multiple_of(4) { 0 } else { 400 }, row + 1))
            .with("y", ["a", "b"][row % 2])
    };
    let table = Table::from_records((0..8).map(record).collect(), ".");
    let seen = look(&table);
    let info = seen.column("video.sound").unwrap();
    assert_eq!(
        (info.column.modality, info.column.role),
        (Modality::Audio, Role::Input)
    );
    assert_eq!(info.why, "sound track of videos, 6 of 8 looked at have it");
    let silent = Table::from_records(vec![with_video(video(0, 0)).with("y", "a"); 8], ".");
    assert!(look(&silent).column("video.sound").is_none());
    let own = (0..8).map(|row| {
        let sound = wav(400, |at| ((at * (row + 3)) % 7) as f32 * 0.1);
        record(row).with("voice", Cell::Bytes(sound))
    });
    let seen = look(&Table::from_records(own.collect(), "."));
    assert_eq!(
        seen.column("video.sound").unwrap().column.role,
        Role::Ignored
    );
    assert!(
        seen.warnings
            .iter()
            .any(|warning| { warning.code == "second_sound" && warning.column == "video.sound" })
    );
}

/// Larger than what is read into memory; the files have holes and take no place.
#[test]
fn a_large_video_is_left_to_the_program_and_told_apart_by_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str, last: u8| {
        let path = folder.path().join(name);
        fs::write(&path, b"\0\0\0\x18ftypmp42\0\0\0\0").unwrap();
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        file.set_len(300 << 20).unwrap();
        std::io::Write::write_all(&mut file, &[last]).unwrap();
    };
    make("a.mp4", 1);
    make("b.mp4", 1);
    make("c.mp4", 2);
    let hash = |name: &str| {
        let table = Table::from_records(vec![Record::new().with("x", name)], folder.path());
        crate::media::clip_hash(&table.source(0, 0)).unwrap()
    };
    assert_eq!(hash("a.mp4"), hash("b.mp4"));
    assert_ne!(hash("a.mp4"), hash("c.mp4"));
    let records = vec![Record::new().with("x", "a.mp4")];
    let table = Arc::new(Table::from_records(records, folder.path()));
    for modality in [Modality::Video, Modality::Audio] {
        let inputs = [input("x", modality)];
        let dataset =
            Dataset::open(Arc::clone(&table), &inputs, &DatasetOptions::default()).unwrap();
        // What the program says depends on whether there is one.
        let code = dataset.bad()[0].reason_code;
        assert!(
            ["clip_empty", "clip_needs_ffmpeg", "clip_too_slow"].contains(&code),
            "{code}"
        );
    }
}

#[test]
fn the_usual_length_of_sound_tracks_is_told() {
    let table = Table::from_records(vec![with_video(video(800, 7)); 3], ".");
    let shape = crate::media_shape(&table, &input("video.sound", Modality::Audio));
    // As long as its two frames of a tenth of a second each.
    let expected = crate::MediaShape::Sound {
        rate_hz: 8000,
        len_ms: 200,
    };
    assert_eq!(shape, Some(expected));
}

#[test]
fn stretches_of_a_video_end_with_it_and_repeat_what_is_missing_before() {
    let frames = [0, 1, 2].map(|colour| still(16, 8, COLOURS[colour], ImageFormat::Png));
    let records = vec![with_video(avi(b"PNG ", &frames, &[]))];
    let whole = Form::Frames {
        num_frames: 3,
        size_px: 4,
    };
    // Frames of the file follow each other in 100 ms.
    let stretch = |num_frames, at_end| Form::Stretch {
        num_frames,
        size_px: 4,
        every_ms: 100,
        at_end,
    };
    let forms = [
        whole,
        stretch(2, false),
        stretch(2, true),
        stretch(5, false),
        stretch(5, true),
    ];
    let options = DatasetOptions {
        forms: forms.to_vec(),
        ..DatasetOptions::default()
    };
    let dataset = dataset(records, &[input("video", Modality::Video)], &options);
    let shown = |form| match dataset.item(0, 0, form) {
        Some(Item::Frames(frames)) => frames.to_vec(),
        other => panic!("{other:?}"),
    };
    let all = shown(whole);
    let expected = [&[0, 1][..], &[1, 2], &[0, 1, 2, 2, 2], &[0, 0, 0, 1, 2]];
    for (form, expected) in forms[1..].iter().zip(expected) {
        let expected: Vec<_> = expected.iter().map(|at| all[*at].clone()).collect();
        assert_eq!(shown(*form), expected, "{form:?}");
    }
}
