//! What can be wrong with data.

use std::path::PathBuf;

use schema::{Code, Modality, Problem, Task};

/// What went wrong between a file and a batch.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A table cannot be opened or read.
    #[error("cannot read \"{path}\": {source}")]
    Read {
        /// The table.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A table of a format that is not known here.
    #[error("no reader for \"{path}\"")]
    UnknownFormat {
        /// The table.
        path: PathBuf,
    },
    /// A table without columns or without records.
    #[error("\"{path}\" has no {lacks}")]
    Empty {
        /// The table.
        path: PathBuf,
        /// `columns` or `records`.
        lacks: &'static str,
        /// Rows that were there but could not be read.
        num_bad_rows: usize,
        /// The first of them.
        first_bad: Option<crate::BadRow>,
    },
    /// Two columns of one name.
    #[error("two columns of \"{path}\" are named \"{name}\"")]
    TwoColumns {
        /// The table.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// The file is not what its extension says.
    #[error("\"{path}\" is damaged: {what}")]
    Malformed {
        /// The table.
        path: PathBuf,
        /// What the reader says.
        what: String,
    },
    /// A column that the table does not have.
    #[error("no column \"{name}\"{}", schema::known(name, known))]
    NoColumn {
        /// The name asked for.
        name: String,
        /// The columns there are.
        known: Vec<String>,
    },
    /// A cell that cannot be used, where bad records stop the run.
    #[error("{table}:{line}, column \"{column}\": {text}")]
    BadCell {
        /// Name of the table.
        table: String,
        /// Line in the file, from 1.
        line: usize,
        /// Column name.
        column: String,
        /// Closed word for the kind of fault, such as `file_missing`.
        reason_code: &'static str,
        /// What was found and what was expected.
        text: String,
    },
    /// A target cell that does not fit the task.
    #[error("{table}:{line}, column \"{column}\": the target is not usable for {task}")]
    BadTarget {
        /// Name of the table.
        table: String,
        /// Line in the file, from 1.
        line: usize,
        /// Column name.
        column: String,
        /// What is predicted.
        task: Task,
        /// What stands there.
        got: String,
    },
    /// A target that has nothing to learn.
    #[error("column \"{column}\" cannot be learned for {task}: it has {got}")]
    NothingToLearn {
        /// Target column.
        column: String,
        /// What is predicted.
        task: Task,
        /// What it has, such as `one class, "yes"`.
        got: String,
        /// What the task needs.
        expected: &'static str,
    },
    /// A preparation that does not fit the modality of its column.
    #[error("column \"{column}\" is {modality} and cannot be prepared as {preparation}")]
    WrongPreparation {
        /// Column name.
        column: String,
        /// What the column is.
        modality: Modality,
        /// What was asked for.
        preparation: &'static str,
    },
    /// Token numbers that are not below the vocabulary size.
    #[error("{table}:{line}, column \"{column}\": not a list of token numbers")]
    BadTokenIds {
        /// Name of the table.
        table: String,
        /// Line in the file, from 1.
        line: usize,
        /// Column name.
        column: String,
        /// The token that is wrong.
        got: String,
        /// Vocabulary size.
        vocab_size: usize,
    },
    /// Too few records, or one group, to split.
    #[error("{num_records} records in {num_groups} groups cannot be split in {num_parts}")]
    CannotSplit {
        /// Records to split.
        num_records: usize,
        /// Groups that must stay together.
        num_groups: usize,
        /// Parts asked for.
        num_parts: usize,
    },
    /// Lists that belong together differ in length: a fault of the caller.
    #[error("{what} has {got} entries, expected {expected}")]
    Length {
        /// Which list.
        what: &'static str,
        /// Its length.
        got: usize,
        /// The length it should have.
        expected: usize,
    },
    /// The cells of a large table cannot be put in a temporary file.
    #[error("cannot keep the cells of a large table in a temporary file in \"{folder}\": {source}")]
    Spill {
        /// Folder of temporary files.
        folder: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The temporary file of a large table's cells cannot be read any more.
    #[error("cells of {table} cannot be read back from their temporary file: {what}")]
    ReadBack {
        /// Name of the table.
        table: String,
        /// What the system says.
        what: String,
    },
    /// An archive of records cannot be read any more.
    #[error("an archive was changed or cannot be read any more: {what}")]
    Archive {
        /// Its name, and what the system says.
        what: String,
    },
    /// A folder that is no source of records.
    #[error("\"{path}\" holds no records")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is in it.
        got: String,
        /// What to do.
        help: String,
    },
    /// A web address that this program cannot read.
    #[error("cannot read \"{url}\": {what}")]
    Url {
        /// The address.
        url: String,
        /// What stands in the way.
        what: String,
        /// What to do.
        help: &'static str,
    },
    /// Worker threads cannot be started.
    #[error("cannot start worker threads: {what}")]
    Threads {
        /// What the system says.
        what: String,
    },
}

impl From<DataError> for Problem {
    fn from(error: DataError) -> Self {
        let code = match &error {
            DataError::NoColumn { .. } | DataError::WrongPreparation { .. } => Code::Config,
            DataError::Length { .. } | DataError::Threads { .. } => Code::Internal,
            _ => Code::Data,
        };
        match error {
            DataError::BadCell {
                table,
                line,
                column,
                text,
                ..
            } => Self::new(code, text)
                .at(cell_place(&table, line, &column))
                .help("correct the cell, or set data.on_bad = \"skip\" to leave such records out"),
            DataError::BadTarget {
                table,
                line,
                column,
                task,
                got,
            } => Self::new(code, format!("the target is not usable for {task}"))
                .at(cell_place(&table, line, &column))
                .got(format!("\"{got}\""))
                .expected(target_form(task))
                .help("correct the cell, or choose another task with --task"),
            DataError::BadTokenIds {
                table,
                line,
                column,
                got,
                vocab_size,
            } => Self::new(code, "not a list of token numbers")
                .at(cell_place(&table, line, &column))
                .got(format!("\"{got}\""))
                .expected(format!(
                    "whole numbers below {vocab_size}, separated by blanks"
                ))
                .help("raise vocab_size, or set tokenizer = \"word\""),
            DataError::UnknownFormat { path } => Self::new(code, "no reader for this kind of file")
                .at(path.display().to_string())
                .expected(format!("a table: {}", crate::FORMATS.join(", "))),
            DataError::NothingToLearn {
                column,
                task,
                got,
                expected,
            } => Self::new(code, format!("nothing to learn for {task}"))
                .at(format!("column \"{column}\""))
                .got(got)
                .expected(expected)
                .help("choose another target, or another task with --task"),
            other => with_help(Self::new(code, other.to_string()), &other),
        }
    }
}

fn with_help(problem: Problem, error: &DataError) -> Problem {
    match error {
        DataError::Empty {
            num_bad_rows,
            first_bad: Some(bad),
            ..
        } => problem.got(format!(
            "{num_bad_rows} rows that are no records, the first in line {}: {}",
            bad.line, bad.text
        )),
        DataError::TwoColumns { .. } => problem.help("rename one of them"),
        DataError::Folder { got, help, .. } => problem
            .got(got)
            .expected("a table, archives (*.tar), or one folder of media for each class")
            .help(help),
        DataError::Url { help, .. } => problem.help(*help),
        DataError::Archive { .. } => problem.help("leave data alone while it is read"),
        DataError::Spill { .. } | DataError::ReadBack { .. } => problem.help(
            "make room there, or name another folder in the environment variable TMPDIR (TEMP on Windows)",
        ),
        DataError::CannotSplit { .. } => {
            problem.help("add records, or give a table of its own with data.validation")
        }
        _ => problem,
    }
}

fn cell_place(table: &str, line: usize, column: &str) -> String {
    format!("{table}:{line}, column \"{column}\"")
}

fn target_form(task: Task) -> &'static str {
    match task {
        Task::Binary | Task::Class => "the name of a class",
        Task::Multilabel => "labels separated by `;` or `|`",
        Task::Regression => "a finite number",
    }
}
