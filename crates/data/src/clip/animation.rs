//! Animated pictures: still pictures drawn on a canvas, one after the other.
//!
//! Each format is split into small picture files of its own, which the decoders of still pictures read. So frames that
//! nobody sees and that no seen frame is drawn upon are never decoded.

use std::ops::Range;

use schema::{Clip, Picture};

use super::{
    ClipError, ClipHeader, ClipOptions, Frames, apng,
    choose::{Timing, chosen},
    container::Container,
    fault, from_picture, gif, webp,
};
use crate::decode_picture;

/// Most frames of an animation.
const MAX_STILLS: usize = 100_000;
/// Largest canvas in pixels: 64 MiB as RGBA.
const MAX_CANVAS: usize = 16 << 20;

/// What becomes of a frame's place before the next one is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dispose {
    /// It stays.
    Keep,
    /// It becomes transparent.
    Clear,
    /// It becomes what it was.
    Restore,
}

/// One frame of an animation, not decoded yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Still {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) secs: f64,
    pub(super) dispose: Dispose,
    /// Whether it is drawn over the canvas where it is transparent, not instead of it.
    pub(super) over: bool,
    /// Places in the file that it is made of.
    pub(super) parts: Vec<Range<usize>>,
}

/// An animation, split.
#[derive(Debug)]
pub(super) struct Animation<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) stills: Vec<Still>,
    /// Places in the file that every frame needs as well.
    pub(super) shared: Vec<Range<usize>>,
    /// The picture file of one of its frames.
    pub(super) assemble: fn(&Animation<'a>, &Still) -> Vec<u8>,
}

impl Animation<'_> {
    fn covers(&self, still: &Still) -> bool {
        still.width == self.width && still.height == self.height
    }

    /// Whether a frame looks the same whatever was drawn before, and leaves nothing of it behind.
    fn is_fresh(&self, frame: usize) -> bool {
        let still = &self.stills[frame];
        let before = frame.checked_sub(1).map(|before| &self.stills[before]);
        let on_nothing =
            before.is_none_or(|before| before.dispose == Dispose::Clear && self.covers(before));
        let hides_all = self.covers(still) && !still.over;
        (on_nothing || hides_all) && still.dispose != Dispose::Restore
    }
}

/// Checks a frame before it is kept.
pub(super) fn push(stills: &mut Vec<Still>, still: Still) -> Result<(), ClipError> {
    if stills.len() == MAX_STILLS {
        return Err(fault(
            "clip_too_large",
            format!("more than {MAX_STILLS} frames"),
        ));
    }
    if still.width == 0 || still.height == 0 {
        let text = format!("frame {} has no pixel", stills.len() + 1);
        return Err(fault("clip_damaged", text));
    }
    stills.push(still);
    Ok(())
}

fn split(container: Container, bytes: &[u8]) -> Result<Option<Animation<'_>>, ClipError> {
    let animation = match container {
        Container::Gif => Some(gif::split(bytes)?),
        Container::WebP => webp::split(bytes)?,
        Container::Png => apng::split(bytes)?,
        _ => None,
    };
    if let Some(Animation {
        width,
        height,
        stills,
        ..
    }) = &animation
    {
        if width.saturating_mul(*height) > MAX_CANVAS {
            let text =
                format!("{width} x {height} pixels, at most {MAX_CANVAS} in all are decoded");
            return Err(fault("clip_too_large", text));
        }
        if stills.is_empty() {
            return Err(fault("clip_empty", "an animation without frames"));
        }
        let inside =
            |still: &Still| still.x + still.width <= *width && still.y + still.height <= *height;
        if let Some(outside) = stills.iter().position(|still| !inside(still)) {
            let text = format!("frame {} lies outside the picture", outside + 1);
            return Err(fault("clip_damaged", text));
        }
    }
    Ok(animation)
}

pub(super) fn header(container: Container, bytes: &[u8]) -> Result<ClipHeader, ClipError> {
    let animation = split(container, bytes)?;
    let known = animation.as_ref();
    Ok(ClipHeader {
        format: container.name(),
        size_px: known.map(|animation| (animation.width, animation.height)),
        num_frames: Some(known.map_or(1, |animation| animation.stills.len())),
        duration_secs: known.map(|animation| animation.stills.iter().map(|still| still.secs).sum()),
        has_sound: Some(false),
        sound_hz: None,
    })
}

pub(super) fn decode(
    container: Container,
    bytes: &[u8],
    options: &ClipOptions,
) -> Result<Clip, ClipError> {
    let mut frames = Frames::new(options);
    let Some(animation) = split(container, bytes)? else {
        let picture = decode_picture(bytes).map_err(|error| from_picture(error, ""))?;
        frames.spend((picture.width * picture.height) as u64)?;
        frames.keep(picture, 0.0)?;
        return Ok(frames.clip);
    };
    let timing = Timing::of_durations(animation.stills.iter().map(|still| still.secs));
    let mut canvas = Canvas::new(&animation);
    for frame in chosen(options.sampling, &timing, options.limits.max_frames) {
        canvas.advance(frame, &mut frames)?;
        frames.keep(canvas.picture(), timing.starts[frame])?;
    }
    Ok(frames.clip)
}

/// The canvas and how far it has been drawn.
struct Canvas<'a> {
    animation: &'a Animation<'a>,
    /// `[H, W]` of red, green, blue, alpha.
    pixels: Vec<[u8; 4]>,
    /// What lay under the last frame, if it must come back.
    under: Vec<[u8; 4]>,
    /// Frames drawn so far.
    drawn: usize,
}

impl<'a> Canvas<'a> {
    fn new(animation: &'a Animation<'a>) -> Self {
        Self {
            animation,
            pixels: vec![[0; 4]; animation.width * animation.height],
            under: Vec::new(),
            drawn: 0,
        }
    }

    /// Draws up to a frame and that frame, from the nearest place from which that can be done.
    fn advance(&mut self, frame: usize, frames: &mut Frames<'_>) -> Result<(), ClipError> {
        if self.drawn == frame + 1 {
            return Ok(());
        }
        let fresh = (self.drawn..=frame).rfind(|start| self.animation.is_fresh(*start));
        let mut start = self.drawn;
        if let Some(fresh) = fresh.filter(|fresh| *fresh > start) {
            self.pixels.fill([0; 4]);
            start = fresh;
        } else if start > 0 {
            self.dispose(start - 1);
        }
        for at in start..=frame {
            self.draw(at, frames)?;
            if at < frame {
                self.dispose(at);
            }
        }
        self.drawn = frame + 1;
        Ok(())
    }

    fn row(&mut self, still: &Still, y: usize) -> &mut [[u8; 4]] {
        let first = (still.y + y) * self.animation.width + still.x;
        &mut self.pixels[first..first + still.width]
    }

    fn draw(&mut self, frame: usize, frames: &mut Frames<'_>) -> Result<(), ClipError> {
        let still = &self.animation.stills[frame];
        frames.spend((still.width * still.height) as u64)?;
        let file = (self.animation.assemble)(self.animation, still);
        let rgba = decode_rgba(&file, still, frame)?;
        self.under.clear();
        for (y, source) in rgba.chunks_exact(still.width).enumerate() {
            if still.dispose == Dispose::Restore {
                let row = self.row(still, y).to_vec();
                self.under.extend(row);
            }
            for (pixel, source) in self.row(still, y).iter_mut().zip(source) {
                *pixel = if still.over {
                    over(*source, *pixel)
                } else {
                    *source
                };
            }
        }
        Ok(())
    }

    fn dispose(&mut self, frame: usize) {
        let still = &self.animation.stills[frame];
        for y in 0..still.height {
            match still.dispose {
                Dispose::Keep => return,
                Dispose::Clear => self.row(still, y).fill([0; 4]),
                Dispose::Restore => {
                    let under = std::mem::take(&mut self.under);
                    self.row(still, y)
                        .copy_from_slice(&under[y * still.width..][..still.width]);
                    self.under = under;
                }
            }
        }
    }

    /// What is seen, transparent parts on white.
    fn picture(&self) -> Picture {
        let rgb = self.pixels.iter().flat_map(|pixel| {
            let [r, g, b, _] = over(*pixel, [255; 4]);
            [r, g, b]
        });
        Picture {
            height: self.animation.height,
            width: self.animation.width,
            rgb: rgb.collect(),
        }
    }
}

/// A colour over another. Source: Porter, Duff 1984, "Compositing digital images".
fn over(top: [u8; 4], below: [u8; 4]) -> [u8; 4] {
    match top[3] {
        255 => return top,
        0 => return below,
        _ => {}
    }
    let (a, b) = (u32::from(top[3]), u32::from(below[3]));
    // Both in units of 1 / 255^2.
    let (share, rest) = (a * 255, b * (255 - a));
    let alpha = share + rest;
    let mixed = |c: usize| {
        let sum = u32::from(top[c]) * share + u32::from(below[c]) * rest;
        ((sum + alpha / 2) / alpha) as u8
    };
    [mixed(0), mixed(1), mixed(2), ((alpha + 127) / 255) as u8]
}

fn decode_rgba(file: &[u8], still: &Still, frame: usize) -> Result<Vec<[u8; 4]>, ClipError> {
    // Decoders of foreign files may panic on hostile input; that must cost one record, not the run.
    let decoded = std::panic::catch_unwind(|| {
        image::load_from_memory(file).map(image::DynamicImage::into_rgba8)
    });
    let frame = frame + 1;
    match decoded {
        Ok(Ok(image))
            if (image.width() as usize, image.height() as usize) == (still.width, still.height) =>
        {
            let (pixels, _) = image.as_raw().as_chunks::<4>();
            Ok(pixels.to_vec())
        }
        Ok(Ok(_)) => Err(fault(
            "clip_damaged",
            format!("frame {frame} is not as large as it says"),
        )),
        Ok(Err(error)) => {
            let text = error
                .to_string()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            Err(fault("clip_damaged", format!("frame {frame}: {text}")))
        }
        Err(_) => Err(fault(
            "clip_damaged",
            format!("the decoder gave up on frame {frame}"),
        )),
    }
}
