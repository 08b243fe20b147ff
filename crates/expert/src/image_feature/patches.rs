//! Small patches compared with learned centres: which strokes and textures are where.
//!
//! Patches of 6 x 6 pixels are normalised in brightness and contrast, whitened, and compared with centres found by
//! spherical k-means; what exceeds a threshold is averaged over each quadrant.
//!
//! If pictures may be mirrored, every centre has its mirror image among the centres. Then the features of a mirrored
//! picture are those of the picture in another order, and cost nothing.
//!
//! # Source
//! Coates and Ng 2012, "Learning Feature Representations with K-means". Differs: soft threshold at 1, square root.

use std::sync::Arc;

use rayon::prelude::*;
use schema::{Picture, Seed};

use super::whitening::Whitening;
use crate::kernel::{self, PANEL, Rows};

/// Side of a patch in pixels.
pub(super) const SIDE: usize = 6;
/// Pixels between neighbouring patches.
pub(super) const STEP: usize = 2;
/// Values of a patch: rows of pixels of three colours.
pub(super) const DIM: usize = SIDE * SIDE * 3;
/// Quadrants of the picture.
const QUADRANTS: usize = 4;
/// What a cosine with a whitened patch must exceed to count.
const THRESHOLD: f32 = 1.0;
/// Added to the variance of a patch, so that noise in flat patches is not blown up: 10 of 255 grey levels.
const CONTRAST_FLOOR: f32 = (10.0 / 255.0) * (10.0 / 255.0);
/// Patches of less variance take no part in learning.
const FLAT: f32 = 1e-4;
/// Added to the eigenvalues in whitening.
const ZCA_EPSILON: f64 = 0.1;
/// Patches whose nearest centres are found together.
const BLOCK: usize = 512;

/// How centres are learned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PatchFit {
    /// Number of centres, rounded up to an even number if mirrored.
    pub(super) num_centres: usize,
    /// Patches drawn from all pictures together.
    pub(super) num_patches: usize,
    /// Rounds of k-means.
    pub(super) rounds: usize,
    /// Whether mirrored pictures count as well.
    pub(super) mirrored: bool,
}

/// Learned centres, whitening folded in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Centres {
    num_centres: usize,
    mirrored: bool,
    /// `[num_panels, DIM, PANEL]`
    panels: Vec<f32>,
    /// `[num_panels, PANEL]`: what is subtracted from each product.
    bias: Vec<f32>,
}

/// Gives a picture by its place.
pub(super) type Small<'a> = dyn Fn(usize) -> Option<Arc<Picture>> + Sync + 'a;

impl Centres {
    /// Learns centres from pictures of one size; `None` if hardly any patch has contrast.
    ///
    /// They come as their number and a function that gives one of them, so that they need not be in memory together.
    pub(super) fn fit(pictures: (usize, &Small<'_>), fit: PatchFit, seed: Seed) -> Option<Self> {
        let patches = draw(pictures, fit.num_patches, seed);
        if patches.len() < 2 * DIM {
            return None;
        }
        let mirror = fit.mirrored.then(patch_mirror);
        let whitening = Whitening::fit(&patches, DIM, ZCA_EPSILON, mirror.as_deref());
        let mut white = vec![0.0; patches.len()];
        white
            .par_chunks_mut(DIM)
            .zip(patches.par_chunks(DIM))
            .for_each(|(out, row)| whitening.apply(row, out));
        let mut centres = first_centres(&white, fit, seed);
        for round in 0..fit.rounds {
            centres = moved(
                &white,
                &centres,
                fit.mirrored,
                seed.named("dead").at(round as u64),
            );
        }
        let all = with_mirrors(&centres, fit.mirrored);
        Some(Self::folded(&all, &whitening, fit.mirrored))
    }

    /// Folds `z . c` with `z = (x - mean) W` into `x . (W c) - mean . (W c)`; `W` is symmetric.
    fn folded(centres: &[f32], whitening: &Whitening, mirrored: bool) -> Self {
        let num_centres = centres.len() / DIM;
        let mut columns = vec![0.0; DIM * num_centres];
        let mut bias = vec![0.0; kernel::num_panels(num_centres) * PANEL];
        let plain = Whitening {
            mean: vec![0.0; DIM],
            matrix: whitening.matrix.clone(),
        };
        let mut folded = [0.0; DIM];
        for (j, centre) in centres.chunks_exact(DIM).enumerate() {
            plain.apply(centre, &mut folded);
            for (d, value) in folded.iter().enumerate() {
                columns[d * num_centres + j] = *value;
                bias[j] += value * whitening.mean[d];
            }
            bias[j] += THRESHOLD;
        }
        Self::from_columns(&columns, bias, mirrored)
    }

    fn from_columns(columns: &[f32], bias: Vec<f32>, mirrored: bool) -> Self {
        let num_centres = columns.len() / DIM;
        let mut panels = vec![0.0; kernel::num_panels(num_centres) * DIM * PANEL];
        kernel::pack(columns, DIM, num_centres, &mut panels);
        Self {
            num_centres,
            mirrored,
            panels,
            bias,
        }
    }

    /// Number of features.
    pub(super) fn width(&self) -> usize {
        QUADRANTS * self.num_centres
    }

    /// Folded centres `[DIM, num_centres]` and what is subtracted from their products `[num_centres]`.
    pub(super) fn parts(&self) -> (Vec<f32>, Vec<f32>) {
        let mut columns = vec![0.0; DIM * self.num_centres];
        kernel::unpack_add(&self.panels, DIM, self.num_centres, &mut columns);
        (columns, self.bias[..self.num_centres].to_vec())
    }

    /// The inverse of [`Self::parts`]; `None` if the lengths do not fit each other.
    pub(super) fn from_parts(columns: &[f32], bias: &[f32], mirrored: bool) -> Option<Self> {
        if columns.len() != bias.len() * DIM || bias.is_empty() || (mirrored && bias.len() % 2 == 1)
        {
            return None;
        }
        let mut padded = bias.to_vec();
        padded.resize(kernel::num_panels(bias.len()) * PANEL, 0.0);
        Some(Self::from_columns(columns, padded, mirrored))
    }

    /// Where each feature goes when the picture is mirrored; `None` if centres are not.
    pub(super) fn mirror(&self) -> Option<Vec<usize>> {
        let half = self.num_centres / 2;
        let turn = |place: usize| {
            let (quadrant, centre) = (place / self.num_centres, place % self.num_centres);
            (quadrant ^ 1) * self.num_centres + (centre + half) % self.num_centres
        };
        self.mirrored.then(|| (0..self.width()).map(turn).collect())
    }

    /// Writes the features of a picture, `[4 quadrants, num_centres]`.
    pub(super) fn describe(&self, picture: &Picture, scratch: &mut Vec<f32>, out: &mut [f32]) {
        let row = kernel::stride(DIM);
        let mut sums = [0.0; PANEL];
        for (quadrant, out) in out.chunks_exact_mut(self.num_centres).enumerate() {
            let places = quadrant_places(picture, quadrant);
            scratch.resize(places.len() * row, 0.0);
            for (place, patch) in places.iter().zip(scratch.chunks_exact_mut(row)) {
                read_patch(picture, *place, &mut patch[..DIM]);
                normalise(&mut patch[..DIM]);
            }
            let rows = Rows {
                data: scratch,
                stride: row,
                num_rows: places.len(),
                depth: DIM,
            };
            let share = 1.0 / places.len().max(1) as f32;
            let panels = self
                .panels
                .chunks_exact(DIM * PANEL)
                .zip(self.bias.chunks_exact(PANEL));
            for ((panel, bias), out) in panels.zip(out.chunks_mut(PANEL)) {
                sums.fill(0.0);
                kernel::add_rectified(rows, panel, bias, &mut sums);
                for (out, sum) in out.iter_mut().zip(sums) {
                    *out = (sum * share).sqrt();
                }
            }
        }
    }
}

/// Where each value of a patch goes when it is mirrored.
fn patch_mirror() -> Vec<usize> {
    (0..DIM)
        .map(|place| {
            let (pixel, colour) = (place / 3, place % 3);
            (pixel / SIDE * SIDE + SIDE - 1 - pixel % SIDE) * 3 + colour
        })
        .collect()
}

/// Number of patches along a side of `length` pixels.
fn num_along(length: usize) -> usize {
    if length < SIDE {
        0
    } else {
        (length - SIDE) / STEP + 1
    }
}

/// Corners (x, y) of the patches of a quadrant; with an odd number along a side, the middle ones are in both halves.
fn quadrant_places(picture: &Picture, quadrant: usize) -> Vec<(usize, usize)> {
    let half = |count: usize, second: bool| {
        if second {
            count / 2..count
        } else {
            0..count.div_ceil(2)
        }
    };
    let columns = half(num_along(picture.width), quadrant % 2 == 1);
    half(num_along(picture.height), quadrant / 2 == 1)
        .flat_map(|y| columns.clone().map(move |x| (x * STEP, y * STEP)))
        .collect()
}

fn read_patch(picture: &Picture, (x, y): (usize, usize), patch: &mut [f32]) {
    for (dy, line) in patch.chunks_exact_mut(SIDE * 3).enumerate() {
        let start = ((y + dy) * picture.width + x) * 3;
        for (value, byte) in line.iter_mut().zip(&picture.rgb[start..start + SIDE * 3]) {
            *value = f32::from(*byte) * (1.0 / 255.0);
        }
    }
}

/// Takes brightness and contrast away and gives the variance that was there.
fn normalise(patch: &mut [f32]) -> f32 {
    let mean = patch.iter().sum::<f32>() / DIM as f32;
    let mut squares = 0.0;
    for value in patch.iter_mut() {
        *value -= mean;
        squares += *value * *value;
    }
    let variance = squares / (DIM - 1) as f32;
    let factor = 1.0 / (variance + CONTRAST_FLOOR).sqrt();
    for value in patch {
        *value *= factor;
    }
    variance
}

/// Normalised patches from random places, the same number from each picture, flat ones left out.
fn draw((num, small): (usize, &Small<'_>), num_patches: usize, seed: Seed) -> Vec<f32> {
    let each = num_patches.div_ceil(num.max(1));
    let drawn: Vec<Vec<f32>> = (0..num)
        .into_par_iter()
        .map(|index| {
            let Some(picture) = small(index) else {
                return Vec::new();
            };
            let mut rng = seed.named("patches").at(index as u64).rng();
            let (across, down) = (num_along(picture.width), num_along(picture.height));
            let mut kept = Vec::with_capacity(each * DIM);
            let mut patch = [0.0; DIM];
            for _ in 0..if across * down == 0 { 0 } else { each } {
                let place = (rng.below(across) * STEP, rng.below(down) * STEP);
                read_patch(&picture, place, &mut patch);
                if normalise(&mut patch) > FLAT {
                    kept.extend_from_slice(&patch);
                }
            }
            kept
        })
        .collect();
    drawn.concat()
}

fn to_unit(row: &mut [f32]) -> bool {
    let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
    for value in row.iter_mut() {
        *value /= length.max(1e-9);
    }
    length > 1e-6
}

/// Random patches as first centres; half of them if mirrors are added.
fn first_centres(white: &[f32], fit: PatchFit, seed: Seed) -> Vec<f32> {
    let count = if fit.mirrored {
        fit.num_centres.div_ceil(2)
    } else {
        fit.num_centres
    };
    let num_patches = white.len() / DIM;
    let mut rng = seed.named("centres").rng();
    let mut order: Vec<usize> = (0..num_patches).collect();
    rng.shuffle(&mut order);
    let mut centres = Vec::with_capacity(count * DIM);
    for index in order.into_iter().cycle().take(count) {
        centres.extend_from_slice(&white[index * DIM..][..DIM]);
    }
    for centre in centres.chunks_exact_mut(DIM) {
        to_unit(centre);
    }
    centres
}

/// The centres, followed by their mirror images.
fn with_mirrors(centres: &[f32], mirrored: bool) -> Vec<f32> {
    let mut all = centres.to_vec();
    if mirrored {
        let mirror = patch_mirror();
        for centre in centres.chunks_exact(DIM) {
            all.extend(mirror.iter().map(|from| centre[*from]));
        }
    }
    all
}

/// One round of spherical k-means: each centre goes to the weighted mean direction of the patches nearest to it.
fn moved(white: &[f32], centres: &[f32], mirrored: bool, seed: Seed) -> Vec<f32> {
    let mirror = patch_mirror();
    let count = centres.len() / DIM;
    let nearest = nearest(white, &with_mirrors(centres, mirrored));
    let mut sums = vec![0.0_f32; centres.len()];
    for (patch, (index, cosine)) in white.chunks_exact(DIM).zip(nearest) {
        let sum = &mut sums[index % count * DIM..][..DIM];
        if index < count {
            for (sum, value) in sum.iter_mut().zip(patch) {
                *sum += cosine * value;
            }
        } else {
            for (sum, from) in sum.iter_mut().zip(&mirror) {
                *sum += cosine * patch[*from];
            }
        }
    }
    let mut rng = seed.rng();
    for centre in sums.chunks_exact_mut(DIM) {
        if !to_unit(centre) {
            // A centre that no patch is nearest to starts anew from some patch.
            let index = rng.below(white.len() / DIM);
            centre.copy_from_slice(&white[index * DIM..][..DIM]);
            to_unit(centre);
        }
    }
    sums
}

/// For each patch, which centre has the largest product with it, and that product.
fn nearest(white: &[f32], centres: &[f32]) -> Vec<(usize, f32)> {
    let count = centres.len() / DIM;
    let mut columns = vec![0.0; centres.len()];
    for (j, centre) in centres.chunks_exact(DIM).enumerate() {
        for (d, value) in centre.iter().enumerate() {
            columns[d * count + j] = *value;
        }
    }
    let mut panels = vec![0.0; kernel::num_panels(count) * DIM * PANEL];
    kernel::pack(&columns, DIM, count, &mut panels);
    let mut nearest = vec![(0, f32::NEG_INFINITY); white.len() / DIM];
    nearest
        .par_chunks_mut(BLOCK)
        .zip(white.par_chunks(BLOCK * DIM))
        .for_each(|(best, data)| {
            let rows = Rows {
                data,
                stride: DIM,
                num_rows: best.len(),
                depth: DIM,
            };
            let mut products = vec![0.0; best.len() * PANEL];
            for (index, panel) in panels.chunks_exact(DIM * PANEL).enumerate() {
                kernel::product(rows, panel, &mut products);
                let width = PANEL.min(count - index * PANEL);
                for (best, row) in best.iter_mut().zip(products.chunks_exact(PANEL)) {
                    let high = row[..width]
                        .iter()
                        .copied()
                        .fold(f32::NEG_INFINITY, f32::max);
                    if high > best.1 {
                        let lane = row.iter().position(|value| *value == high).unwrap_or(0);
                        *best = (index * PANEL + lane, high);
                    }
                }
            }
        });
    nearest
}

#[cfg(test)]
mod tests {
    use super::super::test_picture::{mirrored, noise};
    use super::*;

    /// Sums over 25 patches of products of 108 values in f32.
    const F32_SUM_TOL: f32 = 1e-4;

    fn centres(mirrored: bool) -> Centres {
        let fit = PatchFit {
            num_centres: 20,
            num_patches: 2000,
            rounds: 5,
            mirrored,
        };
        let picture = |place: usize| Some(Arc::new(noise(16, place as u64)));
        Centres::fit((40, &picture), fit, Seed(1)).expect("noise has contrast")
    }

    #[test]
    fn a_mirrored_picture_has_the_same_features_in_mirrored_order() {
        let centres = centres(true);
        let mirror = centres.mirror().expect("fitted mirrored");
        let picture = noise(16, 99);
        let (mut plain, mut turned) = (vec![0.0; centres.width()], vec![0.0; centres.width()]);
        centres.describe(&picture, &mut Vec::new(), &mut plain);
        centres.describe(&mirrored(&picture), &mut Vec::new(), &mut turned);
        assert!(plain.iter().any(|value| *value > 0.0));
        for (place, value) in plain.iter().enumerate() {
            assert!((value - turned[mirror[place]]).abs() < F32_SUM_TOL);
        }
        for (place, image) in mirror.iter().enumerate() {
            assert_eq!(mirror[*image], place);
        }
    }

    #[test]
    fn a_flat_picture_answers_nothing_and_teaches_nothing() {
        let grey = Picture {
            height: 16,
            width: 16,
            rgb: vec![128; 16 * 16 * 3],
        };
        let fit = PatchFit {
            num_centres: 4,
            num_patches: 100,
            rounds: 1,
            mirrored: false,
        };
        let picture = |_| Some(Arc::new(grey.clone()));
        assert_eq!(Centres::fit((1, &picture), fit, Seed(1)), None);
        let centres = centres(false);
        let mut features = vec![f32::NAN; centres.width()];
        centres.describe(&grey, &mut Vec::new(), &mut features);
        assert!(
            features.iter().all(|value| value.is_finite()),
            "{features:?}"
        );
    }

    #[test]
    fn parts_build_the_same_centres_and_wrong_parts_none() {
        let centres = centres(true);
        let (columns, bias) = centres.parts();
        assert_eq!(Centres::from_parts(&columns, &bias, true), Some(centres));
        assert_eq!(Centres::from_parts(&columns[1..], &bias, true), None);
    }
}
