//! PNG animations, split into PNG pictures of one frame.
//!
//! Source: W3C, "Portable Network Graphics, third edition", sections 5 and 11.3.6.

use std::ops::Range;

use super::{
    ClipError,
    animation::{Animation, Dispose, Still, push},
    fault,
};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Place of the header chunk's data, 13 bytes.
const HEADER: Range<usize> = 16..29;

fn cut() -> ClipError {
    fault("clip_truncated", "the PNG is cut off")
}

fn be32(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(u32::from_be_bytes(four) as usize)
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

/// `None` if the picture is not animated.
pub(super) fn split(bytes: &[u8]) -> Result<Option<Animation<'_>>, ClipError> {
    let mut stills: Vec<Still> = Vec::new();
    // Whole chunks that every frame needs: colours and transparency.
    let mut shared = Vec::new();
    let mut open: Option<Still> = None;
    let mut animated = false;
    let mut at = SIGNATURE.len();
    loop {
        let size = be32(bytes, at).ok_or_else(cut)?;
        let body = at + 8..at + 8 + size;
        let name = bytes.get(at + 4..at + 8).ok_or_else(cut)?;
        // The chunk and its check sum must be there.
        if bytes.len() < body.end + 4 {
            return Err(cut());
        }
        match name {
            b"acTL" => animated = true,
            b"PLTE" | b"tRNS" => shared.push(at..body.end + 4),
            b"fcTL" => {
                if let Some(still) =
                    open.replace(read_control(&bytes[body.clone()]).ok_or_else(cut)?)
                {
                    push(&mut stills, still)?;
                }
            }
            // Data before the first control are a picture for readers that know no animation.
            b"IDAT" => {
                if let Some(still) = &mut open {
                    still.parts.push(body.clone());
                }
            }
            b"fdAT" if size >= 4 => {
                if let Some(still) = &mut open {
                    still.parts.push(body.start + 4..body.end);
                }
            }
            b"IEND" => break,
            _ => {}
        }
        if !animated && name == b"IDAT" {
            return Ok(None);
        }
        at = body.end + 4;
    }
    if let Some(still) = open {
        push(&mut stills, still)?;
    }
    if stills.iter().any(|still| still.parts.is_empty()) {
        return Err(fault("clip_damaged", "a frame of the PNG has no data"));
    }
    let side = |at: usize| be32(bytes, at).ok_or_else(cut);
    Ok(animated.then_some(Animation {
        bytes,
        width: side(16)?,
        height: side(20)?,
        stills,
        shared,
        assemble,
    }))
}

fn read_control(body: &[u8]) -> Option<Still> {
    let (delay, unit) = (be16(body, 20)?, be16(body, 22)?);
    Some(Still {
        width: be32(body, 4)?,
        height: be32(body, 8)?,
        x: be32(body, 12)?,
        y: be32(body, 16)?,
        secs: f64::from(delay) / f64::from(if unit == 0 { 100 } else { unit }),
        dispose: match body.get(24)? {
            1 => Dispose::Clear,
            2 => Dispose::Restore,
            _ => Dispose::Keep,
        },
        over: *body.get(25)? == 1,
        parts: Vec::new(),
    })
}

fn assemble(animation: &Animation<'_>, still: &Still) -> Vec<u8> {
    let bytes = animation.bytes;
    let mut header = bytes[HEADER].to_vec();
    header[..4].copy_from_slice(&(still.width as u32).to_be_bytes());
    header[4..8].copy_from_slice(&(still.height as u32).to_be_bytes());
    let mut file = SIGNATURE.to_vec();
    chunk(&mut file, b"IHDR", &[&header]);
    for part in &animation.shared {
        file.extend(&bytes[part.clone()]);
    }
    let data = still.parts.iter().map(|part| &bytes[part.clone()]);
    chunk(&mut file, b"IDAT", &data.collect::<Vec<_>>());
    chunk(&mut file, b"IEND", &[]);
    file
}

fn chunk(file: &mut Vec<u8>, name: &[u8; 4], bodies: &[&[u8]]) {
    let size: usize = bodies.iter().map(|body| body.len()).sum();
    file.extend((size as u32).to_be_bytes());
    let start = file.len();
    file.extend(name);
    for body in bodies {
        file.extend(*body);
    }
    let mut sum = flate2::Crc::new();
    sum.update(&file[start..]);
    file.extend(sum.sum().to_be_bytes());
}
