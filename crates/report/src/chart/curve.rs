//! Lines over epochs.

use std::fmt::Write;

use super::{escape, tick_label, ticks};

/// Size of the picture in pixels.
const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 230.0;
/// Room for labels: left, top, right, bottom.
const MARGIN: [f64; 4] = [48.0, 14.0, 14.0, 34.0];

/// One line.
pub(crate) struct Series<'a> {
    /// Class of its colour.
    pub(crate) class: &'static str,
    /// Epoch and value of each point; epochs without a value are left out.
    pub(crate) points: Vec<(usize, f64)>,
    /// What it shows, for screen readers.
    pub(crate) name: &'a str,
}

struct Frame {
    first: f64,
    last: f64,
    low: f64,
    high: f64,
}

impl Frame {
    fn x(&self, epoch: f64) -> f64 {
        let share = (epoch - self.first) / (self.last - self.first).max(1.0);
        MARGIN[0] + share * (WIDTH - MARGIN[0] - MARGIN[2])
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low).max(f64::MIN_POSITIVE);
        HEIGHT - MARGIN[3] - share * (HEIGHT - MARGIN[1] - MARGIN[3])
    }
}

/// Lines over the same epochs, with the kept epoch marked; `None` if there is no point to draw.
pub(crate) fn curves(title: &str, series: &[Series<'_>], kept: Option<usize>) -> Option<String> {
    let points = || series.iter().flat_map(|series| &series.points);
    let fold = |low: bool, pick: fn(&(usize, f64)) -> f64| {
        let numbers = points().map(pick).filter(|number| number.is_finite());
        numbers.reduce(if low { f64::min } else { f64::max })
    };
    let (low, high) = (fold(true, |point| point.1)?, fold(false, |point| point.1)?);
    let first = fold(true, |point| point.0 as f64)?;
    let last = fold(false, |point| point.0 as f64)?;
    let marks = ticks(low, high, 4);
    let frame = Frame {
        first,
        last,
        low: *marks.first()?,
        high: *marks.last()?,
    };
    let mut svg = format!(
        r#"<svg class="curves" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">"#,
        escape(&describe(title, series))
    );
    grid(&mut svg, &frame, &marks);
    if let Some(kept) = kept
        .map(|kept| kept as f64)
        .filter(|kept| (first..=last).contains(kept))
    {
        let (x, top, bottom) = (frame.x(kept), MARGIN[1], HEIGHT - MARGIN[3]);
        let _ = write!(svg, r#"<path class="kept" d="M{x:.1} {top}V{bottom}"/>"#);
    }
    for series in series {
        line(&mut svg, &frame, series);
    }
    Some(svg + "</svg>")
}

fn grid(svg: &mut String, frame: &Frame, marks: &[f64]) {
    let step = marks.get(1).map_or(1.0, |second| second - marks[0]);
    let right = WIDTH - MARGIN[2];
    for mark in marks {
        let y = frame.y(*mark);
        let _ = write!(
            svg,
            r#"<path class="grid" d="M{} {y:.1}H{right}"/><text class="tick end" x="{}" y="{:.1}">{}</text>"#,
            MARGIN[0],
            MARGIN[0] - 8.0,
            y + 4.0,
            tick_label(*mark, step)
        );
    }
    let bottom = HEIGHT - MARGIN[3] + 17.0;
    for epoch in ticks(frame.first, frame.last, 5) {
        if (frame.first..=frame.last).contains(&epoch) && epoch.fract() == 0.0 {
            let x = frame.x(epoch);
            let _ = write!(
                svg,
                r#"<text class="tick middle" x="{x:.1}" y="{bottom}">{epoch}</text>"#
            );
        }
    }
    let middle = (MARGIN[0] + right) / 2.0;
    let foot = HEIGHT - 3.0;
    let _ = write!(
        svg,
        r#"<text class="tick middle" x="{middle}" y="{foot}">epoch</text>"#
    );
}

fn line(svg: &mut String, frame: &Frame, series: &Series<'_>) {
    let points: Vec<(f64, f64)> = series
        .points
        .iter()
        .filter(|point| point.1.is_finite())
        .map(|point| (frame.x(point.0 as f64), frame.y(point.1)))
        .collect();
    let class = series.class;
    let mut path = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" });
    }
    let _ = write!(svg, r#"<path class="line {class}" d="{path}"/>"#);
    if let (1, Some((x, y))) = (points.len(), points.first()) {
        let _ = write!(
            svg,
            r#"<circle class="dot {class}" cx="{x:.1}" cy="{y:.1}" r="3"/>"#
        );
    }
}

/// What a screen reader says: where each line starts and ends.
fn describe(title: &str, series: &[Series<'_>]) -> String {
    let ends: Vec<String> = series
        .iter()
        .filter_map(|series| {
            let (first, last) = (series.points.first()?, series.points.last()?);
            let [from, to] = [first.1, last.1].map(crate::number::value);
            Some(format!(
                "{} from {from} to {to} at epoch {}",
                series.name, last.0
            ))
        })
        .collect();
    format!("{title}: {}", ends.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_draw_gives_no_picture() {
        let empty = Series {
            class: "a",
            points: vec![],
            name: "loss",
        };
        assert!(curves("loss", &[empty], None).is_none());
        let lost = Series {
            class: "a",
            points: vec![(1, f64::NAN)],
            name: "loss",
        };
        assert!(curves("loss", &[lost], None).is_none());
    }

    #[test]
    fn one_epoch_is_a_dot_and_the_kept_epoch_is_marked() {
        let one = Series {
            class: "a",
            points: vec![(1, 0.5)],
            name: "loss <b>",
        };
        let svg = curves("loss", &[one], Some(1)).unwrap();
        assert!(
            svg.contains("<circle") && svg.contains("class=\"kept\""),
            "{svg}"
        );
        assert!(
            svg.contains("loss &lt;b&gt; from 0.500") && !svg.contains("NaN"),
            "{svg}"
        );
    }
}
