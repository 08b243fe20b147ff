//! The elements of a DICOM file, as far as pictures and patient fields need them.
//!
//! Source: DICOM PS3.5, chapters 7 and 8 and annex A; PS3.10, chapter 7. Own reader: `dicom-object` would add 80 s of
//! compiling. Sequences are walked over, not read: nothing that is wanted stands in one.

use std::{borrow::Cow, collections::BTreeMap, io::Read};

use super::super::{MedicalError, MedicalLimits, fault};

/// Group and element.
pub(super) type Tag = (u16, u16);

/// Pixels of the picture.
pub(super) const PIXEL_DATA: Tag = (0x7fe0, 0x0010);
const TRANSFER_SYNTAX: Tag = (0x0002, 0x0010);
const ITEM: Tag = (0xfffe, 0xe000);
const END_OF_ITEM: Tag = (0xfffe, 0xe00d);
const END_OF_SEQUENCE: Tag = (0xfffe, 0xe0dd);
/// Transfer syntax of files whose elements are compressed.
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
/// Length that says "until the end mark".
const UNDEFINED: u32 = u32::MAX;
/// Where the elements start: after 128 bytes of anything and `DICM`.
const START: usize = 132;
/// Sequences in sequences that are walked into.
const MAX_DEPTH: usize = 16;
/// Most elements and items of a file.
const MAX_ELEMENTS: usize = 1 << 20;

pub(in super::super) fn looks_like(bytes: &[u8]) -> bool {
    bytes.get(128..START) == Some(b"DICM")
}

/// How elements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encoding {
    pub(super) explicit: bool,
    pub(super) little: bool,
}

const EXPLICIT_LITTLE: Encoding = Encoding {
    explicit: true,
    little: true,
};

/// Where pixels lie in [`Elements::bytes`].
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Pixels {
    None,
    /// Numbers one after the other; `words` if bytes are stored in pairs, in the order of 16-bit words.
    Plain {
        place: std::ops::Range<usize>,
        words: bool,
    },
    /// Fragments of compressed frames, with the place of each frame's first fragment where the file says.
    Fragments {
        offsets: Vec<u32>,
        fragments: Vec<std::ops::Range<usize>>,
    },
}

/// The outer elements of a file.
#[derive(Debug)]
pub(super) struct Elements<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    places: BTreeMap<Tag, std::ops::Range<usize>>,
    pub(super) encoding: Encoding,
    pub(super) syntax: String,
    pub(super) pixels: Pixels,
}

pub(super) fn cut() -> MedicalError {
    fault("medical_truncated", "the DICOM file is cut off")
}

impl<'a> Elements<'a> {
    pub(super) fn read(bytes: &'a [u8], limits: &MedicalLimits) -> Result<Self, MedicalError> {
        let (mut elements, at) = Self::start(bytes)?;
        if elements.syntax == DEFLATED {
            let plain = inflate(&bytes[at..], limits)?;
            Walk::new(&plain, 0, elements.encoding).run(&mut elements, |_| true)?;
            elements.bytes = plain.into();
        } else {
            Walk::new(bytes, at, elements.encoding).run(&mut elements, |_| true)?;
        }
        Ok(elements)
    }

    /// Reads the first group, which says how the rest is written, and where the rest starts.
    fn start(bytes: &'a [u8]) -> Result<(Self, usize), MedicalError> {
        if !looks_like(bytes) {
            return Err(fault(
                "not_dicom",
                "not a DICOM file: no \"DICM\" after its first 128 bytes",
            ));
        }
        let mut elements = Self {
            bytes: Cow::Borrowed(bytes),
            places: BTreeMap::new(),
            encoding: EXPLICIT_LITTLE,
            syntax: String::new(),
            pixels: Pixels::None,
        };
        // The first group is always explicit and says how the rest is written.
        let mut walk = Walk::new(bytes, START, EXPLICIT_LITTLE);
        walk.run(&mut elements, |tag| tag.0 == 2)?;
        let at = walk.at;
        elements.syntax = elements
            .text(TRANSFER_SYNTAX)
            .unwrap_or_default()
            .to_owned();
        // Some files are implicit whatever they say: no letters stand where a kind would.
        let has_kinds = bytes
            .get(at + 4..at + 6)
            .is_none_or(|kind| kind.iter().all(u8::is_ascii_uppercase));
        let is_deflated = elements.syntax == DEFLATED;
        elements.encoding = Encoding {
            explicit: elements.syntax != "1.2.840.10008.1.2" && (has_kinds || is_deflated),
            little: elements.syntax != "1.2.840.10008.1.2.2",
        };
        if is_deflated {
            // Places of the first group would be taken for places in what is inflated.
            elements.places.clear();
        }
        Ok((elements, at))
    }

    /// Reads the elements in front of the pixels as far as they go; `None` if it is no DICOM file.
    pub(super) fn read_head(head: &'a [u8]) -> Option<Self> {
        let (mut elements, at) = Self::start(head).ok()?;
        // What comes behind the cut, or behind damage, is not there.
        if elements.syntax == DEFLATED {
            let mut plain = Vec::new();
            let reader = flate2::read::DeflateDecoder::new(&head[at..]);
            let _ = reader.take(head.len() as u64).read_to_end(&mut plain);
            let _ = Walk::new(&plain, 0, elements.encoding).run(&mut elements, is_head);
            elements.bytes = plain.into();
        } else {
            let _ = Walk::new(head, at, elements.encoding).run(&mut elements, is_head);
        }
        Some(elements)
    }

    pub(super) fn raw(&self, tag: Tag) -> Option<&[u8]> {
        self.bytes.get(self.places.get(&tag)?.clone())
    }

    /// A text element, padding cut; `None` if it is absent, empty or not ASCII or UTF-8.
    pub(super) fn text(&self, tag: Tag) -> Option<&str> {
        let text = std::str::from_utf8(self.raw(tag)?).ok()?;
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!text.is_empty()).then_some(text)
    }

    /// The first number of a text element such as `40\80`.
    pub(super) fn decimal(&self, tag: Tag) -> Option<f64> {
        let first = self.text(tag)?.split('\\').next()?;
        first
            .trim()
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
    }

    /// A 16-bit element.
    pub(super) fn short(&self, tag: Tag) -> Option<usize> {
        let two = self.raw(tag)?.get(..2)?.try_into().ok()?;
        Some(usize::from(match self.encoding.little {
            true => u16::from_le_bytes(two),
            false => u16::from_be_bytes(two),
        }))
    }
}

/// Whether an element stands in front of the pixels.
fn is_head(tag: Tag) -> bool {
    tag.0 < PIXEL_DATA.0
}

fn inflate(bytes: &[u8], limits: &MedicalLimits) -> Result<Vec<u8>, MedicalError> {
    let mut plain = Vec::new();
    let most = limits.max_bytes as u64;
    let reader = flate2::read::DeflateDecoder::new(bytes);
    reader
        .take(most + 1)
        .read_to_end(&mut plain)
        .map_err(|error| {
            fault(
                "medical_damaged",
                format!("the deflated part is damaged: {error}"),
            )
        })?;
    if plain.len() as u64 > most {
        let text = format!("more than {most} bytes after inflating");
        return Err(fault("file_too_large", text));
    }
    Ok(plain)
}

/// Head of an element.
struct Head {
    tag: Tag,
    /// Two letters, or zeros where the encoding is implicit.
    kind: [u8; 2],
    length: u32,
}

struct Walk<'b> {
    bytes: &'b [u8],
    at: usize,
    encoding: Encoding,
    left: usize,
}

impl<'b> Walk<'b> {
    fn new(bytes: &'b [u8], at: usize, encoding: Encoding) -> Self {
        Self {
            bytes,
            at,
            encoding,
            left: MAX_ELEMENTS,
        }
    }

    /// Notes the places of elements until the end, or one that is not `wanted`.
    fn run(
        &mut self,
        elements: &mut Elements<'_>,
        wanted: impl Fn(Tag) -> bool,
    ) -> Result<(), MedicalError> {
        while self.at < self.bytes.len() {
            // Padding after the last element.
            if self.bytes.len() - self.at < 8 {
                break;
            }
            let start = self.at;
            let tag = self.tag()?;
            if !wanted(tag) {
                self.at = start;
                return Ok(());
            }
            let head = self.head_of(tag)?;
            if head.length == UNDEFINED {
                if head.tag == PIXEL_DATA {
                    elements.pixels = self.fragments()?;
                } else {
                    self.skip_items(head.kind == *b"UN", 0)?;
                }
                continue;
            }
            let place = self.take(head.length)?;
            if head.tag == PIXEL_DATA {
                let words = head.kind == *b"OW";
                elements.pixels = Pixels::Plain { place, words };
            } else {
                elements.places.insert(head.tag, place);
            }
        }
        Ok(())
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], MedicalError> {
        let place = self.at..self.at + N;
        let mut bytes: [u8; N] = self
            .bytes
            .get(place.clone())
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(cut)?;
        if !self.encoding.little {
            bytes.reverse();
        }
        self.at = place.end;
        Ok(bytes)
    }

    fn tag(&mut self) -> Result<Tag, MedicalError> {
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            fault(
                "medical_damaged",
                format!("more than {MAX_ELEMENTS} elements"),
            )
        })?;
        Ok((
            u16::from_le_bytes(self.number()?),
            u16::from_le_bytes(self.number()?),
        ))
    }

    fn length(&mut self) -> Result<u32, MedicalError> {
        Ok(u32::from_le_bytes(self.number()?))
    }

    fn head_of(&mut self, tag: Tag) -> Result<Head, MedicalError> {
        // Items have no kind, whatever the encoding.
        if !self.encoding.explicit || tag.0 == ITEM.0 {
            let length = self.length()?;
            return Ok(Head {
                tag,
                kind: [0; 2],
                length,
            });
        }
        let kind: [u8; 2] = self
            .bytes
            .get(self.at..self.at + 2)
            .and_then(|kind| kind.try_into().ok())
            .ok_or_else(cut)?;
        self.at += 2;
        if !kind.iter().all(u8::is_ascii_uppercase) {
            let (group, element) = tag;
            let text = format!("element ({group:04x},{element:04x}) has no kind");
            return Err(fault("medical_damaged", text));
        }
        let is_long = matches!(
            &kind,
            b"OB"
                | b"OD"
                | b"OF"
                | b"OL"
                | b"OV"
                | b"OW"
                | b"SQ"
                | b"SV"
                | b"UC"
                | b"UN"
                | b"UR"
                | b"UT"
                | b"UV"
        );
        let length = if is_long {
            let _reserved: [u8; 2] = self.number()?;
            self.length()?
        } else {
            u16::from_le_bytes(self.number()?).into()
        };
        Ok(Head { tag, kind, length })
    }

    fn take(&mut self, length: u32) -> Result<std::ops::Range<usize>, MedicalError> {
        let place = self.at..self.at + length as usize;
        if place.end > self.bytes.len() {
            return Err(cut());
        }
        self.at = place.end;
        Ok(place)
    }

    /// Walks over the items of a sequence up to its end mark. `implicit`: unknown elements hold implicit items.
    fn skip_items(&mut self, implicit: bool, depth: usize) -> Result<(), MedicalError> {
        if depth == MAX_DEPTH {
            let text = format!("sequences deeper than {MAX_DEPTH}");
            return Err(fault("medical_damaged", text));
        }
        let outer = self.encoding;
        if implicit {
            self.encoding.explicit = false;
        }
        loop {
            let tag = self.tag()?;
            let length = self.length()?;
            match tag {
                END_OF_SEQUENCE => break,
                ITEM if length == UNDEFINED => self.skip_item(depth)?,
                ITEM => {
                    self.take(length)?;
                }
                _ => {
                    return Err(fault(
                        "medical_damaged",
                        "a sequence holds something else than items",
                    ));
                }
            }
        }
        self.encoding = outer;
        Ok(())
    }

    /// Walks over the elements of an item up to its end mark.
    fn skip_item(&mut self, depth: usize) -> Result<(), MedicalError> {
        loop {
            let tag = self.tag()?;
            let head = self.head_of(tag)?;
            if head.tag == END_OF_ITEM {
                return Ok(());
            }
            if head.length == UNDEFINED {
                self.skip_items(head.kind == *b"UN", depth + 1)?;
            } else {
                self.take(head.length)?;
            }
        }
    }

    /// Fragments of compressed pixels; the first item holds the places of the frames.
    fn fragments(&mut self) -> Result<Pixels, MedicalError> {
        let mut offsets = None;
        let mut fragments = Vec::new();
        loop {
            let tag = self.tag()?;
            let length = self.length()?;
            match tag {
                END_OF_SEQUENCE => break,
                ITEM if length != UNDEFINED => {
                    let place = self.take(length)?;
                    if offsets.is_none() {
                        let (fours, _) = self.bytes[place].as_chunks::<4>();
                        offsets =
                            Some(fours.iter().map(|four| u32::from_le_bytes(*four)).collect());
                    } else {
                        fragments.push(place);
                    }
                }
                _ => {
                    return Err(fault(
                        "medical_damaged",
                        "the pixels hold something else than items",
                    ));
                }
            }
        }
        Ok(Pixels::Fragments {
            offsets: offsets.unwrap_or_default(),
            fragments,
        })
    }
}
