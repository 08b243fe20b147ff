//! Numbers at a place of a byte slice.

/// `N` bytes at a place; `None` past the end.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// An ASCII field, blanks and zero bytes around it cut.
pub(super) fn ascii(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    Some(text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\0'))
}
