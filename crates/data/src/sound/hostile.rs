//! Damaged sounds of every format: an answer each time, quickly, and never a panic.

use std::time::Instant;

use schema::Seed;

use super::{
    SoundLimits, decode_sound,
    fixture::{CLIP_RATE_HZ, CLIPS, Coding, clip_sample, wav},
    sound_header,
};

/// Damaged files of each format.
const NUM_MUTATIONS: u64 = 300;
/// Longest time for all of them, in seconds: a tenth of a second for one would be far too much already.
const MAX_SECS: f64 = 20.0;

/// The clips of every format, WAV of every coding.
fn files() -> Vec<(String, Vec<u8>)> {
    let samples: Vec<f64> = (0..800).map(|at| f64::from(clip_sample(at))).collect();
    let codings = [
        Coding::Bits(8),
        Coding::Bits(16),
        Coding::Bits(24),
        Coding::Float(32),
        Coding::Extensible(16),
    ];
    let wavs = codings.map(|coding| {
        (
            format!("{coding:?}"),
            wav(CLIP_RATE_HZ, 2, coding, &samples),
        )
    });
    let clips = CLIPS.map(|(format, bytes)| (format!("{format:?}"), bytes.to_vec()));
    wavs.into_iter().chain(clips).collect()
}

/// Bytes, bits and lengths changed at random places, most often in the first 200 bytes, where headers are.
fn mutated(whole: &[u8], seed: Seed) -> Vec<u8> {
    let mut rng = seed.rng();
    let mut bytes = whole.to_vec();
    for _ in 0..=rng.below(4) {
        let reach = if rng.chance(0.6) {
            bytes.len().min(200)
        } else {
            bytes.len()
        };
        let at = rng.below(reach);
        match rng.below(4) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = [0, 0x7f, 0x80, 0xff][rng.below(4)],
            2 => bytes[at] = rng.next_u64() as u8,
            _ => {
                let end = (at + 4).min(bytes.len());
                let huge = rng.chance(0.5);
                bytes[at..end].fill(if huge { 0xff } else { 0 });
            }
        }
    }
    if rng.chance(0.2) {
        bytes.truncate(rng.below(bytes.len()));
    }
    bytes
}

#[test]
fn mutated_files_of_every_format_get_an_answer() {
    let limits = SoundLimits::default();
    let started = Instant::now();
    for (name, whole) in files() {
        for index in 0..NUM_MUTATIONS {
            let bytes = mutated(&whole, Seed(11).named(&name).at(index));
            let _ = sound_header(&bytes);
            match decode_sound(&bytes, &limits) {
                Ok(sound) => {
                    assert!(
                        !sound.samples.is_empty() && sound.rate_hz > 0,
                        "{name} {index}"
                    );
                    assert!(
                        sound.samples.iter().all(|s| s.is_finite()),
                        "{name} {index}"
                    );
                }
                Err(error) => assert!(!error.text.is_empty() && error.text.len() < 300),
            }
        }
    }
    assert!(started.elapsed().as_secs_f64() < MAX_SECS);
}

#[test]
fn files_cut_anywhere_are_refused_or_shorter() {
    for (name, whole) in files() {
        let full = decode_sound(&whole, &SoundLimits::default())
            .unwrap()
            .samples
            .len();
        for end in (0..whole.len()).step_by(whole.len().div_ceil(100)) {
            match decode_sound(&whole[..end], &SoundLimits::default()) {
                // Bare streams of frames have no end mark.
                Ok(sound) => {
                    assert!(
                        name == "Aac" && sound.samples.len() < full,
                        "{name} cut at {end}"
                    );
                }
                Err(error) => {
                    let known = [
                        "sound_truncated",
                        "sound_damaged",
                        "sound_empty",
                        "not_a_sound",
                        "codec_unsupported",
                    ];
                    assert!(
                        known.contains(&error.reason_code),
                        "{name} cut at {end}: {error:?}"
                    );
                }
            }
        }
    }
}
