//! What a person is shown of media: pictures side by side, a spectrogram in colours, lines of a series.

use schema::{Picture, Series};

use super::MediaError;
use crate::{picture::scale_picture, sound::Spectrogram};

/// Height of a row of pictures, and of charts, in pixels.
pub(super) const HEIGHT_PX: usize = 96;
/// Width of charts in pixels.
const WIDTH_PX: usize = 480;
/// White pixels between pictures and lanes.
const GAP_PX: usize = 4;
/// Channels that are drawn.
const MOST_CHANNELS: usize = 6;
/// Least and most width of a picture in a row, by its height.
const WIDTHS: (f64, f64) = (0.4, 2.0);

/// Lines of channels, one after the other: blue, orange, green.
const LINES: [[u8; 3]; 3] = [[31, 119, 180], [214, 102, 14], [30, 130, 60]];
/// From quiet to loud, at even distances.
///
/// Source: the colours of matplotlib's "viridis" at 0, 1/4, 1/2, 3/4 and 1.
const LOUDNESS: [[f32; 3]; 5] = [
    [68.0, 1.0, 84.0],
    [59.0, 82.0, 139.0],
    [33.0, 145.0, 140.0],
    [94.0, 201.0, 98.0],
    [253.0, 231.0, 37.0],
];

struct Canvas {
    picture: Picture,
}

impl Canvas {
    fn new(height: usize, width: usize) -> Self {
        Self {
            picture: Picture {
                height,
                width,
                rgb: vec![255; height * width * 3],
            },
        }
    }

    fn set(&mut self, y: usize, x: usize, colour: [u8; 3]) {
        let at = (y * self.picture.width + x) * 3;
        if x < self.picture.width
            && let Some(pixel) = self.picture.rgb.get_mut(at..at + 3)
        {
            pixel.copy_from_slice(&colour);
        }
    }
}

/// Pictures side by side, all of one height, each in its proportions.
pub(super) fn row<'a>(
    pictures: impl IntoIterator<Item = &'a Picture>,
) -> Result<Picture, MediaError> {
    let mut scaled = Vec::new();
    for picture in pictures {
        let proportion = picture.width as f64 / picture.height.max(1) as f64;
        let width = HEIGHT_PX as f64 * proportion.clamp(WIDTHS.0, WIDTHS.1);
        scaled.push(scale_picture(picture, HEIGHT_PX, width.round() as usize)?);
    }
    let gaps = GAP_PX * scaled.len().saturating_sub(1);
    let width = scaled.iter().map(|picture| picture.width).sum::<usize>() + gaps;
    let mut canvas = Canvas::new(HEIGHT_PX, width);
    let mut left = 0;
    for picture in &scaled {
        let (pixels, _) = picture.rgb.as_chunks::<3>();
        for (at, pixel) in pixels.iter().enumerate() {
            canvas.set(at / picture.width, left + at % picture.width, *pixel);
        }
        left += picture.width + GAP_PX;
    }
    Ok(canvas.picture)
}

/// A spectrogram: time runs to the right, low bands lie below, loud is bright.
pub(super) fn heat(spectrogram: &Spectrogram) -> Picture {
    let (frames, mels) = (spectrogram.num_frames, spectrogram.num_mels);
    let mut canvas = Canvas::new(HEIGHT_PX, WIDTH_PX);
    let value = |frame: usize, mel: usize| spectrogram.values.get(frame * mels + mel).copied();
    let (low, high) = range(spectrogram.values.iter().copied());
    for y in 0..HEIGHT_PX {
        let mel = (HEIGHT_PX - 1 - y) * mels / HEIGHT_PX;
        for x in 0..WIDTH_PX {
            if let Some(value) = value(x * frames / WIDTH_PX, mel) {
                canvas.set(y, x, colour((value - low) / (high - low)));
            }
        }
    }
    canvas.picture
}

/// Smallest and largest finite value, some way apart.
fn range(values: impl Iterator<Item = f32>) -> (f32, f32) {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    if low < high {
        (low, high)
    } else {
        (low - 0.5, low + 0.5)
    }
}

/// The colour of a share of the loudest.
fn colour(share: f32) -> [u8; 3] {
    let last = LOUDNESS.len() - 1;
    let place = if share.is_finite() {
        share.clamp(0.0, 1.0)
    } else {
        0.0
    } * last as f32;
    let from = (place as usize).min(last - 1);
    let part = place - from as f32;
    [0, 1, 2].map(|c| {
        let (a, b) = (LOUDNESS[from][c], LOUDNESS[from + 1][c]);
        (a + part * (b - a)).round() as u8
    })
}

/// The channels of a series below each other, each in a scale of its own; a gap in the values is a gap in the line.
pub(super) fn lines(series: &Series) -> Picture {
    let channels = series.num_channels.clamp(1, MOST_CHANNELS);
    let lane = (HEIGHT_PX - GAP_PX * (channels - 1)) / channels;
    let mut canvas = Canvas::new(HEIGHT_PX, WIDTH_PX);
    for channel in 0..channels {
        let top = channel * (lane + GAP_PX);
        draw(&mut canvas, series, channel, (top, lane));
    }
    canvas.picture
}

/// Draws a channel between two heights: in every column of pixels from its smallest to its largest value there.
fn draw(canvas: &mut Canvas, series: &Series, channel: usize, (top, lane): (usize, usize)) {
    let moments = series.values.len() / series.num_channels.max(1);
    let value = |moment: usize| {
        let at = moment * series.num_channels + channel;
        series.values.get(at).copied().unwrap_or(f32::NAN)
    };
    let (low, high) = range((0..moments).map(value));
    let height = |value: f32| {
        let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
        top + ((1.0 - share) * (lane - 1) as f32).round() as usize
    };
    for x in 0..WIDTH_PX {
        // One moment more, so that lines of neighbouring columns meet.
        let first = x * moments / WIDTH_PX;
        let last = ((x + 1) * moments / WIDTH_PX).max(first);
        let seen = (first..=last.min(moments.saturating_sub(1))).map(value);
        let heights: Vec<usize> = seen.filter(|value| value.is_finite()).map(height).collect();
        let (Some(from), Some(to)) = (heights.iter().min(), heights.iter().max()) else {
            continue;
        };
        for y in *from..=*to {
            canvas.set(y, x, LINES[channel % LINES.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: [u8; 3] = [255; 3];

    fn plain(height: usize, width: usize, rgb: [u8; 3]) -> Picture {
        Picture {
            height,
            width,
            rgb: rgb.repeat(height * width),
        }
    }

    fn pixel(picture: &Picture, y: usize, x: usize) -> [u8; 3] {
        let at = (y * picture.width + x) * 3;
        picture.rgb[at..at + 3].try_into().unwrap()
    }

    #[test]
    fn pictures_stand_side_by_side_in_their_proportions() {
        let strip = row(&[plain(10, 15, [9, 8, 7]), plain(50, 1, [1, 2, 3])]).unwrap();
        assert_eq!((strip.height, strip.width), (96, 144 + 4 + 38));
        assert_eq!(pixel(&strip, 50, 143), [9, 8, 7]);
        assert_eq!(pixel(&strip, 50, 145), WHITE);
        assert_eq!(pixel(&strip, 50, 148), [1, 2, 3]);
        assert!(row(&[plain(0, 0, WHITE)]).is_err());
    }

    #[test]
    fn loud_and_low_is_bright_below() {
        let spectrogram = Spectrogram {
            num_frames: 2,
            num_mels: 2,
            values: vec![-3.0, -3.0, 5.0, f32::NAN],
        };
        let picture = heat(&spectrogram);
        assert_eq!(pixel(&picture, 95, 479), [253, 231, 37]);
        assert_eq!(pixel(&picture, 95, 0), [68, 1, 84]);
        assert_eq!(pixel(&picture, 0, 479), [68, 1, 84]);
    }

    #[test]
    fn channels_have_lanes_and_gaps_stay_empty() {
        let series = Series {
            num_channels: 2,
            values: (0..480)
                .flat_map(|at| [at as f32, if at < 240 { 7.0 } else { f32::NAN }])
                .collect(),
            rate_hz: None,
        };
        let picture = lines(&series);
        // The first channel rises from the bottom of its lane, 46 high, to the top.
        assert_eq!(pixel(&picture, 45, 0), LINES[0]);
        assert_eq!(pixel(&picture, 0, 479), LINES[0]);
        assert_eq!(pixel(&picture, 45, 479), WHITE);
        // The second one is level in the middle of its own, and ends.
        let level = (50..96)
            .find(|y| pixel(&picture, *y, 100) == LINES[1])
            .unwrap();
        assert!((70..76).contains(&level), "{level}");
        assert!((50..96).all(|y| pixel(&picture, y, 300) == WHITE));
        for empty in [0, 1] {
            let series = Series {
                num_channels: empty,
                values: Vec::new(),
                rate_hz: None,
            };
            assert_eq!(lines(&series).rgb, vec![255; 480 * 96 * 3]);
        }
    }
}
