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
    /// Most bytes a pixel that decoding and the conversion to RGB take together.
    pub(super) bytes_per_pixel: u64,
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
        bytes_per_pixel: match format {
            ImageFormat::Png => with_conversion(png_pixel(bytes)?),
            ImageFormat::Tiff => with_conversion(tiff_pixel(bytes)?),
            // A frame, and for GIF and WebP a canvas that it is drawn on.
            ImageFormat::Bmp => with_conversion(4),
            _ => 4 + with_conversion(4),
        },
    })
}

/// What a decoded pixel of so many bytes takes until it is RGB: nothing more if it is, else RGB beside it, and of more
/// than 8 bits a channel RGBA of 8 bits as well.
fn with_conversion(bytes: u64) -> u64 {
    match bytes {
        3 => 3,
        0..=4 => bytes + 3,
        _ => bytes + 4,
    }
}

/// Bytes of a decoded pixel. Source: the PNG specification, section 11.2.2; palettes become RGBA.
fn png_pixel(bytes: &[u8]) -> Option<u64> {
    let (depth, kind) = (*bytes.get(24)?, *bytes.get(25)?);
    let channels = match kind {
        0 => 1,
        2 => 3,
        4 => 2,
        _ => 4,
    };
    Some(channels * if depth == 16 { 2 } else { 1 })
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
                    // A progressive picture is held as coefficients of 16 bits until its last scan.
                    bytes_per_pixel: if marker == 0xc0 || marker == 0xc1 {
                        3
                    } else {
                        9
                    },
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
    Some((tiff_value(bytes, 256)?, tiff_value(bytes, 257)?))
}

/// Bytes of a decoded pixel: samples a pixel, and bits of the first sample.
fn tiff_pixel(bytes: &[u8]) -> Option<u64> {
    let samples = tiff_value(bytes, 277).unwrap_or(1);
    let bits = tiff_value(bytes, 258).unwrap_or(1);
    Some(u64::from(samples).saturating_mul(u64::from(bits.div_ceil(8).max(1))))
}

/// The first value of a tag of the first directory.
fn tiff_value(bytes: &[u8], tag: u16) -> Option<u32> {
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
    let mut entries = (0..usize::from(short(directory)?)).map(|entry| directory + 2 + 12 * entry);
    let at = entries.find(|at| short(*at) == Some(tag))?;
    match (short(at + 2)?, long(at + 4)?) {
        // More than two short values stand elsewhere.
        (3, 3..) => short(long(at + 8)? as usize).map(u32::from),
        (3, _) => short(at + 8).map(u32::from),
        _ => long(at + 8),
    }
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

    #[test]
    fn what_a_pixel_takes_is_told_by_its_channels_and_bits() {
        use image::{DynamicImage, ImageBuffer, Rgb, Rgba};
        let of = |image: DynamicImage, format| {
            let mut bytes = std::io::Cursor::new(Vec::new());
            image.write_to(&mut bytes, format).unwrap();
            read(format, &bytes.into_inner()).unwrap().bytes_per_pixel
        };
        for format in [Png, Tiff] {
            let grey = DynamicImage::ImageLuma8(ImageBuffer::new(5, 5));
            assert_eq!(of(grey, format), 1 + 3, "{format:?}");
            let rgb = ImageBuffer::from_pixel(5, 5, Rgb([9_u8; 3]));
            assert_eq!(of(rgb.into(), format), 3, "{format:?}");
            let deep = ImageBuffer::from_pixel(5, 5, Rgba([9_u16; 4]));
            assert_eq!(
                of(DynamicImage::ImageRgba16(deep), format),
                8 + 4,
                "{format:?}"
            );
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
