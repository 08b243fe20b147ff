//! One shape for everything that can go wrong in front of a person: where, what, got, expected, help.

use std::fmt;

/// The closed list of error kinds; each maps to one exit code, HTTP status and Python class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Code {
    /// Wrong usage or configuration: exit 2.
    Config,
    /// Wrong or unreadable data: exit 2.
    Data,
    /// A saved model that cannot be used: exit 2.
    Artifact,
    /// Too much asked at once.
    Overloaded,
    /// A fault of multifuse itself or of the machine: exit 3.
    Internal,
}

/// A problem that a person can act on.
///
/// `what` starts lower case and ends without a full stop; names stand in double quotes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Which map entry (exit code, HTTP status) it belongs to.
    pub code: Code,
    /// Where: a file with line, a column, a dotted config key. Empty if it has no place.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What was found there.
    pub got: Option<String>,
    /// What would have been right.
    pub expected: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    /// A problem of a kind, with only its sentence; the builders below add the rest.
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        let place = String::new();
        Self {
            code,
            place,
            what: what.into(),
            got: None,
            expected: None,
            help: None,
        }
    }

    /// Says where. A place that is already set is kept behind the new one, so outer layers add context.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        let outer = place.into();
        self.place = if self.place.is_empty() {
            outer
        } else {
            format!("{outer}, {}", self.place)
        };
        self
    }

    /// Says what was found.
    #[must_use]
    pub fn got(mut self, got: impl Into<String>) -> Self {
        self.got = Some(got.into());
        self
    }

    /// Says what would have been right.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The form of several lines for a terminal.
    pub fn terminal(&self) -> String {
        let mut text = String::from("error: ");
        text.push_str(&self.headline());
        for (name, part) in [
            ("got     ", &self.got),
            ("expected", &self.expected),
            ("help    ", &self.help),
        ] {
            if let Some(part) = part {
                text.push_str(&format!("\n  {name}  {part}"));
            }
        }
        text
    }

    /// Exit code of a command that ends with this problem.
    pub fn exit_code(&self) -> u8 {
        match self.code {
            Code::Config | Code::Data | Code::Artifact => 2,
            Code::Overloaded | Code::Internal => 3,
        }
    }

    fn headline(&self) -> String {
        if self.place.is_empty() {
            self.what.clone()
        } else {
            format!("{}: {}", self.place, self.what)
        }
    }
}

/// The one-line form for logs, HTTP and Python.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        match (&self.expected, &self.got) {
            (Some(expected), Some(got)) => write!(f, ": expected {expected}, got {got}"),
            (Some(expected), None) => write!(f, ": expected {expected}"),
            (None, Some(got)) => write!(f, ": got {got}"),
            (None, None) => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

/// Several problems found in one place, shown together so that a person mends them in one go.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problems {
    /// What was checked, such as a config file.
    pub place: String,
    /// In the order in which they stand there; never empty.
    pub list: Vec<Problem>,
}

impl Problems {
    /// `Ok` if nothing was found, otherwise one problem that shows all of them.
    ///
    /// # Errors
    /// If `list` is not empty.
    pub fn check(place: &str, mut list: Vec<Problem>) -> Result<(), Problem> {
        match list.len() {
            0 => Ok(()),
            1 => Err(list.swap_remove(0).at(place)),
            _ => Err(Self {
                place: place.to_owned(),
                list,
            }
            .merged()),
        }
    }

    fn merged(&self) -> Problem {
        let mut what = format!("{} problems in {}", self.list.len(), self.place);
        for problem in &self.list {
            what.push_str(&format!("\n  {problem}"));
            if let Some(help) = &problem.help {
                what.push_str(&format!(" ({help})"));
            }
        }
        Problem::new(self.list[0].code, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad_age() -> Problem {
        Problem::new(Code::Data, "not a number")
            .at("column \"age\"")
            .got("\"4O\"")
            .expected("a finite number, or empty for missing")
            .help("correct the cell")
    }

    #[test]
    fn one_line_form_names_place_expected_and_got() {
        assert_eq!(
            bad_age().at("train.csv:412").to_string(),
            "train.csv:412, column \"age\": not a number: \
             expected a finite number, or empty for missing, got \"4O\""
        );
    }

    #[test]
    fn terminal_form_has_a_line_for_each_part() {
        assert_eq!(
            bad_age().terminal(),
            "error: column \"age\": not a number\n  got       \"4O\"\n  expected  a finite number, \
             or empty for missing\n  help      correct the cell"
        );
    }

    #[test]
    fn several_problems_are_shown_together() {
        let error = Problems::check("run.toml", vec![bad_age(), bad_age()]).unwrap_err();
        assert!(
            error.what.starts_with("2 problems in run.toml\n"),
            "{}",
            error.what
        );
        assert_eq!(error.what.lines().count(), 3);
        assert!(Problems::check("run.toml", vec![]).is_ok());
    }
}
