//! Histograms of oriented gradients: the outline of what is shown.
//!
//! # Source
//! Dalal and Triggs 2005, "Histograms of Oriented Gradients for Human Detection". 9 unsigned directions, cells of
//! 8 x 8 pixels, blocks of 2 x 2 cells, clipped norm. Differs: no interpolation between cells.

use schema::Picture;

/// Directions in half a turn.
const BINS: usize = 9;
/// Side of a cell in pixels.
const CELL: usize = 8;
/// Cells of a block.
const BLOCK: usize = 4;
/// Added to the squared norm of a block, so that flat blocks stay near 0.
const NORM_FLOOR: f32 = 1e-2;
/// Most that one entry of a normed block may be.
const CLIP: f32 = 0.2;

/// Number of features of a square picture of `size_px`.
pub(crate) fn width(size_px: usize) -> usize {
    let blocks = (size_px / CELL).saturating_sub(1);
    blocks * blocks * BLOCK * BINS
}

/// Where each feature goes when the picture is mirrored; exact for sizes that cells divide.
pub(super) fn mirror(size_px: usize) -> Vec<usize> {
    let blocks = (size_px / CELL).saturating_sub(1);
    (0..width(size_px))
        .map(|place| {
            let (bin, cell) = (place % BINS, place / BINS % BLOCK);
            let (x, y) = (
                place / (BINS * BLOCK) % blocks,
                place / (BINS * BLOCK) / blocks,
            );
            ((y * blocks + blocks - 1 - x) * BLOCK + (cell ^ 1)) * BINS + (BINS - bin) % BINS
        })
        .collect()
}

/// Writes the features of a square picture, `[blocks down, blocks across, 4 cells, 9 directions]`.
pub(crate) fn describe(picture: &Picture, out: &mut [f32]) {
    let along = picture.width / CELL;
    let cells = cells(picture, along);
    let blocks = along.saturating_sub(1);
    for (index, out) in out.chunks_exact_mut(BLOCK * BINS).enumerate() {
        let (x, y) = (index % blocks, index / blocks);
        for (cell, out) in out.chunks_exact_mut(BINS).enumerate() {
            let place = ((y + cell / 2) * along + x + cell % 2) * BINS;
            out.copy_from_slice(&cells[place..place + BINS]);
        }
        to_norm(out);
        for value in out.iter_mut() {
            *value = value.min(CLIP);
        }
        to_norm(out);
    }
}

fn to_norm(block: &mut [f32]) {
    let factor = 1.0 / (block.iter().map(|v| v * v).sum::<f32>() + NORM_FLOOR).sqrt();
    for value in block {
        *value *= factor;
    }
}

/// `[along, along, BINS]`: the gradient lengths of each cell by direction.
fn cells(picture: &Picture, along: usize) -> Vec<f32> {
    let mut cells = vec![0.0; along * along * BINS];
    for y in 0..along * CELL {
        for x in 0..along * CELL {
            let (dx, dy) = steepest(picture, x, y);
            let length = (dx * dx + dy * dy).sqrt();
            if length == 0.0 {
                continue;
            }
            let turn = dy.atan2(dx) / std::f32::consts::PI; // in half turns, -1 to 1
            let direction = (turn - turn.floor()) * BINS as f32;
            let (bin, part) = (direction as usize % BINS, direction.fract());
            let cell = &mut cells[((y / CELL) * along + x / CELL) * BINS..][..BINS];
            cell[bin] += length * (1.0 - part);
            cell[(bin + 1) % BINS] += length * part;
        }
    }
    cells
}

/// Slope (across, down) in the colour where it is steepest; values in [0, 1], one-sided at the border.
fn steepest(picture: &Picture, x: usize, y: usize) -> (f32, f32) {
    let (left, right) = (x.saturating_sub(1), (x + 1).min(picture.width - 1));
    let (up, down) = (y.saturating_sub(1), (y + 1).min(picture.height - 1));
    let at = |x: usize, y: usize, colour: usize| {
        f32::from(picture.rgb[(y * picture.width + x) * 3 + colour])
    };
    let across = 1.0 / (255.0 * (right - left).max(1) as f32);
    let along = 1.0 / (255.0 * (down - up).max(1) as f32);
    let mut best = (0.0, 0.0, -1.0);
    for colour in 0..3 {
        let dx = (at(right, y, colour) - at(left, y, colour)) * across;
        let dy = (at(x, down, colour) - at(x, up, colour)) * along;
        let square = dx * dx + dy * dy;
        if square > best.2 {
            best = (dx, dy, square);
        }
    }
    (best.0, best.1)
}

#[cfg(test)]
mod tests {
    use super::super::test_picture::{mirrored, noise};
    use super::*;

    /// Rounding of the angle near the edge between two directions.
    const ANGLE_TOL: f32 = 1e-4;

    #[test]
    fn a_vertical_edge_fills_the_horizontal_direction_of_its_cells() {
        let rgb = (0..16 * 16 * 3)
            .map(|i| if i / 3 % 16 < 4 { 0 } else { 255 })
            .collect();
        let picture = Picture {
            height: 16,
            width: 16,
            rgb,
        };
        let mut features = vec![0.0; width(16)];
        describe(&picture, &mut features);
        // Cells left of the middle see the edge at x = 4: all gradient points across, direction 0.
        assert!(features[0] > 0.5, "{features:?}");
        assert!(features[1..BINS].iter().all(|value| *value == 0.0));
        assert!(features[BINS..2 * BINS].iter().all(|value| *value == 0.0));
    }

    #[test]
    fn a_mirrored_picture_has_the_same_features_in_mirrored_order() {
        let picture = noise(32, 3);
        let mirror = mirror(32);
        let (mut plain, mut turned) = (vec![0.0; width(32)], vec![0.0; width(32)]);
        describe(&picture, &mut plain);
        describe(&mirrored(&picture), &mut turned);
        for (place, value) in plain.iter().enumerate() {
            assert!((value - turned[mirror[place]]).abs() < ANGLE_TOL);
            assert_eq!(mirror[mirror[place]], place);
        }
    }
}
