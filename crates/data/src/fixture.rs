//! Small data sets for the tests of this room.

use std::{io::Cursor, sync::Arc};

use schema::{Cell, Column, Modality, Record, Role};

use crate::{Dataset, DatasetOptions, Table};

/// An input column.
pub(crate) fn input(name: &str, modality: Modality) -> Column {
    Column {
        name: name.to_owned(),
        modality,
        role: Role::Input,
    }
}

/// A data set of one column from cells.
pub(crate) fn column<C: Into<Cell>>(
    modality: Modality,
    cells: impl IntoIterator<Item = C>,
) -> Dataset {
    let records = cells
        .into_iter()
        .map(|cell| Record::new().with("x", cell))
        .collect();
    dataset(records, &[input("x", modality)], &DatasetOptions::default())
}

pub(crate) fn dataset(
    records: Vec<Record>,
    inputs: &[Column],
    options: &DatasetOptions,
) -> Dataset {
    let table = Arc::new(Table::from_records(records, "."));
    let options = DatasetOptions {
        absent_columns: true,
        ..options.clone()
    };
    Dataset::open(table, inputs, &options).unwrap()
}

/// A picture whose pixel at `x`, `y` is `pixel(x, y)`.
pub(crate) fn picture(
    width: u32,
    height: u32,
    pixel: impl Fn(u32, u32) -> [u8; 3],
) -> schema::Picture {
    let rgb = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .flat_map(|(x, y)| pixel(x, y));
    schema::Picture {
        height: height as usize,
        width: width as usize,
        rgb: rgb.collect(),
    }
}

/// The file of a picture.
pub(crate) fn encode(picture: &schema::Picture, format: image::ImageFormat) -> Vec<u8> {
    let (width, height) = (picture.width as u32, picture.height as u32);
    let image = image::RgbImage::from_raw(width, height, picture.rgb.clone()).unwrap();
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The PNG file of a square of one colour.
pub(crate) fn plain_png(size: u32, rgb: [u8; 3]) -> Vec<u8> {
    encode(&picture(size, size, |_, _| rgb), image::ImageFormat::Png)
}

/// The WAV file, 16 bits, 4 kHz, one channel, of `len` samples.
pub(crate) fn wav(len: usize, sample: impl Fn(usize) -> f32) -> Vec<u8> {
    const RATE_HZ: u32 = 4000;
    let num_bytes = 2 * len as u32;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + num_bytes).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([1, 0, 1, 0]);
    file.extend(RATE_HZ.to_le_bytes());
    file.extend((2 * RATE_HZ).to_le_bytes());
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    file.extend(num_bytes.to_le_bytes());
    for at in 0..len {
        file.extend(((sample(at) * 32_767.0) as i16).to_le_bytes());
    }
    file
}

/// An archive of files in the order given, in the plainest dialect; source: `golden/tar.py` for richer ones.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, bytes) in files {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
        header[148..156].fill(b' ');
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend(header);
        archive.extend_from_slice(bytes);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}
