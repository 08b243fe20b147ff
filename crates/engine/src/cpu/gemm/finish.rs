//! What happens to the sums of a tile on their way to memory: factor, bias, what stands there, activation.

use crate::cpu::activation::activate;
use crate::op::Activation;

/// Where the sums of a tile go, and how.
#[derive(Clone, Copy)]
pub(super) struct TileEnd<'a> {
    pub(super) c: *mut f32,
    /// Takes the values before the activation, or null; laid out as `c`.
    pub(super) kept: *mut f32,
    pub(super) row_stride: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) factor: f32,
    /// Adds to what stands in `c`.
    pub(super) adds: bool,
    /// One value for each row, or none.
    pub(super) row_bias: Option<&'a [f32]>,
    /// One value for each column, or none.
    pub(super) column_bias: Option<&'a [f32]>,
    pub(super) activation: Activation,
}

impl TileEnd<'_> {
    /// Whether sums go to memory as they are, or are added to what stands there.
    pub(super) fn is_plain(&self) -> bool {
        self.factor == 1.0
            && self.row_bias.is_none()
            && self.column_bias.is_none()
            && self.activation == Activation::None
            && self.kept.is_null()
    }
}

/// Finishes the tile with `sums`, which lie `width` apart from row to row.
///
/// # Safety
/// The CPU has the instruction set; `c` and `kept` are valid for the tile, and nobody else uses them.
pub(super) type Run = unsafe fn(end: &TileEnd<'_>, sums: &[f32], width: usize);

#[inline(always)]
unsafe fn finish<const LANES: usize>(end: &TileEnd<'_>, sums: &[f32], width: usize) {
    for row in 0..end.rows {
        let row_bias = end.row_bias.map_or(0.0, |bias| bias[row]);
        for at in (0..end.columns).step_by(LANES) {
            let len = LANES.min(end.columns - at);
            let place = row * end.row_stride + at;
            let sums = &sums[row * width + at..];
            // SAFETY: by the promise of the caller, `len` places from here belong to the tile.
            unsafe {
                let c = end.c.add(place);
                let kept = (!end.kept.is_null()).then(|| end.kept.add(place));
                let column_bias = end.column_bias.map(|bias| &bias[at..]);
                let part = (row_bias, column_bias);
                if len == LANES {
                    chunk::<LANES>(end, sums, part, (c, kept, LANES));
                } else {
                    chunk::<LANES>(end, sums, part, (c, kept, len));
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn chunk<const LANES: usize>(
    end: &TileEnd<'_>,
    sums: &[f32],
    (row_bias, column_bias): (f32, Option<&[f32]>),
    (c, kept, len): (*mut f32, Option<*mut f32>, usize),
) {
    let mut values = [0.0_f32; LANES];
    values[..len].copy_from_slice(&sums[..len]);
    for value in &mut values {
        *value = *value * end.factor + row_bias;
    }
    if let Some(bias) = column_bias {
        let mut biases = [0.0; LANES];
        biases[..len].copy_from_slice(&bias[..len]);
        for (value, bias) in values.iter_mut().zip(biases) {
            *value += bias;
        }
    }
    // SAFETY: by the promise of the caller, `len` places from `c` and `kept` belong to the tile.
    unsafe {
        if end.adds {
            let mut before = [0.0; LANES];
            std::ptr::copy_nonoverlapping(c, before.as_mut_ptr(), len);
            for (value, before) in values.iter_mut().zip(before) {
                *value += before;
            }
        }
        if let Some(kept) = kept {
            std::ptr::copy_nonoverlapping(values.as_ptr(), kept, len);
        }
        activate(end.activation, &mut values);
        std::ptr::copy_nonoverlapping(values.as_ptr(), c, len);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
pub(super) unsafe fn avx512(end: &TileEnd<'_>, sums: &[f32], width: usize) {
    // SAFETY: by the promise of the caller.
    unsafe { finish::<16>(end, sums, width) };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn avx2(end: &TileEnd<'_>, sums: &[f32], width: usize) {
    // SAFETY: by the promise of the caller.
    unsafe { finish::<8>(end, sums, width) };
}

pub(super) unsafe fn portable(end: &TileEnd<'_>, sums: &[f32], width: usize) {
    // SAFETY: by the promise of the caller.
    unsafe { finish::<8>(end, sums, width) };
}
