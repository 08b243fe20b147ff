//! What goes through a process: a stand-in for `ffmpeg`, and the program itself where there is one.

#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;

use super::*;

const MP4: &[u8] = b"\0\0\0\x18ftypmp42\0\0\0\0";
const ABOUT: &str = "  Duration: 00:00:02.00, start: 0
  Stream #0:0: Video: h264, yuv420p, 2x1, 10 fps, 10 tbr
  Stream #0:1: Audio: aac, 8000 Hz, mono";

/// A program that answers as a shell script does.
fn stand_in(folder: &Path, script: &str) -> ClipOptions {
    let program = folder.join("stand-in");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    ClipOptions {
        ffmpeg: program,
        ..ClipOptions::new(Sampling::Count(2))
    }
}

/// A freshly written script may still be open in a process that another test has just forked.
fn patient(source: ClipSource<'_>, options: &ClipOptions) -> Result<Clip, ClipError> {
    for _ in 0..100 {
        match decode_clip(source, options) {
            Err(error) if error.text.contains("busy") => {
                std::thread::sleep(Duration::from_millis(20))
            }
            other => return other,
        }
    }
    decode_clip(source, options)
}

#[test]
fn raw_frames_and_sound_are_taken_from_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "echo \"$@\" >> {0}/arguments
case \"$*\" in
  *rawvideo*) printf 'abcdefghijkl' ;;
  *f32le*) printf '\\000\\000\\000\\077\\000\\000\\200\\077' ;;
  *) echo '{ABOUT}' >&2; exit 1 ;;
esac",
        folder.path().display()
    );
    let options = stand_in(folder.path(), &script);
    let clip = patient(ClipSource::Bytes(MP4), &options).unwrap();
    assert_eq!(clip.frames[0].rgb, b"abcdef");
    assert_eq!(clip.frames[1].rgb, b"ghijkl");
    assert_eq!(clip.times_secs, [0.5, 1.5]);
    let sound = clip.sound.unwrap();
    assert_eq!(
        (sound.rate_hz, sound.samples.as_slice()),
        (8000, &[0.5, 1.0][..])
    );
    let arguments = std::fs::read_to_string(folder.path().join("arguments")).unwrap();
    assert_eq!(arguments.lines().count(), 3);
    for line in arguments.lines() {
        assert!(
            line.contains("-nostdin") && line.contains("-protocol_whitelist file"),
            "{line}"
        );
        assert!(line.contains("-f mov -i file:"), "{line}");
    }
}

/// As [`patient`], for anything.
fn patiently<T>(mut work: impl FnMut() -> Result<T, ClipError>) -> Result<T, ClipError> {
    for _ in 0..100 {
        match work() {
            Err(error) if error.text.contains("busy") => {
                std::thread::sleep(Duration::from_millis(20))
            }
            other => return other,
        }
    }
    work()
}

#[test]
fn the_sound_track_alone_asks_for_no_frame() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "case \"$*\" in
  *rawvideo*) exit 9 ;;
  *f32le*) printf '\\000\\000\\000\\077' ;;
  *) echo '{ABOUT}' >&2; exit 1 ;;
esac"
    );
    let options = stand_in(folder.path(), &script);
    let source = ClipSource::Bytes(MP4);
    let sound = patiently(|| sound_track(source, &options))
        .unwrap()
        .unwrap();
    assert_eq!(
        (sound.rate_hz, sound.samples.as_slice()),
        (8000, &[0.5][..])
    );
    let header = patiently(|| whole_header(source, &options)).unwrap();
    assert_eq!((header.num_frames, header.sound_hz), (Some(20), Some(8000)));
    // Sound that is compressed is left to the program where the frames are not.
    let packed = avi_with_packed_sound();
    let sound = patiently(|| sound_track(ClipSource::Bytes(&packed), &options)).unwrap();
    assert!(sound.is_some());
    assert_eq!(
        clip_header(ClipSource::Bytes(&packed)).unwrap().has_sound,
        None
    );

    let silent = ABOUT.lines().take(2).collect::<Vec<_>>().join("\n");
    let options = stand_in(folder.path(), &format!("echo '{silent}' >&2; exit 1"));
    assert_eq!(patiently(|| sound_track(source, &options)).unwrap(), None);
    let header = patiently(|| whole_header(source, &options)).unwrap();
    assert_eq!(header.has_sound, Some(false));
    let options = ClipOptions {
        ffmpeg: folder.path().join("gone"),
        ..options
    };
    let error = sound_track(source, &options).unwrap_err();
    assert_eq!(error.reason_code, "clip_needs_ffmpeg");
}

/// An AVI whose sound claims to be MP3.
fn avi_with_packed_sound() -> Vec<u8> {
    let mut bytes = mjpeg(&COLOURS);
    let format = bytes.windows(4).rposition(|name| name == b"strf").unwrap();
    bytes[format + 8] = 0x55;
    bytes
}

#[test]
fn sound_without_end_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let script =
        format!("case \"$*\" in *f32le*) exec yes ;; *) echo '{ABOUT}' >&2; exit 1 ;; esac");
    let mut options = stand_in(folder.path(), &script);
    options.limits.max_sound_samples = 1000;
    let sound = patiently(|| sound_track(ClipSource::Bytes(MP4), &options));
    assert_eq!(sound.unwrap().unwrap().samples.len(), 1000);
}

#[test]
fn no_name_of_a_file_is_more_than_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "for word in \"$@\"; do echo \"[$word]\" >> {0}/words; done; echo '{ABOUT}' >&2; exit 1",
        folder.path().display()
    );
    let options = stand_in(folder.path(), &script);
    let names = [
        "-vf drawtext.mp4",
        "$(touch stolen).mp4",
        "a; touch stolen .mp4",
        "concat:b|c.mp4",
        "quote ' \" ` \n.mp4",
    ];
    for name in names {
        let path = folder.path().join(name);
        std::fs::write(&path, MP4).unwrap();
        let _ = patiently(|| sound_track(ClipSource::Path(&path), &options));
        let words = std::fs::read_to_string(folder.path().join("words")).unwrap();
        let expected = format!("[file:{}]", path.display());
        assert!(words.contains(&expected), "{expected}\n{words}");
        assert!(!folder.path().join("stolen").exists());
    }
}

#[test]
fn a_process_that_never_ends_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = stand_in(folder.path(), "exec sleep 60");
    options.limits.max_process_secs = 0.3;
    let started = Instant::now();
    let error = patient(ClipSource::Bytes(MP4), &options).unwrap_err();
    assert_eq!(error.reason_code, "clip_too_slow");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_process_that_never_stops_talking_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "case \"$*\" in *rawvideo*) exec yes ;; *f32le*) ;; *) echo '{ABOUT}' >&2; exit 1 ;; esac"
    );
    let clip = patient(ClipSource::Bytes(MP4), &stand_in(folder.path(), &script)).unwrap();
    assert_eq!(clip.frames.len(), 2);
    assert_eq!(clip.sound, None);
}

#[test]
fn what_the_process_cannot_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let code = |script: &str| {
        let options = stand_in(folder.path(), script);
        patient(ClipSource::Bytes(MP4), &options)
            .unwrap_err()
            .reason_code
    };
    assert_eq!(code("echo 'Invalid data' >&2; exit 1"), "clip_empty");
    let damaged = format!("case \"$*\" in *rawvideo*) exit 1 ;; *) echo '{ABOUT}' >&2 ;; esac");
    assert_eq!(code(&damaged), "clip_damaged");
    let huge = ABOUT.replace("2x1", "99999999x99999999");
    assert_eq!(
        code(&format!("echo '{huge}' >&2; exit 1")),
        "clip_too_large"
    );
    let absent = ClipOptions {
        ffmpeg: folder.path().join("gone"),
        ..ClipOptions::new(Sampling::Count(2))
    };
    let error = decode_clip(ClipSource::Bytes(MP4), &absent).unwrap_err();
    assert_eq!(error.reason_code, "clip_needs_ffmpeg");
    assert!(
        error
            .text
            .starts_with("mp4 video is read through the program"),
        "{}",
        error.text
    );
}

/// A video of 20 frames at 10 a second, each colour four times; `None` where the program is not installed.
fn made_by_ffmpeg(folder: &Path, name: &str) -> Option<PathBuf> {
    let colours: Vec<[u8; 3]> = (0..20).map(|frame| COLOURS[frame / 4]).collect();
    std::fs::write(folder.join("source.avi"), mjpeg(&colours)).unwrap();
    let made = std::process::Command::new("ffmpeg")
        .current_dir(folder)
        .args([
            "-nostdin",
            "-v",
            "error",
            "-i",
            "source.avi",
            "-c:v",
            "mpeg4",
            "-q:v",
            "1",
        ])
        .arg(format!("file:{name}"))
        .status();
    made.ok().filter(std::process::ExitStatus::success)?;
    Some(folder.join(name))
}

/// Runs only where the program is installed.
#[test]
fn mp4_and_matroska_by_the_program_itself() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["-a.mp4", "a.mkv"] {
        let Some(path) = made_by_ffmpeg(folder.path(), name) else {
            eprintln!("skipped: no ffmpeg here");
            return;
        };
        let mut options = ClipOptions::new(Sampling::Count(5));
        // Other work may share the machine.
        options.limits.max_process_secs = 60.0;
        let clip = decode_clip(ClipSource::Path(&path), &options).unwrap();
        assert_eq!(clip.frames.len(), 5, "{name}");
        for (frame, colour) in clip.frames.iter().zip(COLOURS) {
            assert!(
                close(frame, colour),
                "{name}: {:?}, expected {colour:?}",
                &frame.rgb[..3]
            );
        }
        assert!(clip.sound.is_some());
        options.sampling = Sampling::Rate(5.0);
        options.size_px = Some(4);
        let bytes = std::fs::read(&path).unwrap();
        let clip = decode_clip(ClipSource::Bytes(&bytes), &options).unwrap();
        assert_eq!(clip.frames.len(), 10, "{name}");
        for (frame, colour) in clip
            .frames
            .iter()
            .zip(COLOURS.iter().flat_map(|rgb| [rgb; 2]))
        {
            assert!(
                close(frame, *colour),
                "{name}: {:?}, expected {colour:?}",
                &frame.rgb[..3]
            );
        }
        // More than there are: each frame once.
        options.sampling = Sampling::Count(50);
        let clip = decode_clip(ClipSource::Path(&path), &options).unwrap();
        assert_eq!(clip.frames.len(), 20);
        // Whatever is made of half a file, it is an answer.
        let _ = decode_clip(ClipSource::Bytes(&bytes[..bytes.len() / 2]), &options);
    }
}

/// Stretches from the start and up to the end; the clip of 2 s has 10 of these steps.
#[test]
fn stretches_are_cut_out_by_the_program_itself() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = made_by_ffmpeg(folder.path(), "a.mp4") else {
        eprintln!("skipped: no ffmpeg here");
        return;
    };
    let every_secs = 0.2;
    let stretches = [
        (
            Sampling::First {
                count: 3,
                every_secs,
            },
            0..3,
        ),
        (
            Sampling::Last {
                count: 3,
                every_secs,
            },
            7..10,
        ),
        (
            Sampling::Last {
                count: 30,
                every_secs,
            },
            0..10,
        ),
    ];
    for (sampling, steps) in stretches {
        let mut options = ClipOptions::new(sampling);
        // Other work may share the machine.
        options.limits.max_process_secs = 60.0;
        let clip = decode_clip(ClipSource::Path(&path), &options).unwrap();
        assert_eq!(clip.frames.len(), steps.len(), "{sampling:?}");
        for (frame, step) in clip.frames.iter().zip(steps) {
            let rgb = &frame.rgb[..3];
            let is_close = close(frame, COLOURS[step / 2]);
            assert!(is_close, "{sampling:?}, step {step}: {rgb:?}");
        }
    }
}

/// Two codecs and a change of colour space.
fn close(picture: &Picture, colour: [u8; 3]) -> bool {
    (0..3).all(|c| picture.rgb[c].abs_diff(colour[c]) <= 20)
}
