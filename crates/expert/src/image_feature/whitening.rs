//! ZCA whitening of small vectors: removes what all pictures share (neighbouring pixels are alike).
//!
//! # Source
//! Coates, Ng, Lee 2011, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning", section 3.1.

/// `z = (x - mean) W` with `W = V (E + epsilon)^-1/2 V^T` of the covariance's eigenvectors `V` and values `E`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Whitening {
    /// `[D]`
    pub(super) mean: Vec<f32>,
    /// `[D, D]`, symmetric.
    pub(super) matrix: Vec<f32>,
}

/// Sweeps of Jacobi rotations; symmetric matrices of some 100 rows settle in under 10.
const MAX_SWEEPS: usize = 30;

impl Whitening {
    /// Fits on rows of `dim` values; `mirror`, if given, is an order of the values under which the rows should look
    /// the same, and every row counts in both orders.
    pub(super) fn fit(rows: &[f32], dim: usize, epsilon: f64, mirror: Option<&[usize]>) -> Self {
        let (mut mean, mut covariance) = moments(rows, dim);
        if let Some(mirror) = mirror {
            mean = (0..dim)
                .map(|i| 0.5 * (mean[i] + mean[mirror[i]]))
                .collect();
            covariance = (0..dim * dim)
                .map(|place| {
                    let (i, j) = (place / dim, place % dim);
                    0.5 * (covariance[place] + covariance[mirror[i] * dim + mirror[j]])
                })
                .collect();
        }
        let (values, vectors) = eigen(covariance, dim);
        let scales: Vec<f64> = values
            .iter()
            .map(|value| 1.0 / (value.max(0.0) + epsilon).sqrt())
            .collect();
        let matrix = (0..dim * dim)
            .map(|place| {
                let (i, j) = (place / dim * dim, place % dim * dim);
                (0..dim)
                    .map(|k| vectors[i + k] * scales[k] * vectors[j + k])
                    .sum::<f64>() as f32
            })
            .collect();
        Self {
            mean: mean.into_iter().map(|value| value as f32).collect(),
            matrix,
        }
    }

    /// Whitens one row into `out`, both `[D]`.
    pub(super) fn apply(&self, row: &[f32], out: &mut [f32]) {
        out.fill(0.0);
        for ((value, mean), line) in row
            .iter()
            .zip(&self.mean)
            .zip(self.matrix.chunks_exact(out.len()))
        {
            let value = value - mean;
            for (out, factor) in out.iter_mut().zip(line) {
                *out += value * factor;
            }
        }
    }
}

fn moments(rows: &[f32], dim: usize) -> (Vec<f64>, Vec<f64>) {
    let count = (rows.len() / dim.max(1)).max(1) as f64;
    let mut mean = vec![0.0_f64; dim];
    for row in rows.chunks_exact(dim) {
        for (mean, value) in mean.iter_mut().zip(row) {
            *mean += f64::from(*value) / count;
        }
    }
    let centre: Vec<f32> = mean.iter().map(|mean| *mean as f32).collect();
    let mut total = vec![0.0_f64; dim * dim];
    let mut part = vec![0.0_f32; dim * dim];
    let mut row_centred = vec![0.0_f32; dim];
    // Sums of 512 rows in f32, then on in f64.
    for piece in rows.chunks(dim * 512) {
        part.fill(0.0);
        for row in piece.chunks_exact(dim) {
            for ((to, value), centre) in row_centred.iter_mut().zip(row).zip(&centre) {
                *to = value - centre;
            }
            for (i, line) in part.chunks_exact_mut(dim).enumerate() {
                let value = row_centred[i];
                for (sum, other) in line[..=i].iter_mut().zip(&row_centred) {
                    *sum += value * other;
                }
            }
        }
        for (total, part) in total.iter_mut().zip(&part) {
            *total += f64::from(*part);
        }
    }
    for i in 0..dim {
        for j in 0..=i {
            total[i * dim + j] /= (count - 1.0).max(1.0);
            total[j * dim + i] = total[i * dim + j];
        }
    }
    (mean, total)
}

/// Eigenvalues and eigenvectors (in columns) of a symmetric matrix, by cyclic Jacobi rotations.
fn eigen(mut a: Vec<f64>, dim: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors = vec![0.0; dim * dim];
    for i in 0..dim {
        vectors[i * dim + i] = 1.0;
    }
    let scale: f64 = a.iter().map(|value| value * value).sum();
    for _ in 0..MAX_SWEEPS {
        let off: f64 = (0..dim)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| a[i * dim + j].powi(2))
            .sum();
        if off <= 1e-22 * scale {
            break;
        }
        for p in 0..dim {
            for q in p + 1..dim {
                rotate(&mut a, &mut vectors, dim, (p, q));
            }
        }
    }
    ((0..dim).map(|i| a[i * dim + i]).collect(), vectors)
}

/// One rotation that makes `a[p][q]` zero.
fn rotate(a: &mut [f64], vectors: &mut [f64], dim: usize, (p, q): (usize, usize)) {
    let apq = a[p * dim + q];
    if apq.abs() < 1e-300 {
        return;
    }
    let theta = (a[q * dim + q] - a[p * dim + p]) / (2.0 * apq);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let t = if theta == 0.0 { 1.0 } else { t };
    let cos = 1.0 / (t * t + 1.0).sqrt();
    let sin = t * cos;
    let turn = |x: &mut [f64], i: usize, j: usize| {
        let (u, v) = (x[i], x[j]);
        x[i] = cos * u - sin * v;
        x[j] = sin * u + cos * v;
    };
    for k in 0..dim {
        turn(a, k * dim + p, k * dim + q);
    }
    for k in 0..dim {
        turn(a, p * dim + k, q * dim + k);
        turn(vectors, k * dim + p, k * dim + q);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Seed;

    /// Rounding of f32 results of sums over some 1,000 rows.
    const F32_TOL: f64 = 2e-3;

    fn correlated(count: usize) -> Vec<f32> {
        let mut rng = Seed(4).rng();
        (0..count)
            .flat_map(|_| {
                let (a, b, c) = (rng.normal(), rng.normal(), rng.normal());
                [3.0 + a, 1.0 + a + 0.5 * b, b - c].map(|v| v as f32)
            })
            .collect()
    }

    #[test]
    fn whitened_rows_have_unit_covariance() {
        let rows = correlated(4000);
        let whitening = Whitening::fit(&rows, 3, 0.0, None);
        let mut white = vec![0.0; rows.len()];
        for (row, out) in rows.chunks(3).zip(white.chunks_mut(3)) {
            whitening.apply(row, out);
        }
        let (mean, covariance) = moments(&white, 3);
        for i in 0..3 {
            assert!(mean[i].abs() < F32_TOL, "{mean:?}");
            for j in 0..3 {
                let expected = f64::from(u8::from(i == j));
                assert!(
                    (covariance[i * 3 + j] - expected).abs() < F32_TOL,
                    "{covariance:?}"
                );
            }
        }
    }

    #[test]
    fn a_mirrored_fit_commutes_with_the_mirror() {
        let rows = correlated(500);
        let mirror = [2, 1, 0];
        let whitening = Whitening::fit(&rows, 3, 0.1, Some(&mirror));
        let (mut plain, mut turned) = ([0.0; 3], [0.0; 3]);
        whitening.apply(&[1.0, 2.0, 3.0], &mut plain);
        whitening.apply(&[3.0, 2.0, 1.0], &mut turned);
        for i in 0..3 {
            assert!(
                (plain[i] - turned[2 - i]).abs() < 1e-5,
                "{plain:?} {turned:?}"
            );
        }
    }
}
