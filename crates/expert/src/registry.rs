//! The kinds of expert: one line each.

use crate::{
    ExpertError, Kind, boost::BoostKind, image_feature::ImageFeatureKind, network::NetworkKind,
    table::TableKind, text_ngram::TextNgramKind,
};

/// Every kind, cheapest first.
pub const KINDS: &[&dyn Kind] = &[
    &TextNgramKind,
    &TableKind,
    &BoostKind,
    &ImageFeatureKind,
    &NetworkKind,
];

/// The kind of a name.
///
/// # Errors
/// [`ExpertError::NoKind`] with the closest name.
pub fn by_name(name: &str) -> Result<&'static dyn Kind, ExpertError> {
    KINDS
        .iter()
        .copied()
        .find(|kind| kind.name() == name)
        .ok_or_else(|| ExpertError::NoKind {
            name: name.to_owned(),
            known: KINDS.iter().map(|kind| kind.name().to_owned()).collect(),
        })
}
