//! GIF animations, split into GIF pictures of one frame.
//!
//! Source: CompuServe, "Graphics Interchange Format, version 89a".

use super::{
    ClipError,
    animation::{Animation, Dispose, Still, push},
    avi_chunks::le16,
    fault,
};

/// Seconds of a frame that says 0 or 1 hundredths: what browsers show.
const UNSAID_SECS: f64 = 0.1;
/// Bytes of the header, up to the global colours.
const HEAD: usize = 13;

fn cut() -> ClipError {
    fault("clip_truncated", "the GIF is cut off")
}

/// Bytes of a table of colours that a packed byte announces.
fn colours(packed: u8) -> usize {
    if packed & 0x80 == 0 {
        0
    } else {
        3 * (2 << (packed & 7))
    }
}

/// The place after a chain of data blocks.
fn after_blocks(bytes: &[u8], mut at: usize) -> Result<usize, ClipError> {
    loop {
        let length = usize::from(*bytes.get(at).ok_or_else(cut)?);
        at += 1 + length;
        if length == 0 {
            return Ok(at);
        }
    }
}

/// What the extension before a frame says about it.
#[derive(Clone, Copy)]
struct Control {
    at: Option<usize>,
    packed: u8,
    hundredths: u16,
}

const NO_CONTROL: Control = Control {
    at: None,
    packed: 0,
    hundredths: 0,
};

pub(super) fn split(bytes: &[u8]) -> Result<Animation<'_>, ClipError> {
    let head = bytes.get(..HEAD).ok_or_else(cut)?;
    let side = |at: usize| le16(head, at).map_or(0, usize::from);
    let mut at = HEAD + colours(head[10]);
    let mut stills = Vec::new();
    let mut control = NO_CONTROL;
    // A missing end mark is common and harmless.
    while let Some(mark) = bytes.get(at) {
        match mark {
            0x3b => break,
            0x21 => {
                let label = *bytes.get(at + 1).ok_or_else(cut)?;
                if label == 0xf9 {
                    control = Control {
                        at: Some(at),
                        packed: *bytes.get(at + 3).ok_or_else(cut)?,
                        hundredths: le16(bytes, at + 4).ok_or_else(cut)?,
                    };
                }
                at = after_blocks(bytes, at + 2)?;
            }
            0x2c => {
                let (still, end) = read_frame(bytes, at, control)?;
                push(&mut stills, still)?;
                control = NO_CONTROL;
                at = end;
            }
            // Zeros between blocks are skipped by every reader.
            0 => at += 1,
            other => {
                let text = format!("a GIF block of unknown kind {other:#04x}");
                return Err(fault("clip_damaged", text));
            }
        }
    }
    Ok(Animation {
        bytes,
        width: side(6),
        height: side(8),
        stills,
        shared: Vec::new(),
        assemble,
    })
}

fn read_frame(bytes: &[u8], at: usize, control: Control) -> Result<(Still, usize), ClipError> {
    let side = |offset: usize| le16(bytes, at + offset).map(usize::from).ok_or_else(cut);
    let packed = *bytes.get(at + 9).ok_or_else(cut)?;
    // Colours, then the size of the first code, then the blocks.
    let end = after_blocks(bytes, at + 10 + colours(packed) + 1)?;
    // The parts: control (may be empty), then the frame from its packed byte on.
    let control_part = control.at.map_or(0..0, |start| start..start + 8);
    let still = Still {
        x: side(1)?,
        y: side(3)?,
        width: side(5)?,
        height: side(7)?,
        secs: match control.hundredths {
            0 | 1 => UNSAID_SECS,
            hundredths => f64::from(hundredths) / 100.0,
        },
        dispose: match control.packed >> 2 & 7 {
            2 => Dispose::Clear,
            3 => Dispose::Restore,
            _ => Dispose::Keep,
        },
        over: control.packed & 1 == 1,
        parts: vec![control_part, at + 9..end],
    };
    Ok((still, end))
}

fn assemble(animation: &Animation<'_>, still: &Still) -> Vec<u8> {
    let bytes = animation.bytes;
    let sides = [still.width as u16, still.height as u16]
        .map(u16::to_le_bytes)
        .concat();
    let mut file = b"GIF89a".to_vec();
    file.extend(&sides);
    file.extend(&bytes[10..HEAD + colours(bytes[10])]);
    file.extend(&bytes[still.parts[0].clone()]);
    file.extend([0x2c, 0, 0, 0, 0]);
    file.extend(&sides);
    file.extend(&bytes[still.parts[1].clone()]);
    file.push(0x3b);
    file
}
