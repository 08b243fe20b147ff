//! The room through its public face, on a small network over a generated table.

mod evaluate;
mod fit;
mod resume;
mod toy;
