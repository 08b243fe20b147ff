//! A process that measures one configuration on demand and is stopped while others are measured.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;

/// A running side.
pub(crate) struct Side {
    pub(crate) name: String,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// What it said when it was ready: losses, or the largest difference of its output.
    pub(crate) checks: Value,
    pub(crate) medians: Vec<f64>,
    pub(crate) least_ms: f64,
    pub(crate) peak_mb: f64,
}

impl Side {
    /// Starts it, waits until it is ready and stops it.
    ///
    /// The error is the reason why it cannot run here.
    pub(crate) fn start(name: &str, mut command: Command) -> Result<Self, String> {
        let mut child = command
            .env("RAYON_NUM_THREADS", "2")
            .env("OMP_NUM_THREADS", "2")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("does not start: {error}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("has no pipes".to_owned());
        };
        let mut side = Self {
            name: name.to_owned(),
            child,
            input,
            output: BufReader::new(output),
            checks: Value::Null,
            medians: Vec::new(),
            least_ms: f64::INFINITY,
            peak_mb: 0.0,
        };
        side.checks = side.answer()?;
        if side.checks["ready"] != true {
            let reason = side.checks["reason"].as_str();
            return Err(reason.unwrap_or("is not ready").to_owned());
        }
        side.note_peak(&side.checks.clone());
        side.signal("-STOP");
        Ok(side)
    }

    /// Lets it run for so long.
    pub(crate) fn round(&mut self, secs: f64) -> Result<(), String> {
        let first = First::begin();
        self.signal("-CONT");
        writeln!(self.input, "round {secs}")
            .and_then(|()| self.input.flush())
            .map_err(|error| format!("{}: {error}", self.name))?;
        let answer = self.answer();
        self.signal("-STOP");
        drop(first);
        let answer = answer?;
        let number = |key: &str| answer[key].as_f64().ok_or("no number in the answer");
        self.medians.push(number("median_ms")?);
        self.least_ms = self.least_ms.min(number("min_ms")?);
        self.note_peak(&answer);
        Ok(())
    }

    /// The median of the rounds' medians.
    pub(crate) fn median_ms(&self) -> f64 {
        median(&self.medians)
    }

    fn note_peak(&mut self, answer: &Value) {
        self.peak_mb = self.peak_mb.max(answer["peak_mb"].as_f64().unwrap_or(0.0));
    }

    /// The next line that is JSON; libraries may print others.
    fn answer(&mut self) -> Result<Value, String> {
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.output.read_line(&mut line);
            if read.map_err(|error| format!("{}: {error}", self.name))? == 0 {
                return Err("ended without an answer".to_owned());
            }
            if let Ok(value @ Value::Object(_)) = serde_json::from_str(&line) {
                return Ok(value);
            }
        }
    }

    /// Stopping is what keeps threads that spin while they wait from disturbing the other side.
    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        // Where there is no `kill`, the idle side waits for its input, which is nearly as good.
        let _ = Command::new("kill").args([signal, &id]).status();
    }
}

/// While it lives, other work on the machine waits where the system permits it (Linux, as root): the sides share the
/// scheduling group of this process.
pub(crate) struct First {
    before: Option<String>,
}

const GROUP: &str = "/proc/self/autogroup";

impl First {
    /// Goes first from now on.
    pub(crate) fn begin() -> Self {
        // "/autogroup-141 nice 0"
        let text = std::fs::read_to_string(GROUP).unwrap_or_default();
        let before = text.split_whitespace().last().map(str::to_owned);
        if before.is_some() {
            let _ = std::fs::write(GROUP, "-20");
        }
        Self { before }
    }
}

impl Drop for First {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = std::fs::write(GROUP, before);
        }
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The middle value, or the mean of the two in the middle; not a number for none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.get(middle) {
        None => f64::NAN,
        Some(high) if sorted.len() % 2 == 1 => *high,
        Some(high) => f64::midpoint(sorted[middle - 1], *high),
    }
}
