//! RLE frames to plain little-endian samples. Source: DICOM PS3.5, annex G.

use super::super::{MedicalError, fault};

/// Bytes of the header: the number of segments and 15 places.
const HEADER: usize = 64;

/// Decodes a frame: `pixels` of `samples` values of `width` bytes each, the samples of a pixel side by side.
pub(super) fn decode(
    data: &[u8],
    pixels: usize,
    samples: usize,
    width: usize,
) -> Result<Vec<u8>, MedicalError> {
    let cut = || fault("medical_truncated", "an RLE frame is cut off");
    let (fours, _) = data.get(..HEADER).ok_or_else(cut)?.as_chunks::<4>();
    let places: Vec<usize> = fours
        .iter()
        .map(|four| u32::from_le_bytes(*four) as usize)
        .collect();
    let num_segments = samples * width;
    if places[0] != num_segments || num_segments > 15 {
        let text = format!(
            "an RLE frame of {} segments, expected {num_segments}",
            places[0]
        );
        return Err(fault("medical_damaged", text));
    }
    let mut plain = vec![0; pixels * num_segments];
    for segment in 0..num_segments {
        // The highest byte of a sample comes first.
        let (sample, byte) = (segment / width, width - 1 - segment % width);
        let packed = data.get(places[1 + segment]..).ok_or_else(cut)?;
        let out = plain
            .iter_mut()
            .skip(sample * width + byte)
            .step_by(num_segments);
        unpack(packed, out).ok_or_else(cut)?;
    }
    Ok(plain)
}

/// Fills `out` from runs: a count, then one byte to repeat or that many bytes.
fn unpack<'a>(packed: &[u8], mut out: impl Iterator<Item = &'a mut u8>) -> Option<()> {
    let mut at = 0;
    let mut next = out.next();
    while next.is_some() {
        let count = packed.get(at)?.cast_signed();
        let (length, step) = match count {
            0.. => (count as usize + 1, 1),
            // Says nothing.
            -128 => (0, 0),
            _ => (usize::from(count.unsigned_abs()) + 1, 0),
        };
        at += 1;
        for index in 0..length {
            let Some(slot) = next else { break };
            *slot = *packed.get(at + index * step)?;
            next = out.next();
        }
        at += match count {
            0.. => length,
            -128 => 0,
            _ => 1,
        };
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Apple's PackBits, TN1023.
    #[test]
    fn runs_are_unpacked() {
        let packed = [
            0xfe, 0xaa, 0x02, 0x80, 0x00, 0x2a, 0xfd, 0xaa, 0x03, 0x80, 0x00, 0x2a, 0x22, 0xf7,
            0xaa,
        ];
        let mut out = [0; 24];
        unpack(&packed, out.iter_mut()).unwrap();
        let expected = [
            0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0xaa, 0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0x22,
            0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa,
        ];
        assert_eq!(out, expected);
        assert_eq!(unpack(&packed[..3], out.iter_mut()), None);
    }
}
