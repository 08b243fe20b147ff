//! Sounds for the tests of this folder.

use std::f64::consts::TAU;

use schema::Sound;

use super::SoundFormat;

/// A sine of full scale.
pub(super) fn tone(hz: f64, rate_hz: u32, secs: f64) -> Sound {
    let rate = f64::from(rate_hz);
    let sample = |at: usize| (TAU * hz * at as f64 / rate).sin() as f32;
    Sound {
        rate_hz,
        samples: (0..(rate * secs) as usize).map(sample).collect(),
    }
}

/// How the samples of a WAV are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Coding {
    Bits(u16),
    Float(u16),
    /// PCM behind the longer header that names its format by a GUID.
    Extensible(u16),
}

/// A WAV file of interleaved samples in [-1, 1].
pub(super) fn wav(rate_hz: u32, channels: u16, coding: Coding, samples: &[f64]) -> Vec<u8> {
    let (tag, bits) = match coding {
        Coding::Bits(bits) => (1_u16, bits),
        Coding::Float(bits) => (3, bits),
        Coding::Extensible(bits) => (0xfffe, bits),
    };
    let block = channels * bits / 8;
    let mut format = Vec::new();
    format.extend(tag.to_le_bytes());
    format.extend(channels.to_le_bytes());
    format.extend(rate_hz.to_le_bytes());
    format.extend((rate_hz * u32::from(block)).to_le_bytes());
    format.extend(block.to_le_bytes());
    format.extend(bits.to_le_bytes());
    if tag == 0xfffe {
        format.extend(22_u16.to_le_bytes());
        format.extend(bits.to_le_bytes());
        format.extend(((1_u32 << channels) - 1).to_le_bytes());
        // KSDATAFORMAT_SUBTYPE_PCM.
        format.extend(b"\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
    }
    let data: Vec<u8> = samples
        .iter()
        .flat_map(|sample| coded(*sample, tag == 3, bits))
        .collect();
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((4 + 8 + format.len() as u32 + 8 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend((format.len() as u32).to_le_bytes());
    bytes.extend(format);
    bytes.extend(b"data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

fn coded(sample: f64, is_float: bool, bits: u16) -> Vec<u8> {
    match (is_float, bits) {
        (true, 32) => (sample as f32).to_le_bytes().to_vec(),
        (true, _) => sample.to_le_bytes().to_vec(),
        // Eight bits are unsigned.
        (false, 8) => vec![(sample * 128.0 + 128.0).round().clamp(0.0, 255.0) as u8],
        (false, _) => {
            let full = 2.0_f64.powi(i32::from(bits) - 1);
            let value = (sample * full).round().clamp(-full, full - 1.0) as i32;
            value.to_le_bytes()[..usize::from(bits) / 8].to_vec()
        }
    }
}

/// The tone of `clips/` in every format that is not WAV; see its README.
pub(super) const CLIPS: [(SoundFormat, &[u8]); 5] = [
    (SoundFormat::Flac, include_bytes!("clips/tone.flac")),
    (SoundFormat::Ogg, include_bytes!("clips/tone.ogg")),
    (SoundFormat::Mp3, include_bytes!("clips/tone.mp3")),
    (SoundFormat::Aac, include_bytes!("clips/tone.aac")),
    (SoundFormat::M4a, include_bytes!("clips/tone.m4a")),
];

/// Rate of the clips in Hz.
pub(super) const CLIP_RATE_HZ: u32 = 16_000;

/// The sample of the clips' tone at a moment.
pub(super) fn clip_sample(at: usize) -> f32 {
    let secs = at as f64 / f64::from(CLIP_RATE_HZ);
    (0.4 * (TAU * 440.0 * secs).sin() + 0.2 * (TAU * 1000.0 * secs).sin()) as f32
}
