//! The numbers of a part as a safetensors file.

use std::{borrow::Cow, collections::BTreeMap, path::Path};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use schema::{Number, Numbers, PackTensor, PackValues, SharedBytes};

use crate::ArtifactError;

/// Longest header, in bytes.
const MOST_HEADER_BYTES: u64 = 16 << 20;
/// Most tensors in a file.
const MOST_TENSORS: usize = 100_000;
/// Longest tensor name, in bytes.
const MOST_NAME_BYTES: usize = 256;
/// Most axes of a tensor.
const MOST_AXES: usize = 16;

/// A tensor on its way to disk, little-endian.
struct Stored<'a>(&'a PackTensor);

impl safetensors::View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        match self.0.values {
            PackValues::F32(_) => Dtype::F32,
            PackValues::F64(_) => Dtype::F64,
            PackValues::U32(_) => Dtype::U32,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match &self.0.values {
            PackValues::F32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            PackValues::F64(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            PackValues::U32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    fn data_len(&self) -> usize {
        match &self.0.values {
            PackValues::F32(values) => values.len() * 4,
            PackValues::F64(values) => values.len() * 8,
            PackValues::U32(values) => values.len() * 4,
        }
    }
}

/// Number of values of a tensor.
pub(crate) fn num_values(tensor: &PackTensor) -> usize {
    match &tensor.values {
        PackValues::F32(values) => values.len(),
        PackValues::F64(values) => values.len(),
        PackValues::U32(values) => values.len(),
    }
}

/// The bytes of a tensor file; `file` is named in errors.
pub(crate) fn to_bytes(
    file: &Path,
    tensors: &BTreeMap<String, PackTensor>,
) -> Result<Vec<u8>, ArtifactError> {
    let stored = tensors.iter().map(|(name, tensor)| (name, Stored(tensor)));
    safetensors::serialize(stored, None).map_err(|source| ArtifactError::Tensors {
        file: file.to_owned(),
        source,
    })
}

/// Reads a tensor file that may come from anyone; its numbers stay where they lie.
pub(crate) fn parse(
    file: &Path,
    memory: &SharedBytes,
) -> Result<BTreeMap<String, PackTensor>, ArtifactError> {
    let too_large = |what, got: u64, limit: u64| ArtifactError::TooLarge {
        file: file.to_owned(),
        what,
        got,
        limit,
    };
    let bytes: &[u8] = (**memory).as_ref();
    if let Some(length) = bytes.first_chunk::<8>() {
        let header = u64::from_le_bytes(*length);
        if header > MOST_HEADER_BYTES {
            return Err(too_large("header bytes", header, MOST_HEADER_BYTES));
        }
    }
    let stored = SafeTensors::deserialize(bytes).map_err(|source| ArtifactError::Tensors {
        file: file.to_owned(),
        source,
    })?;
    if stored.len() > MOST_TENSORS {
        let got = stored.len() as u64;
        return Err(too_large("tensors", got, MOST_TENSORS as u64));
    }
    let mut tensors = BTreeMap::new();
    for (name, view) in stored.iter() {
        if name.len() > MOST_NAME_BYTES {
            let got = name.len() as u64;
            return Err(too_large(
                "bytes in a tensor name",
                got,
                MOST_NAME_BYTES as u64,
            ));
        }
        if view.shape().len() > MOST_AXES {
            let got = view.shape().len() as u64;
            return Err(too_large("axes in a tensor", got, MOST_AXES as u64));
        }
        tensors.insert(name.to_owned(), tensor(file, name, &view, memory)?);
    }
    Ok(tensors)
}

fn tensor(
    file: &Path,
    name: &str,
    view: &TensorView<'_>,
    memory: &SharedBytes,
) -> Result<PackTensor, ArtifactError> {
    let values = match view.dtype() {
        Dtype::F32 => numbers(view, memory).map(PackValues::F32),
        Dtype::F64 => numbers(view, memory).map(PackValues::F64),
        Dtype::U32 => numbers(view, memory).map(PackValues::U32),
        _ => None,
    };
    let values = values.ok_or_else(|| ArtifactError::TensorKind {
        file: file.to_owned(),
        got: format!("{name:?} of {}", view.dtype()),
    })?;
    Ok(PackTensor {
        shape: view.shape().to_vec(),
        values,
    })
}

/// The numbers of a view of this memory.
fn numbers<T: Number>(view: &TensorView<'_>, memory: &SharedBytes) -> Option<Numbers<T>> {
    let data = view.data().as_ptr_range();
    let start = data.start.addr() - (**memory).as_ref().as_ptr().addr();
    Numbers::shared(memory, start..start + view.data().len())
}
