//! Keeps files readable: a source file that grew past the limit wants to be two rooms.

use std::{fs, path::Path};

/// Lines of a source file without its inline tests.
const MOST_LINES: usize = 600;

/// Checks every Rust file of the workspace.
pub(crate) fn check() -> Result<(), String> {
    let mut long = Vec::new();
    for root in ["crates", "xtask", "examples", "benches"] {
        walk(Path::new(root), &mut long)?;
    }
    if long.is_empty() {
        Ok(())
    } else {
        Err(long.join("\n"))
    }
}

fn walk(folder: &Path, long: &mut Vec<String>) -> Result<(), String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry
            .map_err(|error| format!("{}: {error}", folder.display()))?
            .path();
        if path.is_dir() {
            walk(&path, long)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            let lines = text
                .split("#[cfg(test)]\nmod tests")
                .next()
                .unwrap_or_default()
                .lines()
                .count();
            if lines > MOST_LINES {
                long.push(format!(
                    "{} has {lines} lines, expected at most {MOST_LINES}",
                    path.display()
                ));
            }
        }
    }
    Ok(())
}
