//! Numbers that are owned, or that lie in memory which others share.

use std::{fmt, ops::Deref, ops::Range, sync::Arc};

/// Memory that several hold together and nobody changes, such as a mapped file.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Kinds of numbers that files hold, little-endian.
pub trait Number: bytemuck::Pod {
    /// The number of its bytes; `bytes` are as long as the number.
    fn from_le(bytes: &[u8]) -> Self;
}

macro_rules! number {
    ($($kind:ty),*) => {$(
        impl Number for $kind {
            fn from_le(bytes: &[u8]) -> Self {
                let mut own = [0; size_of::<Self>()];
                own.copy_from_slice(bytes);
                Self::from_le_bytes(own)
            }
        }
    )*};
}

number!(f32, f64, u32);

/// A list of numbers that is read like a slice.
///
/// Opening a model borrows its numbers from the file, so that only those that are looked at are ever read.
#[derive(Clone)]
pub struct Numbers<T>(Place<T>);

#[derive(Clone)]
enum Place<T> {
    Owned(Vec<T>),
    /// Aligned for `T`, of a whole number of values, and in the order of bytes of this machine.
    Shared {
        memory: SharedBytes,
        range: Range<usize>,
    },
}

impl<T: Number> Numbers<T> {
    /// The little-endian numbers in a range of shared memory; `None` if it ends outside or within a number.
    ///
    /// They are copied only if they do not lie as this machine reads them.
    pub fn shared(memory: &SharedBytes, range: Range<usize>) -> Option<Self> {
        let all: &[u8] = (**memory).as_ref();
        let bytes = all.get(range.clone())?;
        if !bytes.len().is_multiple_of(size_of::<T>()) {
            return None;
        }
        let is_readable =
            cfg!(target_endian = "little") && bytemuck::try_cast_slice::<u8, T>(bytes).is_ok();
        Some(Self(if is_readable {
            Place::Shared {
                memory: Arc::clone(memory),
                range,
            }
        } else {
            Place::Owned(bytes.chunks_exact(size_of::<T>()).map(T::from_le).collect())
        }))
    }

    /// Whether they lie in memory of others.
    pub fn is_shared(&self) -> bool {
        matches!(self.0, Place::Shared { .. })
    }

    /// The numbers as a vector; copied if they are shared.
    pub fn into_vec(self) -> Vec<T> {
        match self.0 {
            Place::Owned(values) => values,
            Place::Shared { .. } => self.to_vec(),
        }
    }
}

impl<T: Number> Deref for Numbers<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Place::Owned(values) => values,
            Place::Shared { memory, range } => {
                bytemuck::cast_slice(&(**memory).as_ref()[range.clone()])
            }
        }
    }
}

impl<T> From<Vec<T>> for Numbers<T> {
    fn from(values: Vec<T>) -> Self {
        Self(Place::Owned(values))
    }
}

impl<T: Number + PartialEq> PartialEq for Numbers<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Number + fmt::Debug> fmt::Debug for Numbers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that start at a place of one's choice within eight.
    fn memory(values: &[f32], skip: usize) -> SharedBytes {
        let mut bytes = vec![0; skip];
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        Arc::new(bytes)
    }

    #[test]
    fn shared_numbers_read_like_owned_ones_wherever_they_lie() {
        let values = [1.5_f32, -0.0, f32::INFINITY];
        for skip in 0..8 {
            let shared = Numbers::<f32>::shared(&memory(&values, skip), skip..skip + 12).unwrap();
            assert_eq!(shared, Numbers::from(values.to_vec()));
            assert_eq!(shared.into_vec(), values);
        }
        let aligned = Numbers::<f32>::shared(&memory(&values, 4), 4..16).unwrap();
        assert_eq!(aligned.is_shared(), cfg!(target_endian = "little"));
    }

    #[test]
    fn a_range_outside_or_within_a_number_gives_nothing() {
        let memory = memory(&[1.0, 2.0], 0);
        assert!(Numbers::<f32>::shared(&memory, 4..12).is_none());
        assert!(Numbers::<f64>::shared(&memory, 0..4).is_none());
        assert_eq!(Numbers::<u32>::shared(&memory, 8..8).unwrap().len(), 0);
    }
}
