//! Functions of one number without branches, so that loops over them vectorise, and sums in sixteen lanes.

/// The larger of two numbers; keeps `b` if it is not a number (unlike `f32::max`, which would hide it).
#[inline(always)]
pub(crate) fn max(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// `e^x`, within 2 units in the last place; 0 below -87, saturates above 88; not a number stays so.
///
/// Source: the polynomial of Cephes `expf`.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // Zero instead of numbers so small that the CPU slows down on them.
    let vanishes = x < -87.0;
    let x = if vanishes { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4_f32;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let y = p * r * r + r + 1.0;
    let y = f32::from_bits(y.to_bits().wrapping_add(shifted.to_bits() << 23));
    if vanishes { 0.0 } else { y }
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Hyperbolic tangent, within 2e-7.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// Cumulative distribution of the standard normal and `e^(-x^2/2)`.
///
/// Source: Abramowitz and Stegun 7.1.26, absolute error 1.5e-7.
#[inline(always)]
pub(crate) fn normal_cdf(x: f32) -> (f32, f32) {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let e = exp(-z * z);
    let p = 1.061_405_4 * t - 1.453_152;
    let p = p * t + 1.421_413_7;
    let p = p * t - 0.284_496_74;
    let p = p * t + 0.254_829_6;
    let tail = p * t * e * 0.5;
    (if x >= 0.0 { 1.0 - tail } else { tail }, e)
}

/// Lanes of a sum: one AVX-512 register, or two of AVX2.
pub(crate) const LANES: usize = 16;

/// Adds the lanes in a fixed tree.
#[inline(always)]
pub(crate) fn add_lanes(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// Sum of `f` over one slice.
#[inline(always)]
pub(crate) fn sum(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let (blocks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for block in blocks {
        for lane in 0..LANES {
            lanes[lane] += f(block[lane]);
        }
    }
    rest.iter().fold(add_lanes(lanes), |sum, &x| sum + f(x))
}

/// Sum of `f` over two slices of one length.
#[inline(always)]
pub(crate) fn sum2(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let (x_blocks, x_rest) = x.as_chunks::<LANES>();
    let (y_blocks, y_rest) = y.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (x, y) in x_blocks.iter().zip(y_blocks) {
        for lane in 0..LANES {
            lanes[lane] += f(x[lane], y[lane]);
        }
    }
    let rest = x_rest.iter().zip(y_rest);
    rest.fold(add_lanes(lanes), |sum, (&x, &y)| sum + f(x, y))
}

/// Largest value of a slice; not a number if one of them is not, and minus infinity for an empty slice.
#[inline(always)]
pub(crate) fn largest(x: &[f32]) -> f32 {
    let (blocks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for block in blocks {
        for lane in 0..LANES {
            lanes[lane] = max(lanes[lane], block[lane]);
        }
    }
    // `max` keeps its second argument when in doubt, so a number that is none survives from block to block only in
    // the last one; the sum of the softmax that follows finds the others.
    let largest = lanes.iter().fold(f32::NEG_INFINITY, |a, &b| max(a, b));
    rest.iter().fold(largest, |a, &b| max(a, b))
}

/// Mean and one over the deviation of a row.
#[inline(always)]
pub(crate) fn row_stats(x: &[f32], eps: f32) -> (f32, f32) {
    let count = x.len() as f32;
    let mean = sum(
        x,
        #[inline(always)]
        |x| x,
    ) / count;
    let variance = sum(
        x,
        #[inline(always)]
        |x| (x - mean) * (x - mean),
    ) / count;
    (mean, 1.0 / (variance + eps).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative error of the polynomial of `exp`: 2 units in the last place.
    const EXP_TOL: f64 = 2.4e-7;
    /// Absolute error of Abramowitz and Stegun 7.1.26 (1.5e-7, halved for the cdf) and f32 rounding.
    const CDF_TOL: f64 = 2e-7;

    #[test]
    fn exp_and_tanh_agree_with_f64() {
        for step in -8600..8700 {
            let x = step as f32 * 0.01;
            let expected = f64::from(x).exp();
            assert!(
                (f64::from(exp(x)) / expected - 1.0).abs() < EXP_TOL,
                "exp {x}"
            );
            assert!(
                (f64::from(tanh(x)) - f64::from(x).tanh()).abs() < CDF_TOL,
                "tanh {x}"
            );
        }
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan() && sigmoid(f32::NAN).is_nan());
        assert!(exp(f32::NEG_INFINITY) < 1e-37 && exp(f32::INFINITY) > 1e38);
    }

    #[test]
    fn normal_cdf_has_known_values() {
        // scipy.stats.norm.cdf
        for (x, expected) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746),
            (-2.0, 0.022_750_132),
            (6.0, 1.0),
        ] {
            let (cdf, _) = normal_cdf(x);
            assert!((f64::from(cdf) - expected).abs() < CDF_TOL, "{x}: {cdf}");
        }
    }
}
