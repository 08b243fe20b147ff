//! The three dense products that linear experts and patch features live on, as register tiles.
//!
//! All have a tall matrix of rows on the left and a narrow one on the right, cut into panels of [`PANEL`] columns.
//! A general matrix product would copy the tall side into its own layout; these read it once where it lies, and two
//! of them finish the work in registers. They run on one thread; callers cut the rows into fixed pieces, so that the
//! bits do not depend on the number of threads.
//!
//! `pulp` picks AVX-512, AVX2 or NEON at run time behind a safe interface.

use pulp::{Arch, Simd, WithSimd};

/// Columns of a panel: one AVX-512 register of `f32`.
pub(crate) const PANEL: usize = 16;

/// Rows of a matrix whose rows lie `stride` apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// Values; the first row starts at 0.
    pub(crate) data: &'a [f32],
    /// Distance between the starts of two rows.
    pub(crate) stride: usize,
    /// Number of rows.
    pub(crate) num_rows: usize,
    /// Values of each row that take part.
    pub(crate) depth: usize,
}

impl<'a> Rows<'a> {
    fn row(&self, row: usize) -> &'a [f32] {
        &self.data[row * self.stride..][..self.depth]
    }
}

/// Number of panels that `width` columns fill.
pub(crate) fn num_panels(width: usize) -> usize {
    width.div_ceil(PANEL)
}

/// Row stride for rows of `width` values: whole cache lines, an odd number of them, so that the rows of a tile do
/// not all fall into the same few cache sets.
pub(crate) fn stride(width: usize) -> usize {
    let lines = width.div_ceil(PANEL);
    (lines + 1 - lines % 2) * PANEL
}

/// Writes `[depth, width]` as panels `[num_panels, depth, PANEL]`, zeros where there is no column.
pub(crate) fn pack(matrix: &[f32], depth: usize, width: usize, panels: &mut [f32]) {
    for (index, panel) in panels.chunks_exact_mut(depth.max(1) * PANEL).enumerate() {
        let first = index * PANEL;
        let count = width.saturating_sub(first).min(PANEL);
        for (line, row) in panel
            .chunks_exact_mut(PANEL)
            .zip(matrix.chunks_exact(width.max(1)))
        {
            line[..count].copy_from_slice(&row[first..first + count]);
            line[count..].fill(0.0);
        }
    }
}

/// The inverse of [`pack`], adding to `matrix` `[depth, width]`.
pub(crate) fn unpack_add(panels: &[f32], depth: usize, width: usize, matrix: &mut [f32]) {
    for (index, panel) in panels.chunks_exact(depth.max(1) * PANEL).enumerate() {
        let first = index * PANEL;
        let count = width.saturating_sub(first).min(PANEL);
        for (line, row) in panel
            .chunks_exact(PANEL)
            .zip(matrix.chunks_exact_mut(width.max(1)))
        {
            for (to, from) in row[first..first + count].iter_mut().zip(line) {
                *to += from;
            }
        }
    }
}

/// `out[r] = rows[r] * panel` for one panel `[depth, PANEL]`; `out` is `[num_rows, PANEL]`.
pub(crate) fn product(rows: Rows<'_>, panel: &[f32], out: &mut [f32]) {
    Arch::new().dispatch(Product { rows, panel, out });
}

/// `gradient[d] += sum over r of rows[r][d] * outer[r]`; `outer` is `[num_rows, PANEL]`, `gradient` `[depth, PANEL]`.
pub(crate) fn add_outer(rows: Rows<'_>, outer: &[f32], gradient: &mut [f32]) {
    Arch::new().dispatch(AddOuter {
        rows,
        outer,
        gradient,
    });
}

/// `sums += sum over r of max(0, rows[r] * panel - bias)`; `bias` and `sums` are `[PANEL]`.
pub(crate) fn add_rectified(rows: Rows<'_>, panel: &[f32], bias: &[f32], sums: &mut [f32]) {
    Arch::new().dispatch(AddRectified {
        rows,
        panel,
        bias,
        sums,
    });
}

struct Product<'a> {
    rows: Rows<'a>,
    panel: &'a [f32],
    out: &'a mut [f32],
}

struct AddOuter<'a> {
    rows: Rows<'a>,
    outer: &'a [f32],
    gradient: &'a mut [f32],
}

struct AddRectified<'a> {
    rows: Rows<'a>,
    panel: &'a [f32],
    bias: &'a [f32],
    sums: &'a mut [f32],
}

/// Calls a method with the number of vectors a panel takes (`V`) and of rows a tile takes (`R`): their product is
/// the number of accumulators, as many as the registers of the machine hold beside the operands.
macro_rules! by_lanes {
    ($self:ident, $simd:ident, $method:ident) => {
        match S::F32_LANES {
            16 => $self.$method::<S, 1, 12>($simd),
            8 => $self.$method::<S, 2, 6>($simd),
            4 => $self.$method::<S, 4, 4>($simd),
            2 => $self.$method::<S, 8, 1>($simd),
            _ => $self.$method::<S, 16, 1>($simd),
        }
    };
}

impl WithSimd for Product<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        by_lanes!(self, simd, run);
    }
}

impl WithSimd for AddOuter<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        by_lanes!(self, simd, run);
    }
}

impl WithSimd for AddRectified<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        by_lanes!(self, simd, run);
    }
}

/// `R` rows times a panel, in `R * V` accumulators.
#[inline(always)]
fn tile<S: Simd, const V: usize, const R: usize>(
    simd: S,
    rows: [&[f32]; R],
    panel: &[f32],
) -> [[S::f32s; V]; R] {
    let zero = simd.splat_f32s(0.0);
    let mut sums = [[zero; V]; R];
    let (vectors, _) = S::as_simd_f32s(panel);
    let lines = vectors.chunks_exact(V);
    // Equal lengths, said once, take the bounds checks out of the loop.
    let depth = lines.len();
    let rows = rows.map(|row| &row[..depth]);
    for (depth, line) in lines.enumerate() {
        for (sums, row) in sums.iter_mut().zip(rows) {
            let value = simd.splat_f32s(row[depth]);
            for (sum, vector) in sums.iter_mut().zip(line) {
                *sum = simd.mul_add_e_f32s(value, *vector, *sum);
            }
        }
    }
    sums
}

impl Product<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize, const R: usize>(self, simd: S) {
        let Self { rows, panel, out } = self;
        let panel = &panel[..rows.depth * PANEL];
        let mut first = 0;
        while first + R <= rows.num_rows {
            let tile_rows: [&[f32]; R] = std::array::from_fn(|r| rows.row(first + r));
            let sums = tile::<S, V, R>(simd, tile_rows, panel);
            let (lines, _) = S::as_mut_simd_f32s(&mut out[first * PANEL..(first + R) * PANEL]);
            for (line, sums) in lines.chunks_exact_mut(V).zip(&sums) {
                line.copy_from_slice(sums);
            }
            first += R;
        }
        for row in first..rows.num_rows {
            let sums = tile::<S, V, 1>(simd, [rows.row(row)], panel);
            let (line, _) = S::as_mut_simd_f32s(&mut out[row * PANEL..(row + 1) * PANEL]);
            line.copy_from_slice(&sums[0]);
        }
    }
}

impl AddRectified<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize, const R: usize>(self, simd: S) {
        let zero = simd.splat_f32s(0.0);
        let panel = &self.panel[..self.rows.depth * PANEL];
        let (bias, _) = S::as_simd_f32s(&self.bias[..PANEL]);
        let (totals, _) = S::as_mut_simd_f32s(&mut self.sums[..PANEL]);
        let mut first = 0;
        while first + R <= self.rows.num_rows {
            let rows: [&[f32]; R] = std::array::from_fn(|r| self.rows.row(first + r));
            let sums = tile::<S, V, R>(simd, rows, panel);
            for sums in &sums {
                for v in 0..V {
                    let above = simd.max_f32s(simd.sub_f32s(sums[v], bias[v]), zero);
                    totals[v] = simd.add_f32s(totals[v], above);
                }
            }
            first += R;
        }
        for row in first..self.rows.num_rows {
            let sums = tile::<S, V, 1>(simd, [self.rows.row(row)], panel);
            for v in 0..V {
                let above = simd.max_f32s(simd.sub_f32s(sums[0][v], bias[v]), zero);
                totals[v] = simd.add_f32s(totals[v], above);
            }
        }
    }
}

impl AddOuter<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize, const R: usize>(self, simd: S) {
        let depth = self.rows.depth;
        let mut first = 0;
        while first + R <= depth {
            self.rows.outer_tile::<S, V, R>(
                simd,
                first,
                self.outer,
                &mut self.gradient[first * PANEL..(first + R) * PANEL],
            );
            first += R;
        }
        for d in first..depth {
            self.rows.outer_tile::<S, V, 1>(
                simd,
                d,
                self.outer,
                &mut self.gradient[d * PANEL..(d + 1) * PANEL],
            );
        }
    }
}

impl Rows<'_> {
    /// Adds the outer products of `R` columns from `first` on.
    #[inline(always)]
    fn outer_tile<S: Simd, const V: usize, const R: usize>(
        &self,
        simd: S,
        first: usize,
        outer: &[f32],
        gradient: &mut [f32],
    ) {
        let (lines, _) = S::as_mut_simd_f32s(gradient);
        let mut sums: [[S::f32s; V]; R] =
            std::array::from_fn(|r| std::array::from_fn(|v| lines[r * V + v]));
        let (outer, _) = S::as_simd_f32s(outer);
        for (row, outer) in outer.chunks_exact(V).take(self.num_rows).enumerate() {
            let values = &self.data[row * self.stride + first..][..R];
            for (sums, value) in sums.iter_mut().zip(values) {
                let value = simd.splat_f32s(*value);
                for (sum, vector) in sums.iter_mut().zip(outer) {
                    *sum = simd.mul_add_e_f32s(value, *vector, *sum);
                }
            }
        }
        for (line, sums) in lines.chunks_exact_mut(V).zip(&sums) {
            line.copy_from_slice(sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Seed;

    /// Sums of at most 40 products of numbers below 1, in f32 of 24 bits.
    const F32_SUM_TOL: f32 = 1e-4;

    fn random(count: usize, name: &str) -> Vec<f32> {
        let mut rng = Seed(1).named(name).rng();
        (0..count).map(|_| rng.between(-1.0, 1.0) as f32).collect()
    }

    fn rows(data: &[f32], num_rows: usize, depth: usize) -> Rows<'_> {
        Rows {
            data,
            stride: data.len() / num_rows,
            num_rows,
            depth,
        }
    }

    #[test]
    fn products_agree_with_their_definition_whatever_the_remainder() {
        for num_rows in [1, 11, 12, 29] {
            let (depth, stride) = (37, 48);
            let data = random(num_rows * stride, "data");
            let panel = random(depth * PANEL, "panel");
            let mut out = vec![f32::NAN; num_rows * PANEL];
            product(rows(&data, num_rows, depth), &panel, &mut out);
            let bias = random(PANEL, "bias");
            let mut sums = vec![1.0; PANEL];
            add_rectified(rows(&data, num_rows, depth), &panel, &bias, &mut sums);
            for k in 0..PANEL {
                let mut total = 1.0;
                for r in 0..num_rows {
                    let expected: f32 = (0..depth)
                        .map(|d| data[r * stride + d] * panel[d * PANEL + k])
                        .sum();
                    assert!((out[r * PANEL + k] - expected).abs() < F32_SUM_TOL);
                    total += (expected - bias[k]).max(0.0);
                }
                assert!((sums[k] - total).abs() < F32_SUM_TOL * num_rows as f32);
            }
        }
    }

    #[test]
    fn outer_products_are_added_to_what_is_there() {
        let (num_rows, depth, stride) = (19, 30, 48);
        let data = random(num_rows * stride, "data");
        let outer = random(num_rows * PANEL, "outer");
        let mut gradient = vec![2.0; depth * PANEL];
        add_outer(rows(&data, num_rows, depth), &outer, &mut gradient);
        for d in 0..depth {
            for k in 0..PANEL {
                let expected: f32 = 2.0
                    + (0..num_rows)
                        .map(|r| data[r * stride + d] * outer[r * PANEL + k])
                        .sum::<f32>();
                assert!((gradient[d * PANEL + k] - expected).abs() < F32_SUM_TOL);
            }
        }
    }

    #[test]
    fn packing_and_unpacking_are_inverse() {
        let (depth, width) = (5, 25);
        let matrix = random(depth * width, "matrix");
        let mut panels = vec![f32::NAN; num_panels(width) * depth * PANEL];
        pack(&matrix, depth, width, &mut panels);
        let mut back = vec![0.0; depth * width];
        unpack_add(&panels, depth, width, &mut back);
        assert_eq!(back, matrix);
        assert_eq!((stride(25), stride(16), stride(33)), (48, 16, 48));
    }
}
