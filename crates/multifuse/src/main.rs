//! The `multifuse` command.
fn main() {}
