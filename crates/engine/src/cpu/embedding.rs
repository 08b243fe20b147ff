//! Rows of a table, and sums of rows by record.

use rayon::prelude::*;

use super::parallel::blocks;
use super::simd;

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

/// Where the gradient of one place of a bag or sequence comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Use {
    pub(crate) id: u32,
    /// Row of `dy`.
    pub(crate) row: u32,
    pub(crate) weight: f32,
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
