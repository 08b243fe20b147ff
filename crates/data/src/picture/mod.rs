//! Bytes of a picture file to RGB pixels of a size, within bounds and without a panic.

use std::path::Path;

use image::{DynamicImage, ImageFormat};
use schema::Picture;

mod header;
mod sizes;
mod scale;

pub use sizes::median_picture_px;

pub use scale::resize_picture;
pub(crate) use scale::scale_picture;

/// Largest picture that is decoded, in pixels: 64 Mpx, 256 MB as RGBA.
const MAX_PIXELS: u64 = 64 << 20;
/// Most memory that a picture may take while it is decoded, its file included.
const MAX_DECODING_BYTES: u64 = 480 << 20;
/// Largest picture file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// Why a picture cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureError {
    /// Closed word: `file_missing`, `file_unreadable`, `file_too_large`, `not_an_image`, `too_many_pixels`,
    /// `image_truncated`, `image_damaged`.
    pub reason_code: &'static str,
    /// What was found.
    pub text: String,
}

fn fault(reason_code: &'static str, text: impl Into<String>) -> PictureError {
    PictureError {
        reason_code,
        text: text.into(),
    }
}

/// Reads the bytes of a picture file within the size bound.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, PictureError> {
    let shown = path.display();
    let about = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            fault("file_missing", format!("no file \"{shown}\""))
        }
        _ => fault(
            "file_unreadable",
            format!("cannot read \"{shown}\": {error}"),
        ),
    })?;
    // Devices and pipes may never end.
    if !about.is_file() {
        return Err(fault(
            "file_unreadable",
            format!("\"{shown}\" is not a file"),
        ));
    }
    if about.len() > MAX_FILE_BYTES {
        let mib = about.len() >> 20;
        let text = format!(
            "\"{shown}\" has {mib} MiB, at most {} are read",
            MAX_FILE_BYTES >> 20
        );
        return Err(fault("file_too_large", text));
    }
    std::fs::read(path).map_err(|error| {
        fault(
            "file_unreadable",
            format!("cannot read \"{shown}\": {error}"),
        )
    })
}

/// Decodes a picture to RGB, upright by its EXIF orientation, transparent parts on white.
///
/// # Errors
/// [`PictureError`] if the bytes are no picture, are damaged or cut off, or hold more than 64 Mpx.
pub fn decode_picture(bytes: &[u8]) -> Result<Picture, PictureError> {
    // Decoders of foreign files may panic on hostile input; that must cost one record, not the run.
    std::panic::catch_unwind(|| decode(bytes))
        .unwrap_or_else(|_| Err(fault("image_damaged", "the decoder gave up on the picture")))
}

fn decode(bytes: &[u8]) -> Result<Picture, PictureError> {
    let format = known_format(bytes).ok_or_else(|| {
        fault(
            "not_an_image",
            format!("not a picture: {}", first_bytes(bytes)),
        )
    })?;
    if format == ImageFormat::Jpeg && !jpeg_is_whole(bytes) {
        return Err(fault(
            "image_truncated",
            "the JPEG ends before its end marker",
        ));
    }
    let header = header::read(format, bytes)
        .ok_or_else(|| fault("image_damaged", "the header makes no sense or is cut off"))?;
    let pixels = u64::from(header.width) * u64::from(header.height);
    if pixels > MAX_PIXELS {
        let (width, height) = (header.width, header.height);
        let text = format!("{width} x {height} pixels, at most {MAX_PIXELS} in all are decoded");
        return Err(fault("too_many_pixels", text));
    }
    let needed = pixels * header.bytes_per_pixel + bytes.len() as u64;
    if needed > MAX_DECODING_BYTES {
        let (width, height) = (header.width, header.height);
        let (mib, most) = (needed >> 20, MAX_DECODING_BYTES >> 20);
        let text =
            format!("{width} x {height} pixels take {mib} MiB to decode, at most {most} are used");
        return Err(fault("too_many_pixels", text));
    }
    let mut image = image::load_from_memory(bytes).map_err(|error| damaged(format, &error))?;
    if image.width() == 0 || image.height() == 0 {
        return Err(fault("image_damaged", "a picture without a pixel"));
    }
    if let Some(orientation) = header.orientation {
        image.apply_orientation(orientation);
    }
    Ok(to_rgb(image))
}

/// Format of a picture that can be read here, by its first bytes.
pub(crate) fn known_format(bytes: &[u8]) -> Option<ImageFormat> {
    use ImageFormat::{Bmp, Gif, Jpeg, Png, Tiff, WebP};
    let format = image::guess_format(bytes).ok()?;
    matches!(format, Bmp | Gif | Jpeg | Png | Tiff | WebP).then_some(format)
}

fn damaged(format: ImageFormat, error: &image::ImageError) -> PictureError {
    let truncated = matches!(error, image::ImageError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof);
    let code = match error {
        image::ImageError::Limits(_) => "too_many_pixels",
        _ if truncated => "image_truncated",
        _ => "image_damaged",
    };
    let text = error
        .to_string()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    fault(
        code,
        format!("damaged {}: {text}", format!("{format:?}").to_uppercase()),
    )
}

/// Whether the last scan of a JPEG is followed by an end marker. The decoder fills what is cut off with grey and
/// says nothing; entropy-coded data holds neither marker, as 0xFF is always followed by 0x00 there.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xff, marker]);
    match (last(0xda), last(0xd9)) {
        (Some(scan), Some(end)) => end > scan,
        _ => false,
    }
}

fn first_bytes(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(12)];
    match std::str::from_utf8(start) {
        Ok(text) if !text.is_empty() => format!("it starts with {text:?}"),
        Ok(_) => "it is empty".to_owned(),
        Err(_) => format!("it starts with bytes {start:02x?}"),
    }
}

fn to_rgb(image: DynamicImage) -> Picture {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let rgb = if image.color().has_alpha() {
        let rgba = image.into_rgba8().into_raw();
        rgba.chunks_exact(4).flat_map(on_white).collect()
    } else {
        image.into_rgb8().into_raw()
    };
    Picture { height, width, rgb }
}

fn on_white(rgba: &[u8]) -> [u8; 3] {
    let alpha = u32::from(rgba[3]);
    [0, 1, 2].map(|c| ((u32::from(rgba[c]) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::ImageFormat::{Bmp, Gif, Jpeg, Png, Tiff, WebP};

    use super::*;
    use crate::fixture::{encode, picture, plain_png};

    fn reason(bytes: &[u8]) -> &'static str {
        decode_picture(bytes).unwrap_err().reason_code
    }

    #[test]
    fn every_format_is_read() {
        let source = picture(8, 6, |x, y| [x as u8 * 8, y as u8 * 8, 128]);
        for format in [Png, Jpeg, Gif, Bmp, Tiff, WebP] {
            let read = decode_picture(&encode(&source, format)).unwrap();
            assert_eq!((read.width, read.height), (8, 6), "{format:?}");
            if matches!(format, Png | Bmp | Tiff | WebP) {
                assert_eq!(read, source, "{format:?}");
            }
        }
    }

    #[test]
    fn transparent_parts_are_white_and_grey_is_three_channels() {
        let mut bytes = Cursor::new(Vec::new());
        let image =
            image::RgbaImage::from_raw(3, 1, vec![10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 0, 128]);
        image.unwrap().write_to(&mut bytes, Png).unwrap();
        // Half covered black on white: 255 * 127 / 255.
        let expected = [10, 20, 30, 255, 255, 255, 127, 127, 127];
        assert_eq!(decode_picture(bytes.get_ref()).unwrap().rgb, expected);
        let mut bytes = Cursor::new(Vec::new());
        image::GrayImage::from_raw(1, 1, vec![77])
            .unwrap()
            .write_to(&mut bytes, Png)
            .unwrap();
        assert_eq!(decode_picture(bytes.get_ref()).unwrap().rgb, [77, 77, 77]);
    }

    #[test]
    fn what_is_no_picture_says_how_it_starts() {
        let error = decode_picture(b"hello, world").unwrap_err();
        assert_eq!(error.reason_code, "not_an_image");
        assert_eq!(error.text, "not a picture: it starts with \"hello, world\"");
        assert_eq!(
            decode_picture(b"").unwrap_err().text,
            "not a picture: it is empty"
        );
    }

    #[test]
    fn truncated_pictures_of_every_format_are_refused() {
        let source = picture(64, 64, |x, y| [x as u8 * 3, y as u8 * 3, (x * y) as u8]);
        for format in [Png, Jpeg, Gif, Bmp, Tiff, WebP] {
            let whole = encode(&source, format);
            for share in [1, 2, 3] {
                let cut = &whole[..whole.len() * share / 4];
                let error = decode_picture(cut).unwrap_err();
                let known = ["image_truncated", "image_damaged", "not_an_image"];
                assert!(
                    known.contains(&error.reason_code),
                    "{format:?} {share}/4: {error:?}"
                );
            }
        }
        let jpeg = encode(&source, Jpeg);
        assert_eq!(reason(&jpeg[..jpeg.len() - 2]), "image_truncated");
    }

    /// The header claims 50,000 x 50,000 pixels; nothing of that size may be allocated.
    #[test]
    fn a_huge_header_is_refused_before_decoding() {
        let mut png = plain_png(2, [1, 2, 3]);
        png[16..20].copy_from_slice(&50_000_u32.to_be_bytes());
        png[20..24].copy_from_slice(&50_000_u32.to_be_bytes());
        let crc = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&crc.to_be_bytes());
        let error = decode_picture(&png).unwrap_err();
        assert_eq!(error.reason_code, "too_many_pixels");
        assert!(
            error.text.contains("50000 x 50000 pixels"),
            "{}",
            error.text
        );
    }

    #[test]
    fn damaged_bytes_anywhere_never_panic() {
        let source = picture(24, 24, |x, y| [x as u8 * 9, y as u8 * 9, 7]);
        for format in [Png, Jpeg, Gif, Bmp, Tiff, WebP] {
            let whole = encode(&source, format);
            for at in (0..whole.len()).step_by(whole.len().div_ceil(200)) {
                let mut damaged = whole.clone();
                damaged[at] ^= 0xa5;
                // Some bytes carry no meaning; all that is asked for is an answer.
                let _ = decode_picture(&damaged);
            }
        }
    }

    #[test]
    fn folders_and_absent_files_have_reasons_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            read_file(folder.path()).unwrap_err().reason_code,
            "file_unreadable"
        );
        let absent = read_file(&folder.path().join("no.png")).unwrap_err();
        assert_eq!(absent.reason_code, "file_missing");
    }

    /// CRC-32 as PNG has it, bit by bit.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xedb8_8320 & (0_u32.wrapping_sub(crc & 1)))
            })
        })
    }
}
