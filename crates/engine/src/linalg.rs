//! Products of matrices without a tape, for the rooms that solve their own small problems.

pub use crate::kernels::describe::Product;

use crate::error::{EngineError, require};
use crate::kernels::kernels;

/// `c = a b` or `c += a b` on all threads of the current rayon pool; the same bits for any number of threads.
///
/// # Errors
/// [`EngineError::Shape`] if a slice has not exactly the values of its matrix.
pub fn matmul(c: &mut [f32], a: &[f32], b: &[f32], product: Product) -> Result<(), EngineError> {
    let Product { m, n, k, .. } = product;
    for (name, got, expected) in [
        ("c", c.len(), m * n),
        ("a", a.len(), m * k),
        ("b", b.len(), k * n),
    ] {
        require(
            got == expected,
            "matmul",
            || format!("{name} of {got} values"),
            || format!("{expected} for m={m}, n={n}, k={k}"),
        )?;
    }
    kernels().matmul(c, a, b, product);
    Ok(())
}
