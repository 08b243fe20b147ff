//! One head a modality, added up.

use engine::{ParamId, ParamKind, Tape, Tensor, Var};
use schema::{Problem, Settings, Task};

use super::{Fusion, FusionConfig, FusionInfo};
use crate::{
    Init, NnError, Presence, Scope,
    layer::Linear,
    settings::{self, Check},
};

/// Settings of [`Late`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LateConfig {
    /// Weight of every modality at the start, 0.01 to 10, default 0.5.
    pub start_weight: f64,
    /// Dropout of each embedding, in [0, 1), default 0.3.
    pub dropout_rate: f64,
}

impl Default for LateConfig {
    fn default() -> Self {
        Self {
            start_weight: 0.5,
            dropout_rate: 0.3,
        }
    }
}

/// `sum over present m of w_m head_m(x_m)`, each `w_m` learned and positive.
///
/// For classes the heads give log-probabilities, as in the stack; for regression the weights are divided by their sum
/// over the present modalities. A record that has nothing gets zeros: even odds, or the mean of a scaled target.
/// Choose it to see what each modality is worth.
///
/// # Source
/// RECIPE rule 3 (the stack), trained within the network. Weights are softplus of a free number.
pub struct Late {
    heads: Vec<(Linear, ParamId)>,
    task: Task,
    num_logits: usize,
    dropout_rate: f32,
}

impl FusionConfig for LateConfig {
    fn check(&self, place: &str, _embed_dim: usize) -> Vec<Problem> {
        Check::new(place)
            .number("start_weight", self.start_weight, 0.01, 10.0)
            .rate("dropout_rate", self.dropout_rate)
            .finish()
    }

    fn build(&self, info: &FusionInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Fusion>, NnError> {
        Ok(Box::new(Late::build(self, info, scope)?))
    }

    fn table(&self) -> Result<Settings, Vec<Problem>> {
        settings::table(self)
    }
}

impl Late {
    /// A fusion of the given embeddings.
    ///
    /// # Errors
    /// [`NnError::Engine`] if a name is taken.
    pub fn build(
        config: &LateConfig,
        info: &FusionInfo,
        scope: &mut Scope<'_>,
    ) -> Result<Self, NnError> {
        // softplus(raw) = start, so raw = ln(e^start - 1).
        let raw = config.start_weight.exp_m1().ln() as f32;
        let mut heads = Vec::new();
        for (input, dim) in &info.inputs {
            let head = Linear::build(&mut scope.child("heads"), input, *dim, info.num_logits)?;
            let mut weights = scope.child("weights");
            let weight = weights.parameter(input, ParamKind::Bias, &[1], Init::Constant(raw))?;
            heads.push((head, weight));
        }
        Ok(Self {
            heads,
            task: info.task,
            num_logits: info.num_logits,
            dropout_rate: config.dropout_rate as f32,
        })
    }

    /// The weight of each modality for each record, B long: 0 where absent.
    fn shares(&self, tape: &mut Tape<'_>, presence: &Presence) -> Result<Vec<Var>, NnError> {
        let batch_size = presence.batch_size();
        let mut shares = Vec::with_capacity(self.heads.len());
        for (index, (_, raw)) in self.heads.iter().enumerate() {
            let raw = tape.param(*raw);
            let weight = tape.softplus(&raw)?;
            let present: Vec<f32> = presence.of(index).into_iter().map(f32::from).collect();
            let zeros = tape.constant(Tensor::zeros(&[batch_size, 1]));
            let everywhere = tape.add_row(&zeros, &weight)?;
            let present = tape.constant(Tensor::from_vec(&[batch_size], present)?);
            let masked = tape.mul_column(&everywhere, &present)?;
            shares.push(masked);
        }
        if self.task == Task::Regression {
            // Divides by the sum, as exp(-ln sum); a record that has nothing counts as a sum of 1.
            let nothing = presence.any().into_iter().map(|any| f32::from(!any));
            let nothing = Tensor::from_vec(&[batch_size, 1], nothing.collect())?;
            let mut total = tape.constant(nothing);
            for share in &shares {
                total = tape.add(&total, share)?;
            }
            let log_total = tape.ln(&total)?;
            let log_inverse = tape.scale(&log_total, -1.0)?;
            let inverse = tape.exp(&log_inverse)?;
            let inverse = tape.reshape(&inverse, &[batch_size])?;
            for share in &mut shares {
                *share = tape.mul_column(share, &inverse)?;
            }
        }
        shares
            .iter()
            .map(|share| Ok(tape.reshape(share, &[batch_size])?))
            .collect()
    }
}

impl Fusion for Late {
    fn out_dim(&self) -> usize {
        self.num_logits
    }

    fn gives_logits(&self) -> bool {
        true
    }

    fn reads_absent(&self) -> bool {
        false
    }

    fn num_activations(&self) -> usize {
        let widths = self.heads.iter().map(|(head, _)| head.in_dim());
        widths.sum::<usize>() + 4 * self.heads.len() * self.num_logits
    }

    fn forward(
        &self,
        tape: &mut Tape<'_>,
        embeddings: &[Var],
        presence: &Presence,
    ) -> Result<Var, NnError> {
        let shares = self.shares(tape, presence)?;
        let mut sum = tape.constant(Tensor::zeros(&[presence.batch_size(), self.num_logits]));
        for ((embedding, (head, _)), share) in embeddings.iter().zip(&self.heads).zip(&shares) {
            let kept = tape.dropout(embedding, self.dropout_rate)?;
            let mut voice = head.forward(tape, &kept)?;
            if self.task == Task::Class {
                voice = tape.log_softmax(&voice)?;
            }
            let part = tape.mul_column(&voice, share)?;
            sum = tape.add(&sum, &part)?;
        }
        Ok(sum)
    }
}
