//! The mean of what is there.

use engine::{Tape, Tensor, Var};
use schema::{Problem, Settings};

use super::{Fusion, FusionConfig, FusionInfo};
use crate::{
    NnError, Presence, Scope,
    layer::{ActivationKind, LayerNorm, Mlp},
    settings::{self, Check},
};

/// Settings of [`Sum`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SumConfig {
    /// Widths of the hidden layers, 0 to 8 of 1 to 65536, default 128.
    pub hidden_dims: Vec<usize>,
    /// Dropout before the hidden layers and behind each, in [0, 1), default 0.3.
    pub dropout_rate: f64,
}

impl Default for SumConfig {
    fn default() -> Self {
        Self {
            hidden_dims: vec![128],
            dropout_rate: 0.3,
        }
    }
}

/// Layer norm of each embedding -> mean over the present ones -> hidden layers.
///
/// Choose it for many inputs of one kind; the number of parameters hardly grows with them.
///
/// # Source
/// Own design.
pub struct Sum {
    norms: Vec<LayerNorm>,
    hidden: Mlp,
    dim: usize,
    dropout_rate: f32,
}

impl FusionConfig for SumConfig {
    fn check(&self, place: &str, _embed_dim: usize) -> Vec<Problem> {
        let mut check = Check::new(place);
        check
            .count("hidden_dims", self.hidden_dims.len(), 0, 8)
            .rate("dropout_rate", self.dropout_rate);
        for (index, dim) in self.hidden_dims.iter().enumerate() {
            check.count(&format!("hidden_dims.{index}"), *dim, 1, 65_536);
        }
        check.finish()
    }

    fn build(&self, info: &FusionInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Fusion>, NnError> {
        Ok(Box::new(Sum::build(self, info, scope)?))
    }

    fn table(&self) -> Result<Settings, Vec<Problem>> {
        settings::table(self)
    }
}

impl Sum {
    /// A fusion of the given embeddings.
    ///
    /// # Errors
    /// [`NnError::EmbedDim`] if their widths differ.
    pub fn build(
        config: &SumConfig,
        info: &FusionInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        let dim = info.common_dim("sum")?;
        let mut norms = Vec::new();
        let mut place = scope.child("norms");
        for (input, _) in &info.inputs {
            norms.push(LayerNorm::build(&mut place, input, dim, LayerNorm::EPS)?);
        }
        let dims = (dim, config.hidden_dims.as_slice());
        let relu = ActivationKind::Relu;
        Ok(Self {
            norms,
            hidden: Mlp::build(scope, "hidden", dims, relu, config.dropout_rate)?,
            dim,
            dropout_rate: config.dropout_rate as f32,
        })
    }
}

impl Fusion for Sum {
    fn out_dim(&self) -> usize {
        self.hidden.out_dim()
    }

    fn reads_absent(&self) -> bool {
        false
    }

    fn num_activations(&self) -> usize {
        3 * self.norms.len() * self.dim + self.hidden.num_activations()
    }

    fn forward(
        &self,
        tape: &mut Tape<'_>,
        embeddings: &[Var],
        presence: &Presence,
    ) -> Result<Var, NnError> {
        let batch_size = presence.batch_size();
        let counts: Vec<f32> = presence
            .flags()
            .chunks(embeddings.len().max(1))
            .map(|record| record.iter().filter(|flag| **flag).count().max(1) as f32)
            .collect();
        let mut sum = tape.constant(Tensor::zeros(&[batch_size, self.dim]));
        for (index, (embedding, norm)) in embeddings.iter().zip(&self.norms).enumerate() {
            let shares: Vec<f32> = presence
                .of(index)
                .iter()
                .zip(&counts)
                .map(|(has, count)| f32::from(*has) / count)
                .collect();
            let shares = tape.constant(Tensor::from_vec(&[batch_size], shares)?);
            let normed = norm.forward(tape, embedding)?;
            let part = tape.mul_column(&normed, &shares)?;
            sum = tape.add(&sum, &part)?;
        }
        let kept = tape.dropout(&sum, self.dropout_rate)?;
        self.hidden.forward(tape, &kept)
    }
}
