//! The reports through the room's public face, on a summary as a real run would leave it.

mod files;
mod fixture;
mod golden;
mod hostile;
mod verdicts;
