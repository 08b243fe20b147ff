//! The reports through the room's public face, on a summary as a real run would leave it.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests: a failing one should stop the test"
)]

mod files;
mod fixture;
mod golden;
mod hostile;
mod verdicts;
