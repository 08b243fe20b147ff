//! Attention one head of one record at a time, in tiles of queries, on slices of the packed inputs without a copy.
//!
//! Source: Vaswani et al. 2017, arXiv:1706.03762; the weights are recomputed in the backward pass as in Dao et al.
//! 2022, "FlashAttention", arXiv:2205.14135, so no more than a tile of them ever exists.
#![allow(unsafe_code, reason = "heads write interleaved places of one buffer")]

use super::parallel::{Shared, for_each};
use super::product::{Target, View, scaled};
use super::{math, simd, softmax};
use crate::buffer::Buffer;
use crate::kernels::{Attention, AttentionGradient, AttentionInputs};

/// Queries of one tile.
const TILE: usize = 128;

/// Where the gradients of the inputs go, with the place of the first value in each buffer.
#[derive(Clone, Copy)]
struct Gradients {
    q: (Shared, usize),
    k: (Shared, usize),
    v: (Shared, usize),
}

impl Attention {
    fn out_stride(&self) -> usize {
        self.heads * self.head_dim
    }

    fn scale(&self) -> f32 {
        1.0 / (self.head_dim as f32).sqrt()
    }

    fn cost(&self) -> usize {
        self.num_queries * self.num_keys * self.head_dim
    }

    /// Keys after the last valid one need no work.
    fn keys_used(&self, record: usize) -> usize {
        self.valid(record).map_or(self.num_keys, |valid| {
            valid
                .iter()
                .rposition(|&valid| valid)
                .map_or(0, |last| last + 1)
        })
    }

    fn valid(&self, record: usize) -> Option<&[bool]> {
        let valid = self.keys_valid.as_ref()?;
        Some(&valid[record * self.num_keys..][..self.num_keys])
    }

    fn head<'a>(
        &self,
        inputs: AttentionInputs<'a>,
        record: usize,
        head: usize,
    ) -> AttentionInputs<'a> {
        let within = head * self.head_dim;
        let kv = record * self.num_keys * self.kv_stride + within;
        AttentionInputs {
            q: &inputs.q[record * self.num_queries * self.q_stride + within..],
            k: &inputs.k[kv..],
            v: &inputs.v[kv..],
        }
    }

    /// Hides the masked keys of a tile of scores that begins at query `first`.
    #[inline(always)]
    fn mask(&self, record: usize, first: usize, keys: usize, scores: &mut [f32]) {
        for (row, scores) in scores.chunks_exact_mut(keys).enumerate() {
            if let Some(valid) = self.valid(record) {
                for (score, &valid) in scores.iter_mut().zip(valid) {
                    *score = if valid { *score } else { f32::NEG_INFINITY };
                }
            }
            if self.causal {
                let seen = (first + row + 1).min(keys);
                scores[seen..].fill(f32::NEG_INFINITY);
            }
        }
    }
}

/// Scores of a tile of queries: `scores[rows, keys] = scale * q k^T`.
fn tile_scores(
    attention: &Attention,
    inputs: AttentionInputs<'_>,
    (first, rows, keys): (usize, usize, usize),
    scores: &mut [f32],
) {
    let target = Target {
        start: scores.as_mut_ptr(),
        row_stride: keys,
        accumulate: false,
    };
    let q = View::rows(&inputs.q[first * attention.q_stride..], attention.q_stride);
    let k = View::rows(inputs.k, attention.kv_stride).transposed();
    assert!(scores.len() >= rows * keys, "tile of scores");
    let dims = (rows, keys, attention.head_dim);
    // SAFETY: `scores` is borrowed exclusively and long enough.
    unsafe { scaled((attention.precision, attention.scale()), dims, target, q, k) };
}

/// Writes `out[B, Tq, heads * head_dim]` and, for the backward pass, `log_sums[B, heads, Tq]`.
pub(crate) fn forward(
    attention: &Attention,
    inputs: AttentionInputs<'_>,
    out: &mut [f32],
    log_sums: &mut [f32],
) {
    let (out, log_sums) = (Shared::new(out), Shared::new(log_sums));
    for_each(
        attention.batch * attention.heads,
        attention.cost(),
        |task| {
            let (record, head) = (task / attention.heads, task % attention.heads);
            let inputs = attention.head(inputs, record, head);
            let queries = attention.num_queries;
            // SAFETY: each head of each record has its own places, and both buffers are borrowed until all are done.
            let log_sums = unsafe { log_sums.range(task * queries, queries) };
            let at = record * queries * attention.out_stride() + head * attention.head_dim;
            forward_head(attention, record, inputs, (out, at), log_sums);
        },
    );
}

fn forward_head(
    attention: &Attention,
    record: usize,
    inputs: AttentionInputs<'_>,
    (out, at): (Shared, usize),
    log_sums: &mut [f32],
) {
    let keys = attention.keys_used(record);
    let dim = attention.head_dim;
    let stride = attention.out_stride();
    if keys == 0 {
        log_sums.fill(f32::NEG_INFINITY);
        for query in 0..attention.num_queries {
            // SAFETY: these are the places of this head.
            unsafe { out.range(at + query * stride, dim) }.fill(0.0);
        }
        return;
    }
    let mut scores = Buffer::scratch(TILE.min(attention.num_queries) * keys);
    for (tile, log_sums) in log_sums.chunks_mut(TILE).enumerate() {
        let (first, rows) = (tile * TILE, log_sums.len());
        let scores = &mut scores[..rows * keys];
        tile_scores(attention, inputs, (first, rows, keys), scores);
        simd::run(
            #[inline(always)]
            || {
                attention.mask(record, first, keys, scores);
                for (scores, log_sum) in scores.chunks_exact_mut(keys).zip(log_sums) {
                    *log_sum = softmax::row_in_place(scores);
                }
            },
        );
        let target = Target {
            start: out.at(at + first * stride),
            row_stride: stride,
            accumulate: false,
        };
        let (weights, v) = (
            View::rows(scores, keys),
            View::rows(inputs.v, attention.kv_stride),
        );
        // SAFETY: the rows of this tile of this head, which no other task uses.
        unsafe {
            scaled(
                (attention.precision, 1.0),
                (rows, dim, keys),
                target,
                weights,
                v,
            )
        };
    }
}

/// Writes the gradients of three separate inputs.
pub(crate) fn backward(
    gradient: &AttentionGradient<'_>,
    dq: &mut [f32],
    dk: &mut [f32],
    dv: &mut [f32],
) {
    gradient.run(Gradients {
        q: (Shared::new(dq), 0),
        k: (Shared::new(dk), 0),
        v: (Shared::new(dv), 0),
    });
}

/// Writes the gradient of packed inputs of `dim` values each.
pub(crate) fn packed_backward(gradient: &AttentionGradient<'_>, dim: usize, dqkv: &mut [f32]) {
    let all = Shared::new(dqkv);
    gradient.run(Gradients {
        q: (all, 0),
        k: (all, dim),
        v: (all, 2 * dim),
    });
}

impl AttentionGradient<'_> {
    /// The buffers behind `gradients` are borrowed by the callers above, and each holds its whole gradient.
    fn run(&self, gradients: Gradients) {
        let attention = self.attention;
        for_each(
            attention.batch * attention.heads,
            3 * attention.cost(),
            |task| {
                let (record, head) = (task / attention.heads, task % attention.heads);
                let within = head * attention.head_dim;
                let q = record * attention.num_queries * attention.q_stride + within;
                let kv = record * attention.num_keys * attention.kv_stride + within;
                let gradients = Gradients {
                    q: (gradients.q.0, gradients.q.1 + q),
                    k: (gradients.k.0, gradients.k.1 + kv),
                    v: (gradients.v.0, gradients.v.1 + kv),
                };
                self.head(record, head, gradients);
            },
        );
    }

    fn head(&self, record: usize, head: usize, gradients: Gradients) {
        let attention = self.attention;
        let keys = attention.keys_used(record);
        let dim = attention.head_dim;
        for key in keys..attention.num_keys {
            for (gradient, at) in [gradients.k, gradients.v] {
                // SAFETY: the places of this head, which no other task uses.
                unsafe { gradient.range(at + key * attention.kv_stride, dim) }.fill(0.0);
            }
        }
        if keys == 0 {
            let (gradient, at) = gradients.q;
            for query in 0..attention.num_queries {
                // SAFETY: the places of this head, which no other task uses.
                unsafe { gradient.range(at + query * attention.q_stride, dim) }.fill(0.0);
            }
            return;
        }
        let rows = TILE.min(attention.num_queries);
        let mut weights = Buffer::scratch(rows * keys);
        let mut slopes = Buffer::scratch(rows * keys);
        for first in (0..attention.num_queries).step_by(TILE) {
            let rows = TILE.min(attention.num_queries - first);
            let tile = (&mut weights[..rows * keys], &mut slopes[..rows * keys]);
            self.tile((record, head), (first, rows, keys), tile, gradients);
        }
    }

    fn tile(
        &self,
        (record, head): (usize, usize),
        (first, rows, keys): (usize, usize, usize),
        (weights, slopes): (&mut [f32], &mut [f32]),
        gradients: Gradients,
    ) {
        let attention = self.attention;
        let dim = attention.head_dim;
        let inputs = attention.head(self.inputs, record, head);
        let out_stride = attention.out_stride();
        let out_at = (record * attention.num_queries + first) * out_stride + head * dim;
        let dy = View::rows(&self.dy[out_at..], out_stride);
        tile_scores(attention, inputs, (first, rows, keys), weights);
        let target = |(shared, at): (Shared, usize), row_stride, accumulate| Target {
            start: shared.at(at),
            row_stride,
            accumulate,
        };
        let kv = attention.kv_stride;
        let own = Target {
            start: slopes.as_mut_ptr(),
            row_stride: keys,
            accumulate: false,
        };
        let v = View::rows(inputs.v, kv).transposed();
        // SAFETY: `slopes` is borrowed exclusively and holds `rows * keys` values.
        unsafe { scaled((attention.precision, 1.0), (rows, keys, dim), own, dy, v) };
        let log_sums = (record * attention.heads + head) * attention.num_queries + first;
        let log_sums = &self.log_sums[log_sums..][..rows];
        simd::run(
            #[inline(always)]
            || {
                attention.mask(record, first, keys, weights);
                self.slopes(out_at, log_sums, weights, slopes);
            },
        );
        let (weights, slopes) = (View::rows(weights, keys), View::rows(slopes, keys));
        let q = View::rows(&inputs.q[first * attention.q_stride..], attention.q_stride);
        let k = View::rows(inputs.k, kv);
        let later = first > 0;
        let dq_at = (gradients.q.0, gradients.q.1 + first * attention.q_stride);
        // SAFETY: the places of this head, which no other task uses.
        unsafe {
            let (dv, dk) = (
                target(gradients.v, kv, later),
                target(gradients.k, kv, later),
            );
            let dq = target(dq_at, attention.q_stride, false);
            let how = (attention.precision, 1.0);
            scaled(how, (keys, dim, rows), dv, weights.transposed(), dy);
            scaled(how, (rows, dim, keys), dq, slopes, k);
            scaled(how, (keys, dim, rows), dk, slopes.transposed(), q);
        }
    }

    /// From masked scores to weights, and from `dy v^T` to the gradient of the unscaled scores, in place.
    #[inline(always)]
    fn slopes(&self, out_at: usize, log_sums: &[f32], weights: &mut [f32], slopes: &mut [f32]) {
        let keys = weights.len() / log_sums.len();
        let (dim, stride) = (self.attention.head_dim, self.attention.out_stride());
        let scale = self.attention.scale();
        let rows = weights
            .chunks_exact_mut(keys)
            .zip(slopes.chunks_exact_mut(keys));
        for (row, ((weights, slopes), &log_sum)) in rows.zip(log_sums).enumerate() {
            if log_sum == f32::NEG_INFINITY {
                weights.fill(0.0);
                slopes.fill(0.0);
                continue;
            }
            let at = out_at + row * stride;
            let (out, dy) = (&self.out[at..][..dim], &self.dy[at..][..dim]);
            let dot = math::sum2(
                out,
                dy,
                #[inline(always)]
                |out, dy| out * dy,
            );
            for (weight, slope) in weights.iter_mut().zip(slopes.iter_mut()) {
                let hidden = *weight == f32::NEG_INFINITY;
                let value = math::exp(*weight - log_sum);
                *weight = if hidden { 0.0 } else { value };
                *slope = *weight * (*slope - dot) * scale;
            }
        }
    }
}
