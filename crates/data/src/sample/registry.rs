//! Every generated set, one line each.

use super::{
    Set, clips::Clips, patients::Patients, posts::Posts, seed::SeedDocument, sentiment::Sentiment,
};

/// In the order in which `list` shows them.
pub(super) static SETS: &[&dyn Set] = &[&Posts, &Clips, &Sentiment, &Patients, &SeedDocument];
