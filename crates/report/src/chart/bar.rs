//! A bar with an interval, one row of a bar chart.

use std::fmt::Write;

/// From values to percent of a track's width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// A scale that shows every value and zero; 0 to 1 if they all lie there and are shares.
    pub(crate) fn fit(values: impl IntoIterator<Item = f64>, are_shares: bool) -> Self {
        let (mut low, mut high) = (0.0_f64, 0.0_f64);
        for value in values.into_iter().filter(|value| value.is_finite()) {
            low = low.min(value);
            high = high.max(value);
        }
        if are_shares && low >= 0.0 && high <= 1.0 {
            high = 1.0;
        } else {
            let margin = (high - low) * 0.04;
            high += margin;
            low -= if low < 0.0 { margin } else { 0.0 };
        }
        if high <= low {
            high = low + 1.0;
        }
        Self { low, high }
    }

    /// Percent of the width.
    fn at(self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low) * 100.0).clamp(0.0, 100.0)
    }
}

/// What a bar shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bar {
    /// Where it ends; it starts at zero.
    pub(crate) value: f64,
    /// Ends of the interval, if there is one.
    pub(crate) interval: Option<(f64, f64)>,
    /// Class of its colour.
    pub(crate) class: &'static str,
}

/// A bar on its track, to be stretched to the width of its cell. It repeats a number that stands beside it, so it is
/// hidden from screen readers.
pub(crate) fn bar(bar: Bar, scale: Scale) -> String {
    let zero = scale.at(0.0);
    let end = scale.at(bar.value);
    let (left, width) = (zero.min(end), (end - zero).abs());
    let mut svg = String::from(
        r#"<svg class="bar" viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true" focusable="false">"#,
    );
    svg += r#"<rect class="track" x="0" y="4" width="100" height="12"/>"#;
    // Writing into a string cannot fail.
    let _ = write!(
        svg,
        r#"<rect class="fill {}" x="{left:.2}" y="4" width="{width:.2}" height="12"/>"#,
        bar.class
    );
    if zero > 0.0 {
        let _ = write!(svg, r#"<path class="zero" d="M{zero:.2} 1V19"/>"#);
    }
    if let Some((low, high)) = bar.interval {
        let (low, high) = (scale.at(low), scale.at(high));
        let _ = write!(
            svg,
            r#"<path class="whisker" d="M{low:.2} 10H{high:.2}M{low:.2} 6V14M{high:.2} 6V14"/>"#
        );
    }
    svg + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_get_the_whole_range_and_other_values_a_margin() {
        assert_eq!(
            Scale::fit([0.2, 0.5], true),
            Scale {
                low: 0.0,
                high: 1.0
            }
        );
        let scale = Scale::fit([-1.0, 9.0], false);
        assert!(scale.low < -1.0 && scale.high > 9.0);
        let empty = Scale::fit([], false);
        assert!(empty.at(0.0).is_finite() && empty.at(f64::MAX) <= 100.0);
    }

    #[test]
    fn a_negative_bar_ends_at_zero() {
        let scale = Scale {
            low: -1.0,
            high: 1.0,
        };
        let svg = bar(
            Bar {
                value: -0.5,
                interval: None,
                class: "bad",
            },
            scale,
        );
        assert!(svg.contains(r#"x="25.00" y="4" width="25.00""#), "{svg}");
        assert!(svg.contains(r#"d="M50.00 1V19""#), "{svg}");
    }
}
