//! TensorBoard event files, written without TensorFlow.
//!
//! A file is a row of TFRecords, each a protobuf `Event`: wall time, step, and either the file version (first
//! record) or a summary of named scalars.
//!
//! # Source
//! `tensorflow/core/lib/io/record_writer.h` (framing), `tensorflow/core/util/event.proto` and
//! `tensorflow/core/framework/summary.proto` (field numbers).

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use crate::error::TrainError;

/// Added to the rotated checksum, so that checksums of data that holds checksums stay sound.
const MASK_DELTA: u32 = 0xa282_ead8;

/// Writes scalars for TensorBoard; a write is on its way to the disk when it returns.
pub struct EventWriter {
    file: BufWriter<File>,
    path: PathBuf,
}

impl EventWriter {
    /// Begins a new event file in a folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`TrainError::Write`] if folder or file cannot be made.
    pub fn create(folder: &Path) -> Result<Self, TrainError> {
        std::fs::create_dir_all(folder).map_err(|error| TrainError::write(folder, error))?;
        let (file, path) = create_new_file(folder)?;
        let mut writer = Self {
            file: BufWriter::new(file),
            path,
        };
        writer.write(&record(&encode_version(wall_time())))?;
        Ok(writer)
    }

    /// Writes named scalars of a step.
    ///
    /// # Errors
    /// [`TrainError::Write`] if the disk refuses.
    pub fn scalars(&mut self, step: usize, values: &[(&str, f64)]) -> Result<(), TrainError> {
        let values: Vec<(&str, f32)> = values
            .iter()
            .map(|(tag, value)| (*tag, *value as f32))
            .collect();
        self.write(&record(&encode_scalars(wall_time(), step as i64, &values)))
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), TrainError> {
        self.file
            .write_all(bytes)
            .and_then(|()| self.file.flush())
            .map_err(|error| TrainError::write(&self.path, error))
    }
}

/// TensorBoard orders the files of a run by name, so the name begins with the time; a run that is resumed within
/// the same second gets the next free number.
fn create_new_file(folder: &Path) -> Result<(File, PathBuf), TrainError> {
    let secs = wall_time() as u64;
    let mut number = 0;
    loop {
        let path = folder.join(format!("events.out.tfevents.{secs:010}.multifuse.{number}"));
        match File::create_new(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(TrainError::write(&path, error)),
        }
    }
}

fn wall_time() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |age| age.as_secs_f64())
}

/// Frames one record: length, masked checksum of the length, data, masked checksum of the data.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut bytes = Vec::with_capacity(data.len() + 16);
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(&masked_crc(&length).to_le_bytes());
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(&masked_crc(data).to_le_bytes());
    bytes
}

fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data)
        .rotate_right(15)
        .wrapping_add(MASK_DELTA)
}

/// `Event { wall_time = 1, file_version = 3 }`.
fn encode_version(wall_time: f64) -> Vec<u8> {
    let mut event = Message::default();
    event.double(1, wall_time);
    event.bytes(3, b"brain.Event:2");
    event.0
}

/// `Event { wall_time = 1, step = 2, summary = 5 { value = 1 { tag = 1, simple_value = 2 } .. } }`.
fn encode_scalars(wall_time: f64, step: i64, values: &[(&str, f32)]) -> Vec<u8> {
    let mut summary = Message::default();
    for (tag, number) in values {
        let mut value = Message::default();
        value.bytes(1, tag.as_bytes());
        value.float(2, *number);
        summary.bytes(1, &value.0);
    }
    let mut event = Message::default();
    event.double(1, wall_time);
    event.varint_field(2, step as u64);
    event.bytes(5, &summary.0);
    event.0
}

/// A protobuf message under construction. Wire types: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value as u8) | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u64, wire_type: u64) {
        self.varint(field << 3 | wire_type);
    }

    fn varint_field(&mut self, field: u64, value: u64) {
        self.key(field, 0);
        self.varint(value);
    }

    fn double(&mut self, field: u64, value: f64) {
        self.key(field, 1);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn float(&mut self, field: u64, value: f32) {
        self.key(field, 5);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by TensorBoard's own writer: `tests/golden/events.py`.
    const GOLDEN: &str = "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c\
        2e00000000000000c5cb57fa09000000000000044010ac022a200a110a0a6c6f73732f747261696e150000803e0a0b0a04\
        7261746515000040c02bb81169";

    #[test]
    fn bytes_are_those_that_tensorboard_writes() {
        let mut bytes = record(&encode_version(1.5));
        bytes.extend(record(&encode_scalars(
            2.5,
            300,
            &[("loss/train", 0.25), ("rate", -3.0)],
        )));
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, GOLDEN);
    }

    /// The data of every record; panics if a checksum is wrong.
    fn records(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let checksum = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            assert_eq!(checksum(8), masked_crc(&bytes[..8]));
            let data = &bytes[12..12 + length];
            assert_eq!(checksum(12 + length), masked_crc(data));
            found.push(data.to_vec());
            bytes = &bytes[16 + length..];
        }
        found
    }

    #[test]
    fn a_written_file_parses_back_record_by_record() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(&folder.path().join("events")).unwrap();
        writer.scalars(1, &[("loss/train", 2.0)]).unwrap();
        writer
            .scalars(2, &[("loss/train", 1.0), ("learning_rate", 0.5)])
            .unwrap();
        let found = records(&std::fs::read(writer.path()).unwrap());
        assert_eq!(found.len(), 3);
        assert!(found[0].ends_with(b"brain.Event:2"));
        let scalars = encode_scalars(0.0, 2, &[("loss/train", 1.0), ("learning_rate", 0.5)]);
        // All but the key and value of the wall time (1 + 8 bytes).
        assert_eq!(found[2][9..], scalars[9..]);
    }

    #[test]
    fn two_writers_in_one_second_do_not_share_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let first = EventWriter::create(folder.path()).unwrap();
        let second = EventWriter::create(folder.path()).unwrap();
        assert_ne!(first.path(), second.path());
    }
}
