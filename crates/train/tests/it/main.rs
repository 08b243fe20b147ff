//! The room through its public face, on a small network over a generated table.
#![allow(
    clippy::unwrap_used,
    reason = "a fault in the set-up of a test should stop it"
)]

mod evaluate;
mod fit;
mod resume;
mod toy;
