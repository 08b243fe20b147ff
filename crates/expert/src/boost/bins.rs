//! Feature values to small whole numbers, so that a split is found by counting.

/// Bin of a missing value.
pub(super) const MISSING: u8 = u8::MAX;
/// Most bins for present values.
pub(super) const MAX_BINS: usize = 255;

/// Features `[N, F]` as bins, by column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Binned {
    /// Number of records, `N`.
    pub(super) num_records: usize,
    /// `[F, N]`
    bins: Vec<u8>,
    /// By feature: a value is in the first bin whose edge it does not exceed; beyond all edges is one more bin.
    pub(super) edges: Vec<Vec<f32>>,
}

impl Binned {
    /// Bins `width` features of records `[N, F]`; NaN is missing.
    pub(super) fn new(values: &[f32], width: usize, max_bins: usize) -> Self {
        let num_records = values.len() / width.max(1);
        let mut bins = Vec::with_capacity(values.len());
        let mut edges = Vec::with_capacity(width);
        for feature in 0..width {
            let column = || values.iter().skip(feature).step_by(width).copied();
            let own = edges_of(column(), max_bins.clamp(2, MAX_BINS));
            bins.extend(column().map(|value| bin(&own, value)));
            edges.push(own);
        }
        Self {
            num_records,
            bins,
            edges,
        }
    }

    /// The bins of one feature, `[N]`.
    pub(super) fn column(&self, feature: usize) -> &[u8] {
        &self.bins[feature * self.num_records..][..self.num_records]
    }
}

fn bin(edges: &[f32], value: f32) -> u8 {
    if value.is_nan() {
        MISSING
    } else {
        edges.partition_point(|edge| *edge < value) as u8
    }
}

/// Middles between distinct values, or of quantiles where there are too many.
fn edges_of(values: impl Iterator<Item = f32>, max_bins: usize) -> Vec<f32> {
    let mut sorted: Vec<f32> = values.filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f32::total_cmp);
    let mut distinct = sorted.clone();
    distinct.dedup();
    if distinct.len() <= max_bins {
        return distinct
            .windows(2)
            .map(|pair| middle(pair[0], pair[1]))
            .collect();
    }
    let mut edges: Vec<f32> = (1..max_bins)
        .map(|quantile| {
            let place = quantile as f64 * (sorted.len() - 1) as f64 / max_bins as f64;
            let low = place.floor() as usize;
            if place.fract() == 0.0 {
                sorted[low]
            } else {
                middle(sorted[low], sorted[low + 1])
            }
        })
        .collect();
    edges.dedup();
    edges
}

/// Halfway, without overflow, and never above `high` by rounding.
fn middle(low: f32, high: f32) -> f32 {
    let middle = (0.5 * (f64::from(low) + f64::from(high))) as f32;
    if middle >= high { low } else { middle }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_get_a_bin_each_and_missing_its_own() {
        let binned = Binned::new(&[3.0, 1.0, f32::NAN, 2.0, 3.0], 1, 255);
        assert_eq!(binned.edges, [[1.5, 2.5]]);
        assert_eq!(binned.column(0), [2, 0, MISSING, 1, 2]);
    }

    #[test]
    fn many_values_share_bins_evenly() {
        let values: Vec<f32> = (0..1000).map(|i| (i * i) as f32).collect();
        let binned = Binned::new(&values, 1, 10);
        let mut counts = [0; 10];
        binned
            .column(0)
            .iter()
            .for_each(|bin| counts[usize::from(*bin)] += 1);
        assert!(
            counts.iter().all(|count| (95..=105).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn neighbouring_floats_stay_apart() {
        let (low, high) = (1.0_f32, 1.0_f32.next_up());
        let binned = Binned::new(&[low, high], 1, 255);
        assert_eq!(binned.column(0), [0, 1]);
    }
}
