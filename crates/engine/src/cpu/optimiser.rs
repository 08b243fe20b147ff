//! Optimiser updates: one pass over parameter, gradient and moments.
#![allow(
    unsafe_code,
    reason = "rows of a table are updated in place in any order"
)]

use rayon::prelude::*;

use super::parallel::{BLOCK, Shared, for_each};
use super::simd;
use crate::kernels::{AdamStep, Moments, SgdStep};

#[inline(always)]
fn adam_block(step: AdamStep, w: &mut [f32], g: &[f32], first: &mut [f32], second: &mut [f32]) {
    let (new1, new2) = (1.0 - step.beta1, 1.0 - step.beta2);
    let moments = first.iter_mut().zip(second.iter_mut());
    for ((w, &g), (first, second)) in w.iter_mut().zip(g).zip(moments) {
        let g = g + step.l2 * *w;
        *first = step.beta1 * *first + new1 * g;
        *second = step.beta2 * *second + new2 * g * g;
        let root = second.sqrt() * step.root_correction + step.eps;
        *w = *w * step.decay - step.rate * *first / root;
    }
}

/// Adam over whole buffers.
pub(crate) fn adam(step: AdamStep, w: &mut [f32], g: &[f32], moments: Moments<'_>) {
    let Moments { first, second } = moments;
    let whole = Span {
        w,
        g,
        first,
        second,
    };
    if whole.w.len() <= BLOCK {
        whole.update(step);
        return;
    }
    let Span {
        w,
        g,
        first,
        second,
    } = whole;
    let moments = first
        .par_chunks_mut(BLOCK)
        .zip(second.par_chunks_mut(BLOCK));
    let blocks = w.par_chunks_mut(BLOCK).zip(g.par_chunks(BLOCK));
    blocks.zip(moments).for_each(|((w, g), (first, second))| {
        Span {
            w,
            g,
            first,
            second,
        }
        .update(step);
    });
}

/// A stretch of a parameter with its gradient and moments.
struct Span<'a> {
    w: &'a mut [f32],
    g: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Span<'_> {
    fn update(self, step: AdamStep) {
        let Self {
            w,
            g,
            first,
            second,
        } = self;
        simd::run(
            #[inline(always)]
            || adam_block(step, w, g, first, second),
        );
    }
}

/// Gradient descent over whole buffers; `velocity` is `None` without momentum.
pub(crate) fn sgd(step: SgdStep, w: &mut [f32], g: &[f32], velocity: Option<&mut [f32]>) {
    let Some(velocity) = velocity else {
        w.par_chunks_mut(BLOCK)
            .zip(g.par_chunks(BLOCK))
            .for_each(|(w, g)| {
                simd::run(
                    #[inline(always)]
                    || {
                        for (w, g) in w.iter_mut().zip(g) {
                            *w -= step.rate * (g + step.l2 * *w);
                        }
                    },
                );
            });
        return;
    };
    let blocks = w.par_chunks_mut(BLOCK).zip(g.par_chunks(BLOCK));
    blocks
        .zip(velocity.par_chunks_mut(BLOCK))
        .for_each(|((w, g), velocity)| {
            simd::run(
                #[inline(always)]
                || {
                    for ((w, g), velocity) in w.iter_mut().zip(g).zip(velocity.iter_mut()) {
                        let g = g + step.l2 * *w;
                        *velocity = step.momentum * *velocity + step.entering * g;
                        let ahead = g + step.momentum * *velocity;
                        *w -= step.rate * if step.nesterov { ahead } else { *velocity };
                    }
                },
            );
        });
}

/// Adam over some rows of a table; `rows` are ascending, each once.
pub(crate) fn adam_rows(
    step: AdamStep,
    w: &mut [f32],
    (rows, g): (&[u32], &[f32]),
    moments: Moments<'_>,
) {
    let Moments { first, second } = moments;
    let dim = g.len() / rows.len().max(1);
    if dim == 0 {
        return;
    }
    let (w, first, second) = (Shared::new(w), Shared::new(first), Shared::new(second));
    for_each(rows.len(), dim, |at| {
        let start = rows[at] as usize * dim;
        // SAFETY: every row occurs once, and the buffers are borrowed until all are done.
        let [w, first, second] =
            [w, first, second].map(|shared| unsafe { shared.range(start, dim) });
        let g = &g[at * dim..][..dim];
        Span {
            w,
            g,
            first,
            second,
        }
        .update(step);
    });
}

/// Gradient descent over some rows of a table.
pub(crate) fn sgd_rows(
    step: SgdStep,
    w: &mut [f32],
    (rows, g): (&[u32], &[f32]),
    mut velocity: Option<&mut [f32]>,
) {
    let dim = g.len() / rows.len().max(1);
    for (&row, g) in rows.iter().zip(g.chunks_exact(dim.max(1))) {
        let places = row as usize * dim..(row as usize + 1) * dim;
        let velocity = velocity.as_mut().map(|all| &mut all[places.clone()]);
        sgd(step, &mut w[places], g, velocity);
    }
}
