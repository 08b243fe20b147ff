//! Headers of members: fields at fixed places, numbers in octal digits.

use std::ops::Range;

use super::{BLOCK, Kind};

const NAME: Range<usize> = 0..100;
const SIZE: Range<usize> = 124..136;
const CHECKSUM: Range<usize> = 148..156;
const TYPE: usize = 156;
const MAGIC: Range<usize> = 257..263;
const PREFIX: Range<usize> = 345..500;
/// Of a sparse file as GNU tar writes it: whether its holes go on in a further block.
const HAS_MORE_HOLES: usize = 482;

/// A member that says something about the next one.
pub(super) enum Special {
    LongName,
    Extended,
    Ignored,
}

/// What a header says.
pub(super) struct Header {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) has_more_holes: bool,
    type_flag: u8,
}

impl Header {
    /// Reads a header whose checksum is right.
    pub(super) fn parse(block: &[u8; BLOCK as usize]) -> Result<Self, &'static str> {
        let stated = number(&block[CHECKSUM]);
        if stated.is_none_or(|stated| !checksums(block).contains(&stated)) {
            return Err("a header whose checksum is wrong");
        }
        let size = number(&block[SIZE]).ok_or("a header whose size is no number")?;
        let mut name = text(&block[NAME]);
        if &block[MAGIC] == b"ustar\0" && block[PREFIX.start] != 0 {
            name = format!("{}/{name}", text(&block[PREFIX]));
        }
        let type_flag = block[TYPE];
        Ok(Self {
            name,
            size,
            has_more_holes: type_flag == b'S' && block[HAS_MORE_HOLES] != 0,
            type_flag,
        })
    }

    pub(super) fn special(&self) -> Option<Special> {
        match self.type_flag {
            b'L' => Some(Special::LongName),
            b'x' => Some(Special::Extended),
            b'K' | b'g' => Some(Special::Ignored),
            _ => None,
        }
    }

    /// What the member is; old writers tell folders by their name alone.
    pub(super) fn kind(&self, name: &str) -> Kind {
        match self.type_flag {
            0 | b'0' | b'7' if name.ends_with('/') => Kind::Folder,
            0 | b'0' | b'7' => Kind::File,
            b'1' | b'2' => Kind::Link,
            b'5' => Kind::Folder,
            b'S' => Kind::Sparse,
            _ => Kind::Other,
        }
    }

    pub(super) fn is_device(&self) -> bool {
        matches!(self.type_flag, b'3' | b'4' | b'6')
    }
}

/// What a pax header says about the next member.
#[derive(Default)]
pub(super) struct Extended {
    pub(super) path: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) is_sparse: bool,
}

impl Extended {
    /// Reads lines `LENGTH KEY=VALUE`, where the length counts the whole line.
    pub(super) fn parse(mut bytes: &[u8]) -> Result<Self, &'static str> {
        const WRONG: &str = "a pax header that is none";
        let mut extended = Self::default();
        while !bytes.is_empty() && bytes[0] != 0 {
            let blank = bytes.iter().position(|byte| *byte == b' ').ok_or(WRONG)?;
            let len: usize = std::str::from_utf8(&bytes[..blank])
                .ok()
                .and_then(|len| len.parse().ok())
                .ok_or(WRONG)?;
            let line = bytes.get(blank + 1..len).ok_or(WRONG)?;
            bytes = &bytes[len..];
            let line = line.strip_suffix(b"\n").ok_or(WRONG)?;
            let equals = line.iter().position(|byte| *byte == b'=').ok_or(WRONG)?;
            let value = String::from_utf8_lossy(&line[equals + 1..]);
            match &line[..equals] {
                b"path" => extended.path = Some(value.into_owned()),
                b"size" => extended.size = Some(value.parse().map_err(|_| WRONG)?),
                key => extended.is_sparse |= key.starts_with(b"GNU.sparse."),
            }
        }
        Ok(extended)
    }
}

/// Text up to the first zero byte; what is no UTF-8 is replaced.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned()
}

/// A number in octal digits, or big-endian behind a set bit as GNU tar writes large ones.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let mut value = u64::from(field[0] & 0x7f);
        for byte in &field[1..] {
            value = value.checked_mul(256)?.checked_add(u64::from(*byte))?;
        }
        return Some(value);
    }
    let text = text(field);
    match text.trim() {
        "" => Some(0),
        digits => u64::from_str_radix(digits, 8).ok(),
    }
}

/// The sum of all bytes with the checksum as blanks; some old writers took bytes as signed.
fn checksums(block: &[u8; BLOCK as usize]) -> [u64; 2] {
    let (mut unsigned, mut signed) = (0_u64, 0_i64);
    for (at, byte) in block.iter().enumerate() {
        let byte = if CHECKSUM.contains(&at) { b' ' } else { *byte };
        unsigned += u64::from(byte);
        signed += i64::from(byte.cast_signed());
    }
    [unsigned, u64::try_from(signed).unwrap_or(unsigned)]
}
