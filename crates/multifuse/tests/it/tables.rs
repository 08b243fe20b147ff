//! Small tables whose target follows from their columns.

use std::fmt::Write as _;

/// Header of the columns that every table here begins with.
pub(crate) const INPUTS: &str = "words,size,kind";

const SKY: [&str; 6] = ["sun", "rain", "wind", "cloud", "storm", "snow"];
const STREET: [&str; 6] = ["train", "car", "bus", "road", "ticket", "lane"];

/// One record: `is_sky` decides the words, and moves the size by 2.
pub(crate) struct Drawn {
    pub(crate) is_sky: bool,
    pub(crate) words: String,
    pub(crate) size: f64,
    pub(crate) kind: &'static str,
}

impl Drawn {
    /// The cells of [`INPUTS`].
    pub(crate) fn cells(&self) -> String {
        format!("{},{:.3},{}", self.words, self.size, self.kind)
    }

    pub(crate) fn label(&self) -> &'static str {
        if self.is_sky { "sky" } else { "street" }
    }
}

/// `num` records, the two classes by turns; the same each time.
pub(crate) fn drawn(num: usize) -> Vec<Drawn> {
    // Knuth, "Seminumerical Algorithms", the MMIX generator: enough for tables that only have to be irregular.
    let mut state = 1_u64;
    let mut below = |limit: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    (0..num)
        .map(|row| {
            let is_sky = row % 2 == 1;
            let vocabulary = if is_sky { SKY } else { STREET };
            let words: Vec<&str> = (0..4).map(|_| vocabulary[below(6)]).collect();
            // The mean of three even draws, within 1.5 of its class's middle.
            let wave = (0..3).map(|_| below(1000) as f64).sum::<f64>() / 1000.0 - 1.5;
            Drawn {
                is_sky,
                words: words.join(" "),
                size: if is_sky { 2.0 + wave } else { wave },
                kind: ["a", "b", "c"][below(3)],
            }
        })
        .collect()
}

/// CSV text: `INPUTS` and one more column.
pub(crate) fn csv(column: &str, records: &[Drawn], value: impl Fn(&Drawn) -> String) -> String {
    let mut text = format!("{INPUTS},{column}\n");
    for record in records {
        let _ = writeln!(text, "{},{}", record.cells(), value(record));
    }
    text
}

/// `label`: sky or street.
pub(crate) fn binary(num: usize) -> String {
    csv("label", &drawn(num), |record| record.label().to_owned())
}

/// `price`: three times the size, plus 1 under the sky.
pub(crate) fn regression(num: usize) -> String {
    csv("price", &drawn(num), |record| {
        format!(
            "{:.3}",
            3.0 * record.size + f64::from(u8::from(record.is_sky))
        )
    })
}

/// `tags`: `wet` under the sky, `big` above a size of 1, none, one or both.
pub(crate) fn multilabel(num: usize) -> String {
    csv("tags", &drawn(num), |record| {
        let tags = [("wet", record.is_sky), ("big", record.size > 1.0)];
        let tags: Vec<&str> = tags
            .iter()
            .filter(|(_, has)| *has)
            .map(|(tag, _)| *tag)
            .collect();
        tags.join(";")
    })
}

/// The text with the cell of some data line (counted from 0) and column replaced.
pub(crate) fn with_cell(text: &str, line: usize, column: usize, cell: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut cells: Vec<&str> = lines[line + 1].split(',').collect();
    cells[column] = cell;
    lines[line + 1] = cells.join(",");
    lines.join("\n") + "\n"
}
