//! Slices of a volume as pictures.

use schema::{Picture, Volume};

use super::{
    MedicalError, fault,
    window::{Range, Window},
};

/// The axis that slices are cut across, counted as in [`Volume::shape`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SliceAxis {
    /// Slices as they lie in the file, `[H, W]`.
    Depth,
    /// Slices of one row each, `[D, W]`.
    Height,
    /// Slices of one column each, `[D, H]`.
    Width,
}

/// Cuts `count` slices from the middles of as many equal parts of the volume, each a grey picture, all with one window.
///
/// A volume of fewer slices gives what it has. A window of the file does not exist here: percentiles 1 to 99 stand for it.
///
/// # Errors
/// [`MedicalError`] if the volume is empty or its voxels do not fit its shape.
pub fn volume_slices(
    volume: &Volume,
    axis: SliceAxis,
    count: usize,
    window: Window,
) -> Result<Vec<Picture>, MedicalError> {
    let [depth, height, width] = volume.shape;
    let size = depth
        .checked_mul(height)
        .and_then(|area| area.checked_mul(width));
    if size != Some(volume.voxels.len()) || volume.voxels.is_empty() {
        let text = format!(
            "a volume of {depth} x {height} x {width} and {} voxels",
            volume.voxels.len()
        );
        return Err(fault("medical_damaged", text));
    }
    let range = match window {
        Window::Fixed { center, width } => Range::of_center(center, width, "LINEAR"),
        Window::Percentiles(from, to) => of_volume(volume, from, to),
        Window::File => of_volume(volume, 1.0, 99.0),
    };
    let (across, row_len) = match axis {
        SliceAxis::Depth => (depth, width),
        SliceAxis::Height => (height, width),
        SliceAxis::Width => (width, height),
    };
    let count = count.clamp(1, across);
    let middle = |part: usize| (2 * part + 1) * across / (2 * count);
    let slices = (0..count).map(middle);
    Ok(slices
        .map(|at| range.picture(&cut(volume, axis, at), row_len, false))
        .collect())
}

fn of_volume(volume: &Volume, from: f64, to: f64) -> Range {
    Range::of_percentiles(std::iter::once(volume.voxels.as_slice()), from, to)
}

fn cut(volume: &Volume, axis: SliceAxis, at: usize) -> Vec<f32> {
    let [_, height, width] = volume.shape;
    let layers = volume.voxels.chunks_exact(height * width);
    match axis {
        SliceAxis::Depth => volume.voxels[at * height * width..][..height * width].to_vec(),
        SliceAxis::Height => layers
            .flat_map(|layer| &layer[at * width..][..width])
            .copied()
            .collect(),
        SliceAxis::Width => layers
            .flat_map(|layer| layer.iter().skip(at).step_by(width))
            .copied()
            .collect(),
    }
}
