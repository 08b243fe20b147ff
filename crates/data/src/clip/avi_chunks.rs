//! The tree of chunks that an AVI file is.
//!
//! Source: Microsoft, "AVI RIFF File Reference"; OpenDML 1.02 for files of several RIFF parts. The index (`idx1`) is not
//! used: with the file in memory a walk over the chunks costs the same and cannot disagree with them.

use super::{ClipError, fault};

/// Most chunks of one file.
const MAX_CHUNKS: usize = 1 << 20;
/// Lists in lists that are walked into.
const MAX_DEPTH: usize = 6;

/// Numbers at a place, little-endian.
pub(super) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

pub(super) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

/// Chunks that hold data, in the order of the file; `see` gets the list they stand in, their name and their data.
pub(super) fn walk<'a>(
    bytes: &'a [u8],
    see: &mut dyn FnMut([u8; 4], [u8; 4], &'a [u8]),
) -> Result<(), ClipError> {
    let mut left = MAX_CHUNKS;
    walk_list(bytes, *b"file", 0, &mut left, see)
}

fn walk_list<'a>(
    bytes: &'a [u8],
    list: [u8; 4],
    depth: usize,
    left: &mut usize,
    see: &mut dyn FnMut([u8; 4], [u8; 4], &'a [u8]),
) -> Result<(), ClipError> {
    let mut at = 0;
    // Fewer bytes than a chunk's head at the end are padding.
    while let Some((name, size)) = head(bytes, at) {
        *left = left
            .checked_sub(1)
            .ok_or_else(|| fault("clip_too_large", format!("more than {MAX_CHUNKS} chunks")))?;
        let body = bytes.get(at + 8..).and_then(|rest| rest.get(..size));
        let Some(body) = body else {
            // Junk after the last chunk of a file is common; what has a known name was cut off.
            let known = depth > 0 || matches!(&name, b"RIFF" | b"LIST" | b"idx1");
            if !known {
                break;
            }
            let text = format!(
                "chunk \"{}\" promises {size} bytes, {} are left",
                name.escape_ascii(),
                bytes.len() - at - 8
            );
            return Err(fault("clip_truncated", text));
        };
        match (&name, body.get(..4).and_then(|kind| kind.try_into().ok())) {
            (b"RIFF" | b"LIST", Some(kind)) if depth < MAX_DEPTH => {
                walk_list(&body[4..], kind, depth + 1, left, see)?;
            }
            _ => see(list, name, body),
        }
        at += 8 + size + size % 2;
    }
    Ok(())
}

fn head(bytes: &[u8], at: usize) -> Option<([u8; 4], usize)> {
    let name = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some((name, le32(bytes, at + 4)? as usize))
}
