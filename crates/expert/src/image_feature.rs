//! `image_feature`: patches, outlines and colours into softmax regression, without a network.
//!
//! Choose it always for pictures on small data: it is fitted in seconds, and its mistakes differ from a network's.
//! A mirrored copy of every picture counts as well, unless pictures have a direction (digits, letters).

mod colours;
mod describer;
pub(crate) mod gradients;
mod kind;
mod patches;
mod whitening;

pub use kind::{ImageFeatureConfig, ImageFeatureKind};

#[cfg(test)]
mod test_picture {
    use schema::{Picture, Seed};

    /// Coarse coloured noise, with edges at every fourth pixel.
    pub(super) fn noise(size: usize, seed: u64) -> Picture {
        let at = |x: usize, y: usize, colour: usize| {
            let place = ((y / 4) * 64 + x / 4) * 3 + colour;
            (Seed(seed).at(place as u64).rng().next_u64() % 256) as u8
        };
        let rgb = (0..size * size * 3)
            .map(|i| at(i / 3 % size, i / 3 / size, i % 3))
            .collect();
        Picture {
            height: size,
            width: size,
            rgb,
        }
    }

    /// The picture flipped left to right.
    pub(super) fn mirrored(picture: &Picture) -> Picture {
        let rows = picture.rgb.chunks(picture.width * 3);
        let rgb = rows
            .flat_map(|row| row.chunks(3).rev().flatten().copied())
            .collect();
        Picture {
            rgb,
            ..picture.clone()
        }
    }
}
