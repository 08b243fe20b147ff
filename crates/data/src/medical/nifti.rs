//! NIfTI-1 and NIfTI-2 volumes in one file, plain or compressed by gzip.
//!
//! Source: Cox et al. 2004, `nifti1.h`; `nifti2.h`. Voxels are given as they lie in the file - the first axis of the file
//! is the last of the volume - and are not turned to a common orientation. Of several volumes in a file the first is read.

use std::io::Read;

use schema::Volume;

use super::{MedicalError, MedicalLimits, check_bytes, checked_pixels, fault};

/// Bytes of the longer header, NIfTI-2's.
pub(super) const HEAD_BYTES: usize = 540;
/// Bytes of the first version's.
const HEAD_1: usize = 348;
/// Most bytes between the header and the voxels: notes of other programs.
const MAX_SKIP: u64 = 16 << 20;
/// Voxels that are read at a time.
const CHUNK: usize = 1 << 16;

struct Header {
    little: bool,
    /// Sizes along the file's axes x, y, z.
    sides: [usize; 3],
    spacing_mm: [f32; 3],
    kind: Kind,
    voxels_at: u64,
    slope: f64,
    intercept: f64,
}

#[derive(Clone, Copy)]
enum Kind {
    U8,
    I8,
    I16,
    U16,
    I32,
    U32,
    F32,
    F64,
}

impl Kind {
    fn of_code(code: i16) -> Option<Self> {
        Some(match code {
            2 => Self::U8,
            4 => Self::I16,
            8 => Self::I32,
            16 => Self::F32,
            64 => Self::F64,
            256 => Self::I8,
            512 => Self::U16,
            768 => Self::U32,
            _ => return None,
        })
    }

    fn width(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Whether a plain file starts with a NIfTI header.
pub(super) fn looks_like(head: &[u8]) -> bool {
    magic(head).is_some()
}

/// Version and the magic's last letters; `None` if there is none.
fn magic(head: &[u8]) -> Option<(u8, [u8; 2])> {
    let one: Option<[u8; 4]> = head.get(344..348).and_then(|four| four.try_into().ok());
    let two: Option<[u8; 4]> = head.get(4..8).and_then(|four| four.try_into().ok());
    match (one, two) {
        (Some([b'n', kind @ (b'+' | b'i'), b'1', 0]), _) => Some((1, [kind, b'1'])),
        (_, Some([b'n', kind @ (b'+' | b'i'), b'2', 0])) => Some((2, [kind, b'2'])),
        _ => None,
    }
}

/// Decodes a volume `[D, H, W]`; voxels are scaled to the unit of the file.
///
/// # Errors
/// [`MedicalError`] if the bytes are no NIfTI file, are damaged or cut off, or promise more than the limits allow.
pub fn decode_nifti(bytes: &[u8], limits: &MedicalLimits) -> Result<Volume, MedicalError> {
    check_bytes(bytes, limits)?;
    if is_gzip(bytes) {
        read(flate2::read::MultiGzDecoder::new(bytes), limits)
    } else {
        read(bytes, limits)
    }
}

fn read(mut source: impl Read, limits: &MedicalLimits) -> Result<Volume, MedicalError> {
    let mut head = Vec::new();
    let got = source.by_ref().take(HEAD_1 as u64).read_to_end(&mut head);
    let version = got.ok().and_then(|_| magic(&head));
    let Some((version, [kind, _])) = version else {
        return Err(fault(
            "not_nifti",
            "not a NIfTI file, or its header is cut off",
        ));
    };
    if kind == b'i' {
        let text = "a NIfTI header without its voxels (.hdr and .img); join them to one .nii file";
        return Err(fault("medical_unsupported", text));
    }
    if version == 2 {
        let rest = (HEAD_BYTES - HEAD_1) as u64;
        source
            .by_ref()
            .take(rest)
            .read_to_end(&mut head)
            .map_err(|error| cut(&error))?;
    }
    let header = match version {
        1 => parse_1(&head),
        _ => parse_2(&head),
    };
    let header =
        header.ok_or_else(|| fault("medical_damaged", "the NIfTI header makes no sense"))??;
    let num_voxels = checked_pixels(&header.sides, limits)?;
    let skip = header.voxels_at.saturating_sub(head.len() as u64);
    if skip > MAX_SKIP {
        let text = format!("the voxels start at byte {}", header.voxels_at);
        return Err(fault("medical_damaged", text));
    }
    std::io::copy(&mut source.by_ref().take(skip), &mut std::io::sink())
        .map_err(|error| cut(&error))?;
    let voxels = read_voxels(source, &header, num_voxels)?;
    let [x, y, z] = header.sides;
    let [dx, dy, dz] = header.spacing_mm;
    Ok(Volume {
        shape: [z, y, x],
        spacing_mm: [dz, dy, dx],
        voxels,
    })
}

fn cut(error: &std::io::Error) -> MedicalError {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            fault("medical_truncated", "the NIfTI file is cut off")
        }
        _ => fault(
            "medical_damaged",
            format!("the NIfTI file is damaged: {error}"),
        ),
    }
}

fn read_voxels(
    mut source: impl Read,
    header: &Header,
    num: usize,
) -> Result<Vec<f32>, MedicalError> {
    let mut voxels = Vec::new();
    let width = header.kind.width();
    let mut buffer = vec![0; CHUNK * width];
    while voxels.len() < num {
        let chunk = &mut buffer[..(num - voxels.len()).min(CHUNK) * width];
        source.read_exact(chunk).map_err(|error| cut(&error))?;
        let scaled = |value: f64| {
            let value = (value * header.slope + header.intercept) as f32;
            if value.is_finite() { value } else { f32::NAN }
        };
        voxels.extend(
            chunk
                .chunks_exact(width)
                .map(|raw| scaled(number(raw, header))),
        );
    }
    Ok(voxels)
}

fn number(raw: &[u8], header: &Header) -> f64 {
    let mut bytes = [0; 8];
    bytes[..raw.len()].copy_from_slice(raw);
    if !header.little {
        bytes[..raw.len()].reverse();
    }
    let [a, b, c, d, ..] = bytes;
    match header.kind {
        Kind::U8 => a.into(),
        Kind::I8 => a.cast_signed().into(),
        Kind::I16 => i16::from_le_bytes([a, b]).into(),
        Kind::U16 => u16::from_le_bytes([a, b]).into(),
        Kind::I32 => i32::from_le_bytes([a, b, c, d]).into(),
        Kind::U32 => u32::from_le_bytes([a, b, c, d]).into(),
        Kind::F32 => f32::from_le_bytes([a, b, c, d]).into(),
        Kind::F64 => f64::from_le_bytes(bytes),
    }
}

/// Numbers of the header in its byte order.
struct Fields<'a> {
    head: &'a [u8],
    little: bool,
}

impl Fields<'_> {
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let mut bytes: [u8; N] = self.head.get(at..at + N)?.try_into().ok()?;
        if !self.little {
            bytes.reverse();
        }
        Some(bytes)
    }

    fn i16(&self, at: usize) -> Option<i16> {
        self.array(at).map(i16::from_le_bytes)
    }

    fn i64(&self, at: usize) -> Option<i64> {
        self.array(at).map(i64::from_le_bytes)
    }

    fn f32(&self, at: usize) -> Option<f64> {
        self.array(at).map(|four| f32::from_le_bytes(four).into())
    }

    fn f64(&self, at: usize) -> Option<f64> {
        self.array(at).map(f64::from_le_bytes)
    }
}

/// What both versions say, each with fields of its own width.
struct Raw {
    dims: [Option<i64>; 4],
    steps: [Option<f64>; 3],
    code: i16,
    voxels_at: f64,
    slope: f64,
    intercept: f64,
    units: u8,
}

fn parse_1(head: &[u8]) -> Option<Result<Header, MedicalError>> {
    let little = i32::from_le_bytes(head.get(..4)?.try_into().ok()?) == HEAD_1 as i32;
    let fields = Fields { head, little };
    let raw = Raw {
        dims: [40, 42, 44, 46].map(|at| fields.i16(at).map(i64::from)),
        steps: [80, 84, 88].map(|at| fields.f32(at)),
        code: fields.i16(70)?,
        voxels_at: fields.f32(108)?,
        slope: fields.f32(112)?,
        intercept: fields.f32(116)?,
        units: *head.get(123)?,
    };
    header(little, &raw)
}

fn parse_2(head: &[u8]) -> Option<Result<Header, MedicalError>> {
    let little = i32::from_le_bytes(head.get(..4)?.try_into().ok()?) == HEAD_BYTES as i32;
    let fields = Fields { head, little };
    let raw = Raw {
        dims: [16, 24, 32, 40].map(|at| fields.i64(at)),
        steps: [112, 120, 128].map(|at| fields.f64(at)),
        code: fields.i16(12)?,
        voxels_at: fields.i64(168)? as f64,
        slope: fields.f64(176)?,
        intercept: fields.f64(184)?,
        units: fields.array::<4>(500).map(|four| four[0])?,
    };
    header(little, &raw)
}

fn header(little: bool, raw: &Raw) -> Option<Result<Header, MedicalError>> {
    let Some(kind) = Kind::of_code(raw.code) else {
        let text = format!(
            "NIfTI voxels of type {}, expected whole or real numbers",
            raw.code
        );
        return Some(Err(fault("medical_unsupported", text)));
    };
    // The first is the number of axes; what lies beyond them is one voxel thick.
    let num_axes = raw.dims[0].filter(|num| (1..=7).contains(num))?;
    let mut sides = [1; 3];
    for (axis, side) in sides.iter_mut().enumerate() {
        if (axis as i64) < num_axes {
            *side = usize::try_from(raw.dims[axis + 1]?).ok()?;
        }
    }
    // Spatial units: 1 metres, 2 millimetres, 3 micrometres; unknown is taken as millimetres.
    let scale = match raw.units & 7 {
        1 => 1000.0,
        3 => 0.001,
        _ => 1.0,
    };
    let sane = |step: f64| step.is_finite() && step > 0.0;
    let spacing_mm = raw.steps.map(|step| {
        let step = step.map_or(1.0, f64::abs) * scale;
        if sane(step) { step as f32 } else { 1.0 }
    });
    // A slope of 0 means "not scaled".
    let is_scaled = raw.slope != 0.0 && raw.slope.is_finite() && raw.intercept.is_finite();
    let (slope, intercept) = if is_scaled {
        (raw.slope, raw.intercept)
    } else {
        (1.0, 0.0)
    };
    Some(Ok(Header {
        little,
        sides,
        spacing_mm,
        kind,
        // Casts stay at the ends of the range.
        voxels_at: raw.voxels_at as u64,
        slope,
        intercept,
    }))
}
