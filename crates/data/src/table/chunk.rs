//! A run of records: cells in slots, text and bytes end to end; and the same as bytes of a file.
//!
//! As bytes: number of records and columns (`u32` each), the line of each record (`u64`), then record by record a tag
//! a cell with its length, number or place in an archive, then all text. Media bytes are apart, so that they are read only when asked for.
//! Numbers are little-endian.

use std::borrow::Cow;

use schema::Cell;

use super::CellRef;

/// 16 bytes a cell; text and bytes lie end to end in the chunk's arenas.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slot {
    Missing,
    Text {
        start: u64,
        len: u32,
    },
    Number(f64),
    Bytes {
        start: u64,
        len: u32,
    },
    /// Bytes of the archive that the record came from.
    Stored {
        start: u64,
        len: u32,
    },
    /// Lists, and anything too long for the arenas' 32-bit lengths.
    Other(u32),
}

const MISSING: u8 = 0;
const TEXT: u8 = 1;
const NUMBER: u8 = 2;
const BYTES: u8 = 3;
const OTHER: u8 = 4;
const STORED: u8 = 5;

/// Records that are stored and read back together.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// By column, then record.
    slots: Vec<Vec<Slot>>,
    text: String,
    /// Empty in a chunk that was read back from a file.
    bytes: Vec<u8>,
    other: Vec<Cell>,
    lines: Vec<usize>,
}

impl Chunk {
    pub(super) fn new(num_columns: usize) -> Self {
        Self {
            slots: vec![Vec::new(); num_columns],
            ..Self::default()
        }
    }

    /// Adds a column that earlier records lack.
    pub(super) fn add_column(&mut self) {
        self.slots.push(vec![Slot::Missing; self.lines.len()]);
    }

    /// Gives a cell of the current record, text as written.
    pub(super) fn push_text(&mut self, col: usize, text: &str) {
        let slot = match u32::try_from(text.len()) {
            Ok(0) => Slot::Missing,
            Ok(len) => {
                let start = self.text.len() as u64;
                self.text.push_str(text);
                Slot::Text { start, len }
            }
            Err(_) => self.other(Cell::Text(text.to_owned())),
        };
        self.slots[col].push(slot);
    }

    /// Gives a cell of the current record.
    pub(super) fn push(&mut self, col: usize, cell: &Cell) {
        let slot = match cell {
            Cell::Missing => Slot::Missing,
            Cell::Text(text) => return self.push_text(col, text),
            // A float that is not a number is how binary sources say missing; infinities stay and are found bad.
            Cell::Number(number) if number.is_nan() => Slot::Missing,
            Cell::Number(number) => Slot::Number(*number),
            Cell::Bytes(bytes) => match u32::try_from(bytes.len()) {
                Ok(0) => Slot::Missing,
                Ok(len) => {
                    let start = self.bytes.len() as u64;
                    self.bytes.extend_from_slice(bytes);
                    Slot::Bytes { start, len }
                }
                Err(_) => self.other(cell.clone()),
            },
            Cell::List(list) if list.is_empty() => Slot::Missing,
            Cell::List(_) => self.other(cell.clone()),
        };
        self.slots[col].push(slot);
    }

    /// Gives a cell of the current record: bytes that stay in the archive it came from.
    pub(super) fn push_stored(&mut self, col: usize, start: u64, len: u32) {
        self.slots[col].push(Slot::Stored { start, len });
    }

    fn other(&mut self, cell: Cell) -> Slot {
        match u32::try_from(self.other.len()) {
            Ok(index) => {
                self.other.push(cell);
                Slot::Other(index)
            }
            Err(_) => Slot::Missing,
        }
    }

    /// Ends a record; columns that were not given are missing.
    pub(super) fn end_record(&mut self, line: usize) {
        self.lines.push(line);
        let num_records = self.lines.len();
        self.slots
            .iter_mut()
            .for_each(|slots| slots.resize(num_records, Slot::Missing));
    }

    pub(super) fn shrink(&mut self) {
        self.slots.iter_mut().for_each(Vec::shrink_to_fit);
        self.text.shrink_to_fit();
        self.bytes.shrink_to_fit();
        self.lines.shrink_to_fit();
    }

    pub(super) fn num_records(&self) -> usize {
        self.lines.len()
    }

    /// Memory that it takes, roughly: a list counts as a few slots.
    pub(super) fn num_bytes(&self) -> usize {
        let slots = self.slots.len() * self.lines.len() + 4 * self.other.len();
        slots * size_of::<Slot>() + self.lines.len() * 8 + self.text.len() + self.bytes.len()
    }

    pub(super) fn line(&self, record: usize) -> usize {
        self.lines.get(record).copied().unwrap_or(0)
    }

    pub(super) fn slot(&self, record: usize, col: usize) -> Slot {
        let slot = self.slots.get(col).and_then(|slots| slots.get(record));
        slot.copied().unwrap_or(Slot::Missing)
    }

    /// A cell; media bytes only where the chunk was never in a file, and none of an archive.
    pub(super) fn cell(&self, record: usize, col: usize) -> CellRef<'_> {
        match self.slot(record, col) {
            Slot::Missing | Slot::Stored { .. } => CellRef::Missing,
            Slot::Number(number) => CellRef::Number(number),
            Slot::Text { start, len } => {
                CellRef::Text(Cow::Borrowed(&self.text[range(start, len)]))
            }
            Slot::Bytes { start, len } => {
                CellRef::Bytes(Cow::Borrowed(&self.bytes[range(start, len)]))
            }
            Slot::Other(index) => match &self.other[index as usize] {
                Cell::Missing => CellRef::Missing,
                Cell::Text(text) => CellRef::Text(Cow::Borrowed(text)),
                Cell::Number(number) => CellRef::Number(*number),
                Cell::Bytes(bytes) => CellRef::Bytes(Cow::Borrowed(bytes)),
                Cell::List(list) => CellRef::List(Cow::Borrowed(list)),
            },
        }
    }

    /// The chunk as bytes, and its media bytes.
    pub(super) fn encode(&self) -> (Vec<u8>, Vec<u8>) {
        let mut out = Vec::with_capacity(self.num_bytes());
        let (mut text, mut media) = (String::with_capacity(self.text.len()), Vec::new());
        for count in [self.lines.len(), self.slots.len()] {
            out.extend((count as u32).to_le_bytes());
        }
        for line in &self.lines {
            out.extend((*line as u64).to_le_bytes());
        }
        for record in 0..self.lines.len() {
            for slots in &self.slots {
                match slots[record] {
                    Slot::Missing => out.push(MISSING),
                    Slot::Text { start, len } => {
                        out.push(TEXT);
                        out.extend(len.to_le_bytes());
                        text.push_str(&self.text[range(start, len)]);
                    }
                    Slot::Number(number) => {
                        out.push(NUMBER);
                        out.extend(number.to_le_bytes());
                    }
                    Slot::Bytes { start, len } => {
                        out.push(BYTES);
                        out.extend(len.to_le_bytes());
                        media.extend_from_slice(&self.bytes[range(start, len)]);
                    }
                    Slot::Stored { start, len } => {
                        out.push(STORED);
                        out.extend(start.to_le_bytes());
                        out.extend(len.to_le_bytes());
                    }
                    Slot::Other(index) => {
                        out.push(OTHER);
                        write_cell(&self.other[index as usize], &mut out);
                    }
                }
            }
        }
        out.extend_from_slice(text.as_bytes());
        (out, media)
    }

    /// The inverse of [`Chunk::encode`], without the media bytes; `None` if it is something else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = Input(bytes);
        let num_records = input.u32()? as usize;
        let mut chunk = Self::new(input.u32()? as usize);
        for _ in 0..num_records {
            chunk.lines.push(input.u64()? as usize);
        }
        let (mut text_end, mut media_end) = (0_u64, 0_u64);
        let place = |end: &mut u64, len: u32| {
            let start = *end;
            *end += u64::from(len);
            (start, len)
        };
        for slots in &mut chunk.slots {
            slots.reserve_exact(num_records);
        }
        for _ in 0..num_records {
            for slots in &mut chunk.slots {
                slots.push(match input.u8()? {
                    MISSING => Slot::Missing,
                    TEXT => {
                        let (start, len) = place(&mut text_end, input.u32()?);
                        Slot::Text { start, len }
                    }
                    NUMBER => Slot::Number(f64::from_le_bytes(input.array()?)),
                    BYTES => {
                        let (start, len) = place(&mut media_end, input.u32()?);
                        Slot::Bytes { start, len }
                    }
                    STORED => Slot::Stored {
                        start: input.u64()?,
                        len: input.u32()?,
                    },
                    OTHER => {
                        chunk.other.push(input.cell()?);
                        Slot::Other(chunk.other.len() as u32 - 1)
                    }
                    _ => return None,
                });
            }
        }
        chunk.text = std::str::from_utf8(input.0).ok()?.to_owned();
        (chunk.text.len() as u64 == text_end).then_some(chunk)
    }
}

pub(super) fn range(start: u64, len: u32) -> std::ops::Range<usize> {
    start as usize..start as usize + len as usize
}

fn write_cell(cell: &Cell, out: &mut Vec<u8>) {
    let mut sized = |tag: u8, bytes: &[u8]| {
        out.push(tag);
        out.extend((bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(bytes);
    };
    match cell {
        Cell::Missing => out.push(MISSING),
        Cell::Text(text) => sized(TEXT, text.as_bytes()),
        Cell::Bytes(bytes) => sized(BYTES, bytes),
        Cell::Number(number) => {
            out.push(NUMBER);
            out.extend(number.to_le_bytes());
        }
        Cell::List(list) => {
            out.push(OTHER);
            out.extend((list.len() as u64).to_le_bytes());
            list.iter().for_each(|item| write_cell(item, out));
        }
    }
}

/// Bytes that are still to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn cell(&mut self) -> Option<Cell> {
        Some(match self.u8()? {
            MISSING => Cell::Missing,
            TEXT => {
                let len = self.u64()? as usize;
                Cell::Text(std::str::from_utf8(self.take(len)?).ok()?.to_owned())
            }
            BYTES => {
                let len = self.u64()? as usize;
                Cell::Bytes(self.take(len)?.to_vec())
            }
            NUMBER => Cell::Number(f64::from_le_bytes(self.array()?)),
            OTHER => {
                let len = self.u64()?;
                Cell::List((0..len).map(|_| self.cell()).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk() -> Chunk {
        let mut chunk = Chunk::new(2);
        chunk.push_text(1, "grüße");
        chunk.push(0, &Cell::Number(-0.5));
        chunk.end_record(2);
        chunk.push(0, &Cell::Bytes(vec![1, 2, 3]));
        chunk.end_record(5);
        chunk.add_column();
        let list = vec![
            Cell::Text("a".into()),
            Cell::Number(f64::NAN),
            Cell::List(vec![Cell::Missing, Cell::Bytes(vec![9])]),
        ];
        chunk.push(2, &Cell::List(list));
        chunk.push_stored(1, 5 << 32, 7);
        chunk.push_text(0, "b");
        chunk.end_record(6);
        chunk
    }

    #[test]
    fn a_cell_takes_sixteen_bytes() {
        assert_eq!(size_of::<Slot>(), 16);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let chunk = chunk();
        let (bytes, media) = chunk.encode();
        assert_eq!(media, [1, 2, 3]);
        let read = Chunk::decode(&bytes).unwrap();
        assert_eq!(read.num_records(), 3);
        for record in 0..3 {
            assert_eq!(read.line(record), chunk.line(record));
            for col in 0..3 {
                if (record, col) == (1, 0) {
                    assert!(matches!(read.slot(1, 0), Slot::Bytes { start: 0, len: 3 }));
                    continue;
                }
                // By their text: a list that holds NaN does not equal itself.
                if (record, col) == (2, 1) {
                    let slot = read.slot(2, 1);
                    assert!(matches!(slot, Slot::Stored { start, len: 7 } if start == 5 << 32));
                }
                assert_eq!(
                    format!("{:?}", read.cell(record, col)),
                    format!("{:?}", chunk.cell(record, col))
                );
            }
        }
    }

    #[test]
    fn a_cut_chunk_is_no_chunk() {
        let (bytes, _) = chunk().encode();
        for len in 0..bytes.len() {
            assert!(Chunk::decode(&bytes[..len]).is_none(), "cut at {len}");
        }
    }
}
