//! One of few values.

use engine::{Tape, Var};
use schema::{InputBatch, Preparation, Problem, Settings};

use super::{Encoder, EncoderConfig, registry};
use crate::{
    Init, InputInfo, InputWidth, NnError, Scope,
    input::{codes, draws},
    layer::Embedding,
    settings::Check,
};

/// Settings of [`Category`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CategoryConfig {
    /// Width of the embedding, 1 to 1024, default 8.
    pub embed_dim: usize,
    /// Most distinct values, the unseen one included, 2 to 1000000, default 1000.
    pub max_values: usize,
    /// How often a value is taken as unseen in training, in [0, 1), default 0.1, so that the unseen one is trained.
    pub unseen_rate: f64,
}

impl Default for CategoryConfig {
    fn default() -> Self {
        Self {
            embed_dim: 8,
            max_values: 1000,
            unseen_rate: 0.1,
        }
    }
}

/// One learned vector a value, and one for values not seen in training.
///
/// Vectors start normal with deviation 1, as in PyTorch.
///
/// # Source
/// Guo, Berkhahn 2016, "Entity Embeddings of Categorical Variables", arXiv:1604.06737.
pub struct Category {
    table: Embedding,
    unseen_rate: f64,
    info: InputInfo,
}

impl EncoderConfig for CategoryConfig {
    fn check(&self, place: &str) -> Vec<Problem> {
        Check::new(place)
            .count("embed_dim", self.embed_dim, 1, 1024)
            .count("max_values", self.max_values, 2, 1_000_000)
            .rate("unseen_rate", self.unseen_rate)
            .finish()
    }

    fn preparation(&self) -> Preparation {
        Preparation::Category {
            max_values: self.max_values,
        }
    }

    fn build(&self, info: &InputInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Encoder>, NnError> {
        Ok(Box::new(Category::build(self, info, scope)?))
    }

    fn table(&self) -> Result<Settings, Vec<Problem>> {
        registry::table(self)
    }
}

impl Category {
    /// An encoder for a column as fitted.
    ///
    /// # Errors
    /// [`NnError::Input`] if the column was not fitted as codes.
    pub fn build(
        config: &CategoryConfig,
        info: &InputInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        let InputWidth::Codes { num_values } = info.width else {
            return Err(info.mismatch(format!("{:?}", info.width), "codes"));
        };
        let rows = num_values.max(1);
        let init = Init::Normal(1.0);
        Ok(Self {
            table: Embedding::build(scope, "values", rows, config.embed_dim, init)?,
            unseen_rate: config.unseen_rate,
            info: info.clone(),
        })
    }
}

impl Encoder for Category {
    fn embed_dim(&self) -> usize {
        self.table.dim()
    }

    fn num_activations(&self) -> usize {
        self.table.dim()
    }

    /// # Shapes
    /// - `input`: codes `[B, 1]`
    /// - returns: `[B, D]`
    fn forward(&self, tape: &mut Tape<'_>, input: &InputBatch) -> Result<Var, NnError> {
        let (ids, shape, _) = codes(input, &self.info, self.table.num_rows())?;
        if shape[1] != 1 {
            let got = format!("codes [B, {}]", shape[1]);
            return Err(self.info.mismatch(got, "codes [B, 1]"));
        }
        let batch_size = [shape[0]];
        if !tape.is_training() || self.unseen_rate == 0.0 {
            return self.table.forward(tape, ids, &batch_size);
        }
        let mut rng = draws(tape)?;
        let hidden: Vec<u32> = ids
            .iter()
            .map(|id| if rng.chance(self.unseen_rate) { 0 } else { *id })
            .collect();
        self.table.forward(tape, &hidden, &batch_size)
    }
}
