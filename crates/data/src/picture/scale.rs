//! Scaling by an antialiased triangle filter.
//!
//! Source: Pillow, `src/libImaging/Resample.c`, filter `BILINEAR`. Differs: rows are scaled before columns, as whole
//! rows are what the compiler vectorises, and sums are f32; results are within one step of 255 of Pillow's.
//! `fast_image_resize` does the same in less time, but is generic over its images: compiling it for one pixel type
//! took this crate longer than everything else together.

use schema::Picture;

use super::{PictureError, fault};

/// Which source positions one output position is made of.
struct Taps {
    /// First source position.
    first: usize,
    /// Weights of it and the following ones; they sum to 1.
    weights: Vec<f32>,
}

/// Scales a picture to a square, both axes apart (Pillow's BILINEAR).
///
/// # Errors
/// [`PictureError`] if the picture's buffer does not match its size, or a size is 0.
pub fn resize_picture(picture: &Picture, size_px: usize) -> Result<Picture, PictureError> {
    let (height, width) = (picture.height, picture.width);
    if size_px == 0 || width == 0 || picture.rgb.len() != height * width * 3 || height == 0 {
        let text = format!("cannot scale {width} x {height} pixels to {size_px}");
        return Err(fault("image_damaged", text));
    }
    let rows = scale_rows(&picture.rgb, width * 3, &taps(height, size_px));
    let rgb = scale_columns(&rows, width, &taps(width, size_px));
    Ok(Picture {
        height: size_px,
        width: size_px,
        rgb,
    })
}

fn taps(source: usize, scaled: usize) -> Vec<Taps> {
    let ratio = source as f64 / scaled as f64;
    // When enlarging, the filter is as wide as two source pixels; when reducing, as two output pixels.
    let reach = ratio.max(1.0);
    (0..scaled)
        .map(|at| {
            let centre = (at as f64 + 0.5) * ratio;
            let first = (centre - reach + 0.5).max(0.0) as usize;
            let end = ((centre + reach + 0.5) as usize).min(source);
            let weight =
                |from: usize| (1.0 - ((from as f64 + 0.5 - centre) / reach).abs()).max(0.0);
            let sum: f64 = (first..end).map(weight).sum();
            Taps {
                first,
                weights: (first..end)
                    .map(|from| (weight(from) / sum) as f32)
                    .collect(),
            }
        })
        .collect()
}

/// `[H, stride]` to `[taps, stride]`.
fn scale_rows(source: &[u8], stride: usize, taps: &[Taps]) -> Vec<u8> {
    let mut out = Vec::with_capacity(taps.len() * stride);
    let mut sums = vec![0.0_f32; stride];
    for Taps { first, weights } in taps {
        sums.fill(0.0);
        for (row, weight) in source.chunks_exact(stride).skip(*first).zip(weights) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += f32::from(*value) * weight;
            }
        }
        out.extend(sums.iter().map(|sum| round(*sum)));
    }
    out
}

/// `[H, W, 3]` to `[H, taps, 3]`.
fn scale_columns(source: &[u8], width: usize, taps: &[Taps]) -> Vec<u8> {
    let mut out = Vec::with_capacity(source.len() / width * taps.len());
    for row in source.chunks_exact(width * 3) {
        for Taps { first, weights } in taps {
            let mut sums = [0.0_f32; 3];
            for (pixel, weight) in row.chunks_exact(3).skip(*first).zip(weights) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += f32::from(*value) * weight;
                }
            }
            out.extend(sums.map(round));
        }
    }
    out
}

fn round(sum: f32) -> u8 {
    // Casts cut and stay within 0 to 255.
    (sum + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::picture;

    /// Pillow scales columns first and rounds in between.
    const ORDER_TOL: u8 = 1;

    /// Expected values: `golden/resize.py`.
    #[test]
    fn scaling_agrees_with_pillow() {
        let source = picture(13, 9, |x, y| {
            [0, 1, 2].map(|c| ((x * 37 + y * 59 + c * 101 + x * y * 7) % 256) as u8)
        });
        let expected_small: [u8; 48] = [
            101, 151, 108, 133, 131, 122, 111, 113, 128, 132, 135, 121, 141, 113, 144, 125, 139,
            127, 127, 124, 124, 143, 119, 142, 126, 119, 134, 145, 123, 119, 138, 128, 137, 142,
            127, 124, 145, 109, 135, 142, 102, 107, 135, 114, 122, 136, 114, 137,
        ];
        let expected_large: [u8; 48] = [
            0, 101, 202, 27, 128, 229, 57, 158, 123, 87, 188, 33, 117, 218, 63, 147, 248, 93, 177,
            78, 123, 207, 52, 153, 133, 82, 183, 11, 112, 213, 41, 142, 235, 71, 172, 57, 101, 202,
            47, 131, 232, 77, 161, 190, 107, 188, 33, 134,
        ];
        for (size, expected) in [(4, expected_small), (16, expected_large)] {
            let scaled = resize_picture(&source, size).unwrap();
            assert_eq!((scaled.height, scaled.width), (size, size));
            for (got, expected) in scaled.rgb.iter().zip(expected) {
                assert!(
                    got.abs_diff(expected) <= ORDER_TOL,
                    "{:?}",
                    &scaled.rgb[..48]
                );
            }
        }
    }

    #[test]
    fn a_flat_picture_stays_flat_and_the_same_size_stays_the_same() {
        let flat = picture(7, 3, |_, _| [255, 128, 1]);
        for size in [1, 2, 3, 7, 50] {
            let scaled = resize_picture(&flat, size).unwrap();
            assert!(
                scaled
                    .rgb
                    .chunks_exact(3)
                    .all(|pixel| pixel == [255, 128, 1]),
                "{size}"
            );
        }
        let ramp = picture(5, 5, |x, y| [x as u8 * 50, y as u8 * 50, 9]);
        assert_eq!(resize_picture(&ramp, 5).unwrap(), ramp);
    }

    #[test]
    fn sizes_that_make_no_sense_are_errors() {
        let flat = picture(2, 2, |_, _| [0, 0, 0]);
        assert!(resize_picture(&flat, 0).is_err());
        let short = Picture { width: 3, ..flat };
        assert!(resize_picture(&short, 2).is_err());
    }
}
