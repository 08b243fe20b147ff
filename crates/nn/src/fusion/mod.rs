//! The embeddings of all modalities -> one embedding (or, for `late`, the logits) a record.
//!
//! A fusion is one file: settings, build, forward. It is given every embedding as `[B, D]` and who has what.

mod concat;
mod gated;
mod late;
mod registry;
mod sum;
mod transformer;

use engine::{Tape, Var};
use schema::{Problem, Settings, Task};

use crate::{NnError, Presence, Scope};

pub use concat::{Concat, ConcatConfig, Missing};
pub use gated::{Gated, GatedConfig};
pub use late::{Late, LateConfig};
pub use registry::{FUSIONS, FusionRow, find};
pub use sum::{Sum, SumConfig};
pub use transformer::{Transformer, TransformerConfig};

/// What a fusion is built for.
#[derive(Debug, Clone, PartialEq)]
pub struct FusionInfo {
    /// The inputs' names as steps of parameter names, with the widths of their embeddings.
    pub inputs: Vec<(String, usize)>,
    /// Logits a record.
    pub num_logits: usize,
    /// What is predicted.
    pub task: Task,
}

impl FusionInfo {
    /// The one width of all embeddings.
    ///
    /// # Errors
    /// [`NnError::EmbedDim`] for the first input that has another width than the first.
    pub fn common_dim(&self, fusion: &'static str) -> Result<usize, NnError> {
        let expected = self.inputs.first().map_or(0, |(_, dim)| *dim);
        match self.inputs.iter().find(|(_, dim)| *dim != expected) {
            None => Ok(expected),
            Some((input, got)) => Err(NnError::EmbedDim {
                fusion,
                input: input.clone(),
                got: *got,
                expected,
            }),
        }
    }
}

/// A built fusion.
pub trait Fusion: Send + Sync {
    /// Width of its result.
    fn out_dim(&self) -> usize;

    /// Whether its result already is the logits, so that no head follows.
    fn gives_logits(&self) -> bool {
        false
    }

    /// Whether it reads the embedding of an absent modality, so that a learned empty one is worth having.
    fn reads_absent(&self) -> bool;

    /// Floats kept a record for the backward pass, about; for memory estimates.
    fn num_activations(&self) -> usize;

    /// Fuses.
    ///
    /// # Shapes
    /// - `embeddings`: one `[B, D]` an input, in the order of [`FusionInfo::inputs`]
    /// - returns: `[B, out_dim]`; finite for a record that has nothing
    ///
    /// # Errors
    /// [`NnError::Engine`] if the shapes are not those of the plan.
    fn forward(
        &self,
        tape: &mut Tape<'_>,
        embeddings: &[Var],
        presence: &Presence,
    ) -> Result<Var, NnError>;
}

/// The settings of a fusion.
pub trait FusionConfig: Send + Sync {
    /// What lies outside its range, placed below `place`; `embed_dim` is the network's.
    fn check(&self, place: &str, embed_dim: usize) -> Vec<Problem>;

    /// Makes the fusion.
    ///
    /// # Errors
    /// [`NnError::EmbedDim`] if embeddings differ in width and the fusion needs one width.
    fn build(&self, info: &FusionInfo, scope: &mut Scope<'_>) -> Result<Box<dyn Fusion>, NnError>;

    /// The settings as a table, every key included.
    ///
    /// # Errors
    /// If a value has no form in TOML.
    fn table(&self) -> Result<Settings, Vec<Problem>>;
}
