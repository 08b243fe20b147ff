//! Formats that are not decoded here, through an `ffmpeg` process.
//!
//! The program is asked what the file is, then for raw pixels and raw sound. It gets its arguments one by one, the
//! format that the first bytes say, leave to open local files only, no input, and bounds on time, output and the size
//! of a picture. Of a long video only key frames are decoded: each moment gets the one before it.

use std::{
    ffi::OsString,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use schema::{Clip, Picture, Sound};

use super::{
    ClipError, ClipHeader, ClipOptions, ClipSource, Frames, Sampling,
    choose::{Moments, moments},
    container::Container,
    fault,
    process::{Said, Stop, run},
};

/// Pixels of a video above which only its key frames are decoded: about two seconds of work.
const LONG_VIDEO_PIXELS: f64 = 400e6;
/// Frames that are looked up one by one; for more it is faster to pass over the whole file, key frames only.
const MAX_LOOK_UPS: usize = 12;
/// Largest block that `ffmpeg` may take, in bytes.
const MAX_ALLOC: &str = "268435456";
/// Largest picture that it may decode, in pixels.
const MAX_PIXELS: &str = "33554432";
/// Frames a second where it does not say.
const DEFAULT_RATE_HZ: f64 = 25.0;

/// What `ffmpeg` says about a file.
#[derive(Debug, Clone, Copy, PartialEq)]
struct About {
    duration: Option<f64>,
    /// Width and height, upright.
    size: Option<(usize, usize)>,
    rate_hz: f64,
    sound_hz: Option<u32>,
}

/// A file and the program that reads it.
struct Reader<'a> {
    options: &'a ClipOptions,
    container: Container,
    path: PathBuf,
    deadline: Instant,
}

pub(super) fn decode(
    source: ClipSource<'_>,
    container: Container,
    options: &ClipOptions,
) -> Result<Clip, ClipError> {
    with_reader(source, container, options, |reader| reader.read())
}

/// The first sound track alone; `None` if there is none.
pub(super) fn sound(
    source: ClipSource<'_>,
    container: Container,
    options: &ClipOptions,
) -> Result<Option<Arc<Sound>>, ClipError> {
    with_reader(source, container, options, |reader| {
        match reader.about()?.sound_hz {
            Some(rate_hz) => reader.read_sound(rate_hz),
            None => Ok(None),
        }
    })
}

/// What the program says about a file.
pub(super) fn header(
    source: ClipSource<'_>,
    container: Container,
    options: &ClipOptions,
) -> Result<ClipHeader, ClipError> {
    let about = with_reader(source, container, options, |reader| reader.about())?;
    let num_frames = about.duration.map(|secs| (secs * about.rate_hz).round());
    Ok(ClipHeader {
        format: container.name(),
        size_px: about.size,
        num_frames: num_frames.map(|frames| (frames as usize).max(1)),
        duration_secs: about.duration,
        has_sound: Some(about.sound_hz.is_some()),
        sound_hz: about.sound_hz,
    })
}

/// Does something with a reader of the file, or of a file of the bytes.
fn with_reader<T>(
    source: ClipSource<'_>,
    container: Container,
    options: &ClipOptions,
    work: impl FnOnce(&Reader<'_>) -> Result<T, ClipError>,
) -> Result<T, ClipError> {
    // Many formats keep their index at the end, so bytes need a file to be read from.
    let mut kept = None;
    let path = match source {
        ClipSource::Path(path) => std::path::absolute(path),
        ClipSource::Bytes(bytes) => write_file(bytes).map(|file| {
            let path = file.path().to_owned();
            kept = Some(file);
            path
        }),
    };
    let path = path.map_err(|error| {
        fault(
            "file_unreadable",
            format!("no place for the video: {error}"),
        )
    })?;
    let secs = options.limits.max_process_secs.clamp(0.0, 3600.0);
    let reader = Reader {
        options,
        container,
        path,
        deadline: Instant::now() + Duration::from_secs_f64(secs),
    };
    let result = work(&reader);
    drop(kept);
    result
}

fn write_file(bytes: &[u8]) -> std::io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(bytes)?;
    file.flush()?;
    Ok(file)
}

impl Reader<'_> {
    fn read(&self) -> Result<Clip, ClipError> {
        let about = self.about()?;
        let Some(size) = about.size else {
            return Err(fault("clip_empty", "ffmpeg finds no video in the file"));
        };
        let mut clip = self.read_frames(&about, size)?;
        if let Some(rate_hz) = about.sound_hz.filter(|_| self.options.with_sound) {
            clip.sound = self.read_sound(rate_hz)?;
        }
        Ok(clip)
    }

    /// What the file holds; an error if it holds nothing that the program knows.
    fn about(&self) -> Result<About, ClipError> {
        let complaint = self.ask(&[], &[], MAX_ABOUT)?.complaint;
        let about = parse_about(&complaint);
        if about.size.is_none() && about.sound_hz.is_none() {
            let text = format!(
                "ffmpeg finds no video in the file: {}",
                last_line(&complaint)
            );
            return Err(fault("clip_empty", text));
        }
        Ok(about)
    }

    /// Runs the program on the file, with arguments before and after it.
    fn ask(&self, before: &[&str], after: &[&str], max_output: usize) -> Result<Said, ClipError> {
        let fixed = [
            "-hide_banner",
            "-nostdin",
            "-max_alloc",
            MAX_ALLOC,
            "-threads",
            "1",
        ];
        let file = ["-protocol_whitelist", "file", "-max_pixels", MAX_PIXELS];
        let format = ["-f", self.container.ffmpeg_format()];
        let mut arguments: Vec<OsString> = Vec::new();
        arguments.extend(
            fixed
                .iter()
                .chain(&file)
                .chain(&format)
                .chain(before)
                .map(OsString::from),
        );
        // The scheme keeps a name that starts with a dash, or has a colon, from being taken for something else.
        let mut name = OsString::from("file:");
        name.push(&self.path);
        arguments.extend([OsString::from("-i"), name]);
        arguments.extend(after.iter().map(OsString::from));
        let program: &Path = &self.options.ffmpeg;
        run(program, &arguments, self.deadline, max_output).map_err(|stop| match stop {
            Stop::NotInstalled => fault(
                "clip_needs_ffmpeg",
                format!(
                    "{} video is read through the program \"{}\", which is not installed; install it, or \
                     convert the clip to Motion JPEG AVI",
                    self.container.name(),
                    program.display()
                ),
            ),
            Stop::TooSlow => fault(
                "clip_too_slow",
                format!("ffmpeg took more than {} s", self.options.limits.max_process_secs),
            ),
            Stop::Failed(error) => fault("clip_unsupported", format!("cannot run ffmpeg: {error}")),
        })
    }

    fn read_frames(&self, about: &About, own: (usize, usize)) -> Result<Clip, ClipError> {
        let (width, height) = self.options.size_px.map_or(own, |side| (side, side));
        let mut frames = Frames::new(self.options);
        let max_frames = self.options.limits.max_frames;
        let duration = about.duration.unwrap_or(max_frames as f64 / about.rate_hz);
        let (count, period, first) = match moments(self.options.sampling, duration, max_frames) {
            Moments::Middles(count) => {
                let period = (duration / count as f64).max(1.0 / about.rate_hz);
                (count, period, period / 2.0)
            }
            Moments::Every(first, secs, count) if first > 0.0 => (count, secs.max(1e-3), first),
            Moments::Every(_, secs, count) => (count, secs.max(1.0 / about.rate_hz), 0.0),
        };
        // What lies before and behind a stretch need not be decoded.
        let (skipped, decoded) = match self.options.sampling {
            Sampling::Last { .. } => ((first - period / 2.0).max(0.0), count as f64 * period),
            Sampling::First { .. } => (0.0, count as f64 * period),
            Sampling::Count(_) | Sampling::Rate(_) => (0.0, duration),
        };
        let frame_bytes = 3_usize.saturating_mul(width).saturating_mul(height);
        let num_bytes = frame_bytes.saturating_mul(count);
        if frame_bytes == 0 || num_bytes > self.options.limits.max_kept_bytes {
            let text = format!(
                "{count} frames of {width} x {height} pixels; ask for fewer, or for a size"
            );
            return Err(fault("clip_too_large", text));
        }
        let scale = format!("scale={width}:{height}:flags=bilinear");
        let pixels = decoded * about.rate_hz * (own.0 * own.1) as f64;
        let is_long = pixels > LONG_VIDEO_PIXELS;
        let raw = if is_long && count <= MAX_LOOK_UPS {
            self.look_up(&scale, (count, period, first), frame_bytes)?
        } else {
            // Each frame of the output is the last one shown until its moment; the first one starts the clock,
            // or it would be repeated to fill the time before it.
            let filter = format!(
                "setpts=PTS-STARTPTS+{}/TB,fps=fps={}:round=up,setpts=PTS-STARTPTS,{scale}",
                if first > 0.0 {
                    period - (first - skipped)
                } else {
                    0.0
                },
                1.0 / period
            );
            let seek = skipped.to_string();
            let mut before: Vec<&str> = Vec::new();
            if is_long {
                before.extend(["-skip_frame", "nokey"]);
            }
            if skipped > 0.0 {
                before.extend(["-ss", &seek]);
            }
            self.raw_frames(&before, &filter, count, num_bytes)?
        };
        for (frame, rgb) in raw.chunks_exact(frame_bytes).enumerate() {
            let rgb = rgb.to_vec();
            frames.keep(
                Picture { height, width, rgb },
                first + frame as f64 * period,
            )?;
        }
        Ok(frames.clip)
    }

    /// Frames one by one: the key frame before each moment.
    fn look_up(
        &self,
        scale: &str,
        (count, period, first): (usize, f64, f64),
        frame_bytes: usize,
    ) -> Result<Vec<u8>, ClipError> {
        let mut raw = Vec::new();
        for frame in 0..count {
            let moment = (first + frame as f64 * period).to_string();
            let before = ["-noaccurate_seek", "-ss", &moment];
            raw.extend(self.raw_frames(&before, scale, 1, frame_bytes)?);
        }
        Ok(raw)
    }

    fn raw_frames(
        &self,
        before: &[&str],
        filter: &str,
        count: usize,
        num_bytes: usize,
    ) -> Result<Vec<u8>, ClipError> {
        let count = count.to_string();
        let after = [
            "-map",
            "0:v:0",
            "-an",
            "-sn",
            "-dn",
            "-vf",
            filter,
            "-frames:v",
            &count,
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "pipe:1",
        ];
        let said = self.ask(before, &after, num_bytes)?;
        if said.output.is_empty() && !said.well {
            return Err(fault(
                "clip_damaged",
                format!("ffmpeg: {}", last_line(&said.complaint)),
            ));
        }
        Ok(said.output)
    }

    fn read_sound(&self, rate_hz: u32) -> Result<Option<Arc<Sound>>, ClipError> {
        let most = self.options.limits.max_sound_samples;
        let secs = (most as f64 / f64::from(rate_hz)).to_string();
        let rate = rate_hz.to_string();
        let after = [
            "-map", "0:a:0", "-vn", "-sn", "-dn", "-ac", "1", "-ar", &rate, "-t", &secs, "-f",
            "f32le", "pipe:1",
        ];
        let said = self.ask(&[], &after, most.saturating_mul(4))?;
        let (samples, _) = said.output.as_chunks::<4>();
        let amplitude = |sample: &[u8; 4]| {
            let value = f32::from_le_bytes(*sample);
            if value.is_finite() { value } else { 0.0 }
        };
        Ok((!samples.is_empty()).then(|| {
            Arc::new(Sound {
                rate_hz,
                samples: samples.iter().map(amplitude).collect(),
            })
        }))
    }
}

/// The question what a file is has no output.
const MAX_ABOUT: usize = 1 << 10;

/// The program's last words, which say what went wrong.
fn last_line(complaint: &str) -> String {
    let last = complaint.lines().rev().find(|line| !line.trim().is_empty());
    last.unwrap_or("no reason given")
        .chars()
        .take(200)
        .collect()
}

fn parse_about(text: &str) -> About {
    let mut about = About {
        duration: None,
        size: None,
        rate_hz: DEFAULT_RATE_HZ,
        sound_hz: None,
    };
    let mut turned = false;
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("Duration: ") {
            about.duration = rest.split(',').next().and_then(clock);
        } else if line.starts_with("Stream #") && line.contains("Video: ") && about.size.is_none() {
            let words = || line.split([',', ' ']);
            about.size = words().find_map(size);
            let rate = words()
                .zip(words().skip(1))
                .find(|(_, unit)| *unit == "fps");
            let rate = rate.and_then(|(number, _)| number.parse::<f64>().ok());
            about.rate_hz = rate
                .filter(|hz| (0.001..=1000.0).contains(hz))
                .unwrap_or(DEFAULT_RATE_HZ);
        } else if line.starts_with("Stream #")
            && line.contains("Audio: ")
            && about.sound_hz.is_none()
        {
            let words = || line.split([',', ' ']);
            let rate = words().zip(words().skip(1)).find(|(_, unit)| *unit == "Hz");
            about.sound_hz = rate.and_then(|(number, _)| number.parse().ok());
        } else if let Some((_, rest)) = line.split_once("rotation of ") {
            let degrees = rest
                .split(' ')
                .next()
                .and_then(|word| word.parse::<f64>().ok());
            turned = degrees.is_some_and(|degrees| (degrees.abs() - 90.0).abs() < 1.0);
        }
    }
    about.sound_hz = about.sound_hz.filter(|hz| (100..=1_000_000).contains(hz));
    if turned {
        about.size = about.size.map(|(width, height)| (height, width));
    }
    about
}

/// `00:01:02.50` to seconds.
fn clock(text: &str) -> Option<f64> {
    let parts = text.trim().split(':').map(|part| part.parse::<f64>().ok());
    let secs = parts
        .collect::<Option<Vec<f64>>>()?
        .iter()
        .fold(0.0, |sum, part| sum * 60.0 + part);
    Some(secs).filter(|secs| secs.is_finite() && *secs > 0.0)
}

/// `640x360`; not the `0x31` of a codec's number.
fn size(word: &str) -> Option<(usize, usize)> {
    let (width, height) = word.split_once('x')?;
    let (width, height) = (width.parse().ok()?, height.parse().ok()?);
    (width > 0 && height > 0).then_some((width, height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ffmpeg_says_about_a_file_is_understood() {
        let text = "Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'x':
  Duration: 00:01:02.50, start: 0.000000, bitrate: 30 kb/s
  Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(tv, bt709), 64x48 [SAR 1:1 DAR 4:3], 30 kb/s, 12.5 fps, 12.5 tbr (default)
    Side data:
      displaymatrix: rotation of -90.00 degrees
  Stream #0:1[0x2](und): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz, mono, fltp, 69 kb/s (default)";
        let expected = About {
            duration: Some(62.5),
            size: Some((48, 64)),
            rate_hz: 12.5,
            sound_hz: Some(44_100),
        };
        assert_eq!(parse_about(text), expected);
        let nothing = parse_about("x: Invalid data found when processing input");
        assert_eq!(
            (nothing.duration, nothing.size, nothing.sound_hz),
            (None, None, None)
        );
    }
}
