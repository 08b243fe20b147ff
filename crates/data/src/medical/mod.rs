//! Medical files: DICOM to pictures and patient fields, NIfTI to volumes, within bounds and without a panic.

use std::{borrow::Cow, io::Read};

use crate::picture::PictureError;

mod dicom;
mod nifti;
mod slices;
mod window;

pub(crate) use dicom::dicom_field_values;
pub use dicom::{Dicom, DicomOptions, decode_dicom, dicom_field_names};
pub use nifti::decode_nifti;
pub use slices::{SliceAxis, volume_slices};
pub use window::Window;

/// How large a medical file may be. The defaults keep a record below 512 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MedicalLimits {
    /// Bytes of a file, default 128 MiB.
    pub max_bytes: usize,
    /// Pixels of all frames, or voxels of a volume, default 40 Mi (160 MiB as f32).
    pub max_pixels: usize,
    /// Frames of a DICOM file, default 4096.
    pub max_frames: usize,
}

impl Default for MedicalLimits {
    fn default() -> Self {
        Self {
            max_bytes: 128 << 20,
            max_pixels: 40 << 20,
            max_frames: 4096,
        }
    }
}

/// What kind of medical file bytes are, by what they start with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MedicalFormat {
    /// A DICOM file.
    Dicom,
    /// A NIfTI file, perhaps compressed by gzip.
    Nifti,
}

/// Kind of a medical file; `None` if it is none that is read here. The first 600 bytes are enough.
pub fn medical_format(bytes: &[u8]) -> Option<MedicalFormat> {
    if dicom::looks_like(bytes) {
        return Some(MedicalFormat::Dicom);
    }
    let mut head = Cow::Borrowed(&bytes[..bytes.len().min(nifti::HEAD_BYTES)]);
    if nifti::is_gzip(bytes) {
        let mut plain = Vec::new();
        // A stream that is cut off gives what there is, which is all that is needed.
        let reader = flate2::read::GzDecoder::new(bytes);
        let _ = reader
            .take(nifti::HEAD_BYTES as u64)
            .read_to_end(&mut plain);
        head = plain.into();
    }
    nifti::looks_like(&head).then_some(MedicalFormat::Nifti)
}

/// Why a medical file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MedicalError {
    /// Closed word: `file_too_large`, `not_dicom`, `not_nifti`, `dicom_without_pixels`, `medical_unsupported`,
    /// `medical_truncated`, `medical_damaged`, `medical_too_large`.
    pub reason_code: &'static str,
    /// What was found.
    pub text: String,
}

fn fault(reason_code: &'static str, text: impl Into<String>) -> MedicalError {
    MedicalError {
        reason_code,
        text: text.into(),
    }
}

fn from_picture(error: PictureError, frame: usize) -> MedicalError {
    let reason_code = match error.reason_code {
        "image_truncated" => "medical_truncated",
        "too_many_pixels" => "medical_too_large",
        "not_an_image" => "medical_unsupported",
        _ => "medical_damaged",
    };
    fault(reason_code, format!("frame {}: {}", frame + 1, error.text))
}

fn check_bytes(bytes: &[u8], limits: &MedicalLimits) -> Result<(), MedicalError> {
    if bytes.len() > limits.max_bytes {
        let (got, most) = (bytes.len(), limits.max_bytes);
        let text = format!("a file of {got} bytes, at most {most} are read");
        return Err(fault("file_too_large", text));
    }
    Ok(())
}

/// Checks a size before anything of that size is taken; gives the product of its sides.
fn checked_pixels(sides: &[usize], limits: &MedicalLimits) -> Result<usize, MedicalError> {
    let shown = || {
        sides
            .iter()
            .map(usize::to_string)
            .collect::<Vec<_>>()
            .join(" x ")
    };
    let product = sides
        .iter()
        .try_fold(1_usize, |product, side| product.checked_mul(*side));
    match product {
        Some(0) => Err(fault(
            "medical_damaged",
            format!("a picture of {} pixels", shown()),
        )),
        Some(pixels) if pixels <= limits.max_pixels => Ok(pixels),
        _ => {
            let text = format!(
                "{} pixels, at most {} in all are decoded",
                shown(),
                limits.max_pixels
            );
            Err(fault("medical_too_large", text))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
