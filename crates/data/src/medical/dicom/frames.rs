//! Pixels of a DICOM file to pictures.
//!
//! Source: DICOM PS3.3, C.7.6.3 and C.11; PS3.5, 8.1 and annex A. Only the linear part of the way to grey is followed:
//! tables (`Modality LUT`, `VOI LUT`) are not applied.

use std::ops::Range;

use schema::Picture;

use super::{
    super::{MedicalError, checked_pixels, fault, from_picture, window},
    DicomOptions,
    elements::{Elements, Pixels, Tag},
    palette::Palette,
    rle,
};
use crate::{decode_picture, medical::Window};

const SAMPLES: Tag = (0x0028, 0x0002);
const PHOTOMETRIC: Tag = (0x0028, 0x0004);
const PLANAR: Tag = (0x0028, 0x0006);
const NUM_FRAMES: Tag = (0x0028, 0x0008);
const ROWS: Tag = (0x0028, 0x0010);
const COLUMNS: Tag = (0x0028, 0x0011);
const BITS_ALLOCATED: Tag = (0x0028, 0x0100);
const BITS_STORED: Tag = (0x0028, 0x0101);
const HIGH_BIT: Tag = (0x0028, 0x0102);
const SIGNED: Tag = (0x0028, 0x0103);
const WINDOW_CENTER: Tag = (0x0028, 0x1050);
const WINDOW_WIDTH: Tag = (0x0028, 0x1051);
const WINDOW_FUNCTION: Tag = (0x0028, 0x1056);
const INTERCEPT: Tag = (0x0028, 0x1052);
const SLOPE: Tag = (0x0028, 0x1053);

/// How the pixels of a frame are stored.
#[derive(Debug)]
struct Layout<'a> {
    rows: usize,
    columns: usize,
    samples: usize,
    /// Bytes a sample.
    width: usize,
    /// Lowest bit, and how many.
    shift: usize,
    bits: usize,
    signed: bool,
    planar: bool,
    little: bool,
    photometric: &'a str,
    slope: f64,
    intercept: f64,
}

/// A frame before its window.
enum Frame {
    /// `[H, W]` in the unit of the file.
    Grey(Vec<f32>),
    Colour(Picture),
}

pub(super) fn decode(
    elements: &Elements<'_>,
    options: &DicomOptions,
) -> Result<Vec<Picture>, MedicalError> {
    if elements.pixels == Pixels::None {
        let text = "a DICOM file without pixels, such as a report or a directory";
        return Err(fault("dicom_without_pixels", text));
    }
    let layout = layout(elements)?;
    let there = num_frames(elements, options)?;
    let wanted = options
        .num_frames
        .map_or(there, |most| most.clamp(1, there));
    checked_pixels(&[wanted, layout.rows, layout.columns], &options.limits)?;
    let mut frames = Vec::with_capacity(wanted);
    for part in 0..wanted {
        let frame = (2 * part + 1) * there / (2 * wanted);
        frames.push(decode_frame(elements, &layout, frame, there)?);
    }
    if layout.photometric == "PALETTE COLOR" {
        let palette = Palette::read(elements)?;
        return Ok(frames
            .iter()
            .map(|frame| coloured(frame, &palette, &layout))
            .collect());
    }
    let greys = frames.iter().filter_map(|frame| match frame {
        Frame::Grey(values) => Some(values.as_slice()),
        Frame::Colour(_) => None,
    });
    let range = range(elements, options.window, greys);
    let inverted = layout.photometric == "MONOCHROME1";
    let picture = |frame| match frame {
        Frame::Grey(values) => range.picture(&values, layout.columns, inverted),
        Frame::Colour(picture) => picture,
    };
    Ok(frames.into_iter().map(picture).collect())
}

fn coloured(frame: &Frame, palette: &Palette, layout: &Layout<'_>) -> Picture {
    let rgb = match frame {
        Frame::Grey(values) => values
            .iter()
            .flat_map(|value| palette.colour(*value))
            .collect(),
        Frame::Colour(picture) => picture.rgb.clone(),
    };
    Picture {
        height: layout.rows,
        width: layout.columns,
        rgb,
    }
}

fn layout<'a>(elements: &'a Elements<'_>) -> Result<Layout<'a>, MedicalError> {
    let need = |tag: Tag, name: &str| {
        let lacks = || fault("medical_damaged", format!("a DICOM picture without {name}"));
        elements.short(tag).ok_or_else(lacks)
    };
    let bits_allocated = need(BITS_ALLOCATED, "BitsAllocated")?;
    let samples = elements.short(SAMPLES).unwrap_or(1);
    let photometric = elements.text(PHOTOMETRIC).unwrap_or("MONOCHROME2");
    let known = match photometric {
        "MONOCHROME1" | "MONOCHROME2" => samples == 1 && matches!(bits_allocated, 8 | 16 | 32),
        "PALETTE COLOR" => samples == 1 && matches!(bits_allocated, 8 | 16),
        "RGB" | "YBR_FULL" | "YBR_FULL_422" | "YBR_PARTIAL_420" | "YBR_ICT" | "YBR_RCT" => {
            samples == 3 && bits_allocated == 8
        }
        _ => false,
    };
    if !known {
        let text = format!(
            "pixels of {samples} samples of {bits_allocated} bits, \"{photometric}\"; expected grey of 8, 16 or 32 \
             bits or colour of 8"
        );
        return Err(fault("medical_unsupported", text));
    }
    let bits = elements
        .short(BITS_STORED)
        .unwrap_or(bits_allocated)
        .clamp(1, bits_allocated);
    let high = elements
        .short(HIGH_BIT)
        .unwrap_or(bits - 1)
        .clamp(bits - 1, bits_allocated - 1);
    let (slope, intercept) = match photometric {
        // Its values are numbers of colours.
        "PALETTE COLOR" => (1.0, 0.0),
        _ => (
            elements
                .decimal(SLOPE)
                .filter(|slope| *slope != 0.0)
                .unwrap_or(1.0),
            elements.decimal(INTERCEPT).unwrap_or(0.0),
        ),
    };
    Ok(Layout {
        rows: need(ROWS, "Rows")?,
        columns: need(COLUMNS, "Columns")?,
        samples,
        width: bits_allocated / 8,
        shift: high + 1 - bits,
        bits,
        signed: elements.short(SIGNED) == Some(1),
        planar: elements.short(PLANAR) == Some(1),
        little: elements.encoding.little,
        photometric,
        slope,
        intercept,
    })
}

fn num_frames(elements: &Elements<'_>, options: &DicomOptions) -> Result<usize, MedicalError> {
    let Some(text) = elements.text(NUM_FRAMES) else {
        return Ok(1);
    };
    match text.parse::<usize>() {
        Ok(frames) if frames > options.limits.max_frames => {
            let most = options.limits.max_frames;
            Err(fault(
                "medical_too_large",
                format!("{frames} frames, at most {most} are read"),
            ))
        }
        Ok(frames) if frames > 0 => Ok(frames),
        _ => Err(fault("medical_damaged", "NumberOfFrames makes no sense")),
    }
}

fn decode_frame(
    elements: &Elements<'_>,
    layout: &Layout<'_>,
    frame: usize,
    num_frames: usize,
) -> Result<Frame, MedicalError> {
    let pixels = layout.rows * layout.columns;
    let frame_bytes = pixels * layout.samples * layout.width;
    match &elements.pixels {
        Pixels::Plain { place, words } => {
            if !matches!(
                layout.photometric,
                "MONOCHROME1" | "MONOCHROME2" | "PALETTE COLOR" | "RGB" | "YBR_FULL"
            ) {
                let text = format!("uncompressed pixels as \"{}\"", layout.photometric);
                return Err(fault("medical_unsupported", text));
            }
            let data = &elements.bytes[place.clone()];
            let (got, all) = (data.len(), frame_bytes * num_frames);
            if got < all {
                let text = format!("the pixels have {got} bytes, the header promises {all}");
                return Err(fault("medical_truncated", text));
            }
            let wanted = frame * frame_bytes..(frame + 1) * frame_bytes;
            if *words && layout.width == 1 && !layout.little {
                // The last byte of an odd number has no neighbour.
                let turned = |at: usize| data.get(at ^ 1).or(data.get(at)).copied();
                let data: Vec<u8> = wanted.filter_map(turned).collect();
                return Ok(from_plain(layout, &data, true, layout.planar));
            }
            Ok(from_plain(
                layout,
                &data[wanted],
                layout.little,
                layout.planar,
            ))
        }
        Pixels::Fragments { offsets, fragments } => {
            let data = fragments_of(frame, num_frames, offsets, fragments)?;
            let data: Vec<u8> = data
                .iter()
                .flat_map(|at| &elements.bytes[at.clone()])
                .copied()
                .collect();
            match elements.syntax.as_str() {
                "1.2.840.10008.1.2.5" => {
                    let plain = rle::decode(&data, pixels, layout.samples, layout.width)?;
                    Ok(from_plain(layout, &plain, true, false))
                }
                // Baseline, and extended with 8 bits.
                "1.2.840.10008.1.2.4.50" | "1.2.840.10008.1.2.4.51" => {
                    from_jpeg(layout, data, frame)
                }
                other => Err(unsupported(other)),
            }
        }
        Pixels::None => Err(fault("dicom_without_pixels", "a DICOM file without pixels")),
    }
}

fn unsupported(syntax: &str) -> MedicalError {
    let name = match syntax.strip_prefix("1.2.840.10008.1.2.4.") {
        Some("57" | "70") => "lossless JPEG",
        Some("80" | "81") => "JPEG-LS",
        Some("90" | "91") => "JPEG 2000",
        Some("100" | "101" | "102" | "103") => "MPEG video",
        Some("201" | "202" | "203") => "high-throughput JPEG 2000",
        _ => "an unknown way",
    };
    let text = format!(
        "pixels compressed by {name} (transfer syntax \"{syntax}\"); read are uncompressed, RLE and baseline JPEG"
    );
    fault("medical_unsupported", text)
}

/// Places of the fragments that a frame is made of.
fn fragments_of<'a>(
    frame: usize,
    num_frames: usize,
    offsets: &[u32],
    fragments: &'a [Range<usize>],
) -> Result<&'a [Range<usize>], MedicalError> {
    if num_frames == 1 && !fragments.is_empty() {
        return Ok(fragments);
    }
    if fragments.len() == num_frames {
        return Ok(&fragments[frame..=frame]);
    }
    let base = fragments.first().map_or(0, |first| first.start);
    // Offsets count from the head of the first fragment, heads included.
    let index = |frame: usize| {
        let offset = *offsets.get(frame)? as usize;
        fragments
            .iter()
            .position(|fragment| fragment.start - base == offset)
    };
    let end = if frame + 1 < num_frames {
        index(frame + 1)
    } else {
        Some(fragments.len())
    };
    let found = index(frame)
        .zip(end)
        .and_then(|(start, end)| fragments.get(start..end));
    found.filter(|found| !found.is_empty()).ok_or_else(|| {
        let text = format!(
            "{num_frames} frames in {} fragments that do not say where",
            fragments.len()
        );
        fault("medical_truncated", text)
    })
}

/// Adobe's marker with "no colour transform". Source: ITU-T T.872, 6.5.3.
const NO_TRANSFORM: [u8; 16] = *b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0";

fn from_jpeg(layout: &Layout<'_>, mut data: Vec<u8>, frame: usize) -> Result<Frame, MedicalError> {
    // Without a marker of its own the picture's header decides what the three colours are.
    let has_marker = data
        .windows(9)
        .take(1024)
        .any(|window| window.ends_with(b"Adobe"));
    if layout.photometric == "RGB" && !has_marker && data.starts_with(&[0xff, 0xd8]) {
        data.splice(2..2, NO_TRANSFORM);
    }
    if precision(&data).is_some_and(|bits| bits != 8) {
        let text = "JPEG of more than 8 bits; read are uncompressed, RLE and baseline JPEG";
        return Err(fault("medical_unsupported", text));
    }
    let picture = decode_picture(&data).map_err(|error| from_picture(error, frame))?;
    if (picture.width, picture.height) != (layout.columns, layout.rows) {
        let text = format!(
            "frame {} has {} x {} pixels, the header says {} x {}",
            frame + 1,
            picture.width,
            picture.height,
            layout.columns,
            layout.rows
        );
        return Err(fault("medical_damaged", text));
    }
    if layout.samples == 3 {
        return Ok(Frame::Colour(picture));
    }
    let grey = picture.rgb.iter().step_by(3);
    Ok(Frame::Grey(
        grey.map(|level| scaled(layout, f64::from(*level)))
            .collect(),
    ))
}

/// Bits a sample that the frame header of a JPEG says. Source: ITU-T T.81, annex B.
fn precision(data: &[u8]) -> Option<u8> {
    let mut at = 2;
    loop {
        let [0xff, marker, high, low] = *data.get(at..at + 4)? else {
            return None;
        };
        // C4, C8 and CC are tables and reserved.
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            return data.get(at + 4).copied();
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
    }
}

fn scaled(layout: &Layout<'_>, value: f64) -> f32 {
    (value * layout.slope + layout.intercept) as f32
}

/// A frame of plain samples.
fn from_plain(layout: &Layout<'_>, data: &[u8], little: bool, planar: bool) -> Frame {
    let pixels = layout.rows * layout.columns;
    if layout.samples == 1 {
        let values = data.chunks_exact(layout.width);
        return Frame::Grey(
            values
                .map(|raw| scaled(layout, number(layout, raw, little)))
                .collect(),
        );
    }
    let colour = |pixel: usize| match planar {
        true => [0, 1, 2].map(|c| data[c * pixels + pixel]),
        false => [0, 1, 2].map(|c| data[pixel * 3 + c]),
    };
    let is_rgb = layout.photometric == "RGB";
    let rgb = (0..pixels).map(colour).flat_map(|colour| match is_rgb {
        true => colour,
        false => from_ybr(colour),
    });
    Frame::Colour(Picture {
        height: layout.rows,
        width: layout.columns,
        rgb: rgb.collect(),
    })
}

/// A stored sample: its bits, and its sign.
fn number(layout: &Layout<'_>, raw: &[u8], little: bool) -> f64 {
    let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    let bits = match little {
        true => raw.iter().rev().fold(0, fold),
        false => raw.iter().fold(0, fold),
    };
    // What lies above the stored bits may be an overlay.
    let above = 64 - layout.bits;
    let value = bits >> layout.shift << above;
    match layout.signed {
        true => (value.cast_signed() >> above) as f64,
        false => (value >> above) as f64,
    }
}

/// Source: DICOM PS3.3, C.7.6.3.1.2, `YBR_FULL`.
fn from_ybr([y, b, r]: [u8; 3]) -> [u8; 3] {
    let (y, b, r) = (f32::from(y), f32::from(b) - 128.0, f32::from(r) - 128.0);
    let rgb = [
        y + 1.402 * r,
        y - 0.344_136 * b - 0.714_136 * r,
        y + 1.772 * b,
    ];
    // Casts stay within 0 to 255.
    rgb.map(|level| (level + 0.5) as u8)
}

fn range<'a>(
    elements: &Elements<'_>,
    window: Window,
    greys: impl Iterator<Item = &'a [f32]> + Clone,
) -> window::Range {
    let (center, width, function) = match window {
        Window::Percentiles(from, to) => return window::Range::of_percentiles(greys, from, to),
        Window::Fixed { center, width } => (Some(center), Some(width), "LINEAR"),
        Window::File => (
            elements.decimal(WINDOW_CENTER),
            elements.decimal(WINDOW_WIDTH),
            elements.text(WINDOW_FUNCTION).unwrap_or("LINEAR"),
        ),
    };
    match (center, width) {
        (Some(center), Some(width)) if width >= 1.0 || (width > 0.0 && function != "LINEAR") => {
            window::Range::of_center(center, width, function)
        }
        _ => window::Range::of_percentiles(greys, 1.0, 99.0),
    }
}
