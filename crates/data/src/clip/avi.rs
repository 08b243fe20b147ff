//! AVI of Motion JPEG, PNG or uncompressed frames, with an uncompressed sound track.

use std::sync::Arc;

use schema::{Clip, Picture, Sound};

use super::{
    ClipError, ClipHeader, ClipOptions, Frames,
    avi_chunks::{le16, le32, walk},
    choose::{Timing, chosen},
    fault, from_picture,
};
use crate::{decode_picture, picture::known_format};

/// Seconds a frame where the header makes no sense.
const DEFAULT_FRAME_SECS: f64 = 1.0 / 25.0;

/// What the header says about the video stream, and its frames.
struct Video<'a> {
    stream: usize,
    frame_secs: f64,
    width: usize,
    height: usize,
    /// Rows run downwards; only uncompressed frames are asked.
    downwards: bool,
    /// Codec: four letters, or zeros for uncompressed frames.
    codec: [u8; 4],
    bits_per_pixel: u16,
    /// An empty one repeats the one before.
    frames: Vec<&'a [u8]>,
}

/// An uncompressed sound stream.
struct Track<'a> {
    stream: usize,
    rate_hz: u32,
    num_channels: usize,
    bits: u16,
    is_float: bool,
    chunks: Vec<&'a [u8]>,
}

struct Avi<'a> {
    video: Video<'a>,
    sound: Option<Track<'a>>,
    /// Whether the only sound is compressed.
    has_packed_sound: bool,
}

pub(super) fn header(bytes: &[u8]) -> Result<ClipHeader, ClipError> {
    let avi = read(bytes)?;
    let num_frames = avi.video.frames.len();
    Ok(ClipHeader {
        format: "avi",
        size_px: Some((avi.video.width, avi.video.height)),
        num_frames: Some(num_frames),
        duration_secs: Some(num_frames as f64 * avi.video.frame_secs),
        has_sound: (!avi.has_packed_sound).then_some(avi.sound.is_some()),
        sound_hz: avi.sound.map(|track| track.rate_hz),
    })
}

pub(super) fn decode(bytes: &[u8], options: &ClipOptions) -> Result<Clip, ClipError> {
    let Avi { video, sound, .. } = read(bytes)?;
    let timing = Timing::even(video.frames.len(), video.frame_secs);
    let mut frames = Frames::new(options);
    for frame in chosen(options.sampling, &timing, options.limits.max_frames) {
        let Some(data) = video.frames[..=frame].iter().rfind(|data| !data.is_empty()) else {
            continue;
        };
        let picture = decode_frame(&video, data, frame)?;
        frames.spend((picture.width * picture.height) as u64)?;
        frames.keep(picture, timing.starts[frame])?;
    }
    let mut clip = frames.clip;
    clip.sound = sound
        .filter(|_| options.with_sound)
        .and_then(|track| decode_sound(&track, options));
    Ok(clip)
}

/// The sound track alone; `None` if there is none.
pub(super) fn sound(bytes: &[u8], options: &ClipOptions) -> Result<Option<Arc<Sound>>, ClipError> {
    let avi = read(bytes)?;
    if avi.has_packed_sound {
        return Err(fault("clip_needs_ffmpeg", "an AVI of compressed sound"));
    }
    Ok(avi.sound.and_then(|track| decode_sound(&track, options)))
}

fn decode_frame(video: &Video<'_>, data: &[u8], frame: usize) -> Result<Picture, ClipError> {
    if known_format(data).is_some() {
        return decode_picture(data)
            .map_err(|error| from_picture(error, &format!("frame {}: ", frame + 1)));
    }
    if matches!(&video.codec, [0, 0, 0, 0] | b"DIB " | b"RGB ") && video.bits_per_pixel == 24 {
        return uncompressed(video, data)
            .ok_or_else(|| fault("clip_truncated", format!("frame {} is cut off", frame + 1)));
    }
    if matches!(
        &video.codec.map(|c| c.to_ascii_uppercase()),
        b"MJPG" | b"MPNG" | b"PNG "
    ) {
        return Err(fault(
            "clip_damaged",
            format!("frame {} is no picture", frame + 1),
        ));
    }
    let codec = video.codec.escape_ascii();
    Err(fault(
        "clip_needs_ffmpeg",
        format!("an AVI of codec \"{codec}\""),
    ))
}

/// Blue, green, red, rows padded to four bytes, the lowest row first.
fn uncompressed(video: &Video<'_>, data: &[u8]) -> Option<Picture> {
    let (width, height) = (video.width, video.height);
    let stride = (width * 3).next_multiple_of(4);
    let data = data.get(..stride.checked_mul(height)?)?;
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        let row = if video.downwards { y } else { height - 1 - y };
        let (pixels, _) = data[row * stride..][..width * 3].as_chunks::<3>();
        rgb.extend(pixels.iter().flat_map(|[b, g, r]| [*r, *g, *b]));
    }
    Some(Picture { height, width, rgb })
}

fn decode_sound(track: &Track<'_>, options: &ClipOptions) -> Option<Arc<Sound>> {
    let bytes_per_sample = usize::from(track.bits / 8);
    let block = bytes_per_sample * track.num_channels;
    let amplitude = |sample: &[u8]| match (track.is_float, sample) {
        (true, [a, b, c, d]) => f32::from_le_bytes([*a, *b, *c, *d]),
        (false, [a]) => (f32::from(*a) - 128.0) / 128.0,
        (false, [a, b]) => f32::from(i16::from_le_bytes([*a, *b])) / 32768.0,
        (false, [a, b, c]) => i32::from_le_bytes([0, *a, *b, *c]) as f32 / 2_147_483_648.0,
        (false, [a, b, c, d]) => i32::from_le_bytes([*a, *b, *c, *d]) as f32 / 2_147_483_648.0,
        _ => 0.0,
    };
    let moments = track
        .chunks
        .iter()
        .flat_map(|chunk| chunk.chunks_exact(block));
    let most = options.limits.max_sound_samples;
    let samples = moments.take(most).map(|moment| {
        let sum: f32 = moment.chunks_exact(bytes_per_sample).map(amplitude).sum();
        let mean = sum / track.num_channels as f32;
        if mean.is_finite() { mean } else { 0.0 }
    });
    let samples: Vec<f32> = samples.collect();
    (!samples.is_empty()).then(|| {
        Arc::new(Sound {
            rate_hz: track.rate_hz,
            samples,
        })
    })
}

/// Header chunks of one stream.
type StreamHead<'a> = (&'a [u8], &'a [u8]);

fn read(bytes: &[u8]) -> Result<Avi<'_>, ClipError> {
    let mut main: Option<&[u8]> = None;
    let mut heads: Vec<StreamHead<'_>> = Vec::new();
    let mut data: Vec<([u8; 4], &[u8])> = Vec::new();
    walk(bytes, &mut |list, name, body| match (&list, &name) {
        (b"hdrl", b"avih") => main = main.or(Some(body)),
        (b"strl", b"strh") => heads.push((body, &[])),
        (b"strl", b"strf") => {
            if let Some(head) = heads.last_mut() {
                head.1 = body;
            }
        }
        (b"movi" | b"rec ", _) if name[0].is_ascii_digit() => data.push((name, body)),
        _ => {}
    })?;
    let mut video = heads
        .iter()
        .enumerate()
        .find_map(|(stream, head)| read_video(stream, head, main))
        .ok_or_else(|| fault("clip_empty", "an AVI without a video stream"))?;
    let mut sound = heads
        .iter()
        .enumerate()
        .find_map(|(stream, head)| read_track(stream, head));
    for (name, body) in data {
        let stream = usize::from(name[0] - b'0') * 10 + usize::from(name[1].wrapping_sub(b'0'));
        match &name[2..] {
            b"dc" | b"db" if stream == video.stream => video.frames.push(body),
            b"wb" => {
                if let Some(track) = sound.as_mut().filter(|track| track.stream == stream) {
                    track.chunks.push(body);
                }
            }
            _ => {}
        }
    }
    if video.frames.is_empty() {
        return Err(fault("clip_empty", "a video without frames"));
    }
    let is_sound = |head: &StreamHead<'_>| head.0.get(..4) == Some(b"auds");
    Ok(Avi {
        has_packed_sound: sound.is_none() && heads.iter().any(is_sound),
        video,
        sound,
    })
}

fn read_video<'a>(
    stream: usize,
    (head, format): &StreamHead<'_>,
    main: Option<&[u8]>,
) -> Option<Video<'a>> {
    if head.get(..4)? != b"vids" {
        return None;
    }
    let (scale, rate) = (le32(head, 20)?, le32(head, 24)?);
    let sane = |secs: &f64| (1e-4..=3600.0).contains(secs);
    let by_stream = Some(f64::from(scale) / f64::from(rate)).filter(sane);
    let by_file = main
        .and_then(|main| Some(f64::from(le32(main, 0)?) * 1e-6))
        .filter(sane);
    let height = le32(format, 8)?.cast_signed();
    Some(Video {
        stream,
        frame_secs: by_stream.or(by_file).unwrap_or(DEFAULT_FRAME_SECS),
        width: le32(format, 4)? as usize,
        height: height.unsigned_abs() as usize,
        downwards: height < 0,
        codec: format.get(16..20)?.try_into().ok()?,
        bits_per_pixel: le16(format, 14)?,
        frames: Vec::new(),
    })
}

/// The stream's format, if its sound is uncompressed.
fn read_track<'a>(stream: usize, (head, format): &StreamHead<'_>) -> Option<Track<'a>> {
    if head.get(..4)? != b"auds" {
        return None;
    }
    let tag = match le16(format, 0)? {
        // The extensible form holds the tag in the first bytes of an identifier.
        0xfffe => le16(format, 24)?,
        tag => tag,
    };
    let bits = le16(format, 14)?;
    let known = matches!((tag, bits), (1, 8 | 16 | 24 | 32) | (3, 32));
    let num_channels = usize::from(le16(format, 2)?);
    let rate_hz = le32(format, 4)?;
    let sane = (1..=64).contains(&num_channels) && (100..=1_000_000).contains(&rate_hz);
    (known && sane).then_some(Track {
        stream,
        rate_hz,
        num_channels,
        bits,
        is_float: tag == 3,
        chunks: Vec::new(),
    })
}
