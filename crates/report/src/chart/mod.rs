//! Small charts as inline SVG: no script, no network, colours by the classes of `templates/style.css`.
//!
//! Charts that carry text are drawn at the size at which they are shown, so that the text stays legible; a bar is only
//! its track and stretches, with the words beside it in HTML.

mod bar;
mod curve;
mod heat;

pub(crate) use bar::{Bar, Scale, bar};
pub(crate) use curve::{Series, curves};
pub(crate) use heat::heat;

/// Text for HTML and SVG, in content and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Round numbers that divide a range into about `about` steps, lowest first; the ends lie on or outside the range.
pub(crate) fn ticks(low: f64, high: f64, about: usize) -> Vec<f64> {
    let span = (high - low).max(f64::MIN_POSITIVE);
    let rough = span / about.max(1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let step = steps
        .into_iter()
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(power);
    let first = (low / step + 1e-9).floor() as i64;
    let last = (high / step - 1e-9).ceil() as i64;
    // A range that is degenerate or beyond reason gives its ends only.
    if !step.is_finite() || last - first > 50 || last <= first {
        return vec![low, high];
    }
    (first..=last).map(|index| index as f64 * step).collect()
}

/// A tick's label with no more digits than its step needs.
pub(crate) fn tick_label(tick: f64, step: f64) -> String {
    let digits = (-step.abs().max(1e-9).log10().floor()).clamp(0.0, 6.0) as usize;
    crate::number::fixed(tick, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_span_the_range() {
        // By hand.
        let near = |got: Vec<f64>, expected: &[f64]| {
            assert_eq!(got.len(), expected.len(), "{got:?}");
            for (got, expected) in got.iter().zip(expected) {
                assert!((got - expected).abs() < 1e-9, "{got} {expected}");
            }
        };
        near(ticks(0.0, 1.0, 5), &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        near(ticks(0.43, 1.62, 4), &[0.0, 0.5, 1.0, 1.5, 2.0]);
        assert_eq!(ticks(3.0, 3.0, 4), vec![3.0, 3.0]);
        assert_eq!(tick_label(0.4, 0.2), "0.4");
        assert_eq!(tick_label(2000.0, 1000.0), "2,000");
    }

    #[test]
    fn text_is_escaped_for_content_and_attributes() {
        assert_eq!(
            escape("<a b='c' d=\"e\">&\n"),
            "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp; "
        );
    }
}
