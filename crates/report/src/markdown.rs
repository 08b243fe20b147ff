//! The report as Markdown.

use crate::{
    Judgement, RunSummary,
    number::{count, duration, of_hundred, range, short_count, signed, value},
    sentence,
};

/// The report as Markdown: for a pull request, a wiki, a terminal pager.
pub fn markdown(summary: &RunSummary) -> String {
    let mut page = Page::default();
    head(summary, &mut page);
    baselines(summary, &mut page);
    worth(summary, &mut page);
    classes(summary, &mut page);
    mistakes(summary, &mut page);
    model(summary, &mut page);
    data(summary, &mut page);
    page.text
}

/// What a cell or a name needs so that it neither ends a table cell nor turns into markup.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Text that grows by paragraphs and tables.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn heading(&mut self, text: &str) {
        self.text += &format!("## {text}\n\n");
    }

    fn paragraph(&mut self, text: &str) {
        if !text.is_empty() {
            self.text += &format!("{}\n\n", escape(text));
        }
    }

    /// A table; cells are escaped here. Columns after the first are set to the right where `right` says so.
    fn table<const N: usize>(&mut self, header: [&str; N], right: bool, rows: &[[String; N]]) {
        if rows.is_empty() {
            return;
        }
        self.text += &table(header, right, rows);
        self.text.push('\n');
    }
}

/// A Markdown table with escaped cells.
pub(crate) fn table<const N: usize>(
    header: [&str; N],
    right: bool,
    rows: &[[String; N]],
) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(header.iter().map(|cell| (*cell).to_owned()).collect());
    let rules = (0..N).map(|column| if right && column > 0 { "---:" } else { "---" }.to_owned());
    text += &line(rules.collect());
    for row in rows {
        text += &line(row.iter().map(|cell| escape(cell)).collect());
    }
    text
}

fn head(summary: &RunSummary, page: &mut Page) {
    page.text += &format!("# {}\n\n", escape(&summary.title));
    page.paragraph(&sentence::result(summary));
    page.paragraph(&sentence::against_constant(summary));
    page.text += &format!("**{}**\n\n", escape(&sentence::fusion(summary)));
    // Our own words, with a command in back quotes.
    let caution = sentence::caution(summary);
    if !caution.is_empty() {
        page.text += &format!("{caution}\n\n");
    }
    for warning in &summary.warnings {
        page.text += &format!("> {}\n\n", escape(warning));
    }
}

fn baselines(summary: &RunSummary, page: &mut Page) {
    let Some(result) = summary.result() else {
        return;
    };
    page.heading(&format!(
        "Beside simpler answers: {}",
        sentence::metric_name(&summary.metric)
    ));
    let mut rows = vec![["this model".to_owned(), value(result.value), range(result)]];
    for baseline in &summary.judgement().baselines {
        let interval = baseline.interval;
        rows.push([
            baseline.name.clone(),
            value(interval.value),
            range(interval),
        ]);
    }
    page.table(["answer", "value", "95 % interval"], true, &rows);
    if summary.test.is_some() {
        all_metrics("All metrics on the test table", summary.judgement(), page);
        all_metrics(
            "All metrics on the held-out records",
            &summary.held_out,
            page,
        );
    } else {
        all_metrics(
            "All metrics on the held-out records",
            &summary.held_out,
            page,
        );
    }
}

fn all_metrics(title: &str, judgement: &Judgement, page: &mut Page) {
    page.heading(title);
    let rows: Vec<[String; 3]> = judgement
        .evaluation
        .metrics
        .iter()
        .map(|(name, interval)| [name.clone(), value(interval.value), range(*interval)])
        .collect();
    page.table(["metric", "value", "95 % interval"], true, &rows);
}

fn worth(summary: &RunSummary, page: &mut Page) {
    let judgement = summary.judgement();
    let size = summary.result().map_or(1.0, |result| result.value);
    if !judgement.worth.is_empty() {
        page.heading("What each input is worth");
        let rows: Vec<[String; 4]> = judgement
            .worth
            .iter()
            .map(|worth| {
                let interval = worth.paired.map_or_else(String::new, |paired| {
                    let (low, high) = summary.better(paired.low, paired.high);
                    format!("{} to {}", signed(low, size), signed(high, size))
                });
                let gain = signed(sentence::worth_value(summary, worth), size);
                [worth.input.clone(), value(worth.without), gain, interval]
            })
            .collect();
        page.table(
            ["input", "metric without it", "worth", "95 % interval"],
            true,
            &rows,
        );
    }
    if judgement.by_presence.len() > 1 {
        page.heading("By which inputs a record has");
        let rows: Vec<[String; 3]> = judgement
            .by_presence
            .iter()
            .map(|group| {
                let number = group.value.map_or_else(|| "undefined".to_owned(), value);
                [group.present.clone(), count(group.num_records), number]
            })
            .collect();
        page.table(["present", "records", "value"], true, &rows);
    }
}

fn classes(summary: &RunSummary, page: &mut Page) {
    let evaluation = &summary.judgement().evaluation;
    if evaluation.per_class.is_empty() {
        return;
    }
    page.heading("Classes");
    let rows: Vec<[String; 5]> = evaluation
        .per_class
        .iter()
        .map(|class| {
            let [precision, recall, f1] = [class.precision, class.recall, class.f1].map(value);
            [
                class.class.clone(),
                count(class.support as usize),
                precision,
                recall,
                f1,
            ]
        })
        .collect();
    page.table(
        ["class", "records", "precision", "recall", "F1"],
        true,
        &rows,
    );
}

fn mistakes(summary: &RunSummary, page: &mut Page) {
    if summary.mistakes.is_empty() {
        return;
    }
    page.heading("Most wrong");
    let rows: Vec<[String; 5]> = summary
        .mistakes
        .iter()
        .map(|mistake| {
            let columns: Vec<String> = mistake
                .columns
                .iter()
                .map(|(name, cell)| format!("{name}: {cell}"))
                .collect();
            let sure = mistake
                .probability
                .map_or_else(String::new, |it| format!("{} %", of_hundred(it)));
            let line = count(mistake.line);
            [
                line,
                columns.join("; "),
                mistake.truth.clone(),
                mistake.prediction.clone(),
                sure,
            ]
        })
        .collect();
    page.table(
        ["line", "record", "is", "model says", "probability"],
        false,
        &rows,
    );
}

fn model(summary: &RunSummary, page: &mut Page) {
    page.heading("Model");
    let rows: Vec<[String; 4]> = summary
        .voices
        .iter()
        .map(|voice| {
            let alone = voice
                .alone
                .map_or_else(String::new, |interval| value(interval.value));
            [
                voice.name.clone(),
                voice.inputs.join(", "),
                value(voice.weight),
                alone,
            ]
        })
        .collect();
    page.table(["voice", "inputs", "weight", "alone"], false, &rows);
    let rows: Vec<[String; 5]> = summary
        .plan
        .iter()
        .map(|part| {
            let shape: Vec<String> = part.shape.iter().map(usize::to_string).collect();
            let parameters = count(part.num_parameters);
            [
                part.expert.clone(),
                part.name.clone(),
                part.kind.clone(),
                shape.join(" x "),
                parameters,
            ]
        })
        .collect();
    page.table(
        ["expert", "part", "kind", "shape", "parameters"],
        false,
        &rows,
    );
    for left_out in &summary.left_out {
        page.paragraph(&format!("Left out: {}: {}", left_out.name, left_out.why));
    }
    let rows: Vec<[String; 2]> = summary
        .timings
        .iter()
        .map(|timing| [timing.part.clone(), duration(timing.secs)])
        .collect();
    page.table(["time of", "took"], true, &rows);
    let parameters = short_count(summary.num_parameters());
    page.paragraph(&format!(
        "{parameters} parameters, {} in all.",
        duration(summary.total_secs)
    ));
}

fn data(summary: &RunSummary, page: &mut Page) {
    page.heading("Data and command");
    let mut rows = vec![
        ["table".to_owned(), summary.table.clone()],
        ["fitted on".to_owned(), count(summary.num_fit)],
        ["held out".to_owned(), count(summary.num_held_out)],
    ];
    if let Some(test) = &summary.test {
        rows.push(["test".to_owned(), count(test.evaluation.num_records)]);
    }
    rows.push(["left out".to_owned(), count(summary.skipped.num_records())]);
    page.table(["records", ""], true, &rows);
    page.paragraph(&sentence::skipped(&summary.skipped));
    for example in &summary.skipped.examples {
        page.text += &format!("- {}\n", escape(example));
    }
    if !summary.skipped.examples.is_empty() {
        page.text.push('\n');
    }
    if !summary.command.is_empty() {
        page.text += &format!("{}\n\n", fenced("sh", &summary.command));
    }
    if !summary.config.is_empty() {
        page.text += &format!("{}\n\n", fenced("toml", &summary.config));
    }
    let made = [
        summary.created.as_str(),
        &format!("multifuse {}", summary.version),
    ];
    let made: Vec<&str> = made.into_iter().filter(|part| !part.is_empty()).collect();
    page.paragraph(&made.join(", "));
}

/// A code block whose fence is longer than any row of backticks inside.
fn fenced(language: &str, text: &str) -> String {
    let mut longest = 0;
    let mut run = 0;
    for letter in text.chars() {
        run = if letter == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}{language}\n{}\n{fence}", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cannot_end_a_table_or_turn_into_markup() {
        let text = table(["a"], false, &[["x|y <script>\n`z`".to_owned()]]);
        assert_eq!(text, "| a |\n| --- |\n| x\\|y &lt;script&gt; \\`z\\` |\n");
    }

    #[test]
    fn a_fence_is_longer_than_any_inside() {
        assert!(fenced("toml", "a = '''````'''").starts_with("`````toml\n"));
        assert_eq!(fenced("sh", "x\n"), "```sh\nx\n```");
    }
}
