//! Colour histograms of the whole picture and its quadrants.
//!
//! Own design: 4 x 4 x 4 colours, square roots of shares, so that rare colours count beside the background.

use schema::Picture;

/// Steps of each of the three colours.
const LEVELS: usize = 4;
/// Distinct colours.
const COLOURS: usize = LEVELS * LEVELS * LEVELS;
/// The whole, then the quadrants: upper left, upper right, lower left, lower right.
const REGIONS: usize = 5;
/// Number of features.
pub(super) const WIDTH: usize = REGIONS * COLOURS;

/// Where each feature goes when the picture is mirrored; exact for an even width in pixels.
pub(super) fn mirror() -> Vec<usize> {
    let turned = [0, 2, 1, 4, 3];
    (0..WIDTH)
        .map(|place| turned[place / COLOURS] * COLOURS + place % COLOURS)
        .collect()
}

/// Writes the features of a picture, `[5 regions, 64 colours]`.
pub(super) fn describe(picture: &Picture, out: &mut [f32]) {
    out.fill(0.0);
    let mut counts = [0_u32; REGIONS];
    for (index, pixel) in picture.rgb.chunks_exact(3).enumerate() {
        let (x, y) = (index % picture.width, index / picture.width);
        let lower = usize::from(y >= picture.height / 2);
        let region = 1 + 2 * lower + usize::from(x >= picture.width / 2);
        let level = |byte: u8| usize::from(byte) * LEVELS / 256;
        let colour = (level(pixel[0]) * LEVELS + level(pixel[1])) * LEVELS + level(pixel[2]);
        out[colour] += 1.0;
        out[region * COLOURS + colour] += 1.0;
        counts[0] += 1;
        counts[region] += 1;
    }
    for (region, count) in out.chunks_exact_mut(COLOURS).zip(counts) {
        for value in region {
            *value = (*value / count.max(1) as f32).sqrt();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_picture::{mirrored, noise};
    use super::*;

    #[test]
    fn shares_are_those_of_each_region() {
        // Left half black, right half white.
        let rgb = (0..8 * 8 * 3)
            .map(|i| if i / 3 % 8 < 4 { 0 } else { 255 })
            .collect();
        let picture = Picture {
            height: 8,
            width: 8,
            rgb,
        };
        let mut features = vec![0.0; WIDTH];
        describe(&picture, &mut features);
        let (black, white) = (0, COLOURS - 1);
        assert_eq!(features[black], 0.5_f32.sqrt());
        assert_eq!(features[white], 0.5_f32.sqrt());
        assert_eq!(features[COLOURS + black], 1.0);
        assert_eq!(features[2 * COLOURS + white], 1.0);
        assert_eq!(features.iter().filter(|value| **value > 0.0).count(), 6);
    }

    #[test]
    fn a_mirrored_picture_has_the_same_features_in_mirrored_order() {
        let picture = noise(16, 8);
        let mirror = mirror();
        let (mut plain, mut turned) = (vec![0.0; WIDTH], vec![0.0; WIDTH]);
        describe(&picture, &mut plain);
        describe(&mirrored(&picture), &mut turned);
        for (place, value) in plain.iter().enumerate() {
            assert_eq!(*value, turned[mirror[place]]);
        }
    }
}
