//! The transforms of Winograd's minimal filtering for 3 taps: tiles of 2 and of 4 outputs.
//!
//! One tile of the output is `A^T [(G g G^T) . (B^T d B)] A`, where `d` is its patch of the input and `g` the kernel.
//! The gradients of all three are the same matrices the other way round.
//!
//! # Source
//! Lavin and Gray 2016, arXiv:1509.09308; interpolation at 0, 1, -1 (and 2, -2).

use super::lanes::Lanes;

/// Tiles of `M` outputs from `N = M + 2` inputs, in one direction.
///
/// # Safety
/// As [`Lanes`].
pub(super) trait Tiling<const M: usize, const N: usize> {
    /// `B^T d`
    unsafe fn input<V: Lanes>(d: [V; N]) -> [V; N];
    /// `G g`
    unsafe fn weight<V: Lanes>(g: [V; 3]) -> [V; N];
    /// `A^T m`
    unsafe fn output<V: Lanes>(m: [V; N]) -> [V; M];
    /// `A y`, the other way of `output`.
    unsafe fn output_back<V: Lanes>(y: [V; M]) -> [V; N];
    /// `G^T u`, the other way of `weight`.
    unsafe fn weight_back<V: Lanes>(u: [V; N]) -> [V; 3];
}

/// The algorithm with tiles of `M` outputs.
pub(super) struct Winograd<const M: usize>;

impl Tiling<2, 4> for Winograd<2> {
    #[inline(always)]
    unsafe fn input<V: Lanes>(d: [V; 4]) -> [V; 4] {
        // SAFETY: by the promise of the caller, here and in all transforms below.
        unsafe {
            [
                d[0].minus(d[2]),
                d[1].plus(d[2]),
                d[2].minus(d[1]),
                d[1].minus(d[3]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn weight<V: Lanes>(g: [V; 3]) -> [V; 4] {
        // SAFETY: as above.
        unsafe {
            let half = V::splat(0.5);
            let outer = g[0].plus(g[2]).times(half);
            let inner = g[1].times(half);
            [g[0], outer.plus(inner), outer.minus(inner), g[2]]
        }
    }

    #[inline(always)]
    unsafe fn output<V: Lanes>(m: [V; 4]) -> [V; 2] {
        // SAFETY: as above.
        unsafe { [m[0].plus(m[1]).plus(m[2]), m[1].minus(m[2]).minus(m[3])] }
    }

    #[inline(always)]
    unsafe fn output_back<V: Lanes>(y: [V; 2]) -> [V; 4] {
        // SAFETY: as above.
        unsafe {
            [
                y[0],
                y[0].plus(y[1]),
                y[0].minus(y[1]),
                V::zero().minus(y[1]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn weight_back<V: Lanes>(u: [V; 4]) -> [V; 3] {
        // SAFETY: as above.
        unsafe {
            let half = V::splat(0.5);
            let sum = u[1].plus(u[2]).times(half);
            let difference = u[1].minus(u[2]).times(half);
            [u[0].plus(sum), difference, sum.plus(u[3])]
        }
    }
}

impl Tiling<4, 6> for Winograd<4> {
    #[inline(always)]
    unsafe fn input<V: Lanes>(d: [V; 6]) -> [V; 6] {
        // SAFETY: as above.
        unsafe {
            let two = V::splat(2.0);
            let four = V::splat(4.0);
            let five = V::splat(-5.0);
            let minus_four = V::splat(-4.0);
            let even = d[2].times_plus(minus_four, d[4]);
            let odd = d[1].times_plus(minus_four, d[3]);
            let outer = d[4].minus(d[2]);
            let inner = d[3].minus(d[1]).times(two);
            [
                d[0].times_plus(four, d[2].times_plus(five, d[4])),
                even.plus(odd),
                even.minus(odd),
                outer.plus(inner),
                outer.minus(inner),
                d[1].times_plus(four, d[3].times_plus(five, d[5])),
            ]
        }
    }

    #[inline(always)]
    unsafe fn weight<V: Lanes>(g: [V; 3]) -> [V; 6] {
        // SAFETY: as above.
        unsafe {
            let sixth = V::splat(-1.0 / 6.0);
            let fine = V::splat(1.0 / 24.0);
            let middle = V::splat(1.0 / 12.0);
            let outer = g[0].plus(g[2]).times(sixth);
            let inner = g[1].times(sixth);
            let far = g[0].times_plus(fine, g[2].times(V::splat(1.0 / 6.0)));
            let near = g[1].times(middle);
            [
                g[0].times(V::splat(0.25)),
                outer.plus(inner),
                outer.minus(inner),
                far.plus(near),
                far.minus(near),
                g[2],
            ]
        }
    }

    #[inline(always)]
    unsafe fn output<V: Lanes>(m: [V; 6]) -> [V; 4] {
        // SAFETY: as above.
        unsafe {
            let two = V::splat(2.0);
            let four = V::splat(4.0);
            let eight = V::splat(8.0);
            let near = m[1].plus(m[2]);
            let near_slope = m[1].minus(m[2]);
            let far = m[3].plus(m[4]);
            let far_slope = m[3].minus(m[4]);
            [
                m[0].plus(near).plus(far),
                far_slope.times_plus(two, near_slope),
                far.times_plus(four, near),
                far_slope.times_plus(eight, near_slope.plus(m[5])),
            ]
        }
    }

    #[inline(always)]
    unsafe fn output_back<V: Lanes>(y: [V; 4]) -> [V; 6] {
        // SAFETY: as above.
        unsafe {
            let two = V::splat(2.0);
            let four = V::splat(4.0);
            let even = y[0].plus(y[2]);
            let odd = y[1].plus(y[3]);
            let even_far = y[2].times_plus(four, y[0]);
            let odd_far = y[3].times_plus(four, y[1]).times(two);
            [
                y[0],
                even.plus(odd),
                even.minus(odd),
                even_far.plus(odd_far),
                even_far.minus(odd_far),
                y[3],
            ]
        }
    }

    #[inline(always)]
    unsafe fn weight_back<V: Lanes>(u: [V; 6]) -> [V; 3] {
        // SAFETY: as above.
        unsafe {
            let fine = V::splat(1.0 / 24.0);
            let middle = V::splat(1.0 / 12.0);
            let sixth = V::splat(1.0 / 6.0);
            let minus_sixth = V::splat(-1.0 / 6.0);
            let near = u[1].plus(u[2]).times(minus_sixth);
            let far = u[3].plus(u[4]);
            [
                u[0].times_plus(V::splat(0.25), far.times_plus(fine, near)),
                u[2].minus(u[1])
                    .times_plus(sixth, u[3].minus(u[4]).times(middle)),
                far.times_plus(sixth, near).plus(u[5]),
            ]
        }
    }
}
