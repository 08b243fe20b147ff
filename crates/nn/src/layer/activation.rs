//! Activations by the name that stands in configurations.

use engine::Activation;

/// An activation, as configurations name it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivationKind {
    /// The identity.
    None,
    /// max(0, x).
    #[default]
    Relu,
    /// x times the normal distribution function of x (Hendrycks, Gimpel 2016, arXiv:1606.08415).
    Gelu,
    /// The tanh approximation of `gelu`.
    GeluTanh,
    /// x times the logistic function of x.
    Silu,
    /// The logistic function.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
}

impl From<ActivationKind> for Activation {
    fn from(kind: ActivationKind) -> Self {
        match kind {
            ActivationKind::None => Self::None,
            ActivationKind::Relu => Self::Relu,
            ActivationKind::Gelu => Self::Gelu,
            ActivationKind::GeluTanh => Self::GeluTanh,
            ActivationKind::Silu => Self::Silu,
            ActivationKind::Sigmoid => Self::Sigmoid,
            ActivationKind::Tanh => Self::Tanh,
        }
    }
}
