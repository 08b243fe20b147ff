//! Building blocks: structs that hold parameter ids and know how to run on a tape.
//!
//! Every layer is made by `build` (or a named variant) inside a [`Scope`](crate::Scope) and run by `forward`.

mod activation;
mod conv_block;
mod embedding;
mod layer_norm;
mod linear;
mod mlp;
mod patch_stack;
mod position;
mod residual_block;
mod token_stack;
mod transformer_block;

pub use activation::ActivationKind;
pub use conv_block::{Conv, ConvBlock, ConvConfig};
pub use embedding::Embedding;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use mlp::Mlp;
pub use patch_stack::PatchStack;
pub use position::{Position, PositionKind};
pub use residual_block::ResidualBlock;
pub use token_stack::{TokenStack, TokenStackConfig};
pub use transformer_block::{NormPlace, TransformerBlock, TransformerBlockConfig, stack_of};
