//! Random changes of training pictures: shift, scale, turn, flip, colour.

use schema::{Picture, Rng};

/// How much training pictures are changed. Source: own recipe, measured on small sets of drawings and photos.
///
/// Each amount is the largest change; the change of a record is drawn evenly up to it.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageAugment {
    /// Shift along each axis, as a fraction of the side; default 0.1.
    pub shift: f64,
    /// Scale by e to the power of plus or minus this; default 0.15.
    pub scale: f64,
    /// Turn in degrees; default 10.
    pub rotation_deg: f64,
    /// Whether half of the pictures are mirrored left to right; default true. Not for digits and letters.
    pub flip: bool,
    /// Contrast, brightness and (half as much) each channel, as a fraction; default 0.2.
    pub color: f64,
}

impl Default for ImageAugment {
    fn default() -> Self {
        Self {
            shift: 0.1,
            scale: 0.15,
            rotation_deg: 10.0,
            flip: true,
            color: 0.2,
        }
    }
}

impl ImageAugment {
    /// The milder change for catalogue photos.
    pub fn mild() -> Self {
        Self {
            shift: 0.06,
            scale: 0.12,
            rotation_deg: 5.0,
            flip: true,
            color: 0.15,
        }
    }
}

/// Where each output pixel looks: source = matrix * (output - centre) + centre + shift.
struct Warp {
    matrix: [f32; 4],
    shift: [f32; 2],
}

/// Writes a changed picture as `[3, H, W]` floats, about [0, 1], all random numbers from `rng`.
///
/// Positions outside the picture take its border. `out` must hold `3 * H * W` values, or nothing is written.
pub fn augment_into(picture: &Picture, config: &ImageAugment, rng: &mut Rng, out: &mut [f32]) {
    if out.is_empty()
        || out.len() != picture.rgb.len()
        || out.len() != 3 * picture.height * picture.width
    {
        return;
    }
    let warp = draw_warp(picture, config, rng);
    warp_into(picture, &warp, out);
    if config.color > 0.0 {
        change_colour(out, config.color, rng);
    }
}

fn draw_warp(picture: &Picture, config: &ImageAugment, rng: &mut Rng) -> Warp {
    let mut even = |amount: f64| rng.between(-amount, amount) as f32;
    let angle = even(config.rotation_deg).to_radians();
    let scale = even(config.scale).exp();
    // As fractions of the whole side; `affine_grid` counts half sides, hence its doubled shift.
    let shift = [
        even(config.shift) * picture.width as f32,
        even(config.shift) * picture.height as f32,
    ];
    let mirror = if config.flip && rng.chance(0.5) {
        -1.0
    } else {
        1.0
    };
    let (sin, cos) = angle.sin_cos();
    Warp {
        matrix: [
            cos * scale * mirror,
            -sin * scale,
            sin * scale * mirror,
            cos * scale,
        ],
        shift,
    }
}

fn warp_into(picture: &Picture, warp: &Warp, out: &mut [f32]) {
    let (height, width) = (picture.height, picture.width);
    let (pixels, _) = picture.rgb.as_chunks::<3>();
    let (max_x, max_y) = (width as f32 - 1.0, height as f32 - 1.0);
    let centre = [max_x / 2.0, max_y / 2.0];
    let (red, rest) = out.split_at_mut(height * width);
    let (green, blue) = rest.split_at_mut(height * width);
    let rows = red
        .chunks_exact_mut(width)
        .zip(green.chunks_exact_mut(width));
    for (y, ((red, green), blue)) in rows.zip(blue.chunks_exact_mut(width)).enumerate() {
        let dy = y as f32 - centre[1];
        let start_x = warp.matrix[1] * dy + centre[0] + warp.shift[0];
        let start_y = warp.matrix[3] * dy + centre[1] + warp.shift[1];
        for (x, ((red, green), blue)) in red.iter_mut().zip(green).zip(blue).enumerate() {
            let dx = x as f32 - centre[0];
            let source_x = (warp.matrix[0] * dx + start_x).clamp(0.0, max_x);
            let source_y = (warp.matrix[2] * dx + start_y).clamp(0.0, max_y);
            let (left, top) = (source_x as u32 as usize, source_y as u32 as usize);
            let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
            let (fx, fy) = (source_x - left as f32, source_y - top as f32);
            let upper = mix(pixels[top * width + left], pixels[top * width + right], fx);
            let lower = mix(
                pixels[bottom * width + left],
                pixels[bottom * width + right],
                fx,
            );
            let value = |c: usize| (upper[c] + (lower[c] - upper[c]) * fy) * (1.0 / 255.0);
            (*red, *green, *blue) = (value(0), value(1), value(2));
        }
    }
}

fn mix(left: [u8; 3], right: [u8; 3], share: f32) -> [f32; 3] {
    [0, 1, 2].map(|c| {
        let (left, right) = (f32::from(left[c]), f32::from(right[c]));
        left + (right - left) * share
    })
}

fn change_colour(values: &mut [f32], amount: f64, rng: &mut Rng) {
    let mut even = |amount: f64| rng.between(-amount, amount) as f32;
    let mean = mean(values);
    let contrast = 1.0 + even(amount);
    let brightness = even(amount);
    let plane = values.len() / 3;
    for channel in values.chunks_exact_mut(plane.max(1)) {
        let gain = 1.0 + even(amount * 0.5);
        for value in channel {
            *value = ((*value - mean) * contrast + mean + brightness) * gain;
        }
    }
}

/// Mean by eight running sums: one sum would wait for each addition.
fn mean(values: &[f32]) -> f32 {
    let (lanes, rest) = values.as_chunks::<8>();
    let mut sums = [0.0_f32; 8];
    for lane in lanes {
        for (sum, value) in sums.iter_mut().zip(lane) {
            *sum += value;
        }
    }
    let sum = sums.iter().sum::<f32>() + rest.iter().sum::<f32>();
    sum / values.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use schema::Seed;

    use super::*;
    use crate::fixture::picture;

    const NONE: ImageAugment = ImageAugment {
        shift: 0.0,
        scale: 0.0,
        rotation_deg: 0.0,
        flip: false,
        color: 0.0,
    };

    fn ramp() -> Picture {
        picture(5, 4, |x, y| [x as u8 * 10, y as u8 * 20, (x + 5 * y) as u8])
    }

    fn warped(warp: Warp) -> Vec<f32> {
        let mut out = vec![0.0; 60];
        warp_into(&ramp(), &warp, &mut out);
        out.iter().map(|value| (value * 255.0).round()).collect()
    }

    fn expected(pixel: impl Fn(usize, usize) -> [usize; 3]) -> Vec<f32> {
        let at = |c: usize| (0..4).flat_map(move |y| (0..5).map(move |x| (x, y, c)));
        (0..3)
            .flat_map(at)
            .map(|(x, y, c)| pixel(x, y)[c] as f32)
            .collect()
    }

    #[test]
    fn no_change_is_the_picture_itself() {
        let mut out = vec![0.0; 60];
        augment_into(&ramp(), &NONE, &mut Seed(1).rng(), &mut out);
        let expected = expected(|x, y| [x * 10, y * 20, x + 5 * y]);
        assert_eq!(
            out.iter()
                .map(|value| (value * 255.0).round())
                .collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn a_mirror_is_exact_and_a_shift_repeats_the_border() {
        let mirror = Warp {
            matrix: [-1.0, 0.0, 0.0, 1.0],
            shift: [0.0, 0.0],
        };
        assert_eq!(
            warped(mirror),
            expected(|x, y| [(4 - x) * 10, y * 20, 4 - x + 5 * y])
        );
        let shift = Warp {
            matrix: [1.0, 0.0, 0.0, 1.0],
            shift: [2.0, -1.0],
        };
        let (x_of, y_of) = (|x: usize| (x + 2).min(4), |y: usize| y.saturating_sub(1));
        assert_eq!(
            warped(shift),
            expected(|x, y| [x_of(x) * 10, y_of(y) * 20, x_of(x) + 5 * y_of(y)])
        );
    }

    /// Half a pixel to the right is the mean of two neighbours: 10 x + 5.
    #[test]
    fn between_pixels_is_their_mean() {
        let warp = Warp {
            matrix: [1.0, 0.0, 0.0, 1.0],
            shift: [0.5, 0.0],
        };
        assert_eq!(warped(warp)[..5], [5.0, 15.0, 25.0, 35.0, 40.0]);
    }

    #[test]
    fn the_same_place_draws_the_same_change_and_another_row_another() {
        let draw = |seed: Seed| {
            let mut out = vec![0.0; 60];
            augment_into(&ramp(), &ImageAugment::default(), &mut seed.rng(), &mut out);
            out
        };
        assert_eq!(draw(Seed(1).at(2)), draw(Seed(1).at(2)));
        assert_ne!(draw(Seed(1).at(2)), draw(Seed(1).at(3)));
        assert!(draw(Seed(9)).iter().all(|value| value.is_finite()));
    }
}
