//! Bytes of a picture file to RGB pixels of a size, within bounds and without a panic.

use std::{cell::RefCell, io::Cursor, path::Path};

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use schema::Picture;

/// Largest picture that is decoded, in pixels: 64 Mpx, 256 MB as RGBA.
const MAX_PIXELS: u64 = 64 << 20;
/// Largest picture file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// Most memory that a decoder may take, in bytes: 16-bit RGBA of the largest picture.
const MAX_DECODER_BYTES: u64 = 8 * MAX_PIXELS;

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
    let format = image::guess_format(bytes).map_err(|_| {
        fault(
            "not_an_image",
            format!("not a picture: {}", first_bytes(bytes)),
        )
    })?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let damaged = |error: image::ImageError| damaged(format, &error);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || pixels > MAX_PIXELS || decoder.total_bytes() > MAX_DECODER_BYTES {
        let text = format!("{width} x {height} pixels, at most {MAX_PIXELS} in all are decoded");
        return Err(fault("too_many_pixels", text));
    }
    if format == ImageFormat::Jpeg && !jpeg_is_whole(bytes) {
        return Err(fault(
            "image_truncated",
            "the JPEG ends before its end marker",
        ));
    }
    let orientation = decoder.orientation().ok();
    let mut image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    if let Some(orientation) = orientation {
        image.apply_orientation(orientation);
    }
    Ok(to_rgb(image))
}

fn damaged(format: ImageFormat, error: &image::ImageError) -> PictureError {
    let truncated = matches!(error, image::ImageError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof);
    let code = match error {
        image::ImageError::Limits(_) => "too_many_pixels",
        _ if truncated => "image_truncated",
        _ => "image_damaged",
    };
    fault(code, format!("damaged {format:?}: {error}"))
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

thread_local! {
    /// Keeps its coefficient tables and buffers between pictures.
    static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
}

/// Scales a picture to a square, both axes apart, by an antialiased triangle filter (Pillow's BILINEAR).
///
/// # Errors
/// [`PictureError`] if the picture's buffer does not match its size, or the size is 0.
pub fn resize_picture(picture: &Picture, size_px: usize) -> Result<Picture, PictureError> {
    if picture.width == size_px && picture.height == size_px {
        return Ok(picture.clone());
    }
    let wrong =
        |error: &dyn std::fmt::Display| fault("image_damaged", format!("cannot scale: {error}"));
    let source = ImageRef::new(
        picture.width as u32,
        picture.height as u32,
        &picture.rgb,
        PixelType::U8x3,
    )
    .map_err(|error| wrong(&error))?;
    let mut scaled = Image::new(size_px as u32, size_px as u32, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    RESIZER
        .with_borrow_mut(|resizer| resizer.resize(&source, &mut scaled, &options))
        .map_err(|error| wrong(&error))?;
    Ok(Picture {
        height: size_px,
        width: size_px,
        rgb: scaled.into_vec(),
    })
}
