//! A small picture that travels inside the report.

use base64::{Engine, engine::general_purpose::STANDARD};
use image::{ImageError, RgbImage, codecs::jpeg::JpegEncoder, error::ParameterError, imageops};
use schema::Picture;
use serde::{Deserialize, Serialize};

use crate::ReportError;

/// Longest side of a picture in a report, in pixels.
const LONGEST_SIDE: u32 = 160;
/// The same of a wide one, such as the frames of a video side by side.
const LONGEST_WIDE_SIDE: u32 = 360;
/// Width of wide pictures by their height, at least.
const WIDE: u32 = 2;
/// JPEG quality of pictures in a report.
const QUALITY: u8 = 82;

/// A small JPEG picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thumbnail {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// JPEG bytes in base64.
    jpeg: String,
}

impl Thumbnail {
    /// Scales a picture down to at most 160 pixels a side and encodes it; a smaller one keeps its size. One that is
    /// more than twice as wide as high may be 360 pixels wide.
    ///
    /// # Errors
    /// [`ReportError::Picture`] if the bytes do not fit the size or there are no pixels.
    pub fn of(picture: &Picture) -> Result<Self, ReportError> {
        let encode = || -> Result<Self, ImageError> {
            let wrong_size = || {
                let kind = image::error::ParameterErrorKind::DimensionMismatch;
                ImageError::Parameter(ParameterError::from_kind(kind))
            };
            let side = |pixels: usize| u32::try_from(pixels).ok().filter(|pixels| *pixels > 0);
            let width = side(picture.width).ok_or_else(wrong_size)?;
            let height = side(picture.height).ok_or_else(wrong_size)?;
            let image =
                RgbImage::from_raw(width, height, picture.rgb.clone()).ok_or_else(wrong_size)?;
            let most = if is_wide(width, height) {
                LONGEST_WIDE_SIDE
            } else {
                LONGEST_SIDE
            };
            let scale = (f64::from(most) / f64::from(width.max(height))).min(1.0);
            let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
            let small = imageops::thumbnail(&image, scaled(width), scaled(height));
            let mut bytes = Vec::new();
            small.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))?;
            Ok(Self {
                width: small.width(),
                height: small.height(),
                jpeg: STANDARD.encode(bytes),
            })
        };
        encode().map_err(|source| ReportError::Picture { source })
    }

    /// Whether it is more than twice as wide as high.
    pub(crate) fn is_wide(&self) -> bool {
        is_wide(self.width, self.height)
    }

    /// Address of the picture inside an HTML file. What a foreign summary may hold besides base64 is left out.
    pub(crate) fn data_url(&self) -> String {
        let is_base64 = |letter: &char| letter.is_ascii_alphanumeric() || "+/=".contains(*letter);
        let jpeg: String = self.jpeg.chars().filter(is_base64).collect();
        format!("data:image/jpeg;base64,{jpeg}")
    }
}

fn is_wide(width: u32, height: u32) -> bool {
    width > height.saturating_mul(WIDE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: usize, height: usize) -> Picture {
        Picture {
            height,
            width,
            rgb: vec![200; width * height * 3],
        }
    }

    #[test]
    fn a_large_picture_is_scaled_and_keeps_its_proportions() {
        let small = Thumbnail::of(&picture(640, 320)).unwrap();
        assert_eq!((small.width, small.height), (160, 80));
        let strip = Thumbnail::of(&picture(720, 96)).unwrap();
        assert_eq!((strip.width, strip.height), (360, 48));
        assert!(strip.is_wide() && !small.is_wide());
        let same = Thumbnail::of(&picture(64, 48)).unwrap();
        assert_eq!((same.width, same.height), (64, 48));
        let bytes = STANDARD.decode(&small.jpeg).unwrap();
        let decoded = image::load_from_memory(&bytes).unwrap().to_rgb8();
        assert_eq!(decoded.dimensions(), (160, 80));
    }

    #[test]
    fn bytes_that_do_not_fit_are_an_error() {
        let mut wrong = picture(8, 8);
        wrong.rgb.pop();
        assert!(matches!(
            Thumbnail::of(&wrong),
            Err(ReportError::Picture { .. })
        ));
        assert!(Thumbnail::of(&picture(0, 8)).is_err());
    }

    #[test]
    fn the_address_holds_nothing_but_base64() {
        let hostile = Thumbnail {
            width: 1,
            height: 1,
            jpeg: "AA\"><script>".to_owned(),
        };
        assert_eq!(hostile.data_url(), "data:image/jpeg;base64,AAscript");
    }
}
