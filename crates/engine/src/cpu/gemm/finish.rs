//! What happens to the sums of a tile on their way to memory: factor, bias, what stands there, activation.

#[cfg(target_arch = "x86_64")]
use super::lanes::{Avx2, Avx512};
use super::lanes::{Ends, MOST, Portable};
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
unsafe fn finish<V: Ends>(end: &TileEnd<'_>, sums: &[f32], width: usize) {
    assert!(
        sums.len() >= (end.rows - 1) * width + end.columns.next_multiple_of(V::LEN),
        "sums of a tile"
    );
    for row in 0..end.rows {
        let row_bias = end.row_bias.map_or(0.0, |bias| bias[row]);
        for at in (0..end.columns).step_by(V::LEN) {
            let len = V::LEN.min(end.columns - at);
            // SAFETY: by the promise of the caller, `len` places from here belong to the tile; its sums are there by
            // the assertion.
            unsafe {
                let sums = sums.as_ptr().add(row * width + at);
                if len == V::LEN {
                    chunk::<V, true>(end, sums, row_bias, (row, at, len));
                } else {
                    chunk::<V, false>(end, sums, row_bias, (row, at, len));
                }
            }
        }
    }
}

/// Finishes one register of sums. It stays one on the way: through memory, a store that is read right back would cost
/// more than the sums of a shallow product.
#[inline(always)]
unsafe fn chunk<V: Ends, const WHOLE: bool>(
    end: &TileEnd<'_>,
    sums: *const f32,
    row_bias: f32,
    (row, at, len): (usize, usize, usize),
) {
    // SAFETY: by the promise of the caller, `len` places from `c` and `kept` belong to the tile.
    unsafe {
        let place = row * end.row_stride + at;
        let c = end.c.add(place);
        let one = V::splat(&1.0);
        let mut value = V::splat(&row_bias).add_product(V::load(sums), V::splat(&end.factor));
        if let Some(bias) = end.column_bias {
            value = value.add_product(load::<V, WHOLE>(bias[at..at + len].as_ptr(), len), one);
        }
        if end.adds {
            value = value.add_product(load::<V, WHOLE>(c, len), one);
        }
        if !end.kept.is_null() {
            store::<V, WHOLE>(value, end.kept.add(place), len);
        }
        match end.activation {
            Activation::None => store::<V, WHOLE>(value, c, len),
            Activation::Relu => store::<V, WHOLE>(value.relu(), c, len),
            other => store::<V, WHOLE>(activated(other, value), c, len),
        }
    }
}

#[inline(always)]
unsafe fn load<V: Ends, const WHOLE: bool>(from: *const f32, len: usize) -> V {
    // SAFETY: the caller promises `len` readable cells, which are all if `WHOLE`.
    unsafe {
        if WHOLE {
            V::load(from)
        } else {
            V::load_part(from, len)
        }
    }
}

#[inline(always)]
unsafe fn store<V: Ends, const WHOLE: bool>(value: V, to: *mut f32, len: usize) {
    // SAFETY: the caller promises `len` writable places, which are all if `WHOLE`.
    unsafe {
        if WHOLE {
            value.store(to);
        } else {
            value.store_part(to, len);
        }
    }
}

#[inline(always)]
unsafe fn activated<V: Ends>(activation: Activation, value: V) -> V {
    let mut values = [0.0; MOST];
    // SAFETY: no register is longer.
    unsafe {
        value.store(values.as_mut_ptr());
        if V::LEN > MOST / 2 {
            activate(activation, &mut values);
        } else if let Some(half) = values.first_chunk_mut::<{ MOST / 2 }>() {
            activate(activation, half);
        }
        V::load(values.as_ptr())
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
pub(super) unsafe fn avx512(end: &TileEnd<'_>, sums: &[f32], width: usize) {
    // SAFETY: by the promise of the caller.
    unsafe { finish::<Avx512>(end, sums, width) };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn avx2(end: &TileEnd<'_>, sums: &[f32], width: usize) {
    // SAFETY: by the promise of the caller.
    unsafe { finish::<Avx2>(end, sums, width) };
}

pub(super) unsafe fn portable(end: &TileEnd<'_>, sums: &[f32], width: usize) {
    // SAFETY: by the promise of the caller.
    unsafe { finish::<Portable>(end, sums, width) };
}
