//! Kernels in the transformed domain, and the way back of their gradient.

use super::lanes::{LANES, Lanes, spread_out};
use super::product::{PANEL, Panel};
use super::transform::{Tiling, Winograd};
use crate::buffer::Buffer;
use crate::cpu::parallel::{Shared, for_each};

/// Values of one 3 x 3 kernel.
pub(super) const TAPS: usize = 9;

/// Input channels whose kernels are transformed at a time: those of a panel stay in the second-level cache.
pub(super) const DEPTHS: usize = 32;

/// Which side of the weights `[O, C, 3, 3]` is the output of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Forward: sums over `C`.
    Forward,
    /// The gradient of the input: sums over `O`, with every kernel turned by half.
    Backward,
}

/// Transformed kernels: for each of the `N * N` places panels `[depth, PANEL]` of outputs, the last one narrower.
pub(super) struct Kernels {
    values: Buffer,
    depth: usize,
    /// Outputs, whole lanes.
    width: usize,
}

impl Kernels {
    /// Transforms all kernels.
    pub(super) fn new<V: Lanes, const M: usize, const N: usize>(source: Source<'_>) -> Self
    where
        Winograd<M>: Tiling<M, N>,
    {
        let (outer, inner) = source.channels;
        let (outputs, depth) = match source.side {
            Side::Forward => (outer, inner),
            Side::Backward => (inner, outer),
        };
        let width = outputs.div_ceil(LANES) * LANES;
        let mut kernels = Self {
            values: Buffer::scratch(N * N * spread_out(depth * width)),
            depth,
            width,
        };
        let values = Shared::new(&mut kernels.values);
        let chunks = depth.div_ceil(DEPTHS);
        for_each(width / LANES * chunks, DEPTHS * LANES * N * N, |task| {
            let (block, chunk) = (task / chunks, task % chunks);
            let depths = chunk * DEPTHS..depth.min((chunk + 1) * DEPTHS);
            let to = |at: usize| {
                let panel = kernels_panel(block * LANES, depth, width);
                values.at(panel.0 + at * panel.1)
            };
            // SAFETY: the CPU has the instructions of `V`, and each task writes its own lanes.
            unsafe {
                V::enter(
                    #[inline(always)]
                    || source.block::<V, M, N>(block, depths, to, spread_out(depth * width)),
                );
            }
        });
        kernels
    }

    /// The panel that begins with output `first` (a multiple of [`PANEL`]) at one place.
    pub(super) fn panel(&self, place: usize, first: usize) -> Panel {
        let (at, stride) = kernels_panel(first, self.depth, self.width);
        let values = &self.values[place * spread_out(self.depth * self.width) + at..];
        Panel {
            start: values.as_ptr(),
            stride,
            columns: stride,
        }
    }
}

/// Start and row length of the panel that holds an output.
fn kernels_panel(output: usize, depth: usize, width: usize) -> (usize, usize) {
    let first = output / PANEL * PANEL;
    (first * depth + (output - first), PANEL.min(width - first))
}

/// A weight as the lanes of a forward pass read it: `[O / LANES, C * TAPS, LANES]`, zeros after the last output.
pub(super) struct Taps(Vec<f32>);

impl Taps {
    /// Of a weight `[O, C, 3, 3]`; `channels` is `(O, C)`.
    pub(super) fn new(weight: &[f32], (outputs, inputs): (usize, usize)) -> Self {
        let columns = inputs * TAPS;
        let mut taps = vec![0.0; outputs.next_multiple_of(LANES) * columns];
        for (output, row) in weight.chunks_exact(columns).enumerate() {
            let block = &mut taps[output / LANES * LANES * columns..][..LANES * columns];
            for (lanes, value) in block.chunks_exact_mut(LANES).zip(row) {
                lanes[output % LANES] = *value;
            }
        }
        Self(taps)
    }
}

/// Weights `[O, C, 3, 3]` and which side of them is the output; `channels` is `(O, C)`.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) weight: &'a [f32],
    /// The same for the lanes of a forward pass, if that is kept.
    pub(super) taps: Option<&'a Taps>,
    pub(super) channels: (usize, usize),
    pub(super) side: Side,
}

impl Source<'_> {
    /// Transforms one panel and some depths into `to`, `[N * N, depths, columns]` with places `plane` apart.
    ///
    /// # Safety
    /// The CPU has the instructions of `V`, and `to` has room.
    #[inline(always)]
    pub(super) unsafe fn chunk<V: Lanes, const M: usize, const N: usize>(
        &self,
        (first, columns): (usize, usize),
        depths: std::ops::Range<usize>,
        to: &mut [f32],
        plane: usize,
    ) where
        Winograd<M>: Tiling<M, N>,
    {
        assert!(to.len() >= N * N * plane && plane >= depths.len() * columns);
        let to = to.as_mut_ptr();
        for lanes in (0..columns).step_by(LANES) {
            let start = depths.start;
            // SAFETY: inside `to` by the assertion.
            let place = |depth: usize| unsafe { to.add((depth - start) * columns + lanes) };
            let block = (first + lanes) / LANES;
            // SAFETY: by the promise of the caller.
            unsafe { self.block::<V, M, N>(block, depths.clone(), place, plane) };
        }
    }

    /// Sixteen outputs and some depths; `to(depth)` is where they go at the first place.
    #[inline(always)]
    unsafe fn block<V: Lanes, const M: usize, const N: usize>(
        &self,
        block: usize,
        depths: std::ops::Range<usize>,
        to: impl Fn(usize) -> *mut f32,
        plane: usize,
    ) where
        Winograd<M>: Tiling<M, N>,
    {
        let inner = self.channels.1;
        if let (Side::Forward, Some(Taps(taps))) = (self.side, self.taps) {
            let start = block * inner + depths.start;
            let taps = &taps[start * TAPS * LANES..][..depths.len() * TAPS * LANES];
            // SAFETY: by the promise of the caller.
            unsafe { self.transform::<V, M, N>(taps, depths, to, plane) };
            return;
        }
        let mut taps = Buffer::scratch(depths.len() * TAPS * LANES);
        // SAFETY: by the promise of the caller.
        unsafe {
            self.gather::<V>(block * LANES, &depths, &mut taps);
            self.transform::<V, M, N>(&taps, depths, to, plane);
        }
    }

    /// The taps of sixteen outputs, from `first` on, and some depths: `[depths, TAPS, LANES]`.
    #[inline(always)]
    unsafe fn gather<V: Lanes>(
        &self,
        first: usize,
        depths: &std::ops::Range<usize>,
        taps: &mut [f32],
    ) {
        let (outer, inner) = self.channels;
        // SAFETY: rows and columns of the weights that exist.
        unsafe {
            match self.side {
                Side::Forward => {
                    let count = LANES.min(outer - first);
                    let at = (first * inner + depths.start) * TAPS;
                    let columns = depths.len() * TAPS;
                    assert!(self.weight.len() >= at + (count - 1) * inner * TAPS + columns);
                    let from = self.weight.as_ptr().add(at);
                    V::gather(from, inner * TAPS, count, columns, taps.as_mut_ptr());
                }
                Side::Backward => {
                    let count = LANES.min(inner - first);
                    for (index, depth) in depths.clone().enumerate() {
                        let at = (depth * inner + first) * TAPS;
                        assert!(self.weight.len() >= at + count * TAPS);
                        let from = self.weight.as_ptr().add(at);
                        let taps = taps[index * TAPS * LANES..].as_mut_ptr();
                        V::gather(from, TAPS, count, TAPS, taps);
                    }
                }
            }
        }
    }

    /// The kernels of sixteen outputs and some depths in the transformed domain.
    #[inline(always)]
    unsafe fn transform<V: Lanes, const M: usize, const N: usize>(
        &self,
        taps: &[f32],
        depths: std::ops::Range<usize>,
        to: impl Fn(usize) -> *mut f32,
        plane: usize,
    ) where
        Winograd<M>: Tiling<M, N>,
    {
        // SAFETY: by the promise of the caller; `taps` holds whole kernels.
        unsafe {
            for (index, depth) in depths.enumerate() {
                let taps = taps[index * TAPS * LANES..][..TAPS * LANES].as_ptr();
                let mut kernel = [[V::zero(); 3]; 3];
                for (tap, value) in kernel.as_flattened_mut().iter_mut().enumerate() {
                    let tap = match self.side {
                        Side::Forward => tap,
                        Side::Backward => TAPS - 1 - tap,
                    };
                    *value = V::load(taps.add(tap * LANES));
                }
                store_kernel::<V, M, N>(kernel, to(depth), plane);
            }
        }
    }
}

/// `G g G^T`, each value to its plane.
#[inline(always)]
unsafe fn store_kernel<V: Lanes, const M: usize, const N: usize>(
    kernel: [[V; 3]; 3],
    to: *mut f32,
    plane: usize,
) where
    Winograd<M>: Tiling<M, N>,
{
    // SAFETY: by the promise of the caller.
    unsafe {
        let mut half = [[V::zero(); 3]; N];
        for column in 0..3 {
            let values = [kernel[0][column], kernel[1][column], kernel[2][column]];
            for (half, value) in half.iter_mut().zip(Winograd::<M>::weight(values)) {
                half[column] = value;
            }
        }
        for (row, half) in half.into_iter().enumerate() {
            let values = Winograd::<M>::weight(half);
            for (column, value) in values.into_iter().enumerate() {
                value.store(to.add((row * N + column) * plane));
            }
        }
    }
}

/// `G^T u G` of sixteen outputs; `from` is the first place, places lie `plane` apart; writes `[TAPS, LANES]`.
///
/// # Safety
/// The CPU has the instructions of `V`; both places are valid.
#[inline(always)]
pub(super) unsafe fn kernel_gradient<V: Lanes, const M: usize, const N: usize>(
    from: *const f32,
    plane: usize,
    to: *mut f32,
) where
    Winograd<M>: Tiling<M, N>,
{
    // SAFETY: by the promise of the caller.
    unsafe {
        let mut half = [[V::zero(); 3]; N];
        for (row, half) in half.iter_mut().enumerate() {
            let mut values = [V::zero(); N];
            for (column, value) in values.iter_mut().enumerate() {
                *value = V::load(from.add((row * N + column) * plane));
            }
            *half = Winograd::<M>::weight_back(values);
        }
        for column in 0..3 {
            let mut values = [V::zero(); N];
            for (value, half) in values.iter_mut().zip(&half) {
                *value = half[column];
            }
            let values = Winograd::<M>::weight_back(values);
            for (row, value) in values.into_iter().enumerate() {
                value.store(to.add((row * 3 + column) * LANES));
            }
        }
    }
}
