//! The operations: methods of [`Tape`](crate::Tape) by family. Each checks its shapes, computes, and records its way
//! back.

mod activation;
mod linear;
mod matmul;
mod elementwise;
mod conv;
mod conv_norm;
mod conv_pool;
mod norm;
mod batch_norm;
mod attention;
mod embedding;
mod pool;
mod dropout;
mod shape;
mod rows;
mod softmax;
mod reduce;
mod loss;

pub use activation::Activation;
pub use attention::AttentionMask;
pub use batch_norm::BatchNorm;
pub use conv::Conv2d;
pub(crate) use conv::ConvShape;
pub use loss::{CrossEntropy, Targets};
pub use pool::Pool2d;
pub(crate) use pool::PoolShape;
