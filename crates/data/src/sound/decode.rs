//! Sound files to samples of one channel.

use std::io::ErrorKind;

use schema::Sound;
use symphonia::{
    core::{
        codecs::audio::{AudioDecoder, AudioDecoderOptions},
        errors::Error,
        packet::Packet,
    },
    default::get_codecs,
};

use super::{
    SoundError, fault,
    format::{Opened, SoundFormat, SoundHeader, reading_fault},
};

/// How much of one sound is decoded; what is beyond is refused before it is allocated.
///
/// With the defaults a record takes at most about 240 MB beside the bytes of its file, and no format longer than a
/// few seconds to decode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SoundLimits {
    /// Largest file in bytes, default 128 MiB.
    pub max_bytes: u64,
    /// Longest sound in seconds, default 600.
    pub max_secs: f64,
    /// Most samples, all channels counted, default 60 million: ten minutes of stereo at 48 kHz.
    pub max_samples: u64,
}

impl Default for SoundLimits {
    fn default() -> Self {
        Self {
            max_bytes: 128 << 20,
            max_secs: 600.0,
            max_samples: 60_000_000,
        }
    }
}

impl SoundLimits {
    fn check_bytes(&self, bytes: &[u8]) -> Result<(), SoundError> {
        if bytes.len() as u64 <= self.max_bytes {
            return Ok(());
        }
        let (got, most) = (bytes.len() >> 20, self.max_bytes >> 20);
        let text = format!("a sound file of {got} MiB, at most {most} are read");
        Err(fault("file_too_large", text))
    }

    fn check_samples(&self, samples: u64, channels: usize, rate: u32) -> Result<(), SoundError> {
        let secs = samples as f64 / f64::from(rate.max(1));
        let all = samples.saturating_mul(channels as u64);
        if secs <= self.max_secs && all <= self.max_samples {
            return Ok(());
        }
        let Self {
            max_secs,
            max_samples,
            ..
        } = self;
        let text = format!(
            "at least {secs:.1} s of sound at {rate} Hz ({all} samples in {channels} channels), \
             at most {max_secs} s and {max_samples} samples are decoded"
        );
        Err(fault("too_many_samples", text))
    }
}

/// Highest sampling rate that is believed, in Hz: twice that of the best converters.
const MAX_RATE_HZ: u32 = 768_000;
/// Packets in a row that may give no sample: of other tracks, or headers.
const MAX_IDLE_PACKETS: u32 = 100_000;
/// Loudest float sample that is believed. Files of floats in 32-bit steps exist; above this, squares overflow later.
const MAX_AMPLITUDE: f32 = 4e9;

/// Decodes a sound to one channel, the mean of all channels, at the rate of the file.
///
/// WAV (8 to 32 bits, floats), FLAC, Ogg Vorbis, MP3, AAC-LC in ADTS or MP4. 16-bit samples are divided by 32,768,
/// 24-bit ones by 8,388,608. The silence that an MP4 encoder puts in front stays.
///
/// # Errors
/// [`SoundError`] if the bytes are no sound, are damaged or cut off, hold no samples or more than the limits allow.
/// MP3 and ADTS streams have no end mark, so one that is cut between two frames is just shorter; and up to a tenth
/// of their frames may be damaged, as players accept too.
pub fn decode_sound(bytes: &[u8], limits: &SoundLimits) -> Result<Sound, SoundError> {
    limits.check_bytes(bytes)?;
    // Decoders of foreign files may panic on hostile input; that must cost one record, not the run.
    std::panic::catch_unwind(|| decode(bytes, limits))
        .unwrap_or_else(|_| Err(fault("sound_damaged", "the decoder gave up on the sound")))
}

fn decode(bytes: &[u8], limits: &SoundLimits) -> Result<Sound, SoundError> {
    let mut opened = Opened::new(bytes)?;
    let header = opened.header()?;
    check_header(&header, bytes.len() as u64, limits)?;
    let decoder = get_codecs()
        .make_audio_decoder(opened.codec()?, &AudioDecoderOptions::default())
        .map_err(|error| reading_fault(header.format, &error))?;
    let mut decoding = Decoding {
        decoder,
        header,
        limits,
        planes: Vec::new(),
        // Within the limits by now; of a header that lies, the pages stay untouched.
        samples: Vec::with_capacity(header.num_samples.unwrap_or(0) as usize),
        num_all: 0,
        num_failed: 0,
        num_decoded: 0,
    };
    // Tables of a hostile MP4 may point to the same bytes over and over.
    let mut bytes_left = 2 * bytes.len() as u64 + 4096;
    let mut idle = 0;
    loop {
        let packet = match opened.reader.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            Err(error) if ends_a_pipe(&header, &error) => break,
            Err(error) => return Err(reading_fault(header.format, &error)),
        };
        let before = decoding.samples.len();
        if packet.track_id == opened.track_id() {
            decoding.take(&packet)?;
        }
        let is_idle = decoding.samples.len() == before;
        idle = if is_idle { idle + 1 } else { 0 };
        let spent = bytes_left.checked_sub(packet.data.len() as u64);
        let Some(left) = spent.filter(|_| idle < MAX_IDLE_PACKETS) else {
            let text = format!("damaged {}: packets without sound", header.format.name());
            return Err(fault("sound_damaged", text));
        };
        bytes_left = left;
    }
    decoding.finish()
}

/// Whether an error is the end of a WAV that was written into a pipe: its header could not know the length.
fn ends_a_pipe(header: &SoundHeader, error: &Error) -> bool {
    header.format == SoundFormat::Wav
        && header.num_samples.is_none()
        && matches!(error, Error::IoError(io) if io.kind() == ErrorKind::UnexpectedEof)
}

/// Refuses what the header promises beyond the limits or beyond the file.
fn check_header(header: &SoundHeader, len: u64, limits: &SoundLimits) -> Result<(), SoundError> {
    if header.rate_hz > MAX_RATE_HZ {
        let text = format!("a sampling rate of {} Hz", header.rate_hz);
        return Err(fault("sound_damaged", text));
    }
    let Some(num_samples) = header.num_samples else {
        return Ok(());
    };
    // A WAV takes at least a byte a sample.
    if header.format == SoundFormat::Wav
        && num_samples.saturating_mul(header.num_channels as u64) > len
    {
        let secs = header.secs().unwrap_or_default();
        let text = format!("the header promises {secs:.1} s, the file has {len} bytes");
        return Err(fault("sound_truncated", text));
    }
    limits.check_samples(num_samples, header.num_channels, header.rate_hz)
}

struct Decoding<'a> {
    decoder: Box<dyn AudioDecoder>,
    header: SoundHeader,
    limits: &'a SoundLimits,
    /// Channels of the packet at hand.
    planes: Vec<Vec<f32>>,
    samples: Vec<f32>,
    /// Samples so far, all channels counted.
    num_all: u64,
    num_failed: u32,
    num_decoded: u32,
}

impl Decoding<'_> {
    fn take(&mut self, packet: &Packet) -> Result<(), SoundError> {
        let format = self.header.format;
        let decoded = match self.decoder.decode(packet) {
            Ok(decoded) => decoded,
            // Cut-out pieces of these streams start with frames that lean on what was before them.
            Err(Error::DecodeError(_)) if matches!(format, SoundFormat::Mp3 | SoundFormat::Aac) => {
                self.num_failed += 1;
                return Ok(());
            }
            Err(error) => return Err(reading_fault(format, &error)),
        };
        self.num_decoded += 1;
        let rate_hz = decoded.spec().rate();
        if self.samples.is_empty() && decoded.frames() > 0 {
            self.header.rate_hz = rate_hz;
        }
        if rate_hz != self.header.rate_hz && decoded.frames() > 0 {
            let text = format!(
                "the rate changes from {} to {rate_hz} Hz",
                self.header.rate_hz
            );
            return Err(fault("sound_damaged", text));
        }
        let (frames, channels) = (decoded.frames(), decoded.num_planes());
        self.num_all += (frames * channels) as u64;
        let longest = (self.samples.len() + frames) as u64;
        let widest = self.num_all.div_ceil(longest.max(1)) as usize;
        self.limits.check_samples(longest, widest, rate_hz)?;
        decoded.copy_to_vecs_planar(&mut self.planes);
        self.average(frames, channels);
        Ok(())
    }

    /// Appends the mean of the channels of the packet at hand.
    fn average(&mut self, frames: usize, channels: usize) {
        let start = self.samples.len();
        self.samples.resize(start + frames, 0.0);
        let (_, mean) = self.samples.split_at_mut(start);
        for plane in self.planes.iter().take(channels) {
            for (sum, sample) in mean.iter_mut().zip(plane) {
                *sum += sample;
            }
        }
        if channels > 1 {
            let share = 1.0 / channels as f32;
            mean.iter_mut().for_each(|sum| *sum *= share);
        }
    }

    fn finish(self) -> Result<Sound, SoundError> {
        let name = self.header.format.name();
        let got = self.samples.len() as u64;
        if self.num_failed > 2 && self.num_failed > self.num_decoded / 10 {
            let (failed, all) = (self.num_failed, self.num_failed + self.num_decoded);
            let text = format!("damaged {name}: {failed} of {all} frames cannot be decoded");
            return Err(fault("sound_damaged", text));
        }
        let promised = match self.header.format {
            SoundFormat::Wav | SoundFormat::Flac | SoundFormat::Mp3 => self.header.num_samples,
            // The other containers say themselves when they end too early; their counts include what is trimmed.
            _ => None,
        };
        // Frames that could not be decoded are missing too: 1,152 samples each.
        let slack = u64::from(self.num_failed) * 1152;
        if let Some(promised) = promised.filter(|promised| got + slack < *promised) {
            let text = format!("the {name} ends after {got} of {promised} samples");
            return Err(fault("sound_truncated", text));
        }
        if got == 0 {
            return Err(fault("sound_empty", format!("a {name} without a sample")));
        }
        let is_sane = |sample: &f32| sample.abs() <= MAX_AMPLITUDE;
        if !self.samples.iter().all(is_sane) {
            let text = format!("damaged {name}: samples that are no finite amplitudes");
            return Err(fault("sound_damaged", text));
        }
        Ok(Sound {
            rate_hz: self.header.rate_hz,
            samples: self.samples,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::{
        fixture::{CLIP_RATE_HZ, CLIPS, Coding, clip_sample, wav},
        sound_header,
    };

    const CODINGS: [Coding; 8] = [
        Coding::Bits(8),
        Coding::Bits(16),
        Coding::Bits(24),
        Coding::Bits(32),
        Coding::Float(32),
        Coding::Float(64),
        Coding::Extensible(16),
        Coding::Extensible(24),
    ];

    fn read(bytes: &[u8]) -> Result<Sound, SoundError> {
        decode_sound(bytes, &SoundLimits::default())
    }

    fn reason(bytes: &[u8]) -> &'static str {
        read(bytes).unwrap_err().reason_code
    }

    #[test]
    fn every_coding_of_wav_is_read_and_channels_are_averaged() {
        // Sums of powers of two: exact in every coding. The mean of the second frame is (0.5 - 0.25) / 2.
        let samples = [0.0, 0.0, 0.5, -0.25, -1.0, -0.5, 0.25, 0.75];
        for coding in CODINGS {
            let bytes = wav(44_100, 2, coding, &samples);
            let sound = read(&bytes).unwrap();
            assert_eq!(sound.rate_hz, 44_100, "{coding:?}");
            assert_eq!(sound.samples, [0.0, 0.125, -0.75, 0.5], "{coding:?}");
            let header = sound_header(&bytes).unwrap();
            assert_eq!(
                (header.rate_hz, header.num_channels),
                (44_100, 2),
                "{coding:?}"
            );
            assert_eq!(header.num_samples, Some(4), "{coding:?}");
        }
    }

    #[test]
    fn one_and_six_channels_and_odd_rates_are_read() {
        let mono = read(&wav(11_127, 1, Coding::Bits(16), &[0.5, -0.5])).unwrap();
        assert_eq!((mono.rate_hz, mono.samples), (11_127, vec![0.5, -0.5]));
        let six = [0.75, 0.0, 0.0, 0.75, 0.0, 0.0];
        let sound = read(&wav(8000, 6, Coding::Extensible(16), &six)).unwrap();
        assert_eq!(sound.samples, [0.25]);
    }

    /// Largest distance from the tone, of amplitude 0.6, that the lossy codings of `clips/` have at their low bit
    /// rates once they are settled; measured 0.02 to 0.09.
    const LOSSY_TOL: f32 = 0.15;
    /// Half a step of 16 bits.
    const STEP_TOL: f32 = 0.51 / 32_768.0;

    #[test]
    fn every_format_gives_the_tone_back() {
        for (format, bytes) in CLIPS {
            let sound = read(bytes).unwrap();
            assert_eq!(sound.rate_hz, CLIP_RATE_HZ, "{format:?}");
            let header = sound_header(bytes).unwrap();
            assert_eq!((header.format, header.num_channels), (format, 1));
            let (delay, tolerance) = match format {
                // Encoders of AAC start a frame early, and neither container's reader trims it.
                SoundFormat::Aac | SoundFormat::M4a => (1024, LOSSY_TOL),
                SoundFormat::Flac => (0, STEP_TOL),
                _ => (0, LOSSY_TOL),
            };
            assert!(
                sound.samples.len() >= 3200,
                "{format:?}: {}",
                sound.samples.len()
            );
            for at in 1000..2200 {
                let (got, expected) = (sound.samples[at + delay], clip_sample(at));
                assert!(
                    (got - expected).abs() < tolerance,
                    "{format:?} at {at}: {got}, {expected}"
                );
            }
        }
    }

    #[test]
    fn headers_tell_the_length_where_they_have_it() {
        for (format, bytes) in CLIPS {
            let secs = sound_header(bytes).unwrap().secs();
            match format {
                SoundFormat::Aac => assert_eq!(secs, None),
                // A frame of 1,024 samples may come on top.
                _ => assert!(
                    (0.2..0.2 + 0.07).contains(&secs.unwrap()),
                    "{format:?} {secs:?}"
                ),
            }
        }
    }

    #[test]
    fn tags_in_front_are_skipped() {
        let (_, flac) = CLIPS[0];
        let tagged = [b"ID3\x04\0\0\0\0\0\x05hello".as_slice(), flac].concat();
        assert_eq!(read(&tagged).unwrap(), read(flac).unwrap());
        assert_eq!(reason(b"ID3\x04\0\0\0\0\x01\x05hello"), "sound_truncated");
    }

    /// Ten hours of 16-bit stereo are promised, a few bytes are there.
    #[test]
    fn a_ten_hour_header_over_a_tiny_file_is_refused_at_once() {
        let mut bytes = wav(16_000, 2, Coding::Bits(16), &[0.5; 100]);
        let promised = 10 * 3600 * 16_000 * 4_u32;
        bytes[4..8].copy_from_slice(&(promised + 36).to_le_bytes());
        bytes[40..44].copy_from_slice(&promised.to_le_bytes());
        let error = read(&bytes).unwrap_err();
        assert_eq!(error.reason_code, "sound_truncated");
        assert_eq!(
            error.text,
            "the header promises 36000.0 s, the file has 244 bytes"
        );
    }

    #[test]
    fn lengths_of_recordings_that_were_piped_are_those_of_the_file() {
        let mut bytes = wav(16_000, 1, Coding::Bits(16), &[0.5; 5000]);
        bytes[4..8].fill(0xff);
        bytes[40..44].fill(0xff);
        assert_eq!(read(&bytes).unwrap().samples, vec![0.5; 5000]);
    }

    #[test]
    fn limits_hold_before_and_while_decoding() {
        let wav = wav(1000, 2, Coding::Bits(8), &[0.5; 4000]);
        let with =
            |limits: SoundLimits, bytes| decode_sound(bytes, &limits).map_err(|e| e.reason_code);
        let most = SoundLimits::default();
        assert!(
            with(
                SoundLimits {
                    max_secs: 2.0,
                    max_samples: 4000,
                    ..most
                },
                &wav
            )
            .is_ok()
        );
        let secs = SoundLimits {
            max_secs: 1.99,
            ..most
        };
        assert_eq!(with(secs, &wav), Err("too_many_samples"));
        let samples = SoundLimits {
            max_samples: 3999,
            ..most
        };
        assert_eq!(with(samples, &wav), Err("too_many_samples"));
        let bytes = SoundLimits {
            max_bytes: 4000,
            ..most
        };
        assert_eq!(with(bytes, &wav), Err("file_too_large"));
        // Its header does not tell the length.
        let (_, aac) = CLIPS[3];
        assert_eq!(
            with(
                SoundLimits {
                    max_secs: 0.1,
                    ..most
                },
                aac
            ),
            Err("too_many_samples")
        );
    }

    #[test]
    fn what_is_no_sound_or_holds_none_says_so() {
        assert_eq!(reason(b""), "not_a_sound");
        assert_eq!(
            read(b"hello").unwrap_err().text,
            "not a sound: it starts with \"hello\""
        );
        assert_eq!(reason(&wav(8000, 1, Coding::Bits(16), &[])), "sound_empty");
        for bad in [f64::NAN, f64::INFINITY, 1e30] {
            let bytes = wav(8000, 1, Coding::Float(32), &[0.0, bad]);
            assert_eq!(reason(&bytes), "sound_damaged");
        }
    }

    #[test]
    fn no_rate_and_no_channels_are_refused() {
        let whole = wav(8000, 1, Coding::Bits(16), &[0.5; 10]);
        for (at, len) in [(22, 2), (24, 4)] {
            let mut bytes = whole.clone();
            bytes[at..at + len].fill(0);
            assert!(["sound_damaged", "codec_unsupported"].contains(&reason(&bytes)));
            bytes[at..at + len].fill(0xff);
            assert!(read(&bytes).is_err());
        }
    }
}
