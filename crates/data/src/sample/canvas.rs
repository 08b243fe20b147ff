//! A small picture to draw on: anti-aliased shapes, gradients, noise, PNG bytes.

use image::{
    ExtendedColorType, ImageEncoder, ImageError,
    codecs::{jpeg::JpegEncoder, png::PngEncoder},
};
use schema::Rng;

/// Red, green, blue in [0, 1].
pub(super) type Color = [f32; 3];

/// A point in pixels, x to the right, y down.
pub(super) type Point = [f32; 2];

/// A square picture in the making.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Canvas {
    /// Side in pixels.
    side: usize,
    /// `[side * side]` colours, row-major.
    pixels: Vec<Color>,
}

impl Canvas {
    /// A canvas that runs from one colour at the top to another at the bottom.
    pub(super) fn gradient(side: usize, top: Color, bottom: Color) -> Self {
        let pixels = (0..side * side)
            .map(|index| mix(top, bottom, (index / side) as f32 / side as f32))
            .collect();
        Self { side, pixels }
    }

    /// Side in pixels, as a coordinate.
    pub(super) fn side(&self) -> f32 {
        self.side as f32
    }

    /// Paints every pixel by its signed distance to a shape (negative inside), with one pixel of soft edge.
    fn paint(&mut self, color: Color, opacity: f32, distance: impl Fn(f32, f32) -> f32) {
        for (index, pixel) in self.pixels.iter_mut().enumerate() {
            let (x, y) = ((index % self.side) as f32, (index / self.side) as f32);
            let cover = (0.5 - distance(x + 0.5, y + 0.5)).clamp(0.0, 1.0) * opacity;
            if cover > 0.0 {
                *pixel = mix(*pixel, color, cover);
            }
        }
    }

    /// A filled circle.
    pub(super) fn disc(&mut self, center: Point, radius: f32, color: Color) {
        self.glow(center, radius, color, 1.0);
    }

    /// A filled circle that lets the ground shine through.
    pub(super) fn glow(&mut self, center: Point, radius: f32, color: Color, opacity: f32) {
        self.paint(color, opacity, |x, y| {
            (x - center[0]).hypot(y - center[1]) - radius
        });
    }

    /// A filled upright rectangle between two corners.
    pub(super) fn rect(&mut self, low: Point, high: Point, color: Color) {
        self.paint(color, 1.0, |x, y| {
            (low[0] - x)
                .max(x - high[0])
                .max(low[1] - y)
                .max(y - high[1])
        });
    }

    /// A stroke with round ends.
    pub(super) fn line(&mut self, from: Point, to: Point, width: f32, color: Color) {
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let length = (dx * dx + dy * dy).max(1e-6);
        self.paint(color, 1.0, |x, y| {
            let along = ((x - from[0]) * dx + (y - from[1]) * dy) / length;
            let along = along.clamp(0.0, 1.0);
            (x - from[0] - along * dx).hypot(y - from[1] - along * dy) - width / 2.0
        });
    }

    /// A filled triangle, corners in any order.
    pub(super) fn triangle(&mut self, corners: [Point; 3], color: Color) {
        let [a, b, c] = corners;
        let turn = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
        let edges = if turn > 0.0 {
            [(a, b), (b, c), (c, a)]
        } else {
            [(a, c), (c, b), (b, a)]
        };
        self.paint(color, 1.0, |x, y| {
            edges.iter().fold(f32::NEG_INFINITY, |most, (from, to)| {
                let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
                let outside = dy * (x - from[0]) - dx * (y - from[1]);
                most.max(outside / dx.hypot(dy).max(1e-6))
            })
        });
    }

    /// Brightness, contrast and grain of a camera.
    pub(super) fn expose(&mut self, rng: &mut Rng) {
        let gain = rng.between(0.85, 1.12) as f32;
        let contrast = rng.between(0.85, 1.1) as f32;
        let grain = rng.between(0.01, 0.05) as f32;
        for pixel in &mut self.pixels {
            for value in pixel {
                let clean = ((*value - 0.5) * contrast + 0.5) * gain;
                *value = (clean + grain * rng.normal() as f32).clamp(0.0, 1.0);
            }
        }
    }

    /// Grain of a deviation, drawn anew for every value.
    pub(super) fn grain(&mut self, deviation: f32, rng: &mut Rng) {
        for value in self.pixels.iter_mut().flatten() {
            *value = (*value + deviation * rng.normal() as f32).clamp(0.0, 1.0);
        }
    }

    /// Mean absolute difference from a canvas of the same side.
    #[cfg(test)]
    pub(super) fn difference(&self, other: &Self) -> f32 {
        let pairs = self
            .pixels
            .iter()
            .flatten()
            .zip(other.pixels.iter().flatten());
        let sum: f32 = pairs.map(|(a, b)| (a - b).abs()).sum();
        sum / (3 * self.pixels.len()) as f32
    }

    /// Centre of the brightest 25 pixels.
    #[cfg(test)]
    pub(super) fn brightest_place(&self) -> Point {
        let mut order: Vec<usize> = (0..self.pixels.len()).collect();
        order.sort_by(|a, b| self.pixels[*b][0].total_cmp(&self.pixels[*a][0]));
        let mut center = [0.0; 2];
        for index in &order[..25] {
            center[0] += (index % self.side) as f32 / 25.0;
            center[1] += (index / self.side) as f32 / 25.0;
        }
        center
    }

    /// The picture as 8-bit RGB PNG.
    pub(super) fn png(&self) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        let side = self.side as u32;
        let encoder = PngEncoder::new(&mut bytes);
        encoder.write_image(&self.rgb(), side, side, ExtendedColorType::Rgb8)?;
        Ok(bytes)
    }

    /// The picture as JPEG.
    pub(super) fn jpeg(&self) -> Result<Vec<u8>, ImageError> {
        /// Fine grain survives; a frame of 40 pixels takes about a kilobyte.
        const QUALITY: u8 = 85;
        let mut bytes = Vec::new();
        let side = self.side as u32;
        let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
        encoder.write_image(&self.rgb(), side, side, ExtendedColorType::Rgb8)?;
        Ok(bytes)
    }

    /// `[side * side * 3]` bytes.
    fn rgb(&self) -> Vec<u8> {
        self.pixels
            .iter()
            .flatten()
            .map(|value| (value * 255.0).round() as u8)
            .collect()
    }
}

/// A point between two colours: 0 gives the first, 1 the second.
pub(super) fn mix(from: Color, to: Color, share: f32) -> Color {
    std::array::from_fn(|channel| from[channel] + (to[channel] - from[channel]) * share)
}

/// A colour near another one.
pub(super) fn near(color: Color, spread: f64, rng: &mut Rng) -> Color {
    color.map(|value| (value + rng.between(-spread, spread) as f32).clamp(0.0, 1.0))
}

/// A number in [low, high) as a coordinate or length.
pub(super) fn between(rng: &mut Rng, low: f32, high: f32) -> f32 {
    rng.between(f64::from(low), f64::from(high)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLACK: Color = [0.0; 3];
    const WHITE: Color = [1.0; 3];

    fn white_pixels(canvas: &Canvas) -> f32 {
        canvas.pixels.iter().map(|pixel| pixel[0]).sum()
    }

    /// Soft edges shift an area by less than this share of a pixel for each pixel of outline.
    const EDGE_TOL: f32 = 0.05;

    #[test]
    fn shapes_cover_their_area() {
        let draw = |paint: &dyn Fn(&mut Canvas)| {
            let mut canvas = Canvas::gradient(64, BLACK, BLACK);
            paint(&mut canvas);
            white_pixels(&canvas)
        };
        let disc = draw(&|canvas| canvas.disc([32.0, 32.0], 10.0, WHITE));
        assert!((disc - 314.16).abs() < 62.8 * EDGE_TOL, "{disc}");
        let rect = draw(&|canvas| canvas.rect([10.0, 20.0], [30.0, 25.0], WHITE));
        assert!((rect - 100.0).abs() < 50.0 * EDGE_TOL, "{rect}");
        for corners in [
            [[10.0, 10.0], [40.0, 10.0], [10.0, 40.0]],
            [[10.0, 10.0], [10.0, 40.0], [40.0, 10.0]],
        ] {
            let triangle = draw(&|canvas| canvas.triangle(corners, WHITE));
            assert!((triangle - 450.0).abs() < 103.0 * EDGE_TOL, "{triangle}");
        }
    }

    #[test]
    fn the_png_reads_back_with_its_colours() {
        let mut canvas = Canvas::gradient(8, WHITE, WHITE);
        canvas.rect([0.0, 0.0], [4.0, 8.0], [1.0, 0.0, 0.0]);
        let picture = image::load_from_memory(&canvas.png().unwrap())
            .unwrap()
            .to_rgb8();
        assert_eq!(picture.dimensions(), (8, 8));
        assert_eq!(picture.get_pixel(1, 4).0, [255, 0, 0]);
        assert_eq!(picture.get_pixel(6, 4).0, [255, 255, 255]);
    }
}
