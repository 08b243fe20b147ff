//! The measured tables of `benches/RESULTS.md`: lines of what was not measured now are kept.

use std::{fmt::Write as _, fs, path::Path};

/// One table between its two marks.
pub(crate) struct Table<'a> {
    /// The chore that writes it.
    pub(crate) chore: &'a str,
    /// Text above the table; may be empty.
    pub(crate) preface: &'a str,
    /// Names of the columns; the first one names the line.
    pub(crate) columns: &'a [&'a str],
}

/// Replaces the lines that were measured, adds new ones at the end and keeps the others.
///
/// A line is its cells; the first is its name.
pub(crate) fn write(table: &Table<'_>, lines: &[Vec<String>]) -> Result<(), String> {
    let path = Path::new("benches/RESULTS.md");
    let text = fs::read_to_string(path).unwrap_or_default();
    let new = merged(&text, table, lines);
    fs::write(path, new).map_err(|error| format!("{}: {error}", path.display()))
}

fn merged(text: &str, table: &Table<'_>, lines: &[Vec<String>]) -> String {
    let chore = table.chore;
    let start = format!("<!-- {chore}: written by `cargo xtask {chore}` -->");
    let end = format!("<!-- {chore}: end -->");
    let (before, old, after) = match (text.find(&start), text.find(&end)) {
        (Some(from), Some(to)) if from < to => {
            (&text[..from], &text[from..to], &text[to + end.len()..])
        }
        _ => (text, "", "\n"),
    };
    let name = |line: &str| line.split('|').nth(1).map(|cell| cell.trim().to_owned());
    let is_kept = |line: &&str| {
        line.starts_with("| ") && name(line).as_deref() != table.columns.first().copied()
    };
    let mut body: Vec<String> = old.lines().filter(is_kept).map(str::to_owned).collect();
    for cells in lines {
        let line = format!("| {} |", cells.join(" | "));
        let same = |held: &&mut String| name(held) == cells.first().cloned();
        match body.iter_mut().find(same) {
            Some(held) => *held = line,
            None => body.push(line),
        }
    }
    let mut new = format!("{before}{start}\n\n");
    if !table.preface.is_empty() {
        let _ = writeln!(new, "{}\n", table.preface);
    }
    let _ = writeln!(new, "| {} |", table.columns.join(" | "));
    let _ = writeln!(new, "|{}", "---|".repeat(table.columns.len()));
    for line in body {
        let _ = writeln!(new, "{line}");
    }
    format!("{new}\n{end}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_lines_replace_theirs_and_others_stay() {
        let table = Table {
            chore: "bench",
            preface: "On a machine.",
            columns: &["row", "ms"],
        };
        let line = |name: &str, value: &str| vec![name.to_owned(), value.to_owned()];
        let first = merged(
            "# Results\n",
            &table,
            &[line("S1 train", "5"), line("S2 train", "6")],
        );
        let second = merged(&first, &table, &[line("S1 train", "4"), line("S3", "7")]);
        let expected = "# Results\n<!-- bench: written by `cargo xtask bench` -->\n\nOn a machine.\n\n\
            | row | ms |\n|---|---|\n| S1 train | 4 |\n| S2 train | 6 |\n| S3 | 7 |\n\n<!-- bench: end -->\n";
        assert_eq!(second, expected);
    }
}
