//! The kinds of expert: one line each.

use data::Form;
use schema::{Column, ExpertConfig};

use crate::{
    ExpertError, Kind, boost::BoostKind, image_feature::ImageFeatureKind,
    media_feature::MediaFeatureKind, network::NetworkKind, table::TableKind,
    text_ngram::TextNgramKind,
};

/// Every kind, cheapest first.
pub const KINDS: &[&dyn Kind] = &[
    &TextNgramKind,
    &TableKind,
    &BoostKind,
    &MediaFeatureKind,
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

/// Every form in which some experts will ask for media among the columns, each once.
///
/// # Errors
/// [`ExpertError::NoKind`], or wrong settings.
pub fn forms<'a>(
    experts: impl IntoIterator<Item = &'a ExpertConfig>,
    columns: &[Column],
) -> Result<Vec<Form>, ExpertError> {
    let mut forms = Vec::new();
    for expert in experts {
        forms.extend(by_name(&expert.kind)?.forms(expert, columns)?);
    }
    forms.sort_unstable();
    forms.dedup();
    Ok(forms)
}
