//! WebP animations, split into WebP pictures of one frame. Source: RFC 9649, section 2.7.

use super::{
    ClipError,
    animation::{Animation, Dispose, Still, push},
    avi_chunks::{le16, le32},
    fault,
};

fn le24(bytes: &[u8], at: usize) -> Option<usize> {
    let [a, b, c]: [u8; 3] = bytes.get(at..at.checked_add(3)?)?.try_into().ok()?;
    Some(u32::from_le_bytes([a, b, c, 0]) as usize)
}

/// `None` if the picture is not animated.
pub(super) fn split(bytes: &[u8]) -> Result<Option<Animation<'_>>, ClipError> {
    let cut = || fault("clip_truncated", "the WebP is cut off");
    // Flags of the extended form: bit 1 says "animation".
    if bytes.get(12..16) != Some(b"VP8X") || bytes.get(20).is_none_or(|flags| flags & 2 == 0) {
        return Ok(None);
    }
    let side = |at: usize| le24(bytes, at).map(|side| side + 1).ok_or_else(cut);
    let (width, height) = (side(24)?, side(27)?);
    let promised = 8 + le32(bytes, 4).ok_or_else(cut)? as usize;
    if promised > bytes.len() {
        return Err(cut());
    }
    let mut stills = Vec::new();
    let mut at = 12;
    while at + 8 <= promised {
        let size = le32(bytes, at + 4).ok_or_else(cut)? as usize;
        let end = at + 8 + size;
        if end > promised {
            return Err(cut());
        }
        if bytes.get(at..at + 4) == Some(b"ANMF") {
            let still = read_frame(bytes, at + 8, end).ok_or_else(cut)?;
            // Its data are what is decoded: a larger picture would pass the budget.
            if own_size(&bytes[still.parts[0].clone()]) != Some((still.width, still.height)) {
                let text = format!("frame {} is not as large as it says", stills.len() + 1);
                return Err(fault("clip_damaged", text));
            }
            push(&mut stills, still)?;
        }
        at = end + size % 2;
    }
    Ok(Some(Animation {
        bytes,
        width,
        height,
        stills,
        shared: Vec::new(),
        assemble,
    }))
}

fn read_frame(bytes: &[u8], at: usize, end: usize) -> Option<Still> {
    let body = bytes.get(at..end)?;
    let flags = *body.get(15)?;
    Some(Still {
        x: 2 * le24(body, 0)?,
        y: 2 * le24(body, 3)?,
        width: 1 + le24(body, 6)?,
        height: 1 + le24(body, 9)?,
        secs: le24(body, 12)? as f64 / 1000.0,
        dispose: if flags & 1 == 1 {
            Dispose::Clear
        } else {
            Dispose::Keep
        },
        over: flags & 2 == 0,
        parts: std::iter::once(at + 16..end).collect(),
    })
}

/// Width and height that the picture's own data say. Source: RFC 9649, sections 2.5 and 2.6.
fn own_size(chunks: &[u8]) -> Option<(usize, usize)> {
    let mut at = 0;
    loop {
        let name = chunks.get(at..at + 4)?;
        let size = le32(chunks, at + 4)? as usize;
        let body = at + 8;
        match name {
            b"VP8 " => {
                let side = |offset| Some(usize::from(le16(chunks, body + offset)? & 0x3fff));
                return Some((side(6)?, side(8)?));
            }
            b"VP8L" => {
                let bits = le32(chunks, body + 1)? as usize;
                return Some((1 + (bits & 0x3fff), 1 + (bits >> 14 & 0x3fff)));
            }
            _ => at = body.checked_add(size + size % 2)?,
        }
    }
}

fn assemble(animation: &Animation<'_>, still: &Still) -> Vec<u8> {
    let chunks = &animation.bytes[still.parts[0].clone()];
    let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
    if chunks.starts_with(b"ALPH") {
        file.extend(b"VP8X\x0a\0\0\0\x10\0\0\0");
        for side in [still.width, still.height] {
            file.extend(&(side as u32 - 1).to_le_bytes()[..3]);
        }
    }
    file.extend(chunks);
    let size = (file.len() - 8) as u32;
    file[4..8].copy_from_slice(&size.to_le_bytes());
    file
}
