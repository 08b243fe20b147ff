//! Picture files.

use std::sync::Arc;

use schema::{Modality, Picture};

use super::{Item, MediaError, Medium, Read, Source, content_hash, guarded};
use crate::{
    Form, decode_picture,
    medical::{DicomOptions, MedicalFormat, decode_dicom, medical_format},
    picture::{self, PictureError},
    resize_picture,
};

pub(super) struct Pictures;

impl From<PictureError> for MediaError {
    fn from(error: PictureError) -> Self {
        Self::new(error.reason_code, error.text)
    }
}

impl Medium for Pictures {
    fn modality(&self) -> Modality {
        Modality::Image
    }

    fn singular(&self) -> &'static str {
        "picture"
    }

    fn plural(&self) -> &'static str {
        "pictures"
    }

    fn format(&self, start: &[u8]) -> Option<&'static str> {
        if medical_format(start) == Some(MedicalFormat::Dicom) {
            return Some("dicom");
        }
        let format = picture::known_format(start)?;
        Some(
            format
                .extensions_str()
                .first()
                .copied()
                .unwrap_or("picture"),
        )
    }

    fn endings(&self) -> &'static [&'static str] {
        &[
            "png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "dcm",
        ]
    }

    fn name_words(&self) -> &'static [&'static str] {
        &["image", "img", "photo", "picture", "pic", "thumbnail"]
    }

    fn read(&self, source: &Source<'_>, forms: &[Form]) -> Result<Read, MediaError> {
        let bytes = source.bytes()?;
        let picture = decode(&bytes)?;
        let mut items = Vec::with_capacity(forms.len());
        for form in forms {
            if let Form::Picture { size_px } = form {
                items.push(Item::Picture(Arc::new(resize_picture(&picture, *size_px)?)));
            }
        }
        Ok((content_hash(&bytes), items))
    }

    fn preview(&self, source: &Source<'_>) -> Result<Picture, MediaError> {
        decode(&source.bytes()?)
    }
}

/// A picture, or the middle frame of a DICOM file.
fn decode(bytes: &[u8]) -> Result<Picture, MediaError> {
    if medical_format(bytes) != Some(MedicalFormat::Dicom) {
        return Ok(decode_picture(bytes)?);
    }
    let options = DicomOptions {
        num_frames: Some(1),
        ..DicomOptions::default()
    };
    let frames = guarded(|| Ok(decode_dicom(bytes, &options)?.frames))?;
    frames
        .into_iter()
        .next()
        .ok_or_else(|| MediaError::new("dicom_without_pixels", "a DICOM file without a frame"))
}
