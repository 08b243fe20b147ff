//! What a network consists of, and how much memory it takes.

/// One part of a network.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PartPlan {
    /// Name of the part, the start of its parameters' names, such as `encoder.photo`.
    pub name: String,
    /// Its row in the registry, such as `image_conv`.
    pub kind: String,
    /// Axis lengths of its result behind the batch axis.
    pub shape: Vec<usize>,
    /// Trained values.
    pub num_parameters: usize,
}

/// The parts in the order in which data flows, and their sum.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct NetworkPlan {
    /// The parts.
    pub parts: Vec<PartPlan>,
    /// Trained values of all parts.
    pub total: usize,
}

/// Bytes that a training step holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct MemoryEstimate {
    /// Parameters and running statistics.
    pub parameters_bytes: usize,
    /// Their gradients, if dense.
    pub gradients_bytes: usize,
    /// Two moments a trained value, as Adam keeps.
    pub optimizer_bytes: usize,
    /// Values kept for the backward pass with their gradients, about.
    pub activations_bytes: usize,
}

impl MemoryEstimate {
    /// All of it.
    pub fn total_bytes(&self) -> usize {
        self.parameters_bytes + self.gradients_bytes + self.optimizer_bytes + self.activations_bytes
    }
}
