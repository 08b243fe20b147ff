//! Fields of DICOM files as columns of their own: `scan.PatientAge`.

use std::{borrow::Cow, io::Read};

use schema::Modality;

use super::{MediaError, Source, guarded, part::Parts};
use crate::{
    CellRef,
    medical::{dicom_field_names, dicom_field_values},
};

/// Bytes of a file that hold the fields: they stand before the pixels, in the order of their numbers.
const HEAD_BYTES: u64 = 256 << 10;

pub(super) struct DicomFields;

impl Parts for DicomFields {
    fn about(&self) -> &'static str {
        "field of DICOM files"
    }

    fn names(&self) -> Vec<&'static str> {
        dicom_field_names(false)
    }

    fn track(&self) -> Option<Modality> {
        None
    }

    fn may_be_in(&self, modality: Modality) -> bool {
        matches!(modality, Modality::Image | Modality::Volume)
    }

    fn held(&self, source: &Source<'_>) -> Vec<Option<String>> {
        let head = head(source).unwrap_or_default();
        guarded(|| Ok(dicom_field_values(&head))).unwrap_or_default()
    }

    fn is_absence(&self, _error: &MediaError) -> bool {
        false
    }
}

fn head<'a>(source: &'a Source<'_>) -> Option<Cow<'a, [u8]>> {
    if let CellRef::Bytes(bytes) = &source.cell {
        return Some(Cow::Borrowed(bytes));
    }
    let path = source.path()?;
    // Devices and pipes may never end.
    if !path.is_file() {
        return None;
    }
    let mut head = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(HEAD_BYTES).read_to_end(&mut head).ok()?;
    Some(Cow::Owned(head))
}
