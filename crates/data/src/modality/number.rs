//! A number to a standardised value and its place among quantile bins.

use schema::{InputBatch, Payload};

use super::presence;
use crate::{
    Dataset,
    target::{is_positive_and_skewed, mean_and_deviation},
};

/// Standardised values beyond this many deviations are cut: a stray 1e300 must not drown a batch.
const MAX_DEVIATIONS: f64 = 20.0;

/// Mean, deviation, whether the logarithm comes first, and quantile bin edges.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedNumber {
    log: bool,
    mean: f64,
    deviation: f64,
    /// Ascending and distinct; one more than bins, in the number's own unit.
    edges: Vec<f64>,
    num_bins: usize,
}

impl FittedNumber {
    /// Learns the scale and the bins from some rows.
    pub fn fit(dataset: &Dataset, col: usize, rows: &[usize], num_bins: usize) -> Self {
        let mut values: Vec<f64> = rows
            .iter()
            .filter_map(|row| dataset.number(col, *row))
            .collect();
        values.sort_unstable_by(f64::total_cmp);
        let edges = quantile_edges(&values, num_bins);
        let log = is_positive_and_skewed(&values);
        if log {
            values.iter_mut().for_each(|value| *value = value.ln());
        }
        let (mean, deviation) = mean_and_deviation(&values);
        let usable = deviation > 0.0 && deviation.is_finite() && mean.is_finite();
        let (mean, deviation) = if usable {
            (mean, deviation)
        } else {
            (values.first().copied().unwrap_or(0.0), 1.0)
        };
        Self {
            log,
            mean,
            deviation,
            edges,
            num_bins,
        }
    }

    /// Whether the logarithm is taken first.
    pub fn log(&self) -> bool {
        self.log
    }

    /// Mean of the (logged) training values.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Deviation of the (logged) training values; above 0.
    pub fn deviation(&self) -> f64 {
        self.deviation
    }

    /// Edges of the quantile bins, ascending, in the number's own unit; fewer where values repeat, none without bins.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// Number of values a record: 1 and the bins.
    pub fn width(&self) -> usize {
        1 + self.num_bins
    }

    /// The standardised value, within 20 deviations.
    pub fn standardise(&self, value: f64) -> f32 {
        let value = if self.log {
            value.max(f64::MIN_POSITIVE).ln()
        } else {
            value
        };
        // Halves: the distance between two doubles may be more than the largest double.
        let scaled = (value / 2.0 - self.mean / 2.0) / self.deviation * 2.0;
        scaled.clamp(-MAX_DEVIATIONS, MAX_DEVIATIONS) as f32
    }

    /// `[B, 1 + num_bins]`: the standardised value, then how far the value is through each bin, 0 to 1.
    ///
    /// Source: Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular Deep Learning",
    /// arXiv:2203.05556, piecewise linear encoding. Differs: the first and last bin are bounded too.
    pub fn collate(&self, dataset: &Dataset, col: usize, rows: &[usize]) -> InputBatch {
        let width = self.width();
        let mut data = vec![0.0; rows.len() * width];
        for (row, out) in rows.iter().zip(data.chunks_exact_mut(width)) {
            let Some(value) = dataset.number(col, *row) else {
                continue;
            };
            out[0] = self.standardise(value);
            for (bin, edges) in out[1..].iter_mut().zip(self.edges.windows(2)) {
                // Halves as above.
                let through = (value / 2.0 - edges[0] / 2.0) / (edges[1] / 2.0 - edges[0] / 2.0);
                *bin = through.clamp(0.0, 1.0) as f32;
            }
        }
        InputBatch {
            present: presence(dataset, col, rows),
            payload: Payload::Floats {
                shape: vec![rows.len(), width],
                data,
            },
        }
    }
}

/// Distinct quantiles of sorted values; fewer than asked for where values repeat.
fn quantile_edges(sorted: &[f64], num_bins: usize) -> Vec<f64> {
    if sorted.is_empty() || num_bins == 0 {
        return Vec::new();
    }
    let last = sorted.len() - 1;
    let mut edges: Vec<f64> = (0..=num_bins)
        .map(|edge| sorted[(last as f64 * edge as f64 / num_bins as f64).round() as usize])
        .collect();
    edges.dedup();
    edges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::column;

    fn values(fitted: &FittedNumber, number: f64) -> Vec<f32> {
        let dataset = column(schema::Modality::Number, [number]);
        let Payload::Floats { data, .. } = fitted.collate(&dataset, 0, &[0]).payload else {
            unreachable!()
        };
        data
    }

    fn fit(numbers: &[f64], num_bins: usize) -> FittedNumber {
        let dataset = column(schema::Modality::Number, numbers.iter().copied());
        let rows: Vec<usize> = (0..numbers.len()).collect();
        FittedNumber::fit(&dataset, 0, &rows, num_bins)
    }

    /// By hand: mean 2, population deviation sqrt(2), edges 0, 2, 4.
    #[test]
    fn values_are_standardised_and_placed_among_bins() {
        let fitted = fit(&[0.0, 1.0, 2.0, 3.0, 4.0], 2);
        assert_eq!(values(&fitted, 3.0), [1.0 / 2.0_f32.sqrt(), 1.0, 0.5]);
        assert_eq!(values(&fitted, -9.0)[1..], [0.0, 0.0]);
        assert_eq!(values(&fitted, 99.0)[1..], [1.0, 1.0]);
    }

    #[test]
    fn a_positive_skewed_column_is_logged_and_zero_stays_finite() {
        let fitted = fit(&[1.0, 1.0, 2.0, 3.0, 1e6], 0);
        assert!(fitted.log());
        assert_eq!(values(&fitted, 0.0), [-20.0]);
        assert!(
            !fit(&[0.0, 1.0, 2.0, 3.0, 1e6], 0).log(),
            "zero has no logarithm"
        );
    }

    #[test]
    fn repeated_values_make_fewer_bins_but_the_same_width() {
        let fitted = fit(&[1.0, 1.0, 1.0, 1.0, 5.0], 4);
        assert_eq!(fitted.width(), 5);
        assert_eq!(values(&fitted, 3.0)[1..], [0.5, 0.0, 0.0, 0.0]);
        assert_eq!(values(&fit(&[7.0, 7.0], 2), 7.0), [0.0, 0.0, 0.0]);
    }

    #[test]
    fn the_largest_doubles_stay_finite() {
        let (large, small) = (f64::MAX, f64::MIN_POSITIVE);
        for fitted in [
            fit(&[large, -large, 0.0], 3),
            fit(&[0.0, small, 2.0 * small], 3),
        ] {
            for number in [large, -large, 0.0, small] {
                let values = values(&fitted, number);
                assert!(
                    values.iter().all(|value| value.is_finite()),
                    "{number} {values:?}"
                );
            }
        }
    }
}
