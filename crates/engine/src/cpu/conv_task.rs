//! How a convolution is cut into tasks, and the unfolded matrix of each.
//!
//! How many pictures make a task follows from the shape alone: small pictures go together, so that the products are
//! long enough to run fast; of large ones some lines at a time, so that the unfolded matrix stays in the cache.

use std::ops::Range;

use super::product::View;
use super::simd;
use super::unfold::{Phases, Stretch};
use crate::buffer::Buffer;
use crate::op::ConvShape;

/// Most pieces of the sum of weight gradients over the tasks of a batch.
pub(super) const MOST_PIECES: usize = 8;
/// Values of an unfolded matrix: about the second-level cache.
const MATRIX_LEN: usize = 256 * 1024;
/// Pixels that are enough for a fast product.
pub(super) const PIXELS: usize = 512;

/// How a convolution is cut into tasks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// Pictures of a task.
    pub(super) pictures: usize,
    /// Lines of the output that are unfolded at a time.
    pub(super) lines: usize,
}

impl Plan {
    pub(super) fn new(shape: &ConvShape) -> Self {
        let pixels = (MATRIX_LEN / shape.rows().max(1)).clamp(64, PIXELS);
        let plane = shape.out_plane().max(1);
        let most = shape.batch.div_ceil(MOST_PIECES).max(1);
        let pictures = (pixels / plane).clamp(1, most);
        let is_whole = plane <= 2 * pixels || (shape.is_pointwise() && pictures == 1);
        let lines = if is_whole {
            shape.out_height
        } else {
            (pixels / shape.out_width).clamp(1, shape.out_height)
        };
        Self { pictures, lines }
    }

    pub(super) fn num_tasks(self, shape: &ConvShape) -> usize {
        shape.batch.div_ceil(self.pictures)
    }

    pub(super) fn pictures(self, shape: &ConvShape, task: usize) -> Range<usize> {
        task * self.pictures..shape.batch.min((task + 1) * self.pictures)
    }
}

/// Some pictures of one group of channels, and the memory to unfold them.
pub(super) struct Task<'a> {
    pub(super) shape: &'a ConvShape,
    pub(super) plan: Plan,
    pub(super) phases: Phases,
    pub(super) pictures: Range<usize>,
    /// `[pictures, channels, phases]`, empty if the stride is 1.
    pub(super) split: Buffer,
    /// `[rows, pictures * lines * OW]`
    pub(super) matrix: Buffer,
}

impl<'a> Task<'a> {
    pub(super) fn new(shape: &'a ConvShape, plan: Plan, task: usize) -> Self {
        let phases = Phases::new(shape);
        let pictures = plan.pictures(shape, task);
        let channels = shape.in_channels / shape.groups;
        let split_len = if phases.is_trivial() {
            0
        } else {
            channels * phases.channel_len() * pictures.len()
        };
        let pixels = pictures.len() * plan.lines * shape.out_width;
        let is_direct = shape.is_pointwise() && pictures.len() == 1;
        let matrix_len = if is_direct { 0 } else { shape.rows() * pixels };
        Self {
            shape,
            plan,
            phases,
            pictures,
            split: Buffer::scratch(split_len),
            matrix: Buffer::scratch(matrix_len),
        }
    }

    /// Whether the picture itself is the matrix.
    pub(super) fn is_direct(&self) -> bool {
        self.shape.is_pointwise() && self.pictures.len() == 1
    }

    pub(super) fn chunks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (height, lines) = (self.shape.out_height, self.plan.lines);
        (0..height)
            .step_by(lines)
            .map(move |first| first..height.min(first + lines))
    }

    /// One group of one picture of `x`.
    fn group<'x>(&self, x: &'x [f32], picture: usize, group: usize) -> &'x [f32] {
        let at = picture * self.shape.in_picture() + group * self.shape.in_group();
        &x[at..][..self.shape.in_group()]
    }

    /// Length of the phases of one picture.
    pub(super) fn split_len(&self) -> usize {
        self.split.len() / self.pictures.len()
    }

    pub(super) fn split_phases(&mut self, x: &[f32], group: usize) {
        if self.phases.is_trivial() {
            return;
        }
        let len = self.split_len();
        for (index, picture) in self.pictures.clone().enumerate() {
            let at = picture * self.shape.in_picture() + group * self.shape.in_group();
            let x = &x[at..][..self.shape.in_group()];
            let (phases, shape) = (self.phases, self.shape);
            let split = &mut self.split[index * len..][..len];
            simd::run(
                #[inline(always)]
                || phases.split(shape, x, split),
            );
        }
    }

    pub(super) fn stretch(&self, index: usize, lines: &Range<usize>) -> Stretch<'a> {
        let len = lines.len() * self.shape.out_width;
        Stretch {
            shape: self.shape,
            phases: self.phases,
            lines: lines.clone(),
            row_stride: len * self.pictures.len(),
            at: len * index,
        }
    }

    /// Unfolds some lines of all pictures into the matrix.
    pub(super) fn unfold(&mut self, x: &[f32], group: usize, lines: &Range<usize>) {
        if self.is_direct() {
            return;
        }
        for (index, picture) in self.pictures.clone().enumerate() {
            let stretch = self.stretch(index, lines);
            let len = self.split_len();
            let input = if self.phases.is_trivial() {
                let at = picture * self.shape.in_picture() + group * self.shape.in_group();
                &x[at..][..self.shape.in_group()]
            } else {
                &self.split[index * len..][..len]
            };
            let matrix = &mut self.matrix;
            simd::run(
                #[inline(always)]
                || stretch.unfold(input, matrix),
            );
        }
    }

    /// The unfolded matrix `[rows, pixels]`.
    pub(super) fn matrix<'m>(
        &'m self,
        x: &'m [f32],
        group: usize,
        lines: &Range<usize>,
    ) -> View<'m> {
        if self.is_direct() {
            return View::rows(
                self.group(x, self.pictures.start, group),
                self.shape.out_plane(),
            );
        }
        View::rows(&self.matrix, self.pixels(lines))
    }

    pub(super) fn pixels(&self, lines: &Range<usize>) -> usize {
        self.pictures.len() * lines.len() * self.shape.out_width
    }
}
