//! A picture like a chest X-ray.

use schema::Rng;

use crate::sample::canvas::{Canvas, Color, between, mix};

const SIDE: usize = 64;

/// A chest with or without a shadow on one lung.
pub(super) fn draw(is_shadowed: bool, rng: &mut Rng) -> Canvas {
    let grey = |value: f32| -> Color { [value; 3] };
    let tissue = between(rng, 0.5, 0.66);
    let air = tissue * between(rng, 0.28, 0.4);
    let shift = [between(rng, -2.0, 2.0), between(rng, -2.0, 2.0)];
    let at = |x: f32, y: f32| [x + shift[0], y + shift[1]];
    let mut canvas = Canvas::gradient(SIDE, grey(tissue * 0.8), grey(tissue));
    // The lungs: three discs each, wider below.
    let width = between(rng, 0.92, 1.06);
    for side in [-1.0, 1.0] {
        for (x, y, radius) in [(11.5, 20.0, 7.5), (13.0, 29.0, 9.0), (14.0, 38.0, 10.0)] {
            canvas.disc(at(32.0 + side * x, y), radius * width, grey(air));
        }
    }
    if is_shadowed {
        shadow(&mut canvas, &at, mix(grey(air), grey(tissue), 0.95), rng);
    }
    // Spine, heart, ribs: the same for everybody.
    canvas.rect(
        at(29.5, 4.0),
        at(34.5, 60.0),
        grey((tissue * 1.25).min(1.0)),
    );
    canvas.disc(
        at(36.0, 39.0),
        8.0 * between(rng, 0.9, 1.1),
        grey(tissue * 1.1),
    );
    for rib in 0..5 {
        let y = 15.0 + 7.0 * rib as f32;
        for side in [-1.0, 1.0] {
            let (from, to) = (
                at(32.0 + side * 5.0, y - 2.0),
                at(32.0 + side * 24.0, y + 4.0),
            );
            canvas.line(from, to, 1.1, grey(air * 1.7));
        }
    }
    canvas.expose(rng);
    canvas
}

/// A cloud on the middle or lower part of one lung.
fn shadow(canvas: &mut Canvas, at: &dyn Fn(f32, f32) -> [f32; 2], color: Color, rng: &mut Rng) {
    // The heart hides less of the lung on the left of the picture, and shadows on both sides are as frequent.
    let side = if rng.chance(0.5) { -1.0 } else { 1.0 };
    let center = [
        32.0 + side * between(rng, 14.0, 18.0),
        between(rng, 26.0, 40.0),
    ];
    for _ in 0..4 {
        let (x, y) = (
            center[0] + between(rng, -3.0, 3.0),
            center[1] + between(rng, -3.0, 3.0),
        );
        canvas.glow(at(x, y), between(rng, 4.5, 6.5), color, 0.7);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Seed;

    #[test]
    fn a_shadow_changes_one_lung_only() {
        for index in 0..10 {
            let [clear, shadowed] =
                [false, true].map(|is_shadowed| draw(is_shadowed, &mut Seed(index).rng()));
            let difference = clear.difference(&shadowed);
            assert!((0.005..0.2).contains(&difference), "{difference}");
        }
    }
}
