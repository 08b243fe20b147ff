//! A cell after decoding: what it says, no longer how it was written.

use std::sync::Arc;

/// A decoded picture, 8 bits a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// RGB bytes `[H, W, 3]`, row-major.
    pub rgb: Vec<u8>,
}

/// What a cell says.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text as written, line ends and all.
    Text(Arc<str>),
    /// A picture, already scaled to the size that was asked for.
    Image(Arc<Picture>),
    /// A finite number.
    Number(f64),
    /// The value's name.
    Category(Arc<str>),
    /// Seconds since 1970-01-01T00:00:00Z.
    Date(i64),
}
