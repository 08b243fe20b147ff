//! Where weights and inputs come from: a reference file that the peers read too, or random numbers.

use std::path::Path;

use engine::Tensor;
use engine::check::random_tensor;
use safetensors::{Dtype, SafeTensors};

/// Names in the file are those of `benches/peers/models.py`.
pub(crate) struct Source {
    bytes: Option<Vec<u8>>,
}

impl Source {
    /// Random numbers: what is measured hardly depends on them.
    pub(crate) fn random() -> Self {
        Self { bytes: None }
    }

    /// A file that `benches/peers/references.py` wrote.
    pub(crate) fn file(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        Self { bytes: Some(bytes) }
    }

    fn numbers<T>(&self, name: &str, dtype: Dtype, read: impl Fn([u8; 4]) -> T) -> Option<Vec<T>> {
        let file = SafeTensors::deserialize(self.bytes.as_ref()?).unwrap();
        let view = file.tensor(name).unwrap();
        assert_eq!(view.dtype(), dtype, "{name}");
        let words = view.data().as_chunks::<4>().0;
        Some(words.iter().map(|word| read(*word)).collect())
    }

    /// The values of a name, if there is a file.
    pub(crate) fn values(&self, name: &str) -> Option<Vec<f32>> {
        self.numbers(name, Dtype::F32, f32::from_le_bytes)
    }

    /// A tensor of this shape: from the file, or what `otherwise` gives.
    pub(crate) fn tensor(
        &self,
        name: &str,
        shape: &[usize],
        otherwise: impl FnOnce() -> Tensor,
    ) -> Tensor {
        match self.values(name) {
            Some(values) => Tensor::from_vec(shape, values).unwrap(),
            None => otherwise(),
        }
    }

    /// Numbers below `below`: from the file, or `len` random ones.
    pub(crate) fn integers(&self, name: &str, len: usize, below: usize) -> Vec<u32> {
        if let Some(bytes) = &self.bytes {
            let file = SafeTensors::deserialize(bytes).unwrap();
            let view = file.tensor(name).unwrap();
            assert_eq!(view.dtype(), Dtype::I64, "{name}");
            let words = view.data().as_chunks::<8>().0;
            let number = |word: &[u8; 8]| i64::from_le_bytes(*word) as u32;
            return words.iter().map(number).collect();
        }
        let half = below as f32 / 2.0;
        let numbers = random_tensor(&[len], 5);
        let number = |x: &f32| (((x + 1.0) * half) as u32).min(below as u32 - 1);
        numbers.data().iter().map(number).collect()
    }
}
