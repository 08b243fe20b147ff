//! Memory that is kept and reused: after the first step of a training no page is asked from the system again.
//!
//! Buffers come in size classes (at most an eighth is wasted), so batches of slightly different lengths share memory.
//! The idle memory never exceeds the largest amount that was in use at one time.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{LazyLock, Mutex, MutexGuard};

use schema::Numbers;

/// Below this length the allocator of the system is as fast as the pool.
const SMALLEST_POOLED: usize = 1024;

#[derive(Default)]
struct Pool {
    /// Idle blocks by their length, which is a size class.
    idle: HashMap<usize, Vec<Vec<f32>>>,
    num_idle: usize,
    num_live: usize,
    most_live: usize,
}

static POOL: LazyLock<Mutex<Pool>> = LazyLock::new(Mutex::default);

fn pool() -> MutexGuard<'static, Pool> {
    // The pool is a plain list: a panic elsewhere while it is locked leaves it usable.
    POOL.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Smallest size class that holds `len` values: a power of two times 8/8 to 15/8.
fn size_class(len: usize) -> usize {
    let step = (len.next_power_of_two() / 16).max(1);
    len.div_ceil(step) * step
}

/// Gives all idle memory back to the system. Never needed; useful between two unlike jobs in one process.
pub fn release_idle_memory() {
    let mut pool = pool();
    pool.idle.clear();
    pool.num_idle = 0;
    pool.most_live = pool.num_live;
    drop(pool);
    trim();
}

/// Has the allocator give back what is free inside of its arenas: it does so by itself only at their ends, and what a
/// job leaves behind there stays resident while the next one asks for other sizes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(
    unsafe_code,
    reason = "a function of the C library that std does not offer"
)]
fn trim() {
    unsafe extern "C" {
        fn malloc_trim(pad: usize) -> std::ffi::c_int;
    }
    // SAFETY: glibc's malloc_trim(3) may be called from any thread at any time; it touches free memory only.
    unsafe { malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}

/// Bytes that live buffers hold now, and bytes that lie idle for reuse.
pub fn memory_bytes() -> (usize, usize) {
    let pool = pool();
    let bytes = size_of::<f32>();
    (pool.num_live * bytes, pool.num_idle * bytes)
}

/// A block of `f32` from the pool, whose memory goes back there when it is dropped, or numbers of others.
pub(crate) struct Buffer {
    /// Empty while the numbers are another's.
    block: Vec<f32>,
    /// Numbers that lie elsewhere, such as in a mapped file; the first write copies them.
    shared: Option<Numbers<f32>>,
    len: usize,
}

impl Buffer {
    /// Room for `len` values. What stands in it is **unspecified** (old values): the caller writes all of it.
    pub(crate) fn scratch(len: usize) -> Self {
        if len < SMALLEST_POOLED {
            return Self::owned(vec![0.0; len], len);
        }
        let class = size_class(len);
        let mut pool = pool();
        pool.num_live += class;
        pool.most_live = pool.most_live.max(pool.num_live);
        let kept = pool.idle.get_mut(&class).and_then(Vec::pop);
        if kept.is_some() {
            pool.num_idle -= class;
        }
        drop(pool);
        // A new block is zeroed lazily by the system, page by page as it is first touched.
        let block = kept.unwrap_or_else(|| vec![0.0; class]);
        Self::owned(block, len)
    }

    fn owned(block: Vec<f32>, len: usize) -> Self {
        Self {
            block,
            shared: None,
            len,
        }
    }

    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let mut buffer = Self::scratch(len);
        buffer.fill(0.0);
        buffer
    }

    /// A copy of `values`.
    pub(crate) fn copy_of(values: &[f32]) -> Self {
        let mut buffer = Self::scratch(values.len());
        buffer.copy_from_slice(values);
        buffer
    }

    /// Takes over a vector without a copy.
    pub(crate) fn from_vec(block: Vec<f32>) -> Self {
        let len = block.len();
        if len >= SMALLEST_POOLED {
            let mut pool = pool();
            pool.num_live += len;
            pool.most_live = pool.most_live.max(pool.num_live);
        }
        Self::owned(block, len)
    }

    /// Numbers without a copy: taken over if they are owned, read where they lie if they are shared.
    pub(crate) fn from_numbers(numbers: Numbers<f32>) -> Self {
        if !numbers.is_shared() {
            return Self::from_vec(numbers.into_vec());
        }
        Self {
            len: numbers.len(),
            block: Vec::new(),
            shared: Some(numbers),
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let class = self.block.len();
        if class < SMALLEST_POOLED {
            return;
        }
        let mut pool = pool();
        pool.num_live -= class;
        if class == size_class(class) && pool.num_idle + class <= pool.most_live {
            pool.num_idle += class;
            let block = std::mem::take(&mut self.block);
            pool.idle.entry(class).or_default().push(block);
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        match &self.shared {
            None => &self.block[..self.len],
            Some(numbers) => numbers,
        }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        if let Some(numbers) = self.shared.take() {
            *self = Self::copy_of(&numbers);
        }
        &mut self.block[..self.len]
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::copy_of(self)
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} values)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_waste_at_most_an_eighth() {
        for len in [1024, 1025, 1500, 4097, 65_535, 1_000_003] {
            let class = size_class(len);
            assert!(class >= len && class - len <= len / 8, "{len} -> {class}");
            assert_eq!(size_class(class), class);
        }
    }

    #[test]
    fn writing_leaves_shared_numbers_alone() {
        let bytes = [1.0_f32, 2.0].map(f32::to_le_bytes).concat();
        let memory: schema::SharedBytes = std::sync::Arc::new(bytes);
        let numbers = Numbers::shared(&memory, 0..8).unwrap();
        let mut buffer = Buffer::from_numbers(numbers.clone());
        assert_eq!(*buffer, [1.0, 2.0]);
        buffer[0] = 5.0;
        assert_eq!((&*buffer, &*numbers), (&[5.0, 2.0][..], &[1.0, 2.0][..]));
    }

    #[test]
    fn a_block_is_used_again() {
        // Idle memory of tests in parallel must leave room for the block.
        release_idle_memory();
        let _room = Buffer::scratch(8 << 20);
        // A length that no other test uses, so that they do not take the block away.
        let first = Buffer::scratch(777_777);
        let address = first.as_ptr();
        drop(first);
        assert_eq!(Buffer::scratch(777_700).as_ptr(), address);
    }
}
