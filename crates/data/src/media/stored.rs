//! Decoded items as bytes of a temporary file: the numbers, little-endian, then their shape in 16 bytes. The shape
//! stands behind, so that the pixels of a picture need not be moved when it is read.

use std::sync::Arc;

use schema::{Picture, Series};

use super::Item;
use crate::{Form, sound::Spectrogram};

/// Bytes of a shape: two sizes (`u32`) and a rate (`f64`, NaN for none).
const SHAPE_BYTES: usize = 16;

impl Item {
    /// Appends the item to `out`.
    pub(crate) fn store(&self, out: &mut Vec<u8>) {
        let (sizes, rate) = match self {
            Self::Picture(picture) => {
                out.extend_from_slice(&picture.rgb);
                ([picture.height, picture.width], None)
            }
            Self::Frames(frames) => {
                frames.iter().for_each(|frame| out.extend(&frame.rgb));
                let first = frames.first();
                (first.map_or([0, 0], |it| [it.height, it.width]), None)
            }
            Self::Spectrogram(spectrogram) => {
                store_floats(&spectrogram.values, out);
                ([spectrogram.num_frames, spectrogram.num_mels], None)
            }
            Self::Series(series) => {
                store_floats(&series.values, out);
                ([series.num_channels, 0], series.rate_hz)
            }
        };
        for size in sizes {
            out.extend((size as u32).to_le_bytes());
        }
        out.extend(rate.unwrap_or(f64::NAN).to_le_bytes());
    }

    /// The inverse of [`Item::store`] for an item of a form; `None` if the bytes are no such item's.
    pub(crate) fn restore(form: Form, mut bytes: Vec<u8>) -> Option<Self> {
        let len = bytes.len().checked_sub(SHAPE_BYTES)?;
        let (sizes, rate) = bytes[len..].split_first_chunk::<8>()?;
        let [a, b, c, d, e, f, g, h] = *sizes;
        let sizes = [[a, b, c, d], [e, f, g, h]].map(|size| u32::from_le_bytes(size) as usize);
        let rate = f64::from_le_bytes(*rate.first_chunk()?);
        bytes.truncate(len);
        match form {
            Form::Picture { .. } => Some(Self::Picture(Arc::new(picture(sizes, bytes)?))),
            Form::Frames { .. } | Form::Stretch { .. } => frames(sizes, &bytes).map(Self::Frames),
            Form::Spectrogram(_) => Some(Self::Spectrogram(Arc::new(Spectrogram {
                num_frames: sizes[0],
                num_mels: sizes[1],
                values: floats(&bytes),
            }))),
            Form::Series { .. } => Some(Self::Series(Arc::new(Series {
                num_channels: sizes[0],
                rate_hz: Some(rate).filter(|rate| !rate.is_nan()),
                values: floats(&bytes),
            }))),
        }
    }
}

fn picture([height, width]: [usize; 2], rgb: Vec<u8>) -> Option<Picture> {
    (rgb.len() == 3 * height * width).then_some(Picture { height, width, rgb })
}

fn frames(sizes: [usize; 2], bytes: &[u8]) -> Option<Arc<[Picture]>> {
    let len = 3 * sizes[0] * sizes[1];
    if len == 0 {
        return bytes.is_empty().then(|| Vec::new().into());
    }
    let frames = bytes.chunks(len).map(|rgb| picture(sizes, rgb.to_vec()));
    frames.collect::<Option<Vec<_>>>().map(Arc::from)
}

fn store_floats(values: &[f32], out: &mut Vec<u8>) {
    out.reserve(size_of_val(values) + SHAPE_BYTES);
    values
        .iter()
        .for_each(|value| out.extend(value.to_le_bytes()));
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (values, _) = bytes.as_chunks::<4>();
    values
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect()
}

#[cfg(test)]
mod tests {
    use schema::SpectrogramForm;

    use super::*;

    fn picture_of(start: u8) -> Picture {
        Picture {
            height: 2,
            width: 3,
            rgb: (start..start + 18).collect(),
        }
    }

    #[test]
    fn every_form_comes_back_as_it_was() {
        let series = |rate_hz| Series {
            num_channels: 2,
            rate_hz,
            values: vec![1.5, -0.0, f32::MIN_POSITIVE, 4.0],
        };
        let spectrogram = Spectrogram {
            num_frames: 2,
            num_mels: 2,
            values: vec![-7.25, 0.1, 3.0, -1e-20],
        };
        let form = Form::Series { len: 2 };
        let frames = Form::Frames {
            num_frames: 2,
            size_px: 3,
        };
        let sound = Form::Spectrogram(SpectrogramForm {
            rate_hz: 8000,
            len_ms: 1000,
            hop_ms: 500,
            num_mels: 2,
            keep: schema::Keep::default(),
        });
        let items = [
            (form, Item::Series(Arc::new(series(Some(250.0))))),
            (form, Item::Series(Arc::new(series(None)))),
            (sound, Item::Spectrogram(Arc::new(spectrogram))),
            (
                Form::Picture { size_px: 2 },
                Item::Picture(Arc::new(picture_of(1))),
            ),
            (
                frames,
                Item::Frames(vec![picture_of(3), picture_of(90)].into()),
            ),
            (frames, Item::Frames(Vec::new().into())),
        ];
        for (form, item) in items {
            let mut bytes = Vec::new();
            item.store(&mut bytes);
            for len in 0..SHAPE_BYTES.min(bytes.len()) {
                assert!(Item::restore(form, bytes[..len].to_vec()).is_none());
            }
            assert_eq!(Item::restore(form, bytes), Some(item));
        }
    }

    #[test]
    fn cut_pixels_are_no_picture() {
        let mut bytes = Vec::new();
        Item::Picture(Arc::new(picture_of(0))).store(&mut bytes);
        bytes.remove(0);
        assert!(Item::restore(Form::Picture { size_px: 2 }, bytes).is_none());
    }
}
