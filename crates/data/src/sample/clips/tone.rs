//! What a clip sounds like.

use schema::Rng;

use crate::sample::sound::Sound;

/// Length of a sound in seconds: that of the video.
const SECS: f64 = 1.0;

/// What the sound of a clip is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// The pitch climbs by an octave or more.
    Rising,
    /// The pitch falls by an octave or more.
    Falling,
    /// Four to six short tones.
    Beats,
    /// A low tone that does not change.
    Hum,
}

impl Tone {
    const ALL: [Self; 4] = [Self::Rising, Self::Falling, Self::Beats, Self::Hum];

    /// The tone of a sign.
    pub(super) fn of(sign: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|tone| *tone as u8 == sign)
    }

    /// The sound of a clip.
    pub(super) fn play(self, rng: &mut Rng) -> Sound {
        let mut sound = Sound::silence(SECS);
        let low = rng.between(280.0, 420.0);
        let octaves = rng.between(1.2, 1.8);
        let strength = rng.between(0.25, 0.5);
        let num_beats = rng.between(4.0, 6.5);
        let shift = rng.uniform();
        let overtones = [1.0, rng.between(0.1, 0.4), rng.between(0.0, 0.2)];
        match self {
            Self::Rising => {
                sound.tone(
                    &overtones,
                    |passed| low * (octaves * passed).exp2(),
                    |_| strength,
                );
            }
            Self::Falling => {
                let pitch = |passed: f64| low * (octaves * (1.0 - passed)).exp2();
                sound.tone(&overtones, pitch, |_| strength);
            }
            Self::Beats => {
                // On for two fifths of each beat.
                let is_on = |passed: f64| (num_beats * passed + shift).fract() < 0.4;
                let beat = |passed: f64| if is_on(passed) { strength } else { 0.0 };
                sound.tone(&overtones, |_| low * 2.0, beat);
            }
            Self::Hum => sound.tone(&overtones, |_| low / 2.5, |_| strength),
        }
        sound.noise(rng.between(0.005, 0.04), rng);
        sound
    }
}
