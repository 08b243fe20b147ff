//! The CPU: plain loops compiled for several instruction sets, microkernels for products, rayon for threads.
//!
//! Every reduction is cut into pieces whose number depends on the shape alone and is combined in order, so results
//! have the same bits for any number of threads.

pub(crate) mod simd;
pub(crate) mod parallel;
pub(crate) mod math;
pub(crate) mod gemm;
pub(crate) mod product;
pub(crate) mod elementwise;
mod quarter;
#[cfg(target_arch = "x86_64")]
mod square;
pub(crate) mod reduce;
pub(crate) mod activation;
pub(crate) mod linear;
pub(crate) mod unfold;
mod conv_single;
mod conv_task;
mod conv_unfolded;
pub(crate) mod winograd;
pub(crate) mod conv;
pub(crate) mod norm;
pub(crate) mod batch_norm;
pub(crate) mod attention;
pub(crate) mod embedding;
pub(crate) mod pool;
pub(crate) mod shape;
pub(crate) mod softmax;
pub(crate) mod optimiser;
pub(crate) mod loss;
mod device;
pub mod measure;

pub(crate) use device::Cpu;
