//! Room for packed panels that every thread keeps: no lock, no page faults after the first products.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

/// Cells of a cache line.
pub(super) const LINE: usize = 16;
/// Blocks that a thread keeps: one of each size that is in use at one time.
const KEPT: usize = 4;

thread_local! {
    static IDLE: Cell<[Vec<f32>; KEPT]> = const { Cell::new([const { Vec::new() }; KEPT]) };
}

/// Room for some cells that begins with a cache line. What stands in it is unspecified.
pub(super) struct Scratch {
    block: Vec<f32>,
    start: usize,
    len: usize,
}

impl Scratch {
    pub(super) fn new(len: usize) -> Self {
        if len == 0 {
            return Self {
                block: Vec::new(),
                start: 0,
                len,
            };
        }
        let mut idle = IDLE.take();
        let room = len + LINE;
        // The smallest that is large enough, or else the largest, which grows.
        let fits = |block: &Vec<f32>| block.len() >= room;
        let best = (0..KEPT).min_by_key(|&at| {
            let block = &idle[at];
            (!fits(block), block.len().abs_diff(room))
        });
        let mut block = best.map_or_else(Vec::new, |at| std::mem::take(&mut idle[at]));
        IDLE.set(idle);
        if block.len() < room {
            block = vec![0.0; room];
        }
        let start = block
            .as_ptr()
            .align_offset(LINE * size_of::<f32>())
            .min(LINE);
        Self { block, start, len }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.block.is_empty() {
            return;
        }
        // A thread that ends has no place to keep it.
        let _ = IDLE.try_with(|kept| {
            let mut idle = kept.take();
            if let Some(smallest) = idle.iter_mut().min_by_key(|block| block.len())
                && smallest.len() < self.block.len()
            {
                *smallest = std::mem::take(&mut self.block);
            }
            kept.set(idle);
        });
    }
}

impl Deref for Scratch {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.block[self.start..][..self.len]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.block[self.start..][..self.len]
    }
}
