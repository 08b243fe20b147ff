//! Runs `multifuse` in a folder and looks at what it did.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A fresh folder that goes when the test ends.
pub(crate) fn fresh_folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for the test")
}

/// Writes a file and gives its path.
pub(crate) fn write(folder: &Path, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, contents).expect("the test folder can be written");
    path
}

/// The program, ready to be started in a folder, cut off from any terminal.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_multifuse"));
    command
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .env_remove("COLUMNS");
    command
}

/// Runs the program; `words` are its arguments, separated by blanks.
pub(crate) fn multifuse(folder: &Path, words: &str) -> Outcome {
    let arguments: Vec<&str> = words.split_whitespace().collect();
    Outcome::of(words, &mut command(folder, &arguments))
}

/// What a run of the program did.
#[derive(Debug)]
pub(crate) struct Outcome {
    words: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Runs a command to its end.
    pub(crate) fn of(words: &str, command: &mut Command) -> Self {
        let output = command.output().expect("the program starts");
        let outcome = Self {
            words: words.to_owned(),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        let is_fault = matches!(outcome.code, None | Some(3 | 101));
        assert!(
            !is_fault && !outcome.stderr.contains("panicked"),
            "{}",
            outcome.told()
        );
        outcome
    }

    /// Everything that is known, for the message of a failed test.
    pub(crate) fn told(&self) -> String {
        format!(
            "multifuse {}\nexit code {:?}\n--- standard output\n{}\n--- standard error\n{}",
            self.words, self.code, self.stdout, self.stderr
        )
    }

    /// Insists on an exit code.
    #[track_caller]
    pub(crate) fn exits_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.told());
        self
    }

    /// Insists on success and gives standard output.
    #[track_caller]
    pub(crate) fn succeeds(self) -> String {
        self.exits_with(0).stdout
    }

    /// Insists on success and gives standard output as the one JSON value that `--json` promises.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let told = self.told();
        let stdout = self.succeeds();
        assert_eq!(stdout.lines().count(), 1, "one line of JSON\n{told}");
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}\n{told}"))
    }

    /// Insists on exit code 2, nothing on standard output, and an error that says all of `parts`.
    #[track_caller]
    pub(crate) fn refuses_with(self, parts: &[&str]) -> String {
        let outcome = self.exits_with(2);
        assert!(outcome.stdout.is_empty(), "{}", outcome.told());
        let is_error = outcome
            .stderr
            .lines()
            .any(|line| line.starts_with("error: "));
        assert!(is_error, "{}", outcome.told());
        for part in parts {
            let is_said = outcome.stderr.contains(part);
            assert!(is_said, "nothing says {part:?}\n{}", outcome.told());
        }
        outcome.stderr
    }
}
