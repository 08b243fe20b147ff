use std::{
    io::Write,
    time::{Duration, Instant},
};

use image::ImageFormat;
use schema::{Rng, Seed};

use super::*;
use crate::fixture::{encode, picture};
use nifti::{gzip, nifti, volume};

mod nifti;

pub(crate) const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const IMPLICIT: &str = "1.2.840.10008.1.2";
const BIG: &str = "1.2.840.10008.1.2.2";
const MUTATIONS: u64 = 400;

pub(crate) type Element<'a> = ((u16, u16), &'a [u8; 2], Vec<u8>);

fn element(syntax: &str, (tag, kind, body): &Element<'_>) -> Vec<u8> {
    let order = |mut bytes: Vec<u8>| {
        if syntax == BIG {
            bytes.reverse();
        }
        bytes
    };
    let short = |value: usize| order((value as u16).to_le_bytes().to_vec());
    let long = |value: usize| order((value as u32).to_le_bytes().to_vec());
    let mut body = body.clone();
    if body.len() % 2 == 1 {
        body.push(b' ');
    }
    let head = [short(tag.0.into()), short(tag.1.into())].concat();
    let length = match (syntax, *kind) {
        (IMPLICIT, _) => long(body.len()),
        (_, b"OB" | b"OW" | b"SQ" | b"UN") => {
            [kind.to_vec(), vec![0; 2], long(body.len())].concat()
        }
        _ => [kind.to_vec(), short(body.len())].concat(),
    };
    [head, length, body].concat()
}

/// A DICOM file of elements, in the order of their tags.
pub(crate) fn file(syntax: &str, elements: &[Element<'_>]) -> Vec<u8> {
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    bytes.extend(element(EXPLICIT, &((2, 0x10), b"UI", syntax.into())));
    for one in elements {
        bytes.extend(element(syntax, one));
    }
    bytes
}

fn us(syntax: &str, value: u16) -> Vec<u8> {
    match syntax {
        BIG => value.to_be_bytes().into(),
        _ => value.to_le_bytes().into(),
    }
}

/// A grey picture of 3 x 2 pixels, 12 of 16 bits, values stored as they are.
pub(crate) fn grey<'a>(syntax: &str, photometric: &str, values: &[i16]) -> Vec<Element<'a>> {
    let data = values
        .iter()
        .flat_map(|value| us(syntax, *value as u16))
        .collect();
    vec![
        ((0x10, 0x10), b"PN", b"Doe^Jane".to_vec()),
        ((0x10, 0x40), b"CS", b"F".to_vec()),
        ((0x10, 0x1010), b"AS", b"093Y".to_vec()),
        ((0x28, 0x02), b"US", us(syntax, 1)),
        ((0x28, 0x04), b"CS", photometric.into()),
        ((0x28, 0x10), b"US", us(syntax, 2)),
        ((0x28, 0x11), b"US", us(syntax, 3)),
        ((0x28, 0x100), b"US", us(syntax, 16)),
        ((0x28, 0x101), b"US", us(syntax, 12)),
        ((0x28, 0x102), b"US", us(syntax, 11)),
        ((0x28, 0x103), b"US", us(syntax, 1)),
        ((0x28, 0x1050), b"DS", b"50.5\\1".to_vec()),
        ((0x28, 0x1051), b"DS", b"101\\1".to_vec()),
        ((0x28, 0x1052), b"DS", b"-100".to_vec()),
        ((0x28, 0x1053), b"DS", b"2".to_vec()),
        ((0x7fe0, 0x10), b"OW", data),
    ]
}

/// In the unit of the file 2 v - 100; the window is 0 to 100.
const STORED: [i16; 6] = [50, 100, 60, -2, 75, 127];
const LEVELS: [u8; 6] = [0, 255, 51, 0, 128, 255];

fn read(bytes: &[u8]) -> Result<Dicom, MedicalError> {
    decode_dicom(bytes, &DicomOptions::default())
}

fn code(bytes: &[u8]) -> &'static str {
    read(bytes).unwrap_err().reason_code
}

fn levels(dicom: &Dicom, frame: usize) -> Vec<u8> {
    dicom.frames[frame].rgb.iter().copied().step_by(3).collect()
}

/// Replaces or leaves out an element.
pub(crate) fn with<'a>(
    elements: &[Element<'a>],
    tag: (u16, u16),
    body: Option<&[u8]>,
) -> Vec<Element<'a>> {
    let mut out = elements.to_vec();
    out.retain(|element| element.0 != tag);
    if let Some(body) = body {
        let kind: &[u8; 2] = if tag.0 == 0x7fe0 { b"OW" } else { b"IS" };
        out.push((tag, kind, body.to_vec()));
        out.sort_by_key(|element| element.0);
    }
    out
}

#[test]
fn grey_pictures_of_every_plain_encoding_are_windowed() {
    for syntax in [EXPLICIT, IMPLICIT, BIG] {
        let dicom = read(&file(syntax, &grey(syntax, "MONOCHROME2", &STORED))).unwrap();
        assert_eq!((dicom.frames[0].width, dicom.frames[0].height), (3, 2));
        assert_eq!(levels(&dicom, 0), LEVELS, "{syntax}");
    }
    let inverted = read(&file(EXPLICIT, &grey(EXPLICIT, "MONOCHROME1", &STORED))).unwrap();
    assert_eq!(levels(&inverted, 0), LEVELS.map(|level| 255 - level));
    // An overlay above the 12 stored bits changes nothing.
    let overlay = STORED.map(|value| (value & 0xfff) | 0x5000);
    let dicom = read(&file(EXPLICIT, &grey(EXPLICIT, "MONOCHROME2", &overlay))).unwrap();
    assert_eq!(levels(&dicom, 0), LEVELS);
}

#[test]
fn windows_can_be_chosen_and_percentiles_stand_for_a_missing_one() {
    let elements = grey(EXPLICIT, "MONOCHROME2", &STORED);
    let bytes = file(EXPLICIT, &with(&elements, (0x28, 0x1051), None));
    // From -104 to 154: round(255 (v + 104) / 258) of 0, 100, 20, -104, 50, 154.
    let expected = [103, 202, 123, 0, 152, 255];
    assert_eq!(levels(&read(&bytes).unwrap(), 0), expected);
    let options = DicomOptions {
        window: Window::Fixed {
            center: 50.5,
            width: 101.0,
        },
        ..DicomOptions::default()
    };
    assert_eq!(levels(&decode_dicom(&bytes, &options).unwrap(), 0), LEVELS);
}

#[test]
fn several_frames_are_several_pictures() {
    let values: Vec<i16> = [STORED, STORED.map(|_| 50), STORED.map(|_| 100)].concat();
    let elements = with(
        &grey(EXPLICIT, "MONOCHROME2", &values),
        (0x28, 0x08),
        Some(b"3"),
    );
    let bytes = file(EXPLICIT, &elements);
    let dicom = read(&bytes).unwrap();
    assert_eq!(dicom.frames.len(), 3);
    assert_eq!(
        (levels(&dicom, 0), levels(&dicom, 2)),
        (LEVELS.to_vec(), vec![255; 6])
    );
    let options = DicomOptions {
        num_frames: Some(1),
        ..DicomOptions::default()
    };
    assert_eq!(levels(&decode_dicom(&bytes, &options).unwrap(), 0), [0; 6]);
}

#[test]
fn identifying_fields_are_dropped_unless_asked_for() {
    let bytes = file(EXPLICIT, &grey(EXPLICIT, "MONOCHROME2", &STORED));
    let fields = read(&bytes).unwrap().fields;
    assert_eq!(
        fields,
        [
            ("PatientAge", "90".to_owned()),
            ("PatientSex", "F".to_owned())
        ]
    );
    let options = DicomOptions {
        keep_identifying: true,
        ..DicomOptions::default()
    };
    let fields = decode_dicom(&bytes, &options).unwrap().fields;
    assert!(fields.contains(&("PatientName", "Doe^Jane".to_owned())));
    assert!(fields.contains(&("PatientAge", "93".to_owned())));
    assert!(dicom_field_names(true).contains(&"PatientName"));
    assert!(!dicom_field_names(false).contains(&"PatientName"));
}

/// Colour elements of 2 x 1 pixels of 8 bits.
fn colour<'a>(photometric: &str, planar: u16, data: &[u8]) -> Vec<Element<'a>> {
    vec![
        ((0x28, 0x02), b"US", us(EXPLICIT, 3)),
        ((0x28, 0x04), b"CS", photometric.into()),
        ((0x28, 0x06), b"US", us(EXPLICIT, planar)),
        ((0x28, 0x10), b"US", us(EXPLICIT, 1)),
        ((0x28, 0x11), b"US", us(EXPLICIT, 2)),
        ((0x28, 0x100), b"US", us(EXPLICIT, 8)),
        ((0x7fe0, 0x10), b"OB", data.to_vec()),
    ]
}

#[test]
fn colour_pictures_are_read() {
    let rgb = |elements: &[Element<'_>]| {
        read(&file(EXPLICIT, elements)).unwrap().frames[0]
            .rgb
            .clone()
    };
    assert_eq!(
        rgb(&colour("RGB", 0, &[1, 2, 3, 4, 5, 6])),
        [1, 2, 3, 4, 5, 6]
    );
    assert_eq!(
        rgb(&colour("RGB", 1, &[1, 4, 2, 5, 3, 6])),
        [1, 2, 3, 4, 5, 6]
    );
    // Pure red is Y 76, B 85, R 255.
    let red = rgb(&colour("YBR_FULL", 0, &[76, 85, 255, 0, 128, 128]));
    assert!(red[0] >= 253 && red[1] <= 2 && red[2] <= 2, "{red:?}");
    assert_eq!(
        code(&file(EXPLICIT, &colour("PALETTE COLOR", 0, &[0; 6]))),
        "medical_unsupported"
    );
}

#[test]
fn palettes_are_read() {
    let mut elements = colour("PALETTE COLOR", 0, &[7, 9]);
    elements[0].2 = us(EXPLICIT, 1);
    let pixels = elements.pop().unwrap();
    // Two colours of 16 bits, the first of them number 8.
    let about: Vec<u8> = [2, 8, 16]
        .into_iter()
        .flat_map(|word| us(EXPLICIT, word))
        .collect();
    for (channel, levels) in [[0x10, 0x20], [0x30, 0x40], [0x50, 0x60]]
        .into_iter()
        .enumerate()
    {
        elements.push(((0x28, 0x1101 + channel as u16), b"US", about.clone()));
        let table = levels
            .into_iter()
            .flat_map(|level| us(EXPLICIT, level << 8))
            .collect();
        elements.push(((0x28, 0x1201 + channel as u16), b"OW", table));
    }
    elements.push(pixels);
    let dicom = read(&file(EXPLICIT, &elements)).unwrap();
    assert_eq!(dicom.frames[0].rgb, [0x10, 0x30, 0x50, 0x20, 0x40, 0x60]);
    let cut = with(&elements, (0x28, 0x1203), None);
    assert_eq!(code(&file(EXPLICIT, &cut)), "medical_unsupported");
}

/// Bytes of 16-bit words stand the other way round in the other byte order.
#[test]
fn bytes_in_words_are_turned_and_kinds_that_are_not_there_are_not_looked_for() {
    let mut elements = colour("RGB", 0, &[2, 1, 4, 3, 6, 5]);
    for element in &mut elements {
        if element.1 == b"US" {
            element.2.reverse();
        }
    }
    elements[6].1 = b"OW";
    let dicom = read(&file(BIG, &elements)).unwrap();
    assert_eq!(dicom.frames[0].rgb, [1, 2, 3, 4, 5, 6]);

    // Says explicit, is implicit.
    let mut bytes = file(EXPLICIT, &[]);
    for one in grey(IMPLICIT, "MONOCHROME2", &STORED) {
        bytes.extend(element(IMPLICIT, &one));
    }
    assert_eq!(levels(&read(&bytes).unwrap(), 0), LEVELS);
}

/// Compressed pixels: an item of offsets, items of fragments, the end mark.
fn fragments(items: &[&[u8]]) -> Vec<u8> {
    let item = |body: &[u8]| {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(2), 0);
        [
            &[0xfe, 0xff, 0x00, 0xe0][..],
            &(body.len() as u32).to_le_bytes(),
            &body,
        ]
        .concat()
    };
    let mut out = item(&[]);
    out.extend(items.iter().flat_map(|body| item(body)));
    out.extend([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    out
}

/// A file whose pixels are compressed.
fn compressed(syntax: &str, elements: &[Element<'_>], items: &[&[u8]]) -> Vec<u8> {
    let mut bytes = file(syntax, &with(elements, (0x7fe0, 0x10), None));
    bytes.extend([
        0xe0, 0x7f, 0x10, 0x00, b'O', b'B', 0, 0, 0xff, 0xff, 0xff, 0xff,
    ]);
    bytes.extend(fragments(items));
    bytes
}

fn jpeg_elements<'a>() -> Vec<Element<'a>> {
    let mut elements = colour("YBR_FULL_422", 0, &[]);
    elements[3].2 = us(EXPLICIT, 8);
    elements[4].2 = us(EXPLICIT, 16);
    elements
}

#[test]
fn jpeg_and_rle_frames_are_read_and_others_are_named() {
    let jpeg = encode(&picture(16, 8, |_, _| [200, 30, 30]), ImageFormat::Jpeg);
    let baseline = "1.2.840.10008.1.2.4.50";
    let elements = jpeg_elements();
    // One frame in two fragments.
    let (head, tail) = jpeg.split_at(100);
    let dicom = read(&compressed(baseline, &elements, &[head, tail])).unwrap();
    assert_eq!((dicom.frames[0].width, dicom.frames[0].height), (16, 8));
    assert!(dicom.frames[0].rgb[0].abs_diff(200) < 6);
    let two = with(&elements, (0x28, 0x08), Some(b"2"));
    assert_eq!(
        read(&compressed(baseline, &two, &[&jpeg, &jpeg]))
            .unwrap()
            .frames
            .len(),
        2
    );
    assert_eq!(
        code(&compressed(baseline, &two, &[&jpeg])),
        "medical_truncated"
    );
    assert_eq!(
        code(&compressed(baseline, &elements, &[&jpeg[..200]])),
        "medical_truncated"
    );
    assert_eq!(
        code(&compressed(baseline, &elements, &[])),
        "medical_truncated"
    );
    let error = read(&compressed("1.2.840.10008.1.2.4.90", &elements, &[&jpeg])).unwrap_err();
    assert_eq!(error.reason_code, "medical_unsupported");
    assert!(error.text.contains("JPEG 2000"), "{}", error.text);
    let mut deep = jpeg.clone();
    let frame = deep
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    deep[frame + 4] = 12;
    assert_eq!(
        code(&compressed(baseline, &elements, &[&deep])),
        "medical_unsupported"
    );

    // High bytes, then low bytes; the first is -2 = 0xfffe.
    let mut rle = vec![0; 64];
    for (at, word) in [2_u32, 64, 71].into_iter().enumerate() {
        rle[at * 4..][..4].copy_from_slice(&word.to_le_bytes());
    }
    rle.extend([0, 0xff, 0xfc, 0, 0, 0, 0, 5, 0xfe, 50, 60, 75, 100, 127]);
    let elements = grey(EXPLICIT, "MONOCHROME2", &[]);
    let dicom = read(&compressed("1.2.840.10008.1.2.5", &elements, &[&rle])).unwrap();
    assert_eq!(levels(&dicom, 0), [0, 0, 51, 128, 255, 255]);
}

#[test]
fn sequences_are_walked_over() {
    let elements = grey(EXPLICIT, "MONOCHROME2", &STORED);
    let mut bytes = file(EXPLICIT, &[]);
    // A sequence of undefined length with an item of undefined length, which holds a PatientSex of its own.
    bytes.extend([
        0x08, 0, 0x10, 0x11, b'S', b'Q', 0, 0, 0xff, 0xff, 0xff, 0xff,
    ]);
    bytes.extend([0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff]);
    bytes.extend(element(EXPLICIT, &((0x10, 0x40), b"CS", b"M ".to_vec())));
    bytes.extend([0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0]);
    bytes.extend([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    for one in &elements {
        bytes.extend(element(EXPLICIT, one));
    }
    let dicom = read(&bytes).unwrap();
    assert_eq!(levels(&dicom, 0), LEVELS);
    assert_eq!(dicom.fields[1], ("PatientSex", "F".to_owned()));
}

#[test]
fn deflated_files_are_read_within_limits() {
    let plain = file(EXPLICIT, &grey(EXPLICIT, "MONOCHROME2", &STORED));
    let start = file(EXPLICIT, &[]).len();
    let deflate = |bytes: &[u8]| {
        let mut encoder =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let mut bytes = file("1.2.840.10008.1.2.1.99", &[]);
    bytes.extend(deflate(&plain[start..]));
    assert_eq!(levels(&read(&bytes).unwrap(), 0), LEVELS);
    let mut bomb = file("1.2.840.10008.1.2.1.99", &[]);
    bomb.extend(deflate(&vec![0; 2 << 20]));
    let mut options = DicomOptions::default();
    options.limits.max_bytes = 1 << 20;
    assert_eq!(
        decode_dicom(&bomb, &options).unwrap_err().reason_code,
        "file_too_large"
    );
}

#[test]
fn files_that_cannot_be_used_say_why() {
    let elements = grey(EXPLICIT, "MONOCHROME2", &STORED);
    let whole = file(EXPLICIT, &elements);
    assert_eq!(code(b"hello"), "not_dicom");
    assert_eq!(code(&whole[..whole.len() - 3]), "medical_truncated");
    let none = file(EXPLICIT, &with(&elements, (0x7fe0, 0x10), None));
    let error = read(&none).unwrap_err();
    assert_eq!(error.reason_code, "dicom_without_pixels");
    assert_eq!(
        error.text,
        "a DICOM file without pixels, such as a report or a directory"
    );
    let short = file(EXPLICIT, &with(&elements, (0x7fe0, 0x10), Some(&[0; 10])));
    assert_eq!(code(&short), "medical_truncated");
    assert_eq!(
        code(&file(EXPLICIT, &with(&elements, (0x28, 0x10), None))),
        "medical_damaged"
    );
    let frames = |number: &[u8]| {
        code(&file(
            EXPLICIT,
            &with(&elements, (0x28, 0x08), Some(number)),
        ))
    };
    assert_eq!(frames(b"0"), "medical_damaged");
    assert_eq!(frames(b"2"), "medical_truncated");
    assert_eq!(frames(b"999999999"), "medical_too_large");
    let side = |tag, side: u16| with(&elements, tag, Some(&side.to_le_bytes()));
    assert_eq!(
        code(&file(EXPLICIT, &side((0x28, 0x10), 0))),
        "medical_damaged"
    );
    let mut huge = side((0x28, 0x10), 65_535);
    huge = with(&huge, (0x28, 0x11), Some(&65_535_u16.to_le_bytes()));
    assert_eq!(code(&file(EXPLICIT, &huge)), "medical_too_large");
}

fn mutated(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=rng.below(3) {
        if bytes.is_empty() {
            break;
        }
        let at = rng.below(bytes.len());
        match rng.below(6) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.next_u64() as u8,
            2 => bytes[at] = [0, 0xff][rng.below(2)],
            3 => bytes.insert(at, rng.next_u64() as u8),
            4 => drop(bytes.remove(at)),
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

#[test]
fn mutated_files_of_every_kind_give_pictures_or_an_error() {
    let jpeg = encode(&picture(16, 8, |_, _| [200, 30, 30]), ImageFormat::Jpeg);
    let sources = [
        (
            "explicit",
            file(EXPLICIT, &grey(EXPLICIT, "MONOCHROME2", &STORED)),
        ),
        (
            "implicit",
            file(IMPLICIT, &grey(IMPLICIT, "MONOCHROME1", &STORED)),
        ),
        (
            "jpeg",
            compressed("1.2.840.10008.1.2.4.50", &jpeg_elements(), &[&jpeg]),
        ),
        ("nifti", nifti()),
        ("gzip", gzip(&nifti())),
    ];
    for (name, whole) in sources {
        // The 128 bytes before "DICM" mean nothing.
        let start = if whole[..64].iter().all(|byte| *byte == 0) {
            128
        } else {
            0
        };
        for mutation in 0..MUTATIONS {
            let mut rng = Seed(7).named(name).at(mutation).rng();
            let bytes = [&whole[..start], &mutated(&whole[start..], &mut rng)].concat();
            let begun = Instant::now();
            match read(&bytes) {
                Ok(dicom) => {
                    let whole =
                        |frame: &schema::Picture| frame.rgb.len() == frame.width * frame.height * 3;
                    assert!(!dicom.frames.is_empty() && dicom.frames.iter().all(whole));
                }
                Err(error) => assert!(!error.text.is_empty()),
            }
            if let Ok(volume) = volume(&bytes) {
                assert_eq!(volume.shape.iter().product::<usize>(), volume.voxels.len());
            }
            assert!(
                begun.elapsed() < Duration::from_secs(5),
                "{name} {mutation}"
            );
        }
    }
}
