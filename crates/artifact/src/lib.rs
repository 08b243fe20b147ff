//! The saved model: one folder, safetensors and JSON, verified on open, nothing executable
