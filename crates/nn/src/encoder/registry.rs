//! Every encoder, one line each.

use schema::{Modality, Problem, Settings};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    AudioConvConfig, AudioPatchConfig, CategoryConfig, DateConfig, EncoderConfig, ImageConvConfig,
    ImagePatchConfig, NumberConfig, SeriesConvConfig, SeriesPatchConfig, TextNgramConfig,
    TextTransformerConfig, VideoConvConfig, VideoFramesConfig,
};
use crate::settings::{self, Parse};

/// One encoder of the registry.
pub struct EncoderRow {
    /// The `type` of its settings.
    pub name: &'static str,
    /// What it can read.
    pub modalities: &'static [Modality],
    /// One line for `list`.
    pub about: &'static str,
    /// Reads its settings, placed at a dotted key for messages; checks nothing but form.
    pub parse: Parse<dyn EncoderConfig>,
}

#[rustfmt::skip]
/// The registry. The first row that reads a modality is its default.
pub const ENCODERS: &[EncoderRow] = &[
    row::<TextNgramConfig>("text_ngram", &[Modality::Text], "bag of hashed word and character n-grams, embedded; best below 5,000 short texts"),
    row::<TextTransformerConfig>("text_transformer", &[Modality::Text], "transformer over tokens, trained from scratch"),
    row::<ImageConvConfig>("image_conv", &[Modality::Image], "convolutional network, residual or plain"),
    row::<ImagePatchConfig>("image_patch", &[Modality::Image], "transformer over square patches (ViT)"),
    row::<AudioConvConfig>("audio_conv", &[Modality::Audio], "convolutional network over log-mel spectrograms"),
    row::<AudioPatchConfig>("audio_patch", &[Modality::Audio], "transformer over patches of log-mel spectrograms (AST)"),
    row::<VideoFramesConfig>("video_frames", &[Modality::Video, Modality::Volume], "picture network for every frame or slice, transformer over them"),
    row::<VideoConvConfig>("video_conv", &[Modality::Video, Modality::Volume], "convolutions over space and over time in turn (R(2+1)D)"),
    row::<SeriesConvConfig>("series_conv", &[Modality::Series], "convolutions of several lengths at once (InceptionTime)"),
    row::<SeriesPatchConfig>("series_patch", &[Modality::Series], "transformer over patches of series"),
    row::<NumberConfig>("number", &[Modality::Number], "small network over the value, its bins, or its sines"),
    row::<CategoryConfig>("category", &[Modality::Category], "one learned vector a value"),
    row::<DateConfig>("date", &[Modality::Date], "small network over time, season, weekday and hour"),
];

const fn row<C: EncoderConfig + DeserializeOwned + 'static>(
    name: &'static str,
    modalities: &'static [Modality],
    about: &'static str,
) -> EncoderRow {
    EncoderRow {
        name,
        modalities,
        about,
        parse: parse::<C>,
    }
}

fn parse<C: EncoderConfig + DeserializeOwned + 'static>(
    table: &Settings,
    place: &str,
) -> Result<Box<dyn EncoderConfig>, Vec<Problem>> {
    Ok(Box::new(settings::parse::<C>(table, place)?))
}

/// The encoder of a name.
///
/// # Errors
/// A problem at `place` with the nearest name.
pub fn find(name: &str, place: &str) -> Result<&'static EncoderRow, Vec<Problem>> {
    let names: Vec<&str> = ENCODERS.iter().map(|row| row.name).collect();
    ENCODERS
        .iter()
        .find(|row| row.name == name)
        .ok_or_else(|| vec![settings::unknown("encoder", name, &names, place)])
}

/// The encoder that reads a modality if none is named.
pub fn default_for(modality: Modality) -> Option<&'static EncoderRow> {
    ENCODERS
        .iter()
        .find(|row| row.modalities.contains(&modality))
}

/// The table of a configuration; every `EncoderConfig::table` is this.
pub(super) fn table<C: Serialize>(config: &C) -> Result<Settings, Vec<Problem>> {
    settings::table(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_modality_has_an_encoder_and_names_are_unique() {
        for modality in Modality::ALL {
            assert!(default_for(modality).is_some(), "{modality}");
        }
        let mut names: Vec<&str> = ENCODERS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ENCODERS.len());
    }

    #[test]
    fn a_slip_is_answered_with_the_nearest_name() {
        let error = find("image_cnv", "encoders.photo.type")
            .err()
            .unwrap()
            .remove(0);
        assert!(
            error.to_string().starts_with(
                "encoders.photo.type: no encoder \"image_cnv\"; closest \"image_conv\""
            ),
            "{error}"
        );
    }
}
