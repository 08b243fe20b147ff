//! Values of a scan to 8 bits.

use schema::Picture;

/// Values that are looked at for percentiles.
const SAMPLE: usize = 1 << 18;

/// Which range of values becomes black to white.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The first window of the file; where it has none, percentiles 1 to 99.
    File,
    /// Between two percentiles of all frames, in [0, 100].
    Percentiles(f64, f64),
    /// Centre and width in the unit of the file, such as 40 and 400 Hounsfield units for soft tissue.
    Fixed {
        /// Value that becomes middle grey.
        center: f64,
        /// Values from black to white.
        width: f64,
    },
}

/// A range that is ready to be applied: `low` becomes 0 and `high` 255.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    low: f32,
    high: f32,
    /// A curve in place of a straight line.
    sigmoid: bool,
}

impl Range {
    /// Source: DICOM PS3.3, C.11.2.1.2.1 (`LINEAR`), C.11.2.1.3.2 (`LINEAR_EXACT`), C.11.2.1.3.1 (`SIGMOID`).
    pub(super) fn of_center(center: f64, width: f64, function: &str) -> Self {
        let (low, high) = match function {
            "LINEAR_EXACT" | "SIGMOID" => (center - width / 2.0, center + width / 2.0),
            _ => (
                center - 0.5 - (width - 1.0) / 2.0,
                center - 0.5 + (width - 1.0) / 2.0,
            ),
        };
        Self {
            low: low as f32,
            high: high as f32,
            sigmoid: function == "SIGMOID",
        }
    }

    /// Between two percentiles (nearest rank) of a regular sample of values; NaN does not count.
    pub(super) fn of_percentiles<'a>(
        parts: impl Iterator<Item = &'a [f32]> + Clone,
        from: f64,
        to: f64,
    ) -> Self {
        let step = parts
            .clone()
            .map(<[f32]>::len)
            .sum::<usize>()
            .div_ceil(SAMPLE)
            .max(1);
        let values = parts.flatten().step_by(step).copied();
        let mut sample: Vec<f32> = values.filter(|value| value.is_finite()).collect();
        sample.sort_unstable_by(f32::total_cmp);
        let at = |percent: f64| {
            let share = (percent / 100.0).clamp(0.0, 1.0);
            let rank = (share * sample.len().saturating_sub(1) as f64).round() as usize;
            sample.get(rank).copied().unwrap_or(0.0)
        };
        Self {
            low: at(from),
            high: at(to),
            sigmoid: false,
        }
    }

    fn level(self, value: f32) -> u8 {
        let span = self.high - self.low;
        let share = if self.sigmoid {
            let center = (self.low + self.high) / 2.0;
            1.0 / (1.0 + (-4.0 * (value - center) / span).exp())
        } else if span > 0.0 {
            (value - self.low) / span
        } else {
            // A window of no width is a threshold.
            f32::from(u8::from(value > self.low))
        };
        // Casts stay within 0 to 255, and NaN is 0.
        (share * 255.0 + 0.5) as u8
    }

    /// Grey picture of values `[H, W]`; `inverted` makes the lowest value white.
    pub(super) fn picture(self, values: &[f32], width: usize, inverted: bool) -> Picture {
        let mut rgb = Vec::with_capacity(values.len() * 3);
        for value in values {
            let level = self.level(*value);
            rgb.extend([if inverted { 255 - level } else { level }; 3]);
        }
        Picture {
            height: values.len() / width.max(1),
            width,
            rgb,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(range: Range, values: &[f32]) -> Vec<u8> {
        let picture = range.picture(values, values.len(), false);
        picture.rgb.iter().copied().step_by(3).collect()
    }

    /// The example of PS3.3 C.11.2.1.2.1: centre 2048, width 4096 maps 0 to 0 and 4095 to white.
    #[test]
    fn windows_follow_the_standard() {
        let range = Range::of_center(2048.0, 4096.0, "LINEAR");
        assert_eq!(
            levels(range, &[-5.0, 0.0, 4095.0, 9999.0]),
            [0, 0, 255, 255]
        );
        let exact = Range::of_center(50.0, 100.0, "LINEAR_EXACT");
        assert_eq!(levels(exact, &[0.0, 20.0, 100.0]), [0, 51, 255]);
        let sigmoid = Range::of_center(50.0, 100.0, "SIGMOID");
        // 255 / (1 + e^2) = 30.4.
        assert_eq!(levels(sigmoid, &[50.0, 0.0]), [128, 30]);
        let threshold = Range::of_center(10.5, 1.0, "LINEAR");
        assert_eq!(levels(threshold, &[10.0, 10.1, f32::NAN]), [0, 255, 0]);
    }

    #[test]
    fn percentiles_leave_out_extremes_and_gaps() {
        let mut values: Vec<f32> = (0..=100).map(|x| x as f32).collect();
        values.extend([f32::NAN, f32::INFINITY]);
        let range = Range::of_percentiles([&values[..50], &values[50..]].into_iter(), 10.0, 90.0);
        assert_eq!((range.low, range.high), (10.0, 90.0));
        let none = Range::of_percentiles(std::iter::empty(), 1.0, 99.0);
        assert_eq!(levels(none, &[0.0, 1.0]), [0, 255]);
    }
}
