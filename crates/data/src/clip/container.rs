//! What kind of video a file is, by its first bytes.

use std::{io::Read, path::Path};

use super::{ClipError, fault};

/// Bytes that tell every kind apart: two packets of an MPEG transport stream.
const HEAD_BYTES: u64 = 400;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    Avi,
    Gif,
    WebP,
    Png,
    /// Any other picture: a clip of one frame.
    Still,
    Mp4,
    Matroska,
    Flv,
    Ogg,
    Asf,
    MpegProgram,
    MpegTransport,
}

impl Container {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Avi => "avi",
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Png => "png",
            Self::Still => "picture",
            Self::Mp4 => "mp4",
            Self::Matroska => "matroska",
            Self::Flv => "flv",
            Self::Ogg => "ogg",
            Self::Asf => "asf",
            Self::MpegProgram => "mpeg",
            Self::MpegTransport => "mpegts",
        }
    }

    /// What `ffmpeg` calls the format. It is always told, so that no file can pass for a playlist of others.
    pub(super) fn ffmpeg_format(self) -> &'static str {
        match self {
            Self::Mp4 => "mov",
            other => other.name(),
        }
    }

    pub(super) fn is_native(self) -> bool {
        use Container::{Avi, Gif, Png, Still, WebP};
        matches!(self, Avi | Gif | WebP | Png | Still)
    }
}

/// Kind of a file on disk.
pub(super) fn of_file(path: &Path) -> Result<Container, ClipError> {
    let shown = path.display();
    let about = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            fault("file_missing", format!("no file \"{shown}\""))
        }
        _ => fault(
            "file_unreadable",
            format!("cannot read \"{shown}\": {error}"),
        ),
    })?;
    // Devices and pipes may never end.
    if !about.is_file() {
        return Err(fault(
            "file_unreadable",
            format!("\"{shown}\" is not a file"),
        ));
    }
    let mut head = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head))
        .map_err(|error| {
            fault(
                "file_unreadable",
                format!("cannot read \"{shown}\": {error}"),
            )
        })?;
    of_bytes(&head)
}

/// Kind of a file by its first bytes.
pub(super) fn of_bytes(bytes: &[u8]) -> Result<Container, ClipError> {
    let at = |from: usize, magic: &[u8]| {
        bytes
            .get(from..)
            .is_some_and(|rest| rest.starts_with(magic))
    };
    let riff = |kind: &[u8]| at(0, b"RIFF") && at(8, kind);
    let known = if riff(b"AVI ") {
        Container::Avi
    } else if at(0, b"GIF8") {
        Container::Gif
    } else if riff(b"WEBP") {
        Container::WebP
    } else if at(0, b"\x89PNG") {
        Container::Png
    } else if crate::picture::known_format(bytes).is_some() {
        Container::Still
    } else if [&b"ftyp"[..], b"moov", b"mdat", b"wide", b"free"]
        .iter()
        .any(|kind| at(4, kind))
    {
        Container::Mp4
    } else if at(0, &[0x1a, 0x45, 0xdf, 0xa3]) {
        Container::Matroska
    } else if at(0, b"FLV\x01") {
        Container::Flv
    } else if at(0, b"OggS") {
        Container::Ogg
    } else if at(0, &[0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11]) {
        Container::Asf
    } else if at(0, &[0, 0, 1, 0xba]) {
        Container::MpegProgram
    } else if at(0, b"G") && at(188, b"G") {
        Container::MpegTransport
    } else {
        let head = &bytes[..bytes.len().min(12)];
        let text = match head {
            [] => "not a video: it is empty".to_owned(),
            _ => format!("not a video: it starts with bytes {head:02x?}"),
        };
        return Err(fault("not_a_clip", text));
    };
    Ok(known)
}
