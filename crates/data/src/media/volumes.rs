//! Volumes: NIfTI files, and DICOM files of several frames.

use std::sync::Arc;

use schema::{Modality, Picture};

use super::{
    Item, MediaError, Medium, Read, Source, clips::spread, content_hash, guarded, preview,
};
use crate::{
    Form,
    medical::{
        DicomOptions, MedicalError, MedicalFormat, MedicalLimits, SliceAxis, Window, decode_dicom,
        decode_nifti, medical_format, volume_slices,
    },
    resize_picture,
};

pub(super) struct Volumes;

impl From<MedicalError> for MediaError {
    fn from(error: MedicalError) -> Self {
        Self::new(error.reason_code, error.text)
    }
}

impl Medium for Volumes {
    fn modality(&self) -> Modality {
        Modality::Volume
    }

    fn singular(&self) -> &'static str {
        "volume"
    }

    fn plural(&self) -> &'static str {
        "volumes"
    }

    fn format(&self, start: &[u8]) -> Option<&'static str> {
        (medical_format(start) == Some(MedicalFormat::Nifti)).then_some("nifti")
    }

    fn endings(&self) -> &'static [&'static str] {
        &["nii", "gz"]
    }

    fn name_words(&self) -> &'static [&'static str] {
        &["scan", "volume", "mri", "ct"]
    }

    fn read(&self, source: &Source<'_>, forms: &[Form]) -> Result<Read, MediaError> {
        let bytes = source.bytes()?;
        let wanted = forms.iter().filter_map(Form::frames);
        let most = wanted.clone().map(|(num, _)| num).max().unwrap_or(1);
        let slices = guarded(|| slices(&bytes, most))?;
        let mut items = Vec::with_capacity(forms.len());
        for (num_frames, size_px) in wanted {
            let scaled = slices.iter().map(|slice| {
                let scaled = resize_picture(slice, size_px)?;
                Ok(Arc::new(scaled))
            });
            let scaled = scaled.collect::<Result<Vec<_>, MediaError>>()?;
            items.push(Item::Frames(spread(&scaled, num_frames)));
        }
        Ok((content_hash(&bytes), items))
    }

    fn preview(&self, source: &Source<'_>) -> Result<Picture, MediaError> {
        let bytes = source.bytes()?;
        preview::row(&guarded(|| middles(&bytes))?)
    }
}

/// The middle slices of a volume across its axes, or a few frames of a DICOM file.
fn middles(bytes: &[u8]) -> Result<Vec<Picture>, MediaError> {
    const NUM_FRAMES: usize = 4;
    if medical_format(bytes) == Some(MedicalFormat::Dicom) {
        return slices(bytes, NUM_FRAMES);
    }
    let volume = decode_nifti(bytes, &MedicalLimits::default())?;
    let mut shown = Vec::new();
    for axis in [SliceAxis::Depth, SliceAxis::Height, SliceAxis::Width] {
        shown.extend(volume_slices(&volume, axis, 1, Window::File)?);
    }
    Ok(shown)
}

/// At most so many slices, evenly spread.
fn slices(bytes: &[u8], count: usize) -> Result<Vec<Picture>, MediaError> {
    if medical_format(bytes) == Some(MedicalFormat::Dicom) {
        let options = DicomOptions {
            num_frames: Some(count),
            ..DicomOptions::default()
        };
        return Ok(decode_dicom(bytes, &options)?.frames);
    }
    let volume = decode_nifti(bytes, &MedicalLimits::default())?;
    Ok(volume_slices(
        &volume,
        SliceAxis::Depth,
        count,
        Window::File,
    )?)
}
