//! How it is said: syllables whose pitch and strength carry the mood.

use std::f64::consts::TAU;

use schema::Rng;

use crate::sample::sound::Sound;

/// Length of what is said in seconds.
const SECS: f64 = 1.2;

/// A voice of a sign: 0 low, falling and tired, 1 even, 2 high, rising and lively.
pub(super) fn say(sign: u8, rng: &mut Rng) -> Sound {
    let mood = f64::from(sign) - 1.0;
    let mut sound = Sound::silence(SECS);
    // Every speaker has a pitch of their own, so that the mood is in how it moves as much as in how high it is.
    let speaker = rng.between(115.0, 205.0);
    let num_syllables = (4.5 + 1.5 * mood + rng.between(-0.6, 0.6)) * SECS;
    let swing = rng.between(0.03, 0.07) * (1.5 + mood);
    let phase = rng.uniform();
    let loudness = rng.between(0.16, 0.26) * (1.0 + 0.3 * mood);
    let bend = 0.45 * mood + rng.between(-0.08, 0.08);
    let lift = 0.12 * mood + rng.between(-0.05, 0.05);
    let pitch = |passed: f64| {
        let sway = swing * (TAU * (num_syllables * passed + phase)).sin();
        speaker * (lift + bend * (passed - 0.5) + sway).exp2()
    };
    let strength = |passed: f64| {
        let syllable = (num_syllables * passed + phase).fract();
        loudness * (std::f64::consts::PI * syllable).sin().powf(0.7)
    };
    // A bright voice has strong overtones, a dull one few.
    let dullness = 1.25 - 0.4 * mood + rng.between(-0.1, 0.1);
    let overtones: Vec<f64> = (1..=9)
        .map(|times| f64::from(times).powf(-dullness))
        .collect();
    sound.tone(&overtones, pitch, strength);
    sound.noise(rng.between(0.003, 0.015), rng);
    sound
}
