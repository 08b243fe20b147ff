//! Where results go: standard output for what was asked, standard error for everything else.

use std::{
    fmt::Display,
    io::{self, Write},
};

use schema::{Code, Problem};
use serde_json::Value;

use super::args::Common;

/// Prints results in the form that was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
}

impl Output {
    pub(crate) fn new(common: &Common) -> Self {
        Self {
            json: common.json,
            quiet: common.quiet,
        }
    }

    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    pub(crate) fn is_quiet(self) -> bool {
        self.quiet
    }

    /// The result of a command: `value` under `--json`, otherwise `text`.
    pub(crate) fn result(self, text: &str, value: &Value) -> Result<(), Problem> {
        if self.json {
            self.print(&value.to_string())
        } else {
            self.print(text)
        }
    }

    /// Text that is the result itself, such as a configuration or CSV.
    pub(crate) fn print(self, text: &str) -> Result<(), Problem> {
        let mut out = io::stdout().lock();
        let newline: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
        match out
            .write_all(text.as_bytes())
            .and_then(|()| out.write_all(newline))
            .and_then(|()| out.flush())
        {
            // The reader has seen enough, as in `multifuse inspect big.csv | head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(
                Problem::new(Code::Data, "standard output cannot be written")
                    .got(error.to_string()),
            ),
            Ok(()) => Ok(()),
        }
    }
}

/// A line on standard error. Nobody can be told that it cannot be written, as behind `2>&1 | head`.
pub(crate) fn say(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
