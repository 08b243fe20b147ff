//! Experts, the stack over them, and the automatic recipe.

mod kernel;
pub mod lbfgs;
pub mod softmax_regression;
