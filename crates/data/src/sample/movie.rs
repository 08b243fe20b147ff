//! A clip as Motion JPEG AVI, from canvases.
//!
//! Source: Microsoft, "AVI RIFF File Reference": `hdrl` with one video stream, `movi` with a `00dc` chunk a frame.

use image::ImageError;

use super::canvas::Canvas;

/// Frames a second of every clip.
pub(super) const FRAMES_PER_SEC: u32 = 10;

/// The bytes of a clip; all frames are squares of the first one's side.
pub(super) fn avi(frames: &[Canvas]) -> Result<Vec<u8>, ImageError> {
    let side = frames.first().map_or(0, |frame| frame.side() as u32);
    let jpegs: Vec<Vec<u8>> = frames.iter().map(Canvas::jpeg).collect::<Result<_, _>>()?;
    let longest = jpegs.iter().map(Vec::len).max().unwrap_or(0) as u32;
    let num_frames = jpegs.len() as u32;
    let main = words(&[
        1_000_000 / FRAMES_PER_SEC,
        longest * FRAMES_PER_SEC,
        0,
        0,
        num_frames,
        0,
        1,
        longest,
        side,
        side,
        0,
        0,
        0,
        0,
    ]);
    let stream = [
        b"vidsMJPG".to_vec(),
        words(&[
            0,
            0,
            0,
            1,
            FRAMES_PER_SEC,
            0,
            num_frames,
            longest,
            u32::MAX,
            0,
        ]),
        [side, side].iter().fold(vec![0; 4], |mut frame, length| {
            frame.extend((*length as u16).to_le_bytes());
            frame
        }),
    ]
    .concat();
    let picture = [
        words(&[40, side, side]),
        vec![1, 0, 24, 0],
        b"MJPG".to_vec(),
        words(&[3 * side * side, 0, 0, 0, 0]),
    ]
    .concat();
    let streams = list(
        b"strl",
        &[chunk(b"strh", &stream), chunk(b"strf", &picture)],
    );
    let heads = list(b"hdrl", &[chunk(b"avih", &main), streams]);
    let chunks: Vec<Vec<u8>> = jpegs.iter().map(|jpeg| chunk(b"00dc", jpeg)).collect();
    let body = [b"AVI ".to_vec(), heads, list(b"movi", &chunks)].concat();
    Ok(chunk(b"RIFF", &body))
}

/// A chunk: name, length, bytes, padded to an even length.
fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = [&name[..], &(body.len() as u32).to_le_bytes(), body].concat();
    out.resize(out.len().next_multiple_of(2), 0);
    out
}

fn list(kind: &[u8; 4], chunks: &[Vec<u8>]) -> Vec<u8> {
    chunk(b"LIST", &[kind.to_vec(), chunks.concat()].concat())
}

fn words(values: &[u32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::{ClipOptions, ClipSource, Sampling, decode_clip};

    #[test]
    fn a_clip_reads_back_frame_by_frame() {
        let frames: Vec<Canvas> = (0..5)
            .map(|frame| {
                let grey = [frame as f32 / 5.0; 3];
                Canvas::gradient(24, grey, grey)
            })
            .collect();
        let bytes = avi(&frames).unwrap();
        let options = ClipOptions::new(Sampling::Count(5));
        let clip = decode_clip(ClipSource::Bytes(&bytes), &options).unwrap();
        assert_eq!(clip.frames.len(), 5);
        for (frame, picture) in clip.frames.iter().enumerate() {
            assert_eq!((picture.width, picture.height), (24, 24));
            let expected = frame as f32 * 51.0;
            // JPEG keeps a plain grey within a few steps.
            assert!((f32::from(picture.rgb[300]) - expected).abs() < 4.0);
        }
    }
}
