//! Size of a picture from the first bytes of its file, without its decoder.
//!
//! The decoders of the `image` crate are generic over their reader; only `image::load_from_memory` is compiled once
//! and for all, and it asks for no size first. So the few bytes that hold the size are read here.

use image::{ImageFormat, metadata::Orientation};

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Header {
    /// Width in pixels.
    pub(super) width: u32,
    /// Height in pixels.
    pub(super) height: u32,
    /// How the picture must be turned to be upright; only JPEG files say.
    pub(super) orientation: Option<Orientation>,
}

/// Reads the header; `None` if it is cut off or makes no sense.
pub(super) fn read(format: ImageFormat, bytes: &[u8]) -> Option<Header> {
    let (width, height) = match format {
        ImageFormat::Png => (be32(bytes, 16)?, be32(bytes, 20)?),
        ImageFormat::Gif => (u32::from(le16(bytes, 6)?), u32::from(le16(bytes, 8)?)),
        ImageFormat::Bmp => bmp(bytes)?,
        ImageFormat::WebP => webp(bytes)?,
        ImageFormat::Tiff => tiff(bytes)?,
        ImageFormat::Jpeg => return jpeg(bytes),
        _ => return None,
    };
    Some(Header {
        width,
        height,
        orientation: None,
    })
}

/// Walks the segments before the first scan. Source: ITU-T T.81, annex B.
fn jpeg(bytes: &[u8]) -> Option<Header> {
    let mut at = 2;
    let mut orientation = None;
    loop {
        while *bytes.get(at)? == 0xff {
            at += 1;
        }
        let marker = *bytes.get(at)?;
        at += 1;
        if matches!(marker, 0x01 | 0xd0..=0xd8) {
            continue;
        }
        let length = usize::from(be16(bytes, at)?);
        let segment = bytes.get(at + 2..at + length)?;
        match marker {
            // Frame headers; C4, C8 and CC are tables and reserved.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let (height, width) = (be16(segment, 1)?, be16(segment, 3)?);
                return Some(Header {
                    width: width.into(),
                    height: height.into(),
                    orientation,
                });
            }
            0xe1 => {
                if let Some(exif) = segment.strip_prefix(b"Exif\0\0") {
                    orientation = Orientation::from_exif_chunk(exif);
                }
            }
            0xda | 0xd9 => return None,
            _ => {}
        }
        at += length;
    }
}

fn bmp(bytes: &[u8]) -> Option<(u32, u32)> {
    if le32(bytes, 14)? == 12 {
        return Some((le16(bytes, 18)?.into(), le16(bytes, 20)?.into()));
    }
    // A negative height means that rows run downwards.
    Some((
        le32(bytes, 18)?,
        le32(bytes, 22)?.cast_signed().unsigned_abs(),
    ))
}

/// Source: RFC 9649, sections 2.5 to 2.7.
fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    match bytes.get(12..16)? {
        b"VP8X" => Some((
            1 + (le32(bytes, 24)? & 0xff_ffff),
            1 + (le32(bytes, 26)? >> 8),
        )),
        b"VP8L" => {
            let bits = le32(bytes, 21)?;
            Some((1 + (bits & 0x3fff), 1 + (bits >> 14 & 0x3fff)))
        }
        b"VP8 " => Some((
            u32::from(le16(bytes, 26)? & 0x3fff),
            u32::from(le16(bytes, 28)? & 0x3fff),
        )),
        _ => None,
    }
}

/// Width and height of the first directory. Source: TIFF 6.0, section 2.
fn tiff(bytes: &[u8]) -> Option<(u32, u32)> {
    let big = bytes.starts_with(b"MM");
    let short = |at: usize| {
        if big {
            be16(bytes, at)
        } else {
            le16(bytes, at)
        }
    };
    let long = |at: usize| {
        if big {
            be32(bytes, at)
        } else {
            le32(bytes, at)
        }
    };
    let directory = long(4)? as usize;
    let (mut width, mut height) = (None, None);
    for entry in 0..usize::from(short(directory)?) {
        let at = directory + 2 + 12 * entry;
        let value = || match short(at + 2)? {
            3 => short(at + 8).map(u32::from),
            _ => long(at + 8),
        };
        match short(at)? {
            256 => width = value(),
            257 => height = value(),
            _ => {}
        }
    }
    Some((width?, height?))
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    be16(bytes, at).map(u16::swap_bytes)
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    be32(bytes, at).map(u32::swap_bytes)
}

#[cfg(test)]
mod tests {
    use image::ImageFormat::{Bmp, Gif, Jpeg, Png, Tiff, WebP};

    use super::*;
    use crate::fixture::{encode, picture};

    #[test]
    fn sizes_of_every_format_are_read_and_cut_headers_are_none() {
        let source = picture(300, 7, |x, y| [x as u8, y as u8, 0]);
        for format in [Png, Jpeg, Gif, Bmp, Tiff, WebP] {
            let bytes = encode(&source, format);
            let header = read(format, &bytes).unwrap();
            assert_eq!((header.width, header.height), (300, 7), "{format:?}");
            for end in 0..10 {
                assert_eq!(read(format, &bytes[..end]), None, "{format:?} cut at {end}");
            }
        }
    }

    /// A lossy and an extended WebP header of 0x123 x 0x45 pixels, written by hand after RFC 9649.
    #[test]
    fn the_three_kinds_of_webp_are_read() {
        let lossy = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\x30\x01\x00\x9d\x01\x2a\x23\x01\x45\x00";
        let extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0\x22\x01\x00\x44\x00\x00";
        for bytes in [&lossy[..], &extended[..]] {
            let header = read(WebP, bytes).unwrap();
            assert_eq!((header.width, header.height), (0x123, 0x45));
        }
    }
}
