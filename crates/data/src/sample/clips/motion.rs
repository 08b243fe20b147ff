//! How the thing in a clip moves.

use std::f32::consts::TAU;

use schema::Rng;

use crate::sample::canvas::{Canvas, Color, between, near};

/// Side of a frame in pixels.
const SIDE: usize = 36;
/// Frames of a clip.
const NUM_FRAMES: usize = 10;

/// What the picture of a clip shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Motion {
    /// From the lower edge to the upper one.
    Up,
    /// From the upper edge to the lower one.
    Down,
    /// From side to side, twice.
    Sway,
    /// In one place, but for a tremble.
    Stay,
}

impl Motion {
    const ALL: [Self; 4] = [Self::Up, Self::Down, Self::Sway, Self::Stay];

    /// The motion of a sign.
    pub(super) fn of(sign: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|motion| *motion as u8 == sign)
    }

    /// Place of the thing when a share of the clip has passed, in shares of the side.
    fn place(self, path: &Path, passed: f32) -> [f32; 2] {
        let [x, y] = path.home;
        // From 0.2 to 0.8 and back, slower at the ends where `bend` says so.
        let along = passed + path.bend * (TAU * passed).sin() / TAU;
        match self {
            Self::Up => [x, 0.8 - 0.6 * along],
            Self::Down => [x, 0.2 + 0.6 * along],
            Self::Sway => [0.5 + 0.3 * (TAU * (2.0 * passed + path.phase)).sin(), y],
            Self::Stay => [x, y],
        }
    }

    /// The frames of a clip.
    pub(super) fn film(self, rng: &mut Rng) -> Vec<Canvas> {
        let ground = near([0.2, 0.22, 0.26], 0.1, rng);
        let sky = near(ground, 0.06, rng);
        let color = near([0.85, 0.75, 0.6], 0.15, rng);
        let path = Path {
            home: [between(rng, 0.25, 0.75), between(rng, 0.3, 0.7)],
            phase: between(rng, 0.0, 1.0),
            bend: between(rng, -0.5, 0.5),
        };
        let radius = between(rng, 3.2, 4.6);
        let is_round = rng.chance(0.5);
        let clutter: Vec<([f32; 2], f32, Color)> = (0..3)
            .map(|_| {
                let center = [between(rng, 0.0, 1.0), between(rng, 0.0, 1.0)];
                (center, between(rng, 1.5, 3.0), near(ground, 0.12, rng))
            })
            .collect();
        (0..NUM_FRAMES)
            .map(|frame| {
                let mut canvas = Canvas::gradient(SIDE, sky, ground);
                let side = SIDE as f32;
                for (center, radius, color) in &clutter {
                    canvas.disc(center.map(|share| share * side), *radius, *color);
                }
                let passed = frame as f32 / (NUM_FRAMES - 1) as f32;
                let tremble = 0.02;
                let [x, y] = self
                    .place(&path, passed)
                    .map(|share| (share + between(rng, -tremble, tremble)) * side);
                if is_round {
                    canvas.disc([x, y], radius, color);
                } else {
                    let half = radius * 0.9;
                    canvas.rect([x - half, y - half], [x + half, y + half], color);
                }
                canvas.grain(0.03, rng);
                canvas
            })
            .collect()
    }
}

/// What differs between clips of one motion.
struct Path {
    /// Where the thing is, as far as the motion leaves it open, in shares of the side.
    home: [f32; 2],
    /// Share of a swing that has passed at the start.
    phase: f32,
    /// How unevenly it goes, in (-1, 1).
    bend: f32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Seed;

    #[test]
    fn the_bright_thing_is_where_the_motion_says() {
        for index in 0..20 {
            let height = |motion: Motion| {
                let frames = motion.film(&mut Seed(index).rng());
                assert_eq!(frames.len(), NUM_FRAMES);
                let first = frames[0].brightest_place();
                let last = frames[NUM_FRAMES - 1].brightest_place();
                (last[1] - first[1]) / SIDE as f32
            };
            assert!(height(Motion::Up) < -0.35);
            assert!(height(Motion::Down) > 0.35);
            assert!(height(Motion::Stay).abs() < 0.35);
            assert!(height(Motion::Sway).abs() < 0.35);
        }
    }
}
