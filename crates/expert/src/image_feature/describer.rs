//! The three blocks of picture features side by side, scaled so that each block weighs the same.
//!
//! Where pictures may be mirrored, features are turned into sums and differences of each feature with its mirror
//! image. Sums stay and differences change sign when the picture is mirrored, so a linear model sees both views of
//! every picture for the price of one ([`Dense`] explains); the turn keeps lengths, so the penalty means the same.

use std::sync::Arc;

use rayon::prelude::*;
use schema::{Picture, Seed};

use super::{colours, gradients, patches};
use crate::softmax_regression::Dense;

/// What is looked at, and how closely.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct View {
    /// Side in pixels at which patches and colours are read.
    pub(super) size_px: usize,
    /// Side in pixels at which outlines are read.
    pub(super) outline_px: usize,
    /// Whether a mirrored picture means the same.
    pub(super) mirrored: bool,
}

/// A picture at both sizes.
#[derive(Debug, Clone)]
pub(super) struct Sizes {
    /// At `size_px`.
    pub(super) small: Arc<Picture>,
    /// At `outline_px`.
    pub(super) outline: Arc<Picture>,
}

/// Pictures that are looked at one at a time, so that they need not be in memory together.
pub(super) trait Pictures: Sync {
    /// Number of pictures.
    fn len(&self) -> usize;

    /// One at both sizes; `None` if it cannot be read any more.
    fn sizes(&self, place: usize) -> Option<Sizes>;

    /// One at the smaller size.
    fn small(&self, place: usize) -> Option<Arc<Picture>> {
        self.sizes(place).map(|sizes| sizes.small)
    }
}

/// Picture to features, as fitted on training pictures.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Describer {
    view: View,
    /// `None` if the training pictures had no contrast to learn from.
    centres: Option<patches::Centres>,
    /// `[D]`, of the raw features.
    mean: Vec<f32>,
    /// `[D]`: what centred raw features are multiplied by.
    factor: Vec<f32>,
    mirror: Mirror,
}

/// Folded centres and their bias.
pub(super) type CentreParts = (Vec<f32>, Vec<f32>);

/// Which raw features are mirror images of each other.
#[derive(Debug, Clone, PartialEq)]
struct Mirror {
    /// Features that are their own image, or all of them if nothing is mirrored.
    alone: Vec<usize>,
    /// Pairs of features that are each other's image.
    pairs: Vec<(usize, usize)>,
}

impl Describer {
    /// Fits centres and scales on training pictures and gives their features as well.
    pub(super) fn fit(
        pictures: &impl Pictures,
        view: View,
        fit: patches::PatchFit,
        seed: Seed,
    ) -> (Self, Dense) {
        let small = |place: usize| pictures.small(place);
        let centres = patches::Centres::fit((pictures.len(), &small), fit, seed);
        let mut describer = Self::unscaled(view, centres);
        let width = describer.mirror.width();
        let mut dense = describer.empty(pictures.len());
        dense
            .par_rows_mut()
            .enumerate()
            .for_each_init(Vec::new, |scratch, (place, out)| {
                if let Some(sizes) = pictures.sizes(place) {
                    describer.raw_row(&sizes, scratch, out);
                }
            });
        describer.fit_scales(&dense);
        dense.par_rows_mut().for_each_init(
            || vec![0.0; width],
            |raw, out| {
                raw.copy_from_slice(out);
                describer.scale_and_turn(raw, out);
            },
        );
        (describer, dense)
    }

    /// The parts that [`Self::from_parts`] builds from: centres with their bias, mean, factor.
    pub(super) fn parts(&self) -> (Option<CentreParts>, &[f32], &[f32]) {
        (
            self.centres.as_ref().map(patches::Centres::parts),
            &self.mean,
            &self.factor,
        )
    }

    /// The inverse of [`Self::parts`]; `None` if lengths do not fit.
    pub(super) fn from_parts(
        view: View,
        centres: Option<(&[f32], &[f32])>,
        mean: &[f32],
        factor: &[f32],
    ) -> Option<Self> {
        let centres = match centres {
            Some((columns, bias)) => {
                Some(patches::Centres::from_parts(columns, bias, view.mirrored)?)
            }
            None => None,
        };
        let mut describer = Self::unscaled(view, centres);
        let width = describer.mirror.width();
        if mean.len() != width || factor.len() != width {
            return None;
        }
        describer.mean = mean.to_vec();
        describer.factor = factor.to_vec();
        Some(describer)
    }

    fn unscaled(view: View, centres: Option<patches::Centres>) -> Self {
        let patch_width = centres.as_ref().map_or(0, patches::Centres::width);
        let widths = [
            patch_width,
            gradients::width(view.outline_px),
            colours::WIDTH,
        ];
        let mirrors = [
            centres
                .as_ref()
                .and_then(patches::Centres::mirror)
                .unwrap_or_default(),
            gradients::mirror(view.outline_px),
            colours::mirror(),
        ];
        Self {
            view,
            centres,
            mean: Vec::new(),
            factor: Vec::new(),
            mirror: Mirror::new(widths, mirrors, view.mirrored),
        }
    }

    /// Number of features, `D`.
    pub(super) fn width(&self) -> usize {
        self.mirror.width()
    }

    /// Features of `num_records` pictures, all zeros.
    pub(super) fn empty(&self, num_records: usize) -> Dense {
        let num_odd = self.mirror.pairs.len();
        Dense::zeros(num_records, self.mirror.width() - num_odd, num_odd)
    }

    /// Features of pictures, in their order.
    pub(super) fn describe(&self, pictures: &impl Pictures) -> Dense {
        let mut dense = self.empty(pictures.len());
        let width = self.mirror.width();
        dense.par_rows_mut().enumerate().for_each_init(
            || (vec![0.0; width], Vec::new()),
            |(raw, scratch), (place, out)| {
                if let Some(sizes) = pictures.sizes(place) {
                    self.raw_row(&sizes, scratch, raw);
                    self.scale_and_turn(raw, out);
                }
            },
        );
        dense
    }

    fn raw_row(&self, sizes: &Sizes, scratch: &mut Vec<f32>, out: &mut [f32]) {
        let patch_width = self.centres.as_ref().map_or(0, patches::Centres::width);
        let (patch, rest) = out.split_at_mut(patch_width);
        let (outline, colour) = rest.split_at_mut(gradients::width(self.view.outline_px));
        if let Some(centres) = &self.centres {
            centres.describe(&sizes.small, scratch, patch);
        }
        gradients::describe(&sizes.outline, outline);
        colours::describe(&sizes.small, colour);
    }

    /// Standardises each feature and divides each block by the root of its width; mirror images share their scale.
    fn fit_scales(&mut self, raw: &Dense) {
        let (mut mean, mut square) = moments(raw);
        for (i, j) in &self.mirror.pairs {
            for values in [&mut mean, &mut square] {
                let middle = 0.5 * (values[*i] + values[*j]);
                (values[*i], values[*j]) = (middle, middle);
            }
        }
        let deviation: Vec<f64> = mean
            .iter()
            .zip(&square)
            .map(|(mean, square)| (square - mean * mean).max(0.0).sqrt())
            .collect();
        let patch_width = self.centres.as_ref().map_or(0, patches::Centres::width);
        let outline_width = gradients::width(self.view.outline_px);
        let mut start = 0;
        for block in [patch_width, outline_width, colours::WIDTH] {
            let deviations = &deviation[start..start + block];
            // Features that hardly vary are not blown up beyond a hundredth of the usual deviation.
            let floor = 1e-2 * deviations.iter().sum::<f64>() / block.max(1) as f64 + 1e-8;
            let root = (block as f64).sqrt();
            self.factor.extend(
                deviations
                    .iter()
                    .map(|d| (1.0 / ((d + floor) * root)) as f32),
            );
            start += block;
        }
        self.mean = mean.into_iter().map(|value| value as f32).collect();
    }

    /// Standardises raw features in place and writes sums and differences: even ones, then odd ones.
    fn scale_and_turn(&self, raw: &mut [f32], out: &mut [f32]) {
        for ((value, mean), factor) in raw.iter_mut().zip(&self.mean).zip(&self.factor) {
            *value = (*value - mean) * factor;
        }
        let Mirror { alone, pairs } = &self.mirror;
        let (even, odd) = out.split_at_mut(alone.len() + pairs.len());
        let (even_alone, even_pairs) = even.split_at_mut(alone.len());
        for (out, place) in even_alone.iter_mut().zip(alone) {
            *out = raw[*place];
        }
        for (((even, odd), i), j) in even_pairs
            .iter_mut()
            .zip(odd)
            .zip(pairs.iter().map(|pair| pair.0))
            .zip(pairs.iter().map(|pair| pair.1))
        {
            *even = (raw[i] + raw[j]) * std::f32::consts::FRAC_1_SQRT_2;
            *odd = (raw[i] - raw[j]) * std::f32::consts::FRAC_1_SQRT_2;
        }
    }
}

impl Mirror {
    fn new(widths: [usize; 3], mirrors: [Vec<usize>; 3], mirrored: bool) -> Self {
        let mut mirror = Self {
            alone: Vec::new(),
            pairs: Vec::new(),
        };
        let mut start = 0;
        for (width, images) in widths.into_iter().zip(mirrors) {
            for place in 0..width {
                match images.get(place) {
                    Some(image) if mirrored && *image > place => {
                        mirror.pairs.push((start + place, start + image));
                    }
                    Some(image) if mirrored && *image < place => {}
                    _ => mirror.alone.push(start + place),
                }
            }
            start += width;
        }
        mirror
    }

    fn width(&self) -> usize {
        self.alone.len() + 2 * self.pairs.len()
    }
}

/// Mean and mean square of each feature.
fn moments(features: &Dense) -> (Vec<f64>, Vec<f64>) {
    let count = features.num_records().max(1) as f64;
    let (mut mean, mut square) = (vec![0.0_f64; features.width()], vec![0.0; features.width()]);
    for record in 0..features.num_records() {
        for ((mean, square), value) in mean.iter_mut().zip(&mut square).zip(features.row(record)) {
            let value = f64::from(*value);
            *mean += value / count;
            *square += value * value / count;
        }
    }
    (mean, square)
}

#[cfg(test)]
mod tests {
    use super::super::test_picture::{mirrored, noise};
    use super::*;

    const VIEW: View = View {
        size_px: 16,
        outline_px: 32,
        mirrored: true,
    };

    impl Pictures for Vec<Sizes> {
        fn len(&self) -> usize {
            Vec::len(self)
        }

        fn sizes(&self, place: usize) -> Option<Sizes> {
            self.get(place).cloned()
        }
    }

    fn sizes(seed: u64) -> Sizes {
        Sizes {
            small: Arc::new(noise(16, seed)),
            outline: Arc::new(noise(32, seed)),
        }
    }

    fn fitted() -> (Describer, Dense) {
        let pictures: Vec<Sizes> = (0..30).map(sizes).collect();
        let fit = patches::PatchFit {
            num_centres: 8,
            num_patches: 600,
            rounds: 2,
            mirrored: true,
        };
        Describer::fit(&pictures, VIEW, fit, Seed(1))
    }

    #[test]
    fn fitting_and_describing_say_the_same_and_parts_build_the_same() {
        let (describer, features) = fitted();
        let pictures: Vec<Sizes> = (0..30).map(sizes).collect();
        assert_eq!(describer.describe(&pictures), features);
        let (centres, mean, factor) = describer.parts();
        let centres = centres.as_ref().map(|(c, b)| (c.as_slice(), b.as_slice()));
        assert_eq!(
            Describer::from_parts(VIEW, centres, mean, factor),
            Some(describer.clone())
        );
        assert_eq!(Describer::from_parts(VIEW, None, mean, factor), None);
    }

    #[test]
    fn only_odd_features_change_sign_in_the_mirror() {
        let (describer, _) = fitted();
        let plain = sizes(77);
        let turned = Sizes {
            small: Arc::new(mirrored(&plain.small)),
            outline: Arc::new(mirrored(&plain.outline)),
        };
        let both = describer.describe(&vec![plain, turned]);
        let num_even = describer.width() - describer.mirror.pairs.len();
        for (place, (a, b)) in both.row(0).iter().zip(both.row(1)).enumerate() {
            let expected = if place < num_even { *a } else { -*a };
            // Angles near the edge of two directions round either way; features are scaled to about 0.1.
            assert!((expected - b).abs() < 1e-3, "{place}: {a} {b}");
        }
    }
}
