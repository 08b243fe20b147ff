//! Experts, the stack over them, and the automatic recipe
