//! Text as a bag of hashed n-grams.

use engine::{Activation, ParamId, ParamKind, Tape, Tensor, Var};
use schema::{InputBatch, Payload, Preparation, Problem, Settings};

use super::{Encoder, EncoderConfig, registry};
use crate::{
    Init, InputInfo, InputWidth, NnError, Scope, input::describe, layer::Embedding, settings::Check,
};

/// Settings of [`TextNgram`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextNgramConfig {
    /// Width of the embedding, 1 to 4096, default 128.
    pub embed_dim: usize,
    /// Buckets of each of the two blocks, 256 to 4194304, default 65536; fewer collide (16k cost 1.6 points).
    pub buckets: usize,
    /// An n-gram in fewer training records than this is dropped, 1 to 1000, default 1.
    pub min_records: usize,
    /// N-grams left out at random in training, in [0, 1), default 0.3.
    pub input_dropout_rate: f64,
    /// Dropout of the embedding, in [0, 1), default 0: fusions and heads have their own.
    pub dropout_rate: f64,
}

impl Default for TextNgramConfig {
    fn default() -> Self {
        Self {
            embed_dim: 128,
            buckets: 65_536,
            min_records: 1,
            input_dropout_rate: 0.3,
            dropout_rate: 0.0,
        }
    }
}

/// A linear layer over sparse tf-idf weights, ReLU, dropout.
///
/// Choose it for up to some thousands of short texts; the word order beyond pairs is lost.
/// The table starts uniform within 1/sqrt(V), as PyTorch's linear layer over V buckets would.
///
/// # Source
/// Joulin et al. 2017, "Bag of Tricks for Efficient Text Classification", arXiv:1607.01759. Differs: tf-idf weights
/// instead of a mean, and a hidden layer's ReLU.
pub struct TextNgram {
    table: Embedding,
    bias: ParamId,
    info: InputInfo,
    input_dropout_rate: f32,
    dropout_rate: f32,
}

impl EncoderConfig for TextNgramConfig {
    fn check(&self, place: &str) -> Vec<Problem> {
        Check::new(place)
            .count("embed_dim", self.embed_dim, 1, 4096)
            .count("buckets", self.buckets, 256, 1 << 22)
            .count("min_records", self.min_records, 1, 1000)
            .rate("input_dropout_rate", self.input_dropout_rate)
            .rate("dropout_rate", self.dropout_rate)
            .finish()
    }

    fn preparation(&self) -> Preparation {
        Preparation::Ngrams {
            buckets: self.buckets,
            min_records: self.min_records,
        }
    }

    fn build(&self, info: &InputInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Encoder>, NnError> {
        Ok(Box::new(TextNgram::build(self, info, scope)?))
    }

    fn table(&self) -> Result<Settings, Vec<Problem>> {
        registry::table(self)
    }
}

impl TextNgram {
    /// An encoder for a column as fitted.
    ///
    /// # Errors
    /// [`NnError::Input`] if the column was not fitted as n-grams.
    pub fn build(
        config: &TextNgramConfig,
        info: &InputInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        let InputWidth::Ngrams { num_buckets } = info.width else {
            return Err(info.mismatch(format!("{:?}", info.width), "n-grams"));
        };
        // An empty vocabulary still makes a table, so that a column of empty texts trains.
        let num_rows = num_buckets.max(1);
        let init = Init::torch(num_rows);
        Ok(Self {
            table: Embedding::build(scope, "ngrams", num_rows, config.embed_dim, init)?,
            bias: scope.parameter("bias", ParamKind::Bias, &[config.embed_dim], init)?,
            info: info.clone(),
            input_dropout_rate: config.input_dropout_rate as f32,
            dropout_rate: config.dropout_rate as f32,
        })
    }
}

impl Encoder for TextNgram {
    fn embed_dim(&self) -> usize {
        self.table.dim()
    }

    fn num_activations(&self) -> usize {
        3 * self.table.dim()
    }

    /// # Shapes
    /// - `input`: B bags
    /// - returns: `[B, D]`
    fn forward(&self, tape: &mut Tape<'_>, input: &InputBatch) -> Result<Var, NnError> {
        let Payload::Bags {
            offsets,
            ids,
            weights,
        } = &input.payload
        else {
            return Err(self.info.mismatch(describe(&input.payload), "bags"));
        };
        let limit = self.table.num_rows();
        if let Some(id) = ids.iter().find(|id| **id as usize >= limit) {
            let expected = format!("buckets below {limit}");
            return Err(self.info.mismatch(format!("bucket {id}"), &expected));
        }
        let sum = if tape.is_training() && self.input_dropout_rate > 0.0 && !weights.is_empty() {
            let all = tape.constant(Tensor::from_slice(&[weights.len()], weights)?);
            let kept = tape.dropout(&all, self.input_dropout_rate)?;
            let kept = tape.value(&kept).clone();
            self.table.forward_bag(tape, offsets, ids, kept.data())?
        } else {
            self.table.forward_bag(tape, offsets, ids, weights)?
        };
        let bias = tape.param(self.bias);
        let shifted = tape.add_row(&sum, &bias)?;
        let active = tape.activation(&shifted, Activation::Relu)?;
        Ok(tape.dropout(&active, self.dropout_rate)?)
    }
}
