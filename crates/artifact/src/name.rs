//! File names that mean the same on every system and cannot leave their folder.

use std::collections::HashSet;

/// The manifest's own name.
pub(crate) const MANIFEST: &str = "manifest.json";

/// Longest file name that is read.
const MOST_BYTES: usize = 128;
/// Longest stem made from a part's name; the rest is for a number and the ending.
const MOST_STEM_BYTES: usize = 80;
/// Longest part name.
pub(crate) const MOST_PART_BYTES: usize = 200;

/// Whether a name is one file in this folder: ASCII letters, digits, `_`, `-` and inner dots.
pub(crate) fn is_plain(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty()
        && name.len() <= MOST_BYTES
        && !name.starts_with('.')
        && !name.ends_with('.')
        && name.bytes().all(is_allowed)
}

/// Makes a file stem of a part's name, whatever people call their experts; two parts never share one, even where
/// upper and lower case are the same.
pub(crate) fn stem_for(part: &str, taken: &mut HashSet<String>) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' || c == '-' {
            c
        } else {
            '_'
        }
    };
    let base: String = part.chars().map(plain).take(MOST_STEM_BYTES).collect();
    // Names that Windows keeps for devices, and the manifest's, get a number like any name that is taken.
    let mut stem = base.clone();
    let mut number = 2;
    while is_reserved(&stem) || !taken.insert(stem.to_lowercase()) {
        stem = format!("{base}_{number}");
        number += 1;
    }
    stem
}

fn is_reserved(stem: &str) -> bool {
    let stem = stem.to_lowercase();
    let is_port = |prefix: &str| {
        let number = stem.strip_prefix(prefix);
        number.is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
    };
    ["manifest", "con", "prn", "aux", "nul"].contains(&stem.as_str())
        || is_port("com")
        || is_port("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_within_the_folder_are_plain() {
        for name in ["joint.json", "text_ngram.safetensors", "a-b.2.json"] {
            assert!(is_plain(name), "{name}");
        }
        let long = "a".repeat(MOST_BYTES + 1);
        for name in [
            "",
            ".",
            "..",
            "../a",
            "a/b",
            "a\\b",
            "/etc/passwd",
            "C:a",
            ".hidden",
            "a\0",
            "a.",
            "ä",
            &long,
        ] {
            assert!(!is_plain(name), "{name}");
        }
    }

    #[test]
    fn every_part_gets_a_stem_of_its_own() {
        let mut taken = HashSet::new();
        let mut stem = |part| stem_for(part, &mut taken);
        assert_eq!(stem("joint"), "joint");
        assert_eq!(stem("Joint"), "Joint_2");
        assert_eq!(stem("joint/image"), "joint_image");
        assert_eq!(stem("joint image"), "joint_image_2");
        assert_eq!(stem("manifest"), "manifest_2");
        assert_eq!(stem("nul"), "nul_2");
        assert_eq!(stem("../ä"), "____");
        assert!(is_plain(&format!("{}.safetensors", stem(&"x".repeat(200)))));
    }
}
