//! Rows of a table, and sums of rows by record.

use rayon::prelude::*;

use super::parallel::blocks;
use super::simd;
use crate::kernels::Use;

/// `out[i, :] = table[ids[i], :]`
pub(crate) fn gather(table: &[f32], dim: usize, ids: &[u32], out: &mut [f32]) {
    blocks(out, dim, |at, out| {
        for (out, &id) in out.chunks_exact_mut(dim.max(1)).zip(&ids[at..]) {
            out.copy_from_slice(&table[id as usize * dim..][..dim]);
        }
    });
}

/// `out[b, :] = sum_j weights[j] * table[ids[j], :]` for `j` from `offsets[b]` up to the next offset.
pub(crate) fn bag(
    table: &[f32],
    dim: usize,
    offsets: &[usize],
    (ids, weights): (&[u32], &[f32]),
    out: &mut [f32],
) {
    let work = |bag: usize, out: &mut [f32]| {
        let end = offsets.get(bag + 1).copied().unwrap_or(ids.len());
        let places = offsets[bag]..end;
        simd::run(
            #[inline(always)]
            || {
                out.fill(0.0);
                for (&id, &weight) in ids[places.clone()].iter().zip(&weights[places]) {
                    let row = &table[id as usize * dim..][..dim];
                    for (out, row) in out.iter_mut().zip(row) {
                        *out += weight * row;
                    }
                }
            },
        );
    };
    let bags = out.par_chunks_mut(dim.max(1)).enumerate();
    bags.for_each(|(bag, out)| work(bag, out));
}

/// Sums `weight * dy[row, :]` by id: the ids in ascending order, and one row for each.
pub(crate) fn scatter(mut uses: Vec<Use>, dim: usize, dy: &[f32]) -> (Vec<u32>, Vec<f32>) {
    // Stable: the uses of one id stay in order, so their sum has the same bits always.
    uses.par_sort_by_key(|one| one.id);
    let groups: Vec<&[Use]> = uses.chunk_by(|a, b| a.id == b.id).collect();
    let ids = groups.iter().map(|group| group[0].id).collect();
    let mut values = vec![0.0; groups.len() * dim];
    blocks(&mut values, dim, |at, values| {
        for (sum, group) in values.chunks_exact_mut(dim.max(1)).zip(&groups[at..]) {
            simd::run(
                #[inline(always)]
                || {
                    for one in *group {
                        let dy = &dy[one.row as usize * dim..][..dim];
                        for (sum, dy) in sum.iter_mut().zip(dy) {
                            *sum += one.weight * dy;
                        }
                    }
                },
            );
        }
    });
    (ids, values)
}

/// `out[ids[i], :] += x[i, :]`, in order.
pub(crate) fn add_to_rows(x: &[f32], dim: usize, ids: &[u32], out: &mut [f32]) {
    for (x, &id) in x.chunks_exact(dim.max(1)).zip(ids) {
        let out = &mut out[id as usize * dim..][..dim];
        out.iter_mut().zip(x).for_each(|(out, x)| *out += x);
    }
}

/// Rows of `a` where `mask` is true, elsewhere of `b`, which is one row or as many as `a`.
pub(crate) fn choose_rows(mask: &[bool], a: &[f32], b: &[f32], out: &mut [f32]) {
    let dim = (out.len() / mask.len().max(1)).max(1);
    for (row, (out, &mask)) in out.chunks_exact_mut(dim).zip(mask).enumerate() {
        let from = if mask { a } else { b };
        let row = if from.len() == dim { 0 } else { row };
        out.copy_from_slice(&from[row * dim..][..dim]);
    }
}

/// Rows of `x` where `mask` equals `keeps`, zeros elsewhere.
pub(crate) fn mask_rows(mask: &[bool], keeps: bool, x: &[f32], out: &mut [f32]) {
    let dim = (out.len() / mask.len().max(1)).max(1);
    let rows = out.chunks_exact_mut(dim).zip(x.chunks_exact(dim));
    for ((out, x), &mask) in rows.zip(mask) {
        if mask == keeps {
            out.copy_from_slice(x);
        } else {
            out.fill(0.0);
        }
    }
}

/// `out[i] = x[i, columns[i]]`
pub(crate) fn gather_columns(x: &[f32], columns: &[u32], out: &mut [f32]) {
    let dim = (x.len() / columns.len().max(1)).max(1);
    for ((out, x), &column) in out.iter_mut().zip(x.chunks_exact(dim)).zip(columns) {
        *out = x[column as usize];
    }
}

/// Zeros but for `out[i, columns[i]] = x[i]`.
pub(crate) fn spread_columns(x: &[f32], columns: &[u32], out: &mut [f32]) {
    let dim = (out.len() / columns.len().max(1)).max(1);
    out.fill(0.0);
    for ((x, out), &column) in x.iter().zip(out.chunks_exact_mut(dim)).zip(columns) {
        out[column as usize] = *x;
    }
}
