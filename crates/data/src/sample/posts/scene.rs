//! The picture of a post: 64 x 64 pixels, drawn by code.

use schema::Rng;

use crate::sample::canvas::{Canvas, Color, between, mix, near};

/// Side of a picture in pixels.
const SIDE: usize = 64;

/// What the picture of a post shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scene {
    /// A table against a wall, with things on it.
    Indoors,
    /// Land or sea under a sun.
    Sunny,
    /// Land or sea under dark clouds with rain, at times with lightning.
    Stormy,
    /// Houses with windows along a road, in any light.
    City,
}

impl Scene {
    /// Every sign.
    pub(super) const ALL: [Self; 4] = [Self::Indoors, Self::Sunny, Self::Stormy, Self::City];

    /// A picture that shows this sign.
    pub(super) fn draw(self, rng: &mut Rng) -> Canvas {
        let mut canvas = match self {
            Self::Indoors => indoors(rng),
            Self::Sunny => sunny(rng),
            Self::Stormy => stormy(rng),
            Self::City => city(rng),
        };
        canvas.expose(rng);
        canvas
    }
}

/// One of a list of colours, shifted a little.
fn shade(colors: &[Color], rng: &mut Rng) -> Color {
    let color = rng.pick(colors).copied().unwrap_or([0.5; 3]);
    near(color, 0.07, rng)
}

fn sunny(rng: &mut Rng) -> Canvas {
    let top = shade(
        &[
            [0.3, 0.6, 0.95],
            [0.4, 0.75, 0.95],
            [0.95, 0.6, 0.4],
            [0.6, 0.65, 0.9],
        ],
        rng,
    );
    let low = shade(&[[0.8, 0.9, 1.0], [1.0, 0.85, 0.6], [0.9, 0.95, 0.9]], rng);
    let mut canvas = Canvas::gradient(SIDE, top, low);
    let sun = [between(rng, 8.0, 56.0), between(rng, 7.0, 24.0)];
    let radius = between(rng, 4.5, 8.5);
    let light = shade(&[[1.0, 0.9, 0.3], [1.0, 0.97, 0.7], [1.0, 0.75, 0.25]], rng);
    canvas.glow(sun, radius * 1.9, light, 0.35);
    canvas.disc(sun, radius, light);
    for _ in 0..rng.below(3) {
        let white = near([0.96, 0.96, 0.97], 0.03, rng);
        cloud(&mut canvas, white, 3.5, rng);
    }
    ground(&mut canvas, 1.0, rng);
    clutter(&mut canvas, 1.0, rng);
    canvas
}

fn stormy(rng: &mut Rng) -> Canvas {
    let top = shade(
        &[
            [0.2, 0.23, 0.3],
            [0.25, 0.3, 0.4],
            [0.3, 0.28, 0.33],
            [0.28, 0.33, 0.3],
        ],
        rng,
    );
    let low = shade(
        &[[0.5, 0.52, 0.57], [0.45, 0.5, 0.6], [0.55, 0.5, 0.45]],
        rng,
    );
    let mut canvas = Canvas::gradient(SIDE, top, low);
    for _ in 0..3 + rng.below(3) {
        let dark = near([0.3, 0.31, 0.35], 0.08, rng);
        cloud(&mut canvas, dark, 6.0, rng);
    }
    if rng.chance(0.4) {
        lightning(&mut canvas, rng);
    }
    ground(&mut canvas, 0.55, rng);
    clutter(&mut canvas, 0.55, rng);
    let slant = between(rng, -3.0, 3.0);
    let drop = near([0.75, 0.8, 0.88], 0.05, rng);
    for _ in 0..25 + rng.below(25) {
        let (x, y) = (between(rng, 0.0, 64.0), between(rng, 8.0, 60.0));
        canvas.line([x, y], [x + slant, y + 5.0], 0.7, drop);
    }
    canvas
}

fn city(rng: &mut Rng) -> Canvas {
    let top = shade(
        &[
            [0.1, 0.12, 0.25],
            [0.5, 0.65, 0.85],
            [0.85, 0.55, 0.5],
            [0.5, 0.5, 0.55],
        ],
        rng,
    );
    let low = shade(
        &[[0.3, 0.25, 0.4], [0.8, 0.85, 0.9], [0.95, 0.75, 0.6]],
        rng,
    );
    let mut canvas = Canvas::gradient(SIDE, top, low);
    let lit = shade(
        &[[1.0, 0.9, 0.55], [0.9, 0.95, 1.0], [0.2, 0.22, 0.28]],
        rng,
    );
    let mut left = between(rng, -6.0, 2.0);
    while left < 64.0 {
        let width = between(rng, 9.0, 16.0);
        let roof = between(rng, 10.0, 36.0);
        let wall = shade(
            &[
                [0.3, 0.3, 0.35],
                [0.5, 0.35, 0.3],
                [0.4, 0.45, 0.5],
                [0.2, 0.22, 0.3],
            ],
            rng,
        );
        canvas.rect([left, roof], [left + width, 58.0], wall);
        windows(&mut canvas, [left, roof], [left + width, 58.0], lit, rng);
        left += width + between(rng, 0.0, 2.0);
    }
    let road = near([0.3, 0.3, 0.32], 0.06, rng);
    canvas.rect([0.0, 57.0], [64.0, 64.0], road);
    for mark in 0..6 {
        let x = mark as f32 * 12.0 + between(rng, 0.0, 3.0);
        canvas.rect([x, 60.0], [x + 5.0, 61.3], [0.85, 0.85, 0.8]);
    }
    canvas
}

/// Rows of windows on a house front, some of them dark.
fn windows(canvas: &mut Canvas, low: [f32; 2], high: [f32; 2], lit: Color, rng: &mut Rng) {
    let mut y = low[1] + 2.5;
    while y + 2.5 < high[1] {
        let mut x = low[0] + 1.8;
        while x + 2.0 < high[0] {
            if rng.chance(0.75) {
                canvas.rect([x, y], [x + 2.0, y + 2.6], lit);
            }
            x += 3.7;
        }
        y += 5.0;
    }
}

fn indoors(rng: &mut Rng) -> Canvas {
    let wall = shade(
        &[
            [0.85, 0.8, 0.7],
            [0.6, 0.7, 0.8],
            [0.75, 0.6, 0.65],
            [0.65, 0.75, 0.6],
            [0.45, 0.45, 0.5],
            [0.9, 0.7, 0.45],
        ],
        rng,
    );
    let mut canvas = Canvas::gradient(SIDE, wall, mix(wall, [0.0; 3], 0.12));
    let stripe = mix(wall, [1.0; 3], 0.25);
    if rng.chance(0.5) {
        for index in 0..8 {
            let x = index as f32 * 8.0 + 2.0;
            canvas.rect([x, 0.0], [x + 2.5, 48.0], stripe);
        }
    }
    if rng.chance(0.6) {
        let (x, y) = (between(rng, 6.0, 40.0), between(rng, 4.0, 14.0));
        let frame = shade(
            &[[0.35, 0.22, 0.12], [0.1, 0.1, 0.1], [0.85, 0.75, 0.4]],
            rng,
        );
        canvas.rect([x, y], [x + 16.0, y + 13.0], frame);
        let inner = near([0.6, 0.6, 0.6], 0.3, rng);
        canvas.rect([x + 2.0, y + 2.0], [x + 14.0, y + 11.0], inner);
    }
    let wood = shade(
        &[
            [0.5, 0.33, 0.2],
            [0.7, 0.52, 0.35],
            [0.35, 0.25, 0.2],
            [0.8, 0.8, 0.78],
        ],
        rng,
    );
    canvas.rect([0.0, 46.0], [64.0, 64.0], wood);
    let mut x = between(rng, 4.0, 10.0);
    while x < 54.0 {
        thing(&mut canvas, x, rng);
        x += between(rng, 14.0, 22.0);
    }
    canvas
}

/// A mug, a pile of books, a plant or a lamp that stands on the table.
fn thing(canvas: &mut Canvas, x: f32, rng: &mut Rng) {
    let color = shade(
        &[
            [0.85, 0.25, 0.2],
            [0.2, 0.4, 0.75],
            [0.95, 0.95, 0.9],
            [0.2, 0.55, 0.4],
            [0.9, 0.7, 0.2],
        ],
        rng,
    );
    let foot = between(rng, 47.0, 54.0);
    match rng.below(4) {
        0 => {
            canvas.disc([x + 8.5, foot - 5.0], 3.0, color);
            canvas.rect([x, foot - 10.0], [x + 8.0, foot], color);
        }
        1 => {
            for level in 0..2 + rng.below(3) {
                let y = foot - 3.0 * level as f32;
                let shift = between(rng, -1.5, 1.5);
                let cover = near(color, 0.25, rng);
                canvas.rect([x + shift, y - 2.8], [x + 12.0 + shift, y], cover);
            }
        }
        2 => {
            let leaf = near([0.25, 0.5, 0.25], 0.08, rng);
            for side in [-5.0, -2.0, 2.0, 5.0] {
                canvas.line(
                    [x + 4.0, foot - 6.0],
                    [x + 4.0 + side, foot - 16.0],
                    2.0,
                    leaf,
                );
            }
            canvas.rect([x, foot - 7.0], [x + 8.0, foot], [0.65, 0.38, 0.25]);
        }
        _ => {
            canvas.line(
                [x + 5.0, foot],
                [x + 5.0, foot - 14.0],
                1.4,
                [0.2, 0.2, 0.2],
            );
            let top = foot - 20.0;
            canvas.triangle(
                [
                    [x - 1.0, foot - 11.0],
                    [x + 11.0, foot - 11.0],
                    [x + 5.0, top],
                ],
                color,
            );
        }
    }
}

fn cloud(canvas: &mut Canvas, color: Color, size: f32, rng: &mut Rng) {
    let (x, y) = (between(rng, 4.0, 60.0), between(rng, 4.0, 22.0));
    for _ in 0..4 {
        let center = [
            x + between(rng, -1.6, 1.6) * size,
            y + between(rng, -0.4, 0.4) * size,
        ];
        canvas.disc(center, size * between(rng, 0.7, 1.2), color);
    }
}

fn lightning(canvas: &mut Canvas, rng: &mut Rng) {
    let flash = shade(&[[1.0, 1.0, 0.75], [0.9, 0.93, 1.0]], rng);
    let mut from = [between(rng, 14.0, 50.0), 14.0];
    for _ in 0..4 {
        let to = [
            from[0] + between(rng, -5.0, 5.0),
            from[1] + between(rng, 6.0, 9.0),
        ];
        canvas.line(from, to, 1.5, flash);
        from = to;
    }
}

/// Meadow, sand or sea, with hills at times; `light` darkens it.
fn ground(canvas: &mut Canvas, light: f32, rng: &mut Rng) {
    let horizon = between(rng, 38.0, 46.0);
    let lit = |color: Color| color.map(|value| value * light);
    if rng.chance(0.5) {
        let hill = lit(shade(
            &[[0.4, 0.55, 0.4], [0.5, 0.45, 0.4], [0.45, 0.5, 0.65]],
            rng,
        ));
        for _ in 0..2 {
            let peak = between(rng, 4.0, 60.0);
            let height = between(rng, 8.0, 16.0);
            let corners = [
                [peak - 22.0, horizon + 1.0],
                [peak + 22.0, horizon + 1.0],
                [peak, horizon - height],
            ];
            canvas.triangle(corners, hill);
        }
    }
    let land = lit(shade(
        &[
            [0.35, 0.65, 0.3],
            [0.55, 0.65, 0.3],
            [0.9, 0.8, 0.55],
            [0.2, 0.5, 0.7],
        ],
        rng,
    ));
    let side = canvas.side();
    canvas.rect([-1.0, horizon], [side + 1.0, side + 1.0], land);
    let front = mix(land, lit([0.9, 0.8, 0.55]), between(rng, 0.1, 0.7));
    canvas.rect([-1.0, horizon + 12.0], [side + 1.0, side + 1.0], front);
}

/// Trees, a hut, birds: what may stand in any landscape.
fn clutter(canvas: &mut Canvas, light: f32, rng: &mut Rng) {
    let lit = |color: Color| color.map(|value| value * light);
    for _ in 0..rng.below(3) {
        let (x, foot) = (between(rng, 4.0, 60.0), between(rng, 46.0, 58.0));
        let crown = lit(shade(
            &[[0.2, 0.45, 0.2], [0.4, 0.5, 0.15], [0.7, 0.4, 0.15]],
            rng,
        ));
        canvas.line([x, foot], [x, foot - 7.0], 1.6, lit([0.35, 0.25, 0.15]));
        if rng.chance(0.5) {
            canvas.disc([x, foot - 10.0], 4.5, crown);
        } else {
            canvas.triangle(
                [
                    [x - 5.0, foot - 5.0],
                    [x + 5.0, foot - 5.0],
                    [x, foot - 18.0],
                ],
                crown,
            );
        }
    }
    if rng.chance(0.25) {
        let (x, foot) = (between(rng, 4.0, 48.0), between(rng, 50.0, 58.0));
        let wall = lit(shade(&[[0.8, 0.75, 0.65], [0.7, 0.35, 0.3]], rng));
        canvas.rect([x, foot - 8.0], [x + 11.0, foot], wall);
        let roof = lit([0.55, 0.25, 0.2]);
        canvas.triangle(
            [
                [x - 1.5, foot - 8.0],
                [x + 12.5, foot - 8.0],
                [x + 5.5, foot - 14.0],
            ],
            roof,
        );
    }
    for _ in 0..rng.below(3) {
        let (x, y) = (between(rng, 5.0, 58.0), between(rng, 5.0, 30.0));
        let dark = lit([0.15, 0.15, 0.2]);
        canvas.line([x - 2.5, y - 1.2], [x, y], 0.9, dark);
        canvas.line([x, y], [x + 2.5, y - 1.2], 0.9, dark);
    }
}
