//! What the largest records cost that are still read: `cargo test -p multifuse-data --lib limits -- --ignored
//! --nocapture` prints seconds of processor and peak memory of each, in a process of its own.

use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use image::{DynamicImage, Frame, ImageFormat, Rgb, RgbImage, RgbaImage};
use schema::{Keep, SpectrogramForm};

use super::*;
use crate::{
    clip::tests::files::{apng, avi, webp},
    medical::tests::{EXPLICIT, file, grey, with},
};

/// Most memory and processor time of one record.
const MAX_MIB: u64 = 512;
const MAX_SECS: f64 = 5.0;

type Case = (&'static str, Modality, fn(&Path) -> Option<PathBuf>);

const CASES: [Case; 23] = [
    ("gif 8 x 4096 x 4096", Modality::Video, |at| {
        save(at, "a.gif", gifs(8))
    }),
    ("apng 8 x 4096 x 4096", Modality::Video, |at| {
        save(at, "a.png", apng(&[(0, 0, 4096, 4096, 0, true); 8]))
    }),
    ("webp 8 x 4096 x 4096", Modality::Video, |at| {
        save(at, "a.webp", webps())
    }),
    ("avi 16 x 8 Mpx JPEG", Modality::Video, |at| {
        save(at, "a.avi", avi(b"MJPG", &vec![jpeg(3264, 2448); 16], &[]))
    }),
    ("avi 2 x 64 Mpx JPEG", Modality::Video, |at| {
        save(at, "b.avi", avi(b"MJPG", &vec![jpeg(8192, 8192); 2], &[]))
    }),
    ("jpeg 64 Mpx", Modality::Image, |at| {
        save(at, "a.jpg", jpeg(8192, 8192))
    }),
    ("png 64 Mpx RGBA", Modality::Image, |at| {
        let picture = RgbaImage::from_fn(8192, 8192, |x, y| image::Rgba([x as u8, y as u8, 0, 9]));
        save(at, "b.png", encoded(&picture.into(), ImageFormat::Png))
    }),
    ("png 64 Mpx RGBA of 16 bits", Modality::Image, |at| {
        let picture = image::ImageBuffer::from_pixel(8192, 8192, image::Rgba([9_u16, 8, 7, 6]));
        save(
            at,
            "c.png",
            encoded(&DynamicImage::ImageRgba16(picture), ImageFormat::Png),
        )
    }),
    ("png 40 Mpx RGBA of 16 bits", Modality::Image, |at| {
        let picture = image::ImageBuffer::from_pixel(8192, 5120, image::Rgba([9_u16, 8, 7, 6]));
        save(
            at,
            "d.png",
            encoded(&DynamicImage::ImageRgba16(picture), ImageFormat::Png),
        )
    }),
    ("tiff 42 Mpx", Modality::Image, |at| {
        save(
            at,
            "a.tiff",
            encoded(&noise(6500, 6500).into(), ImageFormat::Tiff),
        )
    }),
    ("dicom 40 Mpx of 16 bits", Modality::Image, |at| {
        save(at, "a.dcm", dicom(8192, 5120, 1))
    }),
    ("dicom 160 x 512 x 512", Modality::Volume, |at| {
        save(at, "b.dcm", dicom(512, 512, 160))
    }),
    ("nifti.gz 40 Mi floats", Modality::Volume, |at| {
        save(at, "a.nii.gz", nifti(4, 16, [512, 512, 160]))
    }),
    ("nifti.gz 40 Mi doubles", Modality::Volume, |at| {
        save(at, "b.nii.gz", nifti(8, 64, [512, 512, 160]))
    }),
    ("wav 60 M samples", Modality::Audio, |at| {
        made(
            at,
            "a.wav",
            "-f s16le -ar 48000 -ac 2 -i NOISE -t 600 -bitexact",
        )
    }),
    ("flac 600 s stereo", Modality::Audio, |at| {
        made(
            at,
            "a.flac",
            "-f s16le -ar 48000 -ac 2 -i NOISE -t 600 -c:a flac",
        )
    }),
    ("ogg 600 s stereo", Modality::Audio, |at| {
        made(
            at,
            "a.ogg",
            "-f s16le -ar 48000 -ac 2 -i NOISE -t 600 -c:a libvorbis",
        )
    }),
    ("mp3 600 s stereo", Modality::Audio, |at| {
        made(
            at,
            "a.mp3",
            "-f s16le -ar 48000 -ac 2 -i NOISE -t 600 -c:a libmp3lame -b:a 320k",
        )
    }),
    ("mp3 10 hours", Modality::Audio, |at| {
        made(
            at,
            "b.mp3",
            "-f s16le -ar 8000 -ac 1 -i NOISE -t 36000 -c:a libmp3lame -b:a 8k",
        )
    }),
    ("aac 600 s stereo", Modality::Audio, |at| {
        made(
            at,
            "a.m4a",
            "-f s16le -ar 48000 -ac 2 -i NOISE -t 599 -c:a aac",
        )
    }),
    ("npy 16 Mi doubles", Modality::Series, |at| {
        let mut header = format!(
            "{{'descr': '<f8', 'fortran_order': False, 'shape': ({}, 1), }}",
            (16 << 20) - 64
        );
        header.extend(std::iter::repeat_n(' ', 117 - header.len()));
        let mut file = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        file.extend(format!("{header}\n").bytes());
        file.resize(file.len() + ((16 << 20) - 64) * 8, 0);
        save(at, "a.npy", file)
    }),
    ("csv 128 MiB", Modality::Series, |at| {
        save(at, "a.csv", b"1.25,2.5\n".repeat((128 << 20) / 9))
    }),
    ("json 128 MiB", Modality::Series, |at| {
        let rows = b"[1,2],".repeat((128 << 20) / 6 - 2);
        save(at, "a.json", [b"[", &rows[..], b"[1,2]]"].concat())
    }),
];

fn save(at: &Path, name: &str, bytes: Vec<u8>) -> Option<PathBuf> {
    fs::write(at.join(name), bytes).unwrap();
    Some(at.join(name))
}

/// A file that `ffmpeg` makes of noise; `None` without the program.
fn made(at: &Path, name: &str, arguments: &str) -> Option<PathBuf> {
    let noise: Vec<u8> = (0..48_000 * 4 * 60_u32)
        .map(|byte| (byte.wrapping_mul(2_654_435_761) >> 19) as u8)
        .collect();
    fs::write(at.join("noise"), noise).unwrap();
    let words = arguments
        .split(' ')
        .map(|word| if word == "NOISE" { "noise" } else { word });
    let mut command = Command::new("ffmpeg");
    command
        .current_dir(at)
        .args(["-nostdin", "-v", "error", "-y", "-stream_loop", "-1"]);
    let made = command.args(words).arg(name).status();
    made.ok().filter(std::process::ExitStatus::success)?;
    Some(at.join(name))
}

fn noise(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let mixed = (x * 7919 + y * 104_729).wrapping_mul(2_654_435_761);
        Rgb([(mixed >> 24) as u8, (mixed >> 16) as u8, (mixed >> 8) as u8])
    })
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let smooth = RgbImage::from_fn(width, height, |x, y| {
        Rgb([(x / 8) as u8, (y / 8) as u8, x as u8])
    });
    encoded(&smooth.into(), ImageFormat::Jpeg)
}

fn gifs(frames: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new_with_speed(&mut bytes, 30);
    for frame in 0..frames {
        let picture = RgbaImage::from_fn(4096, 4096, |x, y| {
            image::Rgba([(x / 64 + frame) as u8, (y / 64) as u8, 0, 255])
        });
        encoder.encode_frame(Frame::new(picture)).unwrap();
    }
    drop(encoder);
    bytes
}

fn webps() -> Vec<u8> {
    let mut bytes = webp(&[(0, 0, 4096, 4096, 0, true); 8]);
    // The canvas is that of a small picture.
    bytes[24..30].copy_from_slice(&[0xff, 0x0f, 0, 0xff, 0x0f, 0]);
    bytes
}

fn dicom(columns: u16, rows: u16, frames: usize) -> Vec<u8> {
    let values: Vec<i16> = (0..usize::from(columns) * usize::from(rows) * frames)
        .map(|at| (at % 4093) as i16)
        .collect();
    let mut elements = grey(EXPLICIT, "MONOCHROME2", &values);
    elements = with(&elements, (0x28, 0x10), Some(&rows.to_le_bytes()));
    elements = with(&elements, (0x28, 0x11), Some(&columns.to_le_bytes()));
    elements.push(((0x28, 0x08), b"IS", frames.to_string().into_bytes()));
    elements.sort_by_key(|element| element.0);
    file(EXPLICIT, &elements)
}

fn nifti(width: usize, code: u16, sides: [u16; 3]) -> Vec<u8> {
    let mut file = vec![0; 352];
    file[..4].copy_from_slice(&348_u32.to_le_bytes());
    for (at, size) in [3, sides[0], sides[1], sides[2]].into_iter().enumerate() {
        file[40 + 2 * at..][..2].copy_from_slice(&size.to_le_bytes());
    }
    file[70..72].copy_from_slice(&code.to_le_bytes());
    file[72..74].copy_from_slice(&(8 * width as u16).to_le_bytes());
    file[108..112].copy_from_slice(&352_f32.to_le_bytes());
    file[344..348].copy_from_slice(b"n+1\0");
    let voxels: usize = sides.iter().map(|side| usize::from(*side)).product();
    file.resize(352 + voxels * width, 0);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &file).unwrap();
    encoder.finish().unwrap()
}

#[test]
#[ignore = "slow: writes files of 100 MB and decodes each in a process of its own"]
fn the_largest_records_stay_within_seconds_and_memory() {
    let mut broken = Vec::new();
    for (name, modality, make) in CASES {
        if std::env::var("ONLY").is_ok_and(|only| !name.contains(&only)) {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let Some(path) = make(folder.path()) else {
            eprintln!("{name:<30} skipped: no ffmpeg here");
            continue;
        };
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "dataset::tests::limits::one_record",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env("RECORD", &path)
            .env("MODALITY", modality.name())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        let line = said
            .lines()
            .find_map(|line| line.split_once("cost "))
            .map(|(_, cost)| cost);
        let line = line.unwrap_or("died");
        eprintln!("{name:<30} {line}");
        let mut words = line.split(' ').filter_map(|word| word.parse::<f64>().ok());
        let (secs, mib) = (words.next(), words.next());
        let holds = secs.is_some_and(|secs| secs <= MAX_SECS)
            && mib.is_some_and(|mib| mib <= MAX_MIB as f64);
        if !holds {
            broken.push(name);
        }
    }
    assert!(
        broken.is_empty(),
        "over {MAX_SECS} s or {MAX_MIB} MiB: {broken:?}"
    );
}

/// One record of the test above; by itself it does nothing.
#[test]
#[ignore = "a part of the test above"]
fn one_record() {
    let (Ok(path), Ok(modality)) = (std::env::var("RECORD"), std::env::var("MODALITY")) else {
        return;
    };
    let options = DatasetOptions {
        forms: vec![
            Form::Picture { size_px: 64 },
            Form::Series { len: 256 },
            Form::Frames {
                num_frames: 16,
                size_px: 64,
            },
            Form::Spectrogram(SpectrogramForm {
                rate_hz: 16_000,
                len_ms: 3000,
                hop_ms: 10,
                num_mels: 40,
                keep: Keep::Windows,
            }),
        ],
        threads: 1,
        ..DatasetOptions::default()
    };
    let records = vec![Record::new().with("x", path)];
    let started = Instant::now();
    let dataset = dataset(records, &[input("x", modality.parse().unwrap())], &options);
    let wall = started.elapsed();
    let reason = dataset.bad().first().map_or("read", |bad| bad.reason_code);
    println!(
        "cost {:.2} s {:.0} MiB, {:.2} s by the clock, {reason}",
        processor_time().as_secs_f64(),
        peak_mib(),
        wall.as_secs_f64()
    );
}

fn peak_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

/// Of the process and the programs that it ran.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: u64 = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split(' ')
        .skip(12)
        .take(4)
        .filter_map(|word| word.parse::<u64>().ok())
        .sum();
    Duration::from_millis(10 * ticks)
}
