//! DICOM files to grey or colour pictures and fields of the patient.

use schema::Picture;

use super::{MedicalError, MedicalLimits, check_bytes, window::Window};

mod elements;
mod fields;
mod frames;
mod palette;
mod rle;

pub(super) use elements::looks_like;
pub use fields::dicom_field_names;
pub(crate) use fields::dicom_field_values;

use elements::Elements;

/// What is wanted of a DICOM file.
#[derive(Debug, Clone, PartialEq)]
pub struct DicomOptions {
    /// Which values become black to white; default the file's own window. Colour pictures are not changed.
    pub window: Window,
    /// Most frames, from the middles of as many equal parts of the file; default all.
    pub num_frames: Option<usize>,
    /// Whether fields that may tell who the patient is are given, too; default no. See [`dicom_field_names`].
    pub keep_identifying: bool,
    /// How large it may be.
    pub limits: MedicalLimits,
}

impl Default for DicomOptions {
    fn default() -> Self {
        Self {
            window: Window::File,
            num_frames: None,
            keep_identifying: false,
            limits: MedicalLimits::default(),
        }
    }
}

/// A decoded DICOM file.
#[derive(Debug, Clone, PartialEq)]
pub struct Dicom {
    /// One picture a frame.
    pub frames: Vec<Picture>,
    /// Name and value of the known fields that are there and not empty, as [`dicom_field_names`] lists them.
    pub fields: Vec<(&'static str, String)>,
}

/// Decodes a DICOM file: uncompressed (implicit and explicit, both byte orders, deflated), RLE, and 8-bit JPEG; grey of
/// 8 to 32 bits, colour of 8, palettes.
///
/// Stored values are brought to the unit of the file by its rescale slope and intercept, then to 8 bits by the window;
/// `MONOCHROME1` is inverted, so that black is the least dense in every picture.
///
/// # Errors
/// [`MedicalError`] if the bytes are no DICOM file, hold no pixels, are compressed in another way, are damaged or cut
/// off, or promise more than the limits allow.
pub fn decode_dicom(bytes: &[u8], options: &DicomOptions) -> Result<Dicom, MedicalError> {
    check_bytes(bytes, &options.limits)?;
    let elements = Elements::read(bytes, &options.limits)?;
    Ok(Dicom {
        frames: frames::decode(&elements, options)?,
        fields: fields::read(&elements, options.keep_identifying),
    })
}
