//! The text that `train` ends with.

use crate::{
    RunSummary,
    number::{counted, duration, range, short_count, value},
    sentence,
};

/// Most lines of a summary.
const MOST_LINES: usize = 25;
/// Most rows of its table.
const MOST_ROWS: usize = 9;
/// Most characters of a name in its table.
const NAME_WIDTH: usize = 34;

/// The result beside the baselines, what mattered and where the run lies, in at most 25 lines for a terminal.
pub fn summary_text(summary: &RunSummary) -> String {
    let mut lines = Vec::new();
    push_wrapped(&mut lines, &sentence::result(summary));
    lines.push(String::new());
    table(summary, &mut lines);
    lines.push(String::new());
    push_wrapped(&mut lines, &sentence::fusion(summary));
    if summary.beats_constant() == Some(false) {
        push_wrapped(&mut lines, &sentence::against_constant(summary));
    }
    let worth: Vec<String> = (summary.judgement().worth.iter().take(4))
        .map(|worth| sentence::worth(summary, worth))
        .collect();
    if !worth.is_empty() {
        push_wrapped(
            &mut lines,
            &format!("What each input is worth: {}.", worth.join(", ")),
        );
    }
    let left_out: Vec<String> = summary
        .left_out
        .iter()
        .map(|left| format!("{} ({})", left.name, left.why))
        .collect();
    if !left_out.is_empty() {
        push_wrapped(
            &mut lines,
            &format!("Experts left out: {}.", left_out.join(", ")),
        );
    }
    let skipped = sentence::skipped(&summary.skipped);
    if !skipped.is_empty() {
        push_wrapped(&mut lines, &format!("{skipped}."));
    }
    let mut tail = Vec::new();
    push_wrapped(&mut tail, &took(summary));
    if !summary.run_dir.is_empty() {
        tail.push(plain(&format!(
            "Report: {}/report.html",
            summary.run_dir.trim_end_matches('/')
        )));
    }
    // The end says where the run lies: it stays, whatever else was long.
    lines.truncate(MOST_LINES.saturating_sub(tail.len()));
    lines.extend(tail);
    lines.truncate(MOST_LINES);
    lines.join("\n") + "\n"
}

/// The result and the baselines, best first.
fn table(summary: &RunSummary, lines: &mut Vec<String>) {
    let mut rows: Vec<(String, metrics::Interval)> = summary
        .judgement()
        .baselines
        .iter()
        .map(|baseline| (plain(&baseline.name), baseline.interval))
        .collect();
    let sign = if summary.higher_is_better() {
        -1.0
    } else {
        1.0
    };
    rows.sort_by(|a, b| (sign * a.1.value).total_cmp(&(sign * b.1.value)));
    rows.truncate(MOST_ROWS - 1);
    if let Some(result) = summary.result() {
        rows.insert(0, ("this model".to_owned(), result));
    }
    let width = rows
        .iter()
        .map(|row| row.0.chars().count().min(NAME_WIDTH))
        .max()
        .unwrap_or(0);
    let numbers: Vec<String> = rows.iter().map(|row| value(row.1.value)).collect();
    let number_width = numbers.iter().map(String::len).max().unwrap_or(0);
    for ((name, interval), number) in rows.iter().zip(numbers) {
        let name: String = name.chars().take(NAME_WIDTH).collect();
        lines.push(format!(
            "  {name:<width$}  {number:>number_width$}  ({})",
            range(*interval)
        ));
    }
}

fn took(summary: &RunSummary) -> String {
    let mut text = format!("Trained in {}", duration(summary.total_secs));
    if summary.num_fit > 0 {
        text += &format!(" on {}", counted(summary.num_fit, "record"));
    }
    match summary.num_parameters() {
        0 => text + ".",
        parameters => format!("{text}, {} parameters.", short_count(parameters)),
    }
}

/// Breaks a sentence into lines that fit a terminal of 100 columns.
fn push_wrapped(lines: &mut Vec<String>, sentence: &str) {
    const WIDTH: usize = 96;
    let mut line = String::new();
    for word in plain(sentence).split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
}

/// A column's name or cell may hold what steers a terminal; it is shown as a blank.
fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}
