use std::{
    io::Cursor,
    time::{Duration, Instant},
};

use image::{AnimationDecoder, ImageFormat};
use schema::{Rng, Seed};

use super::*;
use files::{COLOURS, PLACES, apng, avi, gif, mjpeg, still, webp};

pub(crate) mod files;
mod process;

/// JPEG of a plain colour.
const JPEG_TOL: u8 = 6;
/// The WebP decoder of `image` rounds an opaque colour over another down.
const BLEND_TOL: u8 = 1;
const MUTATIONS: u64 = 300;

fn all() -> ClipOptions {
    ClipOptions::new(Sampling::Count(100))
}

fn read(bytes: &[u8], options: &ClipOptions) -> Result<Clip, ClipError> {
    decode_clip(ClipSource::Bytes(bytes), options)
}

fn code(bytes: &[u8]) -> &'static str {
    read(bytes, &all()).unwrap_err().reason_code
}

fn near(picture: &Picture, colour: [u8; 3]) -> bool {
    let (pixels, _) = picture.rgb.as_chunks::<3>();
    let close = |pixel: &[u8; 3]| (0..3).all(|c| pixel[c].abs_diff(colour[c]) <= JPEG_TOL);
    pixels.iter().all(close)
}

#[test]
fn motion_jpeg_is_sampled_scaled_and_has_its_sound() {
    let bytes = mjpeg(&COLOURS);
    let clip = read(&bytes, &all()).unwrap();
    assert_eq!(clip.frames.len(), 5);
    for (frame, colour) in clip.frames.iter().zip(COLOURS) {
        assert_eq!((frame.width, frame.height), (16, 8));
        assert!(near(frame, colour), "{:?} {colour:?}", &frame.rgb[..3]);
    }
    assert_eq!(clip.times_secs, [0.0, 0.1, 0.2, 0.3, 0.4]);
    let sound = clip.sound.unwrap();
    // The mean of both channels.
    assert_eq!(
        (sound.rate_hz, sound.samples.as_slice()),
        (8000, &[0.25, -0.5, 0.0][..])
    );

    let options = ClipOptions {
        size_px: Some(4),
        with_sound: false,
        ..ClipOptions::new(Sampling::Rate(5.0))
    };
    let clip = read(&bytes, &options).unwrap();
    assert_eq!(clip.times_secs, [0.0, 0.2, 0.4]);
    assert!(near(&clip.frames[1], COLOURS[2]));
    assert_eq!(
        (clip.frames[1].width, clip.frames[1].height, clip.sound),
        (4, 4, None)
    );
}

#[test]
fn frames_that_nobody_wants_are_not_decoded() {
    let mut frames: Vec<Vec<u8>> = COLOURS
        .map(|rgb| still(16, 8, rgb, ImageFormat::Jpeg))
        .into();
    for broken in [0, 1, 3, 4] {
        frames[broken] = b"\xff\xd8 nothing".to_vec();
    }
    let bytes = avi(b"MJPG", &frames, &[]);
    let clip = read(&bytes, &ClipOptions::new(Sampling::Count(1))).unwrap();
    assert!(near(&clip.frames[0], COLOURS[2]));
    assert_eq!(code(&bytes), "clip_damaged");
}

#[test]
fn an_empty_chunk_repeats_the_frame_before_and_other_codecs_are_told() {
    let red = still(16, 8, COLOURS[0], ImageFormat::Png);
    let clip = read(&avi(b"MPNG", &[red.clone(), vec![], red], &[]), &all()).unwrap();
    assert_eq!(clip.frames[1], clip.frames[0]);
    // Rows of 16 pixels, blue first, the lowest row first.
    let mut raw = vec![0; 16 * 8 * 3];
    raw[..3].copy_from_slice(&[1, 2, 3]);
    let clip = read(&avi(&[0; 4], &[raw], &[]), &all()).unwrap();
    assert_eq!(clip.frames[0].rgb[16 * 7 * 3..][..3], [3, 2, 1]);
    assert_eq!(code(&avi(&[0; 4], &[vec![0; 9]], &[])), "clip_truncated");
    assert_eq!(code(&avi(b"MJPG", &[vec![1; 9]], &[])), "clip_damaged");
    let absent = ClipOptions {
        ffmpeg: PathBuf::from("no-such-ffmpeg"),
        ..all()
    };
    let error = read(&avi(b"XVID", &[vec![1; 9]], &[]), &absent).unwrap_err();
    assert_eq!(error.reason_code, "clip_needs_ffmpeg");
    assert!(error.text.contains("is not installed"), "{}", error.text);
}

/// The frames of the `image` crate's own decoders, transparent parts on white.
fn by_image(bytes: &[u8], format: ImageFormat) -> Vec<Vec<u8>> {
    let source = Cursor::new(bytes);
    let frames = match format {
        ImageFormat::Gif => image::codecs::gif::GifDecoder::new(source)
            .unwrap()
            .into_frames(),
        ImageFormat::WebP => {
            let mut decoder = image::codecs::webp::WebPDecoder::new(source).unwrap();
            // It clears nothing until it is told a colour.
            decoder.set_background_color(image::Rgba([0; 4])).unwrap();
            decoder.into_frames()
        }
        _ => image::codecs::png::PngDecoder::new(source)
            .unwrap()
            .apng()
            .unwrap()
            .into_frames(),
    };
    let on_white = |pixel: &[u8; 4]| match pixel[3] {
        0 => [255; 3],
        _ => [pixel[0], pixel[1], pixel[2]],
    };
    frames
        .map(|frame| {
            let rgba = frame.unwrap().into_buffer().into_raw();
            rgba.as_chunks::<4>().0.iter().flat_map(on_white).collect()
        })
        .collect()
}

#[test]
fn animations_agree_with_the_decoders_of_whole_files() {
    for (format, bytes) in [
        (ImageFormat::Gif, gif(&PLACES)),
        (ImageFormat::WebP, webp(&PLACES)),
        (ImageFormat::Png, apng(&PLACES)),
    ] {
        let clip = read(&bytes, &all()).unwrap();
        let expected = by_image(&bytes, format);
        assert_eq!(
            (clip.frames.len(), expected.len()),
            (PLACES.len(), PLACES.len()),
            "{format:?}"
        );
        for (at, (frame, expected)) in clip.frames.iter().zip(&expected).enumerate() {
            assert_eq!((frame.width, frame.height), (12, 8));
            assert_eq!(frame.rgb.len(), expected.len());
            let pairs = frame.rgb.iter().zip(expected);
            let worst = pairs.map(|(got, expected)| got.abs_diff(*expected)).max();
            assert!(
                worst <= Some(BLEND_TOL),
                "{format:?}, frame {at}: {worst:?}"
            );
        }
        assert!((clip.times_secs[6] - 0.6).abs() < 1e-6);
        // One frame alone, or every second one, looks as it does among all.
        for count in [1, 2, 3, 4] {
            let some = read(&bytes, &ClipOptions::new(Sampling::Count(count))).unwrap();
            for (frame, time) in some.frames.iter().zip(&some.times_secs) {
                let at = (time * 10.0).round() as usize;
                assert_eq!(frame, &clip.frames[at], "{format:?}, frame {at} of {count}");
            }
        }
    }
}

#[test]
fn still_pictures_and_folders_are_clips() {
    let png = still(6, 4, [1, 2, 3], ImageFormat::Png);
    for format in [
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Gif,
        ImageFormat::Bmp,
    ] {
        let clip = read(&still(6, 4, [1, 2, 3], format), &all()).unwrap();
        assert_eq!(clip.frames.len(), 1, "{format:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let source = ClipSource::Path(folder.path());
    assert_eq!(
        decode_clip(source, &all()).unwrap_err().reason_code,
        "clip_empty"
    );
    for (frame, name) in ["f1.png", "f2.png", "f10.png"].into_iter().enumerate() {
        let bytes = still(6, 4, COLOURS[frame], ImageFormat::Png);
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    std::fs::write(folder.path().join("notes.txt"), "no frame").unwrap();
    let clip = decode_clip(source, &all()).unwrap();
    let first: Vec<u8> = clip.frames.iter().map(|frame| frame.rgb[0]).collect();
    assert_eq!(first, [200, 30, 30]);
    assert_eq!(clip.frames[2].rgb[..3], COLOURS[2]);
    assert_eq!(clip_header(source).unwrap().num_frames, Some(3));
    // Another size stands out only where frames are not scaled.
    std::fs::write(
        folder.path().join("f11.bmp"),
        still(7, 7, [0; 3], ImageFormat::Bmp),
    )
    .unwrap();
    assert_eq!(
        decode_clip(source, &all()).unwrap_err().reason_code,
        "clip_damaged"
    );
    let scaled = ClipOptions {
        size_px: Some(4),
        ..all()
    };
    assert_eq!(decode_clip(source, &scaled).unwrap().frames.len(), 4);
    std::fs::write(folder.path().join("f12.png"), &png[..20]).unwrap();
    assert!(
        decode_clip(source, &scaled)
            .unwrap_err()
            .text
            .contains("f12.png")
    );
}

#[test]
fn headers_are_read_without_decoding() {
    let header = |bytes: &[u8]| clip_header(ClipSource::Bytes(bytes)).unwrap();
    let expected = ClipHeader {
        format: "avi",
        size_px: Some((16, 8)),
        num_frames: Some(5),
        duration_secs: Some(0.5),
        has_sound: Some(true),
        sound_hz: Some(8000),
    };
    assert_eq!(header(&mjpeg(&COLOURS)), expected);
    for bytes in [gif(&PLACES), webp(&PLACES), apng(&PLACES)] {
        let header = header(&bytes);
        assert_eq!(
            (header.size_px, header.num_frames),
            (Some((12, 8)), Some(7))
        );
        assert!((header.duration_secs.unwrap() - 0.7).abs() < 1e-9);
    }
    assert_eq!(header(b"\0\0\0\x18ftypmp42").format, "mp4");
    assert_eq!(header(b"\x1a\x45\xdf\xa3\x01").num_frames, None);
}

#[test]
fn what_is_no_clip_or_too_large_is_refused() {
    assert_eq!(code(b""), "not_a_clip");
    assert_eq!(code(b"hello, world"), "not_a_clip");
    assert_eq!(code(&avi(b"MJPG", &[], &[])), "clip_empty");
    assert_eq!(code(b"RIFF\x04\0\0\0AVI "), "clip_empty");
    assert_eq!(code(&gif(&[])), "clip_empty");
    let whole = mjpeg(&COLOURS);
    assert_eq!(code(&whole[..whole.len() / 2]), "clip_truncated");
    let gone = decode_clip(ClipSource::Path(Path::new("no/such.avi")), &all()).unwrap_err();
    assert_eq!(gone.reason_code, "file_missing");
    // A canvas of 65535 x 65535 pixels promises gigabytes.
    let mut huge = gif(&PLACES);
    huge[6..10].fill(0xff);
    assert_eq!(code(&huge), "clip_too_large");
    let mut small = all();
    small.limits.max_decoded_pixels = 200;
    assert_eq!(
        read(&whole, &small).unwrap_err().reason_code,
        "clip_too_large"
    );
    let mut small = all();
    small.limits.max_kept_bytes = 500;
    assert_eq!(
        read(&whole, &small).unwrap_err().reason_code,
        "clip_too_large"
    );
    let mut small = all();
    small.limits.max_bytes = 500;
    assert_eq!(
        read(&whole, &small).unwrap_err().reason_code,
        "file_too_large"
    );
}

fn mutated(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=rng.below(3) {
        if bytes.is_empty() {
            break;
        }
        // Headers are short: half of the changes go there.
        let reach = match rng.below(2) {
            0 => bytes.len().min(200),
            _ => bytes.len(),
        };
        let at = rng.below(reach);
        match rng.below(6) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.next_u64() as u8,
            2 => bytes[at] = [0, 0xff][rng.below(2)],
            3 => bytes.insert(at, rng.next_u64() as u8),
            4 => drop(bytes.remove(at)),
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

#[test]
fn mutated_files_of_every_format_give_a_clip_or_an_error() {
    let options = ClipOptions {
        ffmpeg: PathBuf::from("no-such-ffmpeg"),
        ..all()
    };
    let started = Instant::now();
    for (name, whole) in [
        ("avi", mjpeg(&COLOURS)),
        ("gif", gif(&PLACES)),
        ("webp", webp(&PLACES)),
        ("apng", apng(&PLACES)),
    ] {
        for mutation in 0..MUTATIONS {
            let bytes = mutated(&whole, &mut Seed(6).named(name).at(mutation).rng());
            let begun = Instant::now();
            match read(&bytes, &options) {
                Ok(clip) => {
                    assert_eq!(clip.frames.len(), clip.times_secs.len());
                    assert!(clip.times_secs.is_sorted());
                }
                Err(error) => assert!(!error.text.is_empty()),
            }
            let _ = clip_header(ClipSource::Bytes(&bytes));
            assert!(
                begun.elapsed() < Duration::from_secs(5),
                "{name} {mutation}"
            );
        }
    }
    assert!(started.elapsed() < Duration::from_secs(120));
}
