//! A confusion matrix as a heat map.

use std::fmt::Write;

use super::escape;
use crate::number::count;

/// Side of a cell in pixels.
const CELL: f64 = 46.0;
/// Height of the row of class names on top.
const TOP: f64 = 30.0;
/// Most letters of a class name in the map; the whole name shows on hovering.
const NAME_LETTERS: usize = 14;
/// Above this many classes cells get too small to read; the table of classes has to do.
pub(crate) const MOST_CLASSES: usize = 16;

/// True classes as rows, predicted ones as columns, each cell darker by its share of the row. `None` for no classes,
/// too many of them, or a matrix that does not fit them.
pub(crate) fn heat(classes: &[String], confusion: &[Vec<u64>]) -> Option<String> {
    let fits =
        confusion.len() == classes.len() && confusion.iter().all(|row| row.len() == classes.len());
    if classes.is_empty() || classes.len() > MOST_CLASSES || !fits {
        return None;
    }
    let longest = classes
        .iter()
        .map(|name| shown(name).chars().count())
        .max()
        .unwrap_or(0);
    // About 7.2 pixels a letter at 13 pixels, and a gap.
    let left = longest as f64 * 7.2 + 14.0;
    let side = classes.len() as f64 * CELL;
    let slanted = longest > 5;
    let top = if slanted {
        longest as f64 * 5.4 + 18.0
    } else {
        TOP
    };
    let right = if slanted { longest as f64 * 5.0 } else { 4.0 };
    let (width, height) = (left + side + right, top + side + 4.0);
    let mut svg = format!(
        r#"<svg class="heat" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}" role="img" aria-label="Confusion matrix, true classes in rows and predicted ones in columns">"#
    );
    for (index, name) in classes.iter().enumerate() {
        let middle = (index as f64 + 0.5) * CELL;
        let name_x = left + middle;
        let (x, y) = (left - 8.0, top + middle + 4.0);
        let label = escape(&shown(name));
        let _ = write!(
            svg,
            r#"<text class="name end" x="{x:.1}" y="{y:.1}">{label}</text>"#
        );
        let head = top - 8.0;
        let _ = if slanted {
            write!(
                svg,
                r#"<text class="name" transform="translate({name_x:.1} {head:.1}) rotate(-45)">{label}</text>"#
            )
        } else {
            write!(
                svg,
                r#"<text class="name middle" x="{name_x:.1}" y="{head:.1}">{label}</text>"#
            )
        };
    }
    for (row, counts) in confusion.iter().enumerate() {
        let total = counts.iter().sum::<u64>();
        for (column, number) in counts.iter().enumerate() {
            let place = (left + column as f64 * CELL, top + row as f64 * CELL);
            let title = format!("{} taken for {}", classes[row], classes[column]);
            cell(&mut svg, place, (*number, total), (row == column, &title));
        }
    }
    Some(svg + "</svg>")
}

fn cell(
    svg: &mut String,
    place: (f64, f64),
    (number, total): (u64, u64),
    (right, title): (bool, &str),
) {
    let share = number as f64 / total.max(1) as f64;
    let (x, y) = place;
    let class = if right { "right" } else { "wrong" };
    // Small shares of wrong answers are what the map is looked at for: the root lifts them.
    let opacity = share.sqrt();
    let strong = if opacity > 0.62 { " strong" } else { "" };
    let size = CELL - 2.0;
    let _ = write!(
        svg,
        r#"<g><title>{}: {} of {}</title><rect class="ground" x="{x:.1}" y="{y:.1}" width="{size}" height="{size}" rx="3"/><rect class="{class}" x="{x:.1}" y="{y:.1}" width="{size}" height="{size}" rx="3" fill-opacity="{opacity:.2}"/>"#,
        escape(title),
        count(number as usize),
        count(total as usize)
    );
    if number > 0 {
        let (x, y) = (x + size / 2.0, y + size / 2.0 + 4.5);
        let _ = write!(
            svg,
            r#"<text class="number middle{strong}" x="{x:.1}" y="{y:.1}">{}</text>"#,
            crate::number::short_count(number as usize)
        );
    }
    svg.push_str("</g>");
}

fn shown(name: &str) -> String {
    if name.chars().count() <= NAME_LETTERS {
        return name.to_owned();
    }
    name.chars()
        .take(NAME_LETTERS - 1)
        .chain(['\u{2026}'])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn class_names_are_escaped_and_cut() {
        let classes = named(&["<script>alert(1)</script>", "b"]);
        let svg = heat(&classes, &[vec![3, 1], vec![0, 2]]).unwrap();
        assert!(!svg.contains("<script"), "{svg}");
        assert!(svg.contains("&lt;script&gt;alert\u{2026}"), "{svg}");
    }

    #[test]
    fn a_matrix_that_does_not_fit_its_classes_gives_no_picture() {
        let classes = named(&["a", "b"]);
        assert!(heat(&classes, &[vec![1, 0]]).is_none());
        assert!(heat(&classes, &[vec![1], vec![0, 2]]).is_none());
        assert!(heat(&[], &[]).is_none());
    }
}
