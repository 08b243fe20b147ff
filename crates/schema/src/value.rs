//! A cell after decoding: what it says, no longer how it was written.

use std::sync::Arc;

/// A decoded picture, 8 bits a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// RGB bytes `[H, W, 3]`, row-major.
    pub rgb: Vec<u8>,
}

/// A decoded sound, its channels averaged to one.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// Samples a second.
    pub rate_hz: u32,
    /// Amplitudes, full scale is [-1, 1].
    pub samples: Vec<f32>,
}

/// A series of measurements of one or more channels.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Channels measured at each moment, `C`.
    pub num_channels: usize,
    /// Moments a second, where the file says so.
    pub rate_hz: Option<f64>,
    /// `[T, C]`, row-major; NaN where nothing was measured.
    pub values: Vec<f32>,
}

/// Frames of a video at increasing moments, all of one size, with its sound where it has one.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// The frames.
    pub frames: Vec<Arc<Picture>>,
    /// Moment of each frame in seconds from the start.
    pub times_secs: Vec<f32>,
    /// The sound track.
    pub sound: Option<Arc<Sound>>,
}

/// A volume of voxels, such as a scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// Slices, rows, columns: `[D, H, W]`.
    pub shape: [usize; 3],
    /// Distance of neighbours along each axis in millimetres.
    pub spacing_mm: [f32; 3],
    /// Row-major values in the unit of the file.
    pub voxels: Vec<f32>,
}
