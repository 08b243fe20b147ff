//! The real binary, run as a person runs it, on small generated tables; and the library beside it.
//!
//! `UPDATE_GOLDEN=1` rewrites the reviewed texts in `tests/golden`.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests: a failing one should stop the test"
)]

mod answers;
mod bad_data;
mod bad_disk;
mod bad_media;
mod bad_pictures;
mod bad_usage;
mod derived;
mod golden;
mod interrupt;
mod library;
mod main_job;
mod media_files;
mod program;
mod same_result;
mod seed;
mod shared;
mod sources;
mod tables;
mod tasks;
mod use_cases;
mod volumes;
