//! How exactly products of matrices are computed.

/// The numbers that products multiply. Sums, results, parameters and everything else are f32 always.
///
/// Choose [`Precision::Bf16`] for speed on processors with AVX-512 BF16; elsewhere its results are the same to the
/// rounding of f32 sums, without the speed. Products of few rows or few sums, where reading the weights takes the time,
/// are computed from whole numbers in either precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// 24 bits of each number, the whole f32.
    #[default]
    F32,
    /// 8 bits of each number that enters a product (to nearest, ties to even), f32 for the sums.
    Bf16,
}
