//! Any convolution: a few pictures at a time are unfolded and multiplied, such tasks in parallel.
#![allow(unsafe_code, reason = "pictures write disjoint places of one buffer")]

use std::ops::Range;

use rayon::prelude::*;

use super::conv::finish;
use super::conv_single;
use super::conv_task::{MOST_PIECES, PIXELS, Plan, Task};
use super::parallel::{Shared, for_each, map};
use super::product::{Bias, Output, Target, View, ended, matmul, strided};
use super::{activation, pool, simd};
use crate::buffer::Buffer;
use crate::kernels::{ConvEnd, ConvGradient, OutGradient, Product};
use crate::op::{Activation, ConvShape, PoolShape};
use crate::precision::Precision;

/// `y = conv(x, weight)` with its end.
pub(crate) fn forward(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    end: ConvEnd<'_>,
    y: &mut [f32],
) {
    if conv_single::fits(shape) {
        return conv_single::forward(shape, x, weight, end, y);
    }
    let plan = Plan::new(shape);
    let picture_len = shape.out_channels * shape.out_plane();
    let y = Shared::new(y);
    let cost = picture_len * shape.rows() * plan.pictures;
    // An offset alone is what the sums start from.
    let start = end.offset.filter(|_| end.scale.is_none());
    // Of a picture alone the product itself can end with the activation.
    let ends = plan.pictures == 1 && ends_early(end);
    let activation = if ends {
        end.activation
    } else {
        Activation::None
    };
    for_each(plan.num_tasks(shape), cost, |task| {
        let mut task = Task::new(shape, plan, task);
        let at = task.pictures.start * picture_len;
        // SAFETY: each task has its own pictures of `y`, which is borrowed until all are done.
        let y = unsafe { y.range(at, task.pictures.len() * picture_len) };
        if let Some(start) = start.filter(|_| task.pictures.len() > 1) {
            let planes = y.chunks_exact_mut(shape.out_plane().max(1));
            planes
                .zip(start.iter().cycle())
                .for_each(|(y, start)| y.fill(*start));
        }
        forward_task(&mut task, (x, weight), (start, activation), y);
        if let Some(scale) = end.scale {
            scale_planes(shape, scale, end.offset, y);
        }
        if !ends {
            finish(end, at, y);
        }
    });
}

/// Whether nothing stands between the sums, with their offset, and the activation.
pub(super) fn ends_early(end: ConvEnd<'_>) -> bool {
    end.scale.is_none() && end.residual.is_none()
}

/// `y = y * scale + offset` by channel.
fn scale_planes(shape: &ConvShape, scale: &[f32], offset: Option<&[f32]>, y: &mut [f32]) {
    let planes = y.chunks_exact_mut(shape.out_plane().max(1));
    for (at, y) in planes.enumerate() {
        let channel = at % shape.out_channels;
        let offset = offset.map_or(0.0, |offset| offset[channel]);
        scale_plane(y, scale[channel], offset);
    }
}

/// `y = y * scale + offset`
pub(super) fn scale_plane(y: &mut [f32], scale: f32, offset: f32) {
    simd::run(
        #[inline(always)]
        || y.iter_mut().for_each(|y| *y = *y * scale + offset),
    );
}

/// `y = y + offset`
fn add_to_plane(y: &mut [f32], offset: f32) {
    simd::run(
        #[inline(always)]
        || y.iter_mut().for_each(|y| *y += offset),
    );
}

/// All lines and groups of the pictures of a task; `y` begins with the first of them.
fn forward_task(
    task: &mut Task<'_>,
    (x, weight): (&[f32], &[f32]),
    end: (Option<&[f32]>, Activation),
    y: &mut [f32],
) {
    let shape = task.shape;
    for group in 0..shape.groups {
        let weight = &weight[group * shape.weight_group()..][..shape.weight_group()];
        task.split_phases(x, group);
        for lines in task.chunks() {
            task.unfold(x, group, &lines);
            forward_lines(task, (x, weight), (group, lines), end, y);
        }
    }
}

fn forward_lines(
    task: &Task<'_>,
    (x, weight): (&[f32], &[f32]),
    (group, lines): (usize, Range<usize>),
    (start, activation): (Option<&[f32]>, Activation),
    y: &mut [f32],
) {
    let shape = task.shape;
    let channels = shape.out_channels / shape.groups;
    let pixels = task.pixels(&lines);
    let matrix = task.matrix(x, group, &lines);
    let weight = View::rows(weight, shape.rows());
    let dims = (channels, pixels, shape.rows());
    let at = group * shape.out_group() + lines.start * shape.out_width;
    if task.pictures.len() == 1 {
        let y = &mut y[at..];
        assert!(
            y.len() >= (channels - 1) * shape.out_plane() + pixels,
            "lines of a picture"
        );
        let target = Target {
            start: y.as_mut_ptr(),
            row_stride: shape.out_plane(),
            accumulate: false,
        };
        let output = Output {
            bias: start.map_or(Bias::None, |start| Bias::Rows(&start[group * channels..])),
            activation,
            ..Output::plain(target)
        };
        // SAFETY: `y` is borrowed exclusively and holds all rows by the assertion.
        unsafe { ended(dims, output, weight, matrix) };
        return;
    }
    let mut product = Buffer::scratch(channels * pixels);
    let target = Target {
        start: product.as_mut_ptr(),
        row_stride: pixels,
        accumulate: false,
    };
    // SAFETY: `product` is our own and holds all rows.
    unsafe { strided(dims, target, weight, matrix) };
    let len = pixels / task.pictures.len();
    let picture_len = shape.out_channels * shape.out_plane();
    for (channel, product) in product.chunks_exact(pixels).enumerate() {
        for (picture, product) in product.chunks_exact(len).enumerate() {
            let at = picture * picture_len + at + channel * shape.out_plane();
            let y = &mut y[at..][..len];
            if start.is_some() {
                y.iter_mut()
                    .zip(product)
                    .for_each(|(y, product)| *y += product);
            } else {
                y.copy_from_slice(product);
            }
        }
    }
}

/// [`forward`] and then the largest value of every window, picture by picture: the output of the convolution stays in the
/// cache. An offset, and an activation that never falls, come after the largest values, which are fewer: the results are
/// the same.
pub(crate) fn forward_pooled(
    (shape, pool): (&ConvShape, &PoolShape),
    x: &[f32],
    weight: &[f32],
    end: ConvEnd<'_>,
    (y, places): (&mut [f32], Option<&mut [u32]>),
) {
    let plan = Plan {
        pictures: 1,
        ..Plan::new(shape)
    };
    let picture = |at: usize, y: &mut [f32], places: Option<&mut [u32]>| {
        let mut whole = Buffer::scratch(shape.out_channels * shape.out_plane());
        let mut task = Task::new(shape, plan, at);
        forward_task(&mut task, (x, weight), (None, Activation::None), &mut whole);
        match places {
            Some(places) => {
                let planes = whole.chunks_exact(pool.plane());
                let out = y.chunks_exact_mut(pool.out_plane());
                let out = out.zip(places.chunks_exact_mut(pool.out_plane()));
                planes
                    .zip(out)
                    .for_each(|(x, (y, places))| pool::largest(pool, x, y, places));
            }
            None => pool::largest_of_planes(pool, &whole, y),
        }
        if let Some(offset) = end.offset {
            for (y, &offset) in y.chunks_exact_mut(pool.out_plane().max(1)).zip(offset) {
                add_to_plane(y, offset);
            }
        }
        activation::forward_in_place(end.activation, y);
    };
    let len = (shape.out_channels * pool.out_plane()).max(1);
    let pictures = y.par_chunks_mut(len).enumerate();
    match places {
        Some(places) => pictures
            .zip(places.par_chunks_mut(len))
            .for_each(|((at, y), places)| picture(at, y, Some(places))),
        None => pictures.for_each(|(at, y)| picture(at, y, None)),
    }
}

/// Writes the gradient of the input, and writes or adds to that of the weight.
pub(crate) fn backward(
    gradient: &ConvGradient<'_>,
    dx: Option<&mut [f32]>,
    dw: Option<(&mut [f32], bool)>,
) {
    gradient.run(dx, dw);
}

impl ConvGradient<'_> {
    /// Writes the gradient of the input, and adds up that of the weight over pieces of the batch in a fixed order.
    fn run(&self, dx: Option<&mut [f32]>, mut dw: Option<(&mut [f32], bool)>) {
        if self.weight.len() >= MANY_WEIGHTS
            && self.shape.groups == 1
            && let Some((dw, accumulate)) = dw.take()
        {
            self.weights_together(dw, accumulate);
        }
        if dx.is_some() || dw.is_some() {
            self.by_pieces(dx, dw);
        }
    }

    /// The gradient of many weights: one product over as many pictures as make it deep, shared by the threads. A sum
    /// for each piece of the batch would cost more than the products.
    fn weights_together(&self, dw: &mut [f32], accumulate: bool) {
        let shape = self.shape;
        let plan = Plan {
            pictures: (PIXELS / shape.out_plane().max(1)).clamp(1, shape.batch.max(1)),
            lines: shape.out_height,
        };
        let lines = 0..shape.out_height;
        let mut sum = Buffer::scratch(self.weight.len());
        for at in 0..plan.num_tasks(shape) {
            let mut task = Task::new(shape, plan, at);
            let gathered = self.gather(&task, 0);
            task.split_phases(self.x, 0);
            task.unfold(self.x, 0, &lines);
            let dy = self.dy_view(&task, &gathered, 0, &lines);
            let product = Product {
                m: shape.rows(),
                n: shape.out_channels,
                k: task.pixels(&lines),
                transpose_a: false,
                transpose_b: true,
                accumulate: at > 0,
                precision: Precision::F32,
            };
            matmul(
                &mut sum,
                task.matrix(self.x, 0, &lines).values,
                dy.values,
                product,
            );
        }
        add_pieces(shape, &[sum], dw, accumulate);
    }

    fn by_pieces(&self, dx: Option<&mut [f32]>, dw: Option<(&mut [f32], bool)>) {
        let shape = self.shape;
        let plan = Plan::new(shape);
        let dx = dx.map(Shared::new);
        let wants_weight = dw.is_some();
        let tasks = plan.num_tasks(shape);
        let piece = tasks.div_ceil(MOST_PIECES).max(1);
        let cost = shape.out_channels * shape.out_plane() * shape.rows() * plan.pictures * piece;
        let sums = map(tasks.div_ceil(piece), cost, |at| {
            let mut sum = Buffer::scratch(if wants_weight { self.weight.len() } else { 0 });
            let first = at * piece;
            for task in first..tasks.min(first + piece) {
                let mut task = Task::new(shape, plan, task);
                let is_later = task.pictures.start > first * plan.pictures;
                let dw = wants_weight.then_some((&mut *sum, is_later));
                self.task(&mut task, dx, dw);
            }
            sum
        });
        let Some((dw, accumulate)) = dw else { return };
        add_pieces(shape, &sums, dw, accumulate);
    }

    fn task(&self, task: &mut Task<'_>, dx: Option<Shared>, mut dw: Option<(&mut [f32], bool)>) {
        let shape = self.shape;
        for group in 0..shape.groups {
            let weights = group * shape.weight_group()..(group + 1) * shape.weight_group();
            let gathered = self.gather(task, group);
            if let Some((dw, accumulate)) = &mut dw {
                task.split_phases(self.x, group);
                for lines in task.chunks() {
                    task.unfold(self.x, group, &lines);
                    let accumulate = *accumulate || lines.start > 0;
                    let dw = &mut dw[weights.clone()];
                    let dy = self.dy_view(task, &gathered, group, &lines).transposed();
                    let matrix = task.matrix(self.x, group, &lines);
                    let channels = shape.out_channels / shape.groups;
                    // `[rows, channels]`, the other way round than the weights: so the long matrix is read along
                    // its rows and only the short one is turned.
                    let target = Target {
                        start: dw.as_mut_ptr(),
                        row_stride: channels,
                        accumulate,
                    };
                    let dims = (shape.rows(), channels, task.pixels(&lines));
                    // SAFETY: `dw` is borrowed exclusively and holds the weights of one group.
                    unsafe { strided(dims, target, matrix, dy) };
                }
            }
            if let Some(dx) = dx {
                self.input_group(task, &self.weight[weights], &gathered, (group, dx));
            }
        }
    }

    /// One group of `dy` as one matrix `[channels, pictures * OH * OW]`; empty if it lies there as one already.
    fn gather(&self, task: &Task<'_>, group: usize) -> Buffer {
        let shape = self.shape;
        let (count, plane) = (task.pictures.len(), shape.out_plane());
        if count == 1 && matches!(self.dy, OutGradient::Whole(_)) {
            return Buffer::scratch(0);
        }
        let channels = shape.out_channels / shape.groups;
        let mut gathered = Buffer::scratch(count * shape.out_group());
        for (index, picture) in task.pictures.clone().enumerate() {
            for channel in 0..channels {
                let to = &mut gathered[(channel * count + index) * plane..][..plane];
                let at = picture * shape.out_channels + group * channels + channel;
                match self.dy {
                    OutGradient::Whole(dy) => to.copy_from_slice(&dy[at * plane..][..plane]),
                    OutGradient::Pooled { dy, places, len } => {
                        let window = at * len..(at + 1) * len;
                        pool::spread_largest(&dy[window.clone()], &places[window], to);
                    }
                }
            }
        }
        gathered
    }

    fn dy_view<'v>(
        &'v self,
        task: &Task<'_>,
        gathered: &'v [f32],
        group: usize,
        lines: &Range<usize>,
    ) -> View<'v> {
        let shape = self.shape;
        if task.pictures.len() > 1 {
            // Several pictures are always taken whole.
            return View::rows(gathered, task.pixels(lines));
        }
        let line = lines.start * shape.out_width;
        let (values, at) = match self.dy {
            OutGradient::Whole(dy) => {
                let picture = task.pictures.start * shape.out_channels * shape.out_plane();
                (dy, picture + group * shape.out_group() + line)
            }
            OutGradient::Pooled { .. } => (gathered, line),
        };
        View::rows(&values[at..], shape.out_plane())
    }

    /// Gradient of one group of the input of the pictures of a task.
    fn input_group(
        &self,
        task: &mut Task<'_>,
        weight: &[f32],
        gathered: &[f32],
        (group, dx): (usize, Shared),
    ) {
        let shape = self.shape;
        let dx_of = |picture: usize| {
            let at = picture * shape.in_picture() + group * shape.in_group();
            // SAFETY: each task has its own pictures of `dx`, which is borrowed until all are done, and holds one
            // such slice at a time.
            unsafe { dx.range(at, shape.in_group()) }
        };
        // Lines overlap in their inputs, so if they come in several chunks the sum must start from zeros.
        let in_chunks = task.plan.lines < shape.out_height;
        let is_direct = task.is_direct();
        let is_trivial = task.phases.is_trivial();
        if in_chunks && !is_direct {
            task.split.fill(0.0);
            if is_trivial {
                task.pictures
                    .clone()
                    .for_each(|picture| dx_of(picture).fill(0.0));
            }
        }
        for lines in task.chunks() {
            if is_direct {
                let dx = dx_of(task.pictures.start);
                self.input_matrix(task, weight, (gathered, group, &lines), dx);
                continue;
            }
            let mut matrix = std::mem::replace(&mut task.matrix, Buffer::scratch(0));
            self.input_matrix(task, weight, (gathered, group, &lines), &mut matrix);
            for (index, picture) in task.pictures.clone().enumerate() {
                let stretch = task.stretch(index, &lines);
                let len = task.split_len();
                let input = match is_trivial {
                    true => dx_of(picture),
                    false => &mut task.split[index * len..][..len],
                };
                simd::run(
                    #[inline(always)]
                    || stretch.fold(&mut matrix, input, in_chunks),
                );
            }
            task.matrix = matrix;
        }
        if !is_trivial {
            let len = task.split_len();
            for (split, picture) in task.split.chunks_exact(len).zip(task.pictures.clone()) {
                let dx = dx_of(picture);
                simd::run(
                    #[inline(always)]
                    || task.phases.merge(shape, split, dx),
                );
            }
        }
    }

    /// The gradient of the unfolded matrix, `[rows, pixels]`: `weight^T dy`.
    fn input_matrix(
        &self,
        task: &Task<'_>,
        weight: &[f32],
        (gathered, group, lines): (&[f32], usize, &Range<usize>),
        matrix: &mut [f32],
    ) {
        let shape = self.shape;
        let dy = self.dy_view(task, gathered, group, lines);
        let weight = View::rows(weight, shape.rows()).transposed();
        let pixels = task.pixels(lines);
        assert!(matrix.len() >= shape.rows() * pixels, "unfolded matrix");
        let target = Target {
            start: matrix.as_mut_ptr(),
            row_stride: pixels,
            accumulate: false,
        };
        let dims = (shape.rows(), pixels, shape.out_channels / shape.groups);
        // SAFETY: `matrix` is borrowed exclusively and holds all rows by the assertion.
        unsafe { strided(dims, target, weight, dy) };
    }
}

/// Weights for which one product over the batch is faster than a sum for each piece of it.
const MANY_WEIGHTS: usize = 512 * 1024;

/// Rows of the pieces that are summed and turned at a time: one cache line of `dw`.
const TURNED: usize = 16;

/// `dw (+)=` the sum of the pieces in their order; they are `[rows, channels]` and `dw` is `[channels, rows]`.
fn add_pieces(shape: &ConvShape, pieces: &[Buffer], dw: &mut [f32], accumulate: bool) {
    let (rows, channels) = (shape.rows(), shape.out_channels / shape.groups);
    let per_group = rows.div_ceil(TURNED);
    let dw = Shared::new(dw);
    for_each(
        shape.groups * per_group,
        TURNED * channels * pieces.len(),
        |block| {
            let (group, first) = (block / per_group, block % per_group * TURNED);
            let count = TURNED.min(rows - first);
            let start = group * shape.weight_group();
            let mut sum = vec![0.0_f32; count * channels];
            simd::run(
                #[inline(always)]
                || {
                    for piece in pieces {
                        let piece = &piece[start + first * channels..][..count * channels];
                        for (sum, piece) in sum.iter_mut().zip(piece) {
                            *sum += piece;
                        }
                    }
                },
            );
            for channel in 0..channels {
                // SAFETY: each block has its own columns of `dw`, which is borrowed until all are done.
                let dw = unsafe { dw.range(start + channel * rows + first, count) };
                let column = sum[channel..].iter().step_by(channels);
                for (dw, sum) in dw.iter_mut().zip(column) {
                    *dw = if accumulate { *dw + sum } else { *sum };
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::random_tensor;
    use crate::op::Conv2d;

    #[test]
    fn many_weights_get_the_gradient_that_pieces_sum_to() {
        for (batch, size) in [(1, 1), (3, 5), (5, 30)] {
            let (x, weight) = ([batch, 20, size, size], [24, 20, 3, 3]);
            let shape = ConvShape::check(&x, &weight, Conv2d::square(2, 1)).unwrap();
            let values = |len: usize, seed| random_tensor(&[len], seed);
            let x = values(x.iter().product(), 1);
            let weight = values(weight.iter().product(), 2);
            let dy = values(batch * shape.out_channels * shape.out_plane(), 3);
            let gradient = ConvGradient {
                shape: &shape,
                x: x.data(),
                weight: weight.data(),
                dy: OutGradient::Whole(dy.data()),
            };
            let (mut together, mut pieces) = (vec![1.0; weight.len()], vec![1.0; weight.len()]);
            gradient.weights_together(&mut together, true);
            gradient.by_pieces(None, Some((&mut pieces, true)));
            let far = together.iter().zip(&pieces).map(|(a, b)| (a - b).abs());
            // Sums of some hundred products below 1 in another order.
            assert!(far.fold(0.0, f32::max) < 1e-4);
        }
    }
}
