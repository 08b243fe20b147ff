//! Tensors, the gradient tape, fused operations with their gradients, and optimiser steps.
//!
//! The engine stands below the networks of `nn` and the loop of `train` and knows neither: it sees [`Parameters`], a
//! [`Tape`] on which operations as large as a layer compute at once, [`Gradients`] and an [`Optimizer`].
//!
//! One step of a training:
//!
//! ```
//! use engine::{Activation, Gradients, Optimizer, OptimizerConfig, ParamKind, Parameters, Tape, Tensor};
//!
//! let mut parameters = Parameters::new();
//! let weight = parameters.add("weight", ParamKind::Weight, Tensor::zeros(&[1, 2]))?;
//! let mut gradients = Gradients::new(&parameters);
//! let mut optimizer = Optimizer::new(OptimizerConfig::adam_w(0.01), &parameters);
//!
//! gradients.clear();
//! let mut tape = Tape::training(&parameters, 1);
//! let x = tape.constant(Tensor::from_vec(&[2, 2], vec![1.0, 0.0, 0.0, 1.0])?);
//! let y = tape.linear(&x, weight, None, Activation::None)?;
//! let loss = tape.mse(&y, &[1.0, -1.0], None)?;
//! tape.backward(&loss, &mut gradients)?;
//! let statistics = tape.take_statistics();
//! parameters.apply(&statistics)?;
//! optimizer.step(&mut parameters, &gradients, 0.1)?;
//! assert!(parameters.get(weight).data()[0] > 0.0);
//! # Ok::<(), engine::EngineError>(())
//! ```
//!
//! A shape that does not fit is an [`EngineError`], never a panic. A [`Var`] belongs to the tape that made it.
//! The same inputs give the same bits for any number of rayon threads. Run a training inside a rayon pool
//! (`ThreadPool::install`, `rayon::scope`): from outside, every operation wakes the pool anew.

mod error;
mod random;
mod precision;
mod buffer;
mod tensor;
mod parameters;
mod gradients;
mod tape;
mod op;
mod optimiser;
mod kernels;
mod cpu;
pub mod check;
pub mod linalg;
#[doc(hidden)]
pub use cpu::measure;

pub use buffer::{memory_bytes, release_idle_memory};
pub use cpu::simd::{SIMD_VARIABLE, SimdChoice, SimdLevel, simd_choice};
pub use error::EngineError;
pub use gradients::{Gradient, Gradients};
pub use op::{Activation, AttentionMask, BatchNorm, Conv2d, CrossEntropy, Pool2d, Targets};
pub use optimiser::{Optimizer, OptimizerConfig};
pub use parameters::{ParamId, ParamKind, Parameters};
pub use precision::Precision;
pub use tape::{Statistics, Tape, Var};
pub use tensor::Tensor;
