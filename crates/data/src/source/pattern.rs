//! Several files by one name: `train-{000..004}.tar` and `{a,b}.csv`, as shells write them.

use std::path::{Path, PathBuf};

/// Files above which a pattern is taken for a name.
const MAX_FILES: usize = 100_000;

/// The names that a pattern stands for, in its order; the name itself where it is none.
pub(super) fn expand(path: &Path) -> Vec<PathBuf> {
    let names = path.to_str().and_then(expanded);
    names.map_or_else(
        || vec![path.to_owned()],
        |names| names.into_iter().map(PathBuf::from).collect(),
    )
}

fn expanded(name: &str) -> Option<Vec<String>> {
    let Some((before, rest)) = name.split_once('{') else {
        return Some(vec![name.to_owned()]);
    };
    let (inner, after) = rest.split_once('}')?;
    let choices = range(inner).or_else(|| list(inner))?;
    let ends = expanded(after)?;
    if choices.len().saturating_mul(ends.len()) > MAX_FILES {
        return None;
    }
    let names = choices
        .iter()
        .flat_map(|choice| ends.iter().map(move |end| format!("{before}{choice}{end}")));
    Some(names.collect())
}

/// `000..004`: numbers as wide as the wider end where one begins with a zero.
fn range(inner: &str) -> Option<Vec<String>> {
    let (first, last) = inner.split_once("..")?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u64>().ok()).flatten()
    };
    let (from, to) = (number(first)?, number(last)?);
    if from.abs_diff(to) >= MAX_FILES as u64 {
        return None;
    }
    let padded = |text: &str| text.len() > 1 && text.starts_with('0');
    let width = if padded(first) || padded(last) {
        first.len().max(last.len())
    } else {
        0
    };
    let name = |number: u64| format!("{number:0width$}");
    Some(if from <= to {
        (from..=to).map(name).collect()
    } else {
        (to..=from).rev().map(name).collect()
    })
}

fn list(inner: &str) -> Option<Vec<String>> {
    let is_list = inner.contains(',');
    is_list.then(|| inner.split(',').map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pattern: &str) -> Vec<String> {
        let paths = expand(Path::new(pattern));
        paths
            .iter()
            .map(|path| path.to_string_lossy().into_owned())
            .collect()
    }

    /// Expected values: `bash -c 'echo PATTERN'`.
    #[test]
    fn patterns_stand_for_the_names_that_a_shell_gives() {
        assert_eq!(
            names("a-{008..010}.tar"),
            ["a-008.tar", "a-009.tar", "a-010.tar"]
        );
        assert_eq!(names("a{9..11}"), ["a9", "a10", "a11"]);
        assert_eq!(names("a{2..0}"), ["a2", "a1", "a0"]);
        assert_eq!(
            names("{x,yy}/{0..1}.csv"),
            ["x/0.csv", "x/1.csv", "yy/0.csv", "yy/1.csv"]
        );
    }

    #[test]
    fn what_is_no_pattern_is_a_name() {
        for name in [
            "plain.tar",
            "a{b}.tar",
            "a{1..",
            "{0..99999999999}.tar",
            "{0..9999}{0..9999}",
        ] {
            assert_eq!(names(name), [name]);
        }
    }
}
