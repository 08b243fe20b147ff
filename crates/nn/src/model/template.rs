//! Named networks.

use schema::{Settings, Tokenizer};

use super::config::{NetworkConfig, named};
use crate::{
    NnError,
    encoder::{ImageConvConfig, ImagePooling, ImageStyle, PlainLayerConfig, TextTransformerConfig},
    fusion::{ConcatConfig, Missing},
    layer::{PositionKind, TransformerBlockConfig},
    loss::LossConfig,
    settings,
};

impl NetworkConfig {
    /// The seed document's network over a text column and an image column: 2,087,681 parameters, as in Keras.
    ///
    /// Text of 100 token numbers below 1000 -> embedding 64 -> transformer block -> mean; picture of 64 pixels ->
    /// convolution 32 3x3 -> max pooling 2 -> flatten; both side by side -> dense 64 -> transformer block on that one
    /// token -> logit. Blocks are Keras': norm after each sum, eps 1e-6, ReLU, no dropout.
    ///
    /// # Errors
    /// [`NnError::Settings`] if a setting has no form in TOML.
    pub fn seed(text: &str, image: &str) -> Result<Self, NnError> {
        Self::seed_settings(text, image).map_err(NnError::Settings)
    }

    fn seed_settings(text: &str, image: &str) -> Result<Self, Vec<schema::Problem>> {
        let block = TransformerBlockConfig::keras(4, 64);
        let text_encoder = TextTransformerConfig {
            tokenizer: Tokenizer::Ids,
            vocab_size: 1000,
            max_len: 100,
            embed_dim: 64,
            num_blocks: 1,
            block: block.clone(),
            position: PositionKind::None,
            dropout_rate: 0.0,
            ..TextTransformerConfig::default()
        };
        let image_encoder = ImageConvConfig {
            size_px: 64,
            normalise: false,
            style: ImageStyle::Plain,
            layers: vec![PlainLayerConfig {
                channels: 32,
                padding: 0,
                ..PlainLayerConfig::default()
            }],
            pooling: ImagePooling::Flatten,
            ..ImageConvConfig::default()
        };
        let fusion = ConcatConfig {
            layer_norm: false,
            hidden_dims: vec![64],
            dropout_rate: 0.0,
            num_blocks: 1,
            block,
            missing: Missing::Zero,
            ..ConcatConfig::default()
        };
        let loss = LossConfig {
            label_smoothing: 0.0,
            ..LossConfig::default()
        };
        let encoders = [
            (
                text,
                named("text_transformer", settings::table(&text_encoder)?),
            ),
            (image, named("image_conv", settings::table(&image_encoder)?)),
        ];
        Ok(Self {
            embed_dim: 64,
            modality_dropout_rate: 0.0,
            aux_weight: 0.0,
            aux_dropout_rate: 0.0,
            encoders: encoders
                .into_iter()
                .map(|(column, table)| (column.to_owned(), table))
                .collect(),
            fusion: named("concat", settings::table(&fusion)?),
            head: Settings::new(),
            loss: settings::table(&loss)?,
        })
    }

    /// The recipe's network over one column: the encoder's embedding, dropout 0.2, the head.
    ///
    /// For pictures this is the recipe's image expert B: 681,240 parameters and a linear layer.
    ///
    /// # Errors
    /// [`NnError::Settings`] if a setting has no form in TOML.
    pub fn single() -> Result<Self, NnError> {
        let fusion = ConcatConfig {
            layer_norm: false,
            hidden_dims: Vec::new(),
            dropout_rate: 0.2,
            missing: Missing::Zero,
            ..ConcatConfig::default()
        };
        let table = settings::table(&fusion).map_err(NnError::Settings)?;
        Ok(Self {
            aux_weight: 0.0,
            modality_dropout_rate: 0.0,
            fusion: named("concat", table),
            ..Self::default()
        })
    }
}
