//! What a trained part is made of when it is saved: named numbers and a description, nothing executable.

use std::collections::BTreeMap;

use crate::Numbers;

/// Numbers of one kind with their axis lengths.
#[derive(Debug, Clone, PartialEq)]
pub struct PackTensor {
    /// Axis lengths; their product is the number of values.
    pub shape: Vec<usize>,
    /// Row-major values.
    pub values: PackValues,
}

/// The values of a [`PackTensor`].
#[derive(Debug, Clone, PartialEq)]
pub enum PackValues {
    /// Weights and statistics.
    F32(Numbers<f32>),
    /// Statistics that need the precision.
    F64(Numbers<f64>),
    /// Codes and indices.
    U32(Numbers<u32>),
}

/// A trained part: a JSON description and its tensors.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pack {
    /// Configuration and fitted facts.
    pub description: serde_json::Value,
    /// Tensors by name.
    pub tensors: BTreeMap<String, PackTensor>,
}

impl PackTensor {
    /// A tensor of floats.
    pub fn f32(shape: &[usize], values: impl Into<Numbers<f32>>) -> Self {
        Self {
            shape: shape.to_vec(),
            values: PackValues::F32(values.into()),
        }
    }

    /// A tensor of codes.
    pub fn u32(shape: &[usize], values: impl Into<Numbers<u32>>) -> Self {
        Self {
            shape: shape.to_vec(),
            values: PackValues::U32(values.into()),
        }
    }

    /// A tensor of doubles.
    pub fn f64(shape: &[usize], values: impl Into<Numbers<f64>>) -> Self {
        Self {
            shape: shape.to_vec(),
            values: PackValues::F64(values.into()),
        }
    }
}

impl Pack {
    /// The floats of a tensor, if there is one of that name, kind and number of values.
    pub fn floats(&self, name: &str, num_values: usize) -> Option<&Numbers<f32>> {
        match &self.tensors.get(name)?.values {
            PackValues::F32(values) if values.len() == num_values => Some(values),
            _ => None,
        }
    }
}
