//! The small network of every head.

use engine::{Tape, Var};
use schema::Problem;

use crate::{
    NnError, Scope,
    layer::{ActivationKind, Linear, Mlp},
    settings::Check,
};

/// Settings of a head.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeadConfig {
    /// Widths of hidden layers before the logits, 0 to 8 of 1 to 65536, default none.
    pub hidden_dims: Vec<usize>,
    /// Dropout of the embedding and behind each hidden layer, in [0, 1), default 0: fusions have their own.
    pub dropout_rate: f64,
}

impl HeadConfig {
    /// What lies outside its range, placed below `place`.
    pub fn check(&self, place: &str) -> Vec<Problem> {
        let mut check = Check::new(place);
        check
            .count("hidden_dims", self.hidden_dims.len(), 0, 8)
            .rate("dropout_rate", self.dropout_rate);
        for (index, dim) in self.hidden_dims.iter().enumerate() {
            check.count(&format!("hidden_dims.{index}"), *dim, 1, 65_536);
        }
        check.finish()
    }
}

/// Dropout -> hidden layers -> linear.
#[derive(Debug, Clone)]
pub struct Output {
    dropout_rate: f32,
    hidden: Mlp,
    logits: Linear,
}

impl Output {
    /// From an embedding of width `dims[0]` to `dims[1]` logits, with PyTorch's first values.
    ///
    /// # Errors
    /// [`NnError::Engine`] if the name is taken.
    pub fn build(
        scope: &mut Scope<'_>,
        name: &str,
        config: &HeadConfig,
        dims: [usize; 2],
    ) -> Result<Self, NnError> {
        let [in_dim, num_logits] = dims;
        let mut scope = scope.child(name);
        let hidden = Mlp::build(
            &mut scope,
            "hidden",
            (in_dim, &config.hidden_dims),
            ActivationKind::Relu,
            config.dropout_rate,
        )?;
        let logits = Linear::build(&mut scope, "logits", hidden.out_dim(), num_logits)?;
        Ok(Self {
            dropout_rate: config.dropout_rate as f32,
            hidden,
            logits,
        })
    }

    /// Logits a record.
    pub fn num_logits(&self) -> usize {
        self.logits.out_dim()
    }

    /// # Shapes
    /// - `embedding`: `[B, D]`
    /// - returns: `[B, num_logits]`
    ///
    /// # Errors
    /// [`NnError::Engine`] if the embedding has another width.
    pub fn forward(&self, tape: &mut Tape<'_>, embedding: &Var) -> Result<Var, NnError> {
        let kept = tape.dropout(embedding, self.dropout_rate)?;
        let hidden = self.hidden.forward(tape, &kept)?;
        self.logits.forward(tape, &hidden)
    }
}
