//! Parts of files that can be columns of their own: the input `video.sound` of a table that has only `video`.
//!
//! A part is either a track, whose cells are those of the column itself, decoded as another modality; or a field, a
//! short value in the head of the file. To add a kind of part: a [`Parts`] beside the modality that it belongs to, and
//! a line in [`KINDS`].

use std::sync::OnceLock;

use schema::Modality;

use super::{MediaError, Source, fields::DicomFields, sounds::Tracks};

/// Parts of one kind.
pub(crate) trait Parts: Sync + std::panic::RefUnwindSafe {
    /// What a kind is called in sentences, such as "sound track of videos".
    fn about(&self) -> &'static str;

    /// Their names, in an order that is always the same; no name has a dot.
    fn names(&self) -> Vec<&'static str>;

    /// What cells of the column itself are decoded as; `None` for fields.
    fn track(&self) -> Option<Modality>;

    /// Whether files of columns of a modality may hold them.
    fn may_be_in(&self, modality: Modality) -> bool;

    /// The value of each part in a file, in the order of the names; `None` where it is not there or cannot be read.
    /// A track that is there has an empty value.
    fn held(&self, source: &Source<'_>) -> Vec<Option<String>>;

    /// Whether an error of decoding a track says that a whole file has no such track.
    fn is_absence(&self, error: &MediaError) -> bool;
}

/// Every kind.
pub(crate) const KINDS: [&dyn Parts; 2] = [&Tracks, &DicomFields];

/// One part by name.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static dyn Parts,
}

impl Part {
    /// What cells of the column itself are decoded as; `None` for a field.
    pub(crate) fn track(&self) -> Option<Modality> {
        self.kind.track()
    }
}

/// The parts of all kinds, in an order that is always the same.
pub(crate) fn parts() -> &'static [Part] {
    static ALL: OnceLock<Vec<Part>> = OnceLock::new();
    ALL.get_or_init(|| {
        KINDS
            .into_iter()
            .flat_map(|kind| {
                let named = move |name| Part { name, kind };
                kind.names().into_iter().map(named)
            })
            .collect()
    })
}

/// The value of every part in a file, in the order of [`parts`]; tracks have none.
pub(crate) fn fields(source: &Source<'_>) -> Vec<Option<String>> {
    KINDS
        .into_iter()
        .flat_map(|kind| match kind.track() {
            Some(_) => vec![None; kind.names().len()],
            None => kind.held(source),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parts_differ_and_have_no_dot() {
        let mut names: Vec<&str> = parts().iter().map(|part| part.name).collect();
        assert!(names.iter().all(|name| !name.contains('.')));
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(names.contains(&"sound") && names.contains(&"PatientAge"));
    }
}
