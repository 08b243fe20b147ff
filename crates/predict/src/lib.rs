//! Artifact and raw record to named answer
