//! Every generated set, one line each.

use super::{Set, posts::Posts, seed::SeedDocument};

/// In the order in which `list` shows them.
pub(super) static SETS: &[&dyn Set] = &[&Posts, &SeedDocument];
