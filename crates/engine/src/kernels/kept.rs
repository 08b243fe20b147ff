//! What a device keeps of a weight that does not change, such as its packed panels.

use std::any::Any;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// A place beside a weight where a device keeps what it made of it. Whoever changes the weight replaces the place.
#[derive(Default)]
pub(crate) struct Kept {
    was_used: AtomicBool,
    made: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Kept {
    /// What was kept. It is made when the weight is used for the second time: a program that answers once would pay for
    /// nothing.
    pub(crate) fn get<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Option<&T> {
        if !self.was_used.swap(true, Ordering::Relaxed) {
            return None;
        }
        self.made.get_or_init(|| Box::new(make())).downcast_ref()
    }
}

/// The values of a weight, and the place where something may be kept for them.
#[derive(Clone, Copy)]
pub(crate) struct Weight<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) kept: Option<&'a Kept>,
}
