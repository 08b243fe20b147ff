//! Scaling by an antialiased triangle filter.
//!
//! Source: Pillow, `src/libImaging/Resample.c`, filter `BILINEAR`. Differs: rows are scaled before columns, as whole
//! rows are what the compiler vectorises, and nothing is rounded in between; results are within one step of 255 of
//! Pillow's. `fast_image_resize` does the same, but is generic over its images: compiling it for one pixel type took
//! this crate longer than everything else together.

use pulp::{Arch, Simd, WithSimd};
use schema::Picture;

use super::{PictureError, fault};

/// Values of a row that are summed at once; their sums stay in registers.
const LANES: usize = 64;
/// Scaled rows whose pixels lie side by side while columns are scaled: together they fill a vector.
const ROWS: usize = 4;
/// One pixel of each of these rows, as four values: red, green, blue and one that means nothing.
type Pixels<T> = [T; 4 * ROWS];

/// Which source positions each output position is made of; equally many for each.
struct Taps {
    /// First source position by output position.
    firsts: Vec<usize>,
    /// `[output position, tap]`; those of an output position sum to 1.
    weights: Vec<f32>,
    /// Taps of an output position.
    num: usize,
}

impl Taps {
    fn new(source: usize, scaled: usize) -> Self {
        let ratio = source as f64 / scaled as f64;
        // When enlarging, the filter is as wide as two source pixels; when reducing, as two output pixels.
        let reach = ratio.max(1.0);
        let span = |at: usize| {
            let centre = (at as f64 + 0.5) * ratio;
            let start = (centre - reach + 0.5).max(0.0) as usize;
            (centre, start, ((centre + reach + 0.5) as usize).min(source))
        };
        let widths = (0..scaled).map(span).map(|(_, start, end)| end - start);
        let num = widths.max().unwrap_or(1);
        let mut firsts = Vec::with_capacity(scaled);
        let mut weights = vec![0.0; scaled * num];
        for (at, weights) in weights.chunks_exact_mut(num).enumerate() {
            let (centre, start, end) = span(at);
            let weight = |from: usize| (1.0 - (from as f64 + 0.5 - centre).abs() / reach).max(0.0);
            let share = 1.0 / (start..end).map(weight).sum::<f64>();
            // At the far border the weights are shifted instead of the span, which must not end behind it.
            let first = start.min(source - num);
            for from in start..end {
                weights[from - first] = (weight(from) * share) as f32;
            }
            firsts.push(first);
        }
        Self {
            firsts,
            weights,
            num,
        }
    }

    /// First source position and weights by output position.
    #[inline(always)]
    fn iter(&self) -> impl Iterator<Item = (usize, &[f32])> {
        let weights = self.weights.chunks_exact(self.num);
        self.firsts.iter().copied().zip(weights)
    }
}

/// Scales a picture to a square, both axes apart (Pillow's BILINEAR).
///
/// # Errors
/// [`PictureError`] if the picture's buffer does not match its size, or a size is 0.
pub fn resize_picture(picture: &Picture, size_px: usize) -> Result<Picture, PictureError> {
    scale_picture(picture, size_px, size_px)
}

/// Scales a picture to a height and width.
pub(crate) fn scale_picture(
    picture: &Picture,
    to_height: usize,
    to_width: usize,
) -> Result<Picture, PictureError> {
    let (height, width) = (picture.height, picture.width);
    let sides = [height, width, to_height, to_width];
    if sides.contains(&0) || picture.rgb.len() != height * width * 3 {
        let text = format!("cannot scale {width} x {height} pixels to {to_width} x {to_height}");
        return Err(fault("image_damaged", text));
    }
    let rgb = if (height, width) == (to_height, to_width) {
        picture.rgb.clone()
    } else {
        Arch::new().dispatch(Scaling {
            source: &picture.rgb,
            width,
            rows: Taps::new(height, to_height),
            columns: Taps::new(width, to_width),
        })
    };
    Ok(Picture {
        height: to_height,
        width: to_width,
        rgb,
    })
}

/// `[H, W, 3]` to `[rows, columns, 3]`, compiled for every width of vectors. Products and sums are rounded apart, so
/// that the result is the same for all of them.
struct Scaling<'a> {
    source: &'a [u8],
    width: usize,
    rows: Taps,
    columns: Taps,
}

impl WithSimd for Scaling<'_> {
    type Output = Vec<u8>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> Vec<u8> {
        let (stride, scaled_stride) = (self.width * 3, self.columns.firsts.len() * 3);
        let num_rows = self.rows.firsts.len();
        // One value more than the pixels have: each is read and written as four.
        let mut sums = vec![0.0; stride + 1];
        let mut out = vec![0; num_rows * scaled_stride + 1];
        let mut packed: Vec<Pixels<f32>> = vec![[0.0; 4 * ROWS]; self.width];
        let mut scaled: Vec<Pixels<u8>> = vec![[0; 4 * ROWS]; self.columns.firsts.len()];
        let mut rows = self.rows.iter();
        for start in (0..num_rows).step_by(ROWS) {
            for (at, (first, weights)) in rows.by_ref().take(ROWS).enumerate() {
                sum_rows(&self.source[first * stride..], weights, &mut sums);
                pack(&sums, at, &mut packed);
            }
            sum_pixels(&packed, &self.columns, &mut scaled);
            for at in 0..ROWS.min(num_rows - start) {
                unpack(&scaled, at, &mut out[(start + at) * scaled_stride..]);
            }
        }
        out.truncate(num_rows * scaled_stride);
        out
    }
}

/// Weighted sum of the first rows of `source`; `sums` has one value more than a row.
#[inline(always)]
fn sum_rows(source: &[u8], weights: &[f32], sums: &mut [f32]) {
    let stride = sums.len() - 1;
    let (chunks, rest) = sums[..stride].as_chunks_mut::<LANES>();
    for (at, chunk) in chunks.iter_mut().enumerate() {
        let mut sums = [0.0; LANES];
        for (row, weight) in source.chunks_exact(stride).zip(weights) {
            let values = &row[at * LANES..(at + 1) * LANES];
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += f32::from(*value) * weight;
            }
        }
        *chunk = sums;
    }
    let start = stride - rest.len();
    rest.fill(0.0);
    for (row, weight) in source.chunks_exact(stride).zip(weights) {
        for (sum, value) in rest.iter_mut().zip(&row[start..]) {
            *sum += f32::from(*value) * weight;
        }
    }
}

/// Puts the pixels of a row at their place beside those of the other rows.
#[inline(always)]
fn pack(row: &[f32], at: usize, packed: &mut [Pixels<f32>]) {
    for (x, pixels) in packed.iter_mut().enumerate() {
        pixels[at * 4..at * 4 + 4].copy_from_slice(&row[x * 3..x * 3 + 4]);
    }
}

/// Weighted sums of the pixels of [`ROWS`] rows.
#[inline(always)]
fn sum_pixels(packed: &[Pixels<f32>], columns: &Taps, scaled: &mut [Pixels<u8>]) {
    for ((first, weights), scaled) in columns.iter().zip(scaled) {
        let mut sums = [0.0; 4 * ROWS];
        for (pixels, weight) in packed[first..].iter().zip(weights) {
            for (sum, value) in sums.iter_mut().zip(pixels) {
                *sum += value * weight;
            }
        }
        for (scaled, sum) in scaled.iter_mut().zip(sums) {
            *scaled = round(sum);
        }
    }
}

/// Writes the pixels of one of the rows. The fourth value of each is overwritten by the pixel behind it; that of the
/// last by the next row.
#[inline(always)]
fn unpack(scaled: &[Pixels<u8>], at: usize, out: &mut [u8]) {
    for (x, pixels) in scaled.iter().enumerate() {
        out[x * 3..x * 3 + 4].copy_from_slice(&pixels[at * 4..at * 4 + 4]);
    }
}

/// Nearest whole number of a sum from 0 to 255: added to 2^23, a float has no place for anything smaller. A cast is
/// not vectorised.
#[inline(always)]
fn round(sum: f32) -> u8 {
    (sum + 8_388_608.0).to_bits() as u8
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

    /// The same sums one value after another in f64; odd sizes, long and flat pictures, chunks with and without a rest.
    #[test]
    fn scaling_agrees_with_plain_sums() {
        let plain = |picture: &Picture, size: usize, x: usize, y: usize, c: usize| {
            let sum = |source: usize, at: usize, value: &dyn Fn(usize) -> f64| {
                let ratio = source as f64 / size as f64;
                let (centre, reach) = ((at as f64 + 0.5) * ratio, ratio.max(1.0));
                let weight = |from: usize| 1.0 - ((from as f64 + 0.5 - centre) / reach).abs();
                let near = (0..source).filter(|from| weight(*from) > 0.0);
                let (sum, total) = near.fold((0.0, 0.0), |(sum, total), from| {
                    (sum + weight(from) * value(from), total + weight(from))
                });
                sum / total
            };
            sum(picture.height, y, &|row| {
                sum(picture.width, x, &|column| {
                    f64::from(picture.rgb[(row * picture.width + column) * 3 + c])
                })
            })
        };
        for (width, height) in [(1, 1), (1, 9), (64, 3), (43, 70), (130, 21)] {
            let source = picture(width, height, |x, y| {
                [0, 1, 2].map(|c| (x * 97 + y * 61 + c * 85 + x * y * 13) as u8)
            });
            for size in [1, 4, 7, 22] {
                let scaled = resize_picture(&source, size).unwrap();
                for (at, got) in scaled.rgb.iter().enumerate() {
                    let (x, y, c) = (at / 3 % size, at / 3 / size, at % 3);
                    let expected = plain(&source, size, x, y, c);
                    let error = (f64::from(*got) - expected).abs();
                    assert!(
                        error < 0.501,
                        "{width} x {height} to {size}: {got}, {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn sizes_that_make_no_sense_are_errors() {
        let flat = picture(2, 2, |_, _| [0, 0, 0]);
        assert!(resize_picture(&flat, 0).is_err());
        let short = Picture { width: 3, ..flat };
        assert!(resize_picture(&short, 2).is_err());
    }
}
