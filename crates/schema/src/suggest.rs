//! The nearest valid name for a name that a person typed.

/// The candidate nearest to `name`, if any is near enough to be a likely slip.
pub fn closest<'a, S: AsRef<str>>(name: &str, candidates: &'a [S]) -> Option<&'a str> {
    // Below this Jaro-Winkler similarity two names merely share letters; found by trying slips of our own names.
    const LIKELY_SLIP: f64 = 0.75;
    let lower = name.to_lowercase();
    candidates
        .iter()
        .map(|candidate| {
            let candidate = candidate.as_ref();
            (
                strsim::jaro_winkler(&lower, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(similarity, _)| *similarity >= LIKELY_SLIP)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// The tail of an error about an unknown name: `; closest "x" (known: x, y)`.
pub fn known<S: AsRef<str>>(name: &str, candidates: &[S]) -> String {
    let list = candidates
        .iter()
        .map(AsRef::as_ref)
        .collect::<Vec<_>>()
        .join(", ");
    match closest(name, candidates) {
        Some(near) => format!("; closest \"{near}\" (known: {list})"),
        None => format!(" (known: {list})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_nonsense_does_not() {
        let names = ["concat", "gated", "transformer", "late"];
        assert_eq!(closest("transfomer", &names), Some("transformer"));
        assert_eq!(closest("Concat", &names), Some("concat"));
        assert_eq!(closest("zzz", &names), None);
        assert_eq!(known("zzz", &names[..2]), " (known: concat, gated)");
    }
}
