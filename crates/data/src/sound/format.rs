//! Which sound format some bytes are, and what their header says.

use std::io::Cursor;

use symphonia::{
    core::{
        codecs::{
            CodecParameters,
            audio::{AudioCodecParameters, AudioDecoderOptions},
        },
        errors::Error,
        formats::{FormatOptions, FormatReader, Track, TrackType},
        io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions, ReadOnlySource},
    },
    default::{
        formats::{AdtsReader, FlacReader, IsoMp4Reader, MpaReader, OggReader, WavReader},
        get_codecs,
    },
};

use super::{SoundError, fault};

/// A container of sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SoundFormat {
    /// RIFF WAVE: PCM of 8 to 32 bits, floats, A-law and mu-law.
    Wav,
    /// Free Lossless Audio Codec.
    Flac,
    /// Ogg with Vorbis or FLAC.
    Ogg,
    /// MPEG audio layer III.
    Mp3,
    /// AAC in a bare ADTS stream.
    Aac,
    /// AAC in an MP4 file.
    M4a,
}

impl SoundFormat {
    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wav => "WAV",
            Self::Flac => "FLAC",
            Self::Ogg => "Ogg",
            Self::Mp3 => "MP3",
            Self::Aac => "AAC",
            Self::M4a => "M4A",
        }
    }
}

/// What the header of a sound file says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SoundHeader {
    /// Container.
    pub format: SoundFormat,
    /// Samples a second and channel.
    pub rate_hz: u32,
    /// Channels.
    pub num_channels: usize,
    /// Samples of each channel; `None` where only decoding tells (AAC streams, MP3 without a count).
    pub num_samples: Option<u64>,
}

impl SoundHeader {
    /// Length in seconds, where the header says it.
    pub fn secs(&self) -> Option<f64> {
        Some(self.num_samples? as f64 / f64::from(self.rate_hz.max(1)))
    }
}

/// Reads what the header says, without decoding; cheap enough for `inspect`.
///
/// # Errors
/// [`SoundError`] if the bytes are no sound or their header is damaged, cut off or of a codec that is not read.
pub fn sound_header(bytes: &[u8]) -> Result<SoundHeader, SoundError> {
    // Readers of foreign files may panic on hostile input; that must cost one record, not the run.
    std::panic::catch_unwind(|| Opened::new(bytes)?.header())
        .unwrap_or_else(|_| Err(fault("sound_damaged", "the header makes no sense")))
}

/// Format of a sound that can be read here, by its first bytes behind ID3v2 tags.
pub fn sound_format(bytes: &[u8]) -> Option<SoundFormat> {
    let at = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
    match at(0, 4) {
        b"RIFF" if at(8, 12) == b"WAVE" => return Some(SoundFormat::Wav),
        b"fLaC" => return Some(SoundFormat::Flac),
        b"OggS" => return Some(SoundFormat::Ogg),
        _ if at(4, 8) == b"ftyp" => return Some(SoundFormat::M4a),
        _ => {}
    }
    // Sync word, version, layer, bit rate and sampling rate of MPEG. Source: ISO/IEC 11172-3, section 2.4.2.3.
    let &[0xff, second, third, ..] = bytes else {
        return None;
    };
    let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
    match layer {
        0 if second >> 4 == 0xf => Some(SoundFormat::Aac),
        1 if second >> 5 == 7 && version != 1 && third >> 4 != 15 && third >> 2 & 3 != 3 => {
            Some(SoundFormat::Mp3)
        }
        _ => None,
    }
}

/// A file whose container has been opened.
pub(super) struct Opened<'a> {
    /// Container.
    pub(super) format: SoundFormat,
    /// Gives packets.
    pub(super) reader: Box<dyn FormatReader + 'a>,
    track: Track,
}

impl<'a> Opened<'a> {
    /// Opens the container and picks its first sound track.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, SoundError> {
        let bytes = behind_tags(bytes)?;
        let format = sound_format(bytes).ok_or_else(|| {
            fault(
                "not_a_sound",
                format!("not a sound: {}", first_bytes(bytes)),
            )
        })?;
        if format == SoundFormat::Wav {
            check_wave_format(bytes)?;
        }
        let failed = |error: Error| reading_fault(format, &error);
        let reader = open(format, bytes).map_err(failed)?;
        let track = reader
            .default_track(TrackType::Audio)
            .or_else(|| reader.first_track(TrackType::Audio));
        let Some(track) = track.cloned() else {
            let text = format!("{} without a sound track", format.name());
            return Err(fault("codec_unsupported", text));
        };
        Ok(Self {
            format,
            reader,
            track,
        })
    }

    /// Which packets belong to the sound.
    pub(super) fn track_id(&self) -> u32 {
        self.track.id
    }

    pub(super) fn codec(&self) -> Result<&AudioCodecParameters, SoundError> {
        match &self.track.codec_params {
            Some(CodecParameters::Audio(codec)) => Ok(codec),
            _ => Err(fault("codec_unsupported", "a track of an unknown codec")),
        }
    }

    /// What the header says; the decoder is asked where the container is silent.
    pub(super) fn header(&self) -> Result<SoundHeader, SoundError> {
        let codec = self.codec()?;
        let (mut rate_hz, mut channels) = (codec.sample_rate, codec.channels.clone());
        if rate_hz.is_none() || channels.is_none() {
            let decoder = get_codecs()
                .make_audio_decoder(codec, &AudioDecoderOptions::default())
                .map_err(|error| reading_fault(self.format, &error))?;
            let codec = decoder.codec_params();
            rate_hz = rate_hz.or(codec.sample_rate);
            channels = channels.or(codec.channels.clone());
        }
        let num_channels = channels.map_or(0, |channels| channels.count());
        match rate_hz {
            Some(rate_hz) if rate_hz > 0 && num_channels > 0 => Ok(SoundHeader {
                format: self.format,
                rate_hz,
                num_channels,
                num_samples: self.num_samples(rate_hz),
            }),
            _ => Err(fault(
                "sound_damaged",
                "the header names no sampling rate or no channels",
            )),
        }
    }

    /// Samples of each channel as the container counts them.
    fn num_samples(&self, rate_hz: u32) -> Option<u64> {
        match self.format {
            // An estimate from the first frames.
            SoundFormat::Aac => None,
            SoundFormat::M4a => {
                let secs = self.track.time_base?.calc_duration(self.track.duration?)?;
                Some((secs.as_secs_f64() * f64::from(rate_hz)).round() as u64)
            }
            _ => self.track.num_frames,
        }
    }
}

/// Most channels of a WAV: its mask has 32 places, and the reader cannot shift by all of them.
const MAX_WAVE_CHANNELS: u16 = 31;

/// The bytes behind any ID3v2 tags. Source: ID3v2.4.0, section 3.1.
fn behind_tags(mut bytes: &[u8]) -> Result<&[u8], SoundError> {
    while let Some(&[b'I', b'D', b'3', _, _, flags, a, b, c, d]) = bytes.first_chunk::<10>() {
        let size = [a, b, c, d]
            .iter()
            .fold(0, |size, part| size << 7 | usize::from(part & 0x7f));
        let footer = if flags & 0x10 == 0 { 0 } else { 10 };
        bytes = bytes
            .get(10 + size + footer..)
            .ok_or_else(|| fault("sound_truncated", "the file ends inside its ID3 tag"))?;
    }
    Ok(bytes)
}

/// Refuses a WAV whose format chunk has counts that the reader's arithmetic does not expect.
///
/// Source: Microsoft 1994, "Multimedia data standards update", `WAVEFORMATEX`.
fn check_wave_format(bytes: &[u8]) -> Result<(), SoundError> {
    let mut chunks = bytes.get(12..).unwrap_or_default();
    while let Some((head, rest)) = chunks.split_first_chunk::<8>() {
        let [a, b, c, d, length @ ..] = *head;
        let length = u32::from_le_bytes(length) as usize;
        if [a, b, c, d] == *b"fmt " {
            let count = |at: usize| match rest.get(at..at + 2) {
                Some(&[low, high]) => u16::from_le_bytes([low, high]),
                _ => 0,
            };
            let (channels, bits) = (count(2), count(14));
            if (1..=MAX_WAVE_CHANNELS).contains(&channels) && bits <= 64 {
                return Ok(());
            }
            let text = format!("damaged WAV: {channels} channels of {bits} bits");
            return Err(fault("sound_damaged", text));
        }
        // Chunks start at even places.
        chunks = rest
            .get(length.saturating_add(length % 2)..)
            .unwrap_or_default();
    }
    Ok(())
}

fn open<'a>(format: SoundFormat, bytes: &'a [u8]) -> Result<Box<dyn FormatReader + 'a>, Error> {
    let source: Box<dyn MediaSource + 'a> = match format {
        // With a source that can seek the reader would guess the length from the bit rate.
        SoundFormat::Mp3 | SoundFormat::Aac => Box::new(ReadOnlySource::new(bytes)),
        _ => Box::new(Cursor::new(bytes)),
    };
    let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
    let options = FormatOptions::default();
    Ok(match format {
        SoundFormat::Wav => Box::new(WavReader::try_new(stream, options)?),
        SoundFormat::Flac => Box::new(FlacReader::try_new(stream, options)?),
        SoundFormat::Ogg => Box::new(OggReader::try_new(stream, options)?),
        SoundFormat::Mp3 => Box::new(MpaReader::try_new(stream, options)?),
        SoundFormat::Aac => Box::new(AdtsReader::try_new(stream, options)?),
        SoundFormat::M4a => Box::new(IsoMp4Reader::try_new(stream, options)?),
    })
}

/// The reader's or decoder's complaint in our words.
pub(super) fn reading_fault(format: SoundFormat, error: &Error) -> SoundError {
    let name = format.name();
    match error {
        Error::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            fault("sound_truncated", format!("the {name} ends too early"))
        }
        Error::Unsupported(what) => fault("codec_unsupported", format!("{name}: {what}")),
        Error::ResetRequired => fault("sound_damaged", format!("{name}: more than one stream")),
        other => fault("sound_damaged", format!("damaged {name}: {other}")),
    }
}

fn first_bytes(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(12)];
    match std::str::from_utf8(start) {
        Ok("") => "it is empty".to_owned(),
        Ok(text) => format!("it starts with {text:?}"),
        Err(_) => format!("it starts with bytes {start:02x?}"),
    }
}
