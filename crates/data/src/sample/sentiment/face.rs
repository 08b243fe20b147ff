//! The face that goes with it: it starts at rest and shows its mood by the middle of the clip.

use std::f32::consts::TAU;

use schema::Rng;

use crate::sample::canvas::{Canvas, between, mix, near};

/// Side of a frame in pixels.
const SIDE: usize = 40;
/// Frames of a clip.
const NUM_FRAMES: usize = 8;

/// A face of a sign: 0 frowns, 1 stays at rest, 2 smiles.
pub(super) fn film(sign: u8, rng: &mut Rng) -> Vec<Canvas> {
    let mood = f32::from(sign) - 1.0;
    let skins = [[0.93, 0.78, 0.66], [0.84, 0.66, 0.52], [0.7, 0.52, 0.4]];
    let skin = near(skins[rng.below(skins.len())], 0.05, rng);
    let wall = near([0.45, 0.5, 0.55], 0.12, rng);
    let dark = mix(skin, [0.05, 0.03, 0.05], 0.85);
    let lips = mix(skin, [0.4, 0.02, 0.08], 0.85);
    let home = [between(rng, 19.0, 21.0), between(rng, 19.0, 21.0)];
    let size = between(rng, 0.92, 1.08);
    let strength = between(rng, 0.9, 1.3) * mood + between(rng, -0.1, 0.1);
    let (sway, phase) = (between(rng, 0.0, 0.6), between(rng, 0.0, 1.0));
    (0..NUM_FRAMES)
        .map(|frame| {
            let passed = frame as f32 / (NUM_FRAMES - 1) as f32;
            // At rest, then shown in full from the middle on.
            let shown = strength * (2.0 * passed).min(1.0);
            let shift = sway * (TAU * (passed + phase)).sin();
            let at = |x: f32, y: f32| [home[0] + shift + size * x, home[1] + size * y];
            let mut canvas = Canvas::gradient(SIDE, wall, mix(wall, [0.0; 3], 0.3));
            canvas.disc(at(0.0, 0.0), 15.0 * size, skin);
            for side in [-1.0, 1.0] {
                canvas.disc(at(5.5 * side, -4.0), 1.7 * size, dark);
                // Brows: the inner ends go down in a frown.
                let (inner, outer) = (-8.5 - 1.8 * shown, -8.5 + 0.8 * shown);
                canvas.line(at(3.0 * side, inner), at(8.5 * side, outer), 1.4, dark);
            }
            // The mouth as a parabola in six strokes, corners up in a smile.
            let mouth = |x: f32| at(x, 7.5 - 4.0 * shown * ((x / 7.0).powi(2) - 0.4));
            for stroke in 0..6 {
                let x = -7.0 + stroke as f32 * 14.0 / 6.0;
                canvas.line(mouth(x), mouth(x + 14.0 / 6.0), 2.4, lips);
            }
            canvas.grain(0.025, rng);
            canvas
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Seed;

    #[test]
    fn moods_begin_alike_and_end_apart() {
        for index in 0..5 {
            let films: Vec<_> = (0..3)
                .map(|sign| film(sign, &mut Seed(index).rng()))
                .collect();
            assert!(films.iter().all(|frames| frames.len() == NUM_FRAMES));
            let apart = |frame: usize| films[0][frame].difference(&films[2][frame]);
            assert!(
                apart(NUM_FRAMES - 1) > 2.0 * apart(0),
                "{} {}",
                apart(0),
                apart(NUM_FRAMES - 1)
            );
        }
    }
}
