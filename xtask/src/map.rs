//! Proves the order of the rooms: `members` in `Cargo.toml` stand in the order data flows, and a crate may depend
//! only on crates that stand above it.

use std::process::Command;

use serde_json::Value;

/// Checks every dependency between workspace crates.
pub(crate) fn check() -> Result<(), String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .map_err(|error| format!("cargo metadata does not start: {error}"))?;
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cargo metadata is not JSON: {error}"))?;
    let order = room_order()?;
    let wrong = wrong_arrows(&metadata, &order);
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

/// Folder names of the rooms as `members` lists them.
fn room_order() -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string("Cargo.toml")
        .map_err(|error| format!("run this in the repository root; Cargo.toml: {error}"))?;
    let members = text
        .split_once("members = [")
        .and_then(|(_, rest)| rest.split_once(']'))
        .map(|(members, _)| members)
        .ok_or("Cargo.toml has no `members` list")?;
    Ok(members
        .split(',')
        .filter_map(|member| {
            let path = member.trim().trim_matches('"');
            path.rsplit('/')
                .next()
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
        })
        .collect())
}

fn wrong_arrows(metadata: &Value, order: &[String]) -> Vec<String> {
    let place = |name: &str| {
        let folder = name.strip_prefix("multifuse-").unwrap_or(name);
        order.iter().position(|room| room == folder)
    };
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let Some(name) = package["name"].as_str() else {
            continue;
        };
        let Some(own) = place(name) else {
            wrong.push(format!("{name} stands in no `members` entry"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let target = dependency["name"].as_str().unwrap_or_default();
            let is_ours = dependency["path"].is_string();
            if is_ours && place(target).is_none_or(|other| other >= own) {
                wrong.push(format!(
                    "{name} depends on {target}, which does not stand above it"
                ));
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_upwards_is_found() {
        let metadata = serde_json::json!({"packages": [
            {"name": "multifuse-schema", "dependencies": [{"name": "multifuse-data", "path": "x"}]},
            {"name": "multifuse-data", "dependencies": [{"name": "multifuse-schema", "path": "x"}, {"name": "csv"}]},
        ]});
        let order = ["schema".to_owned(), "data".to_owned()];
        assert_eq!(
            wrong_arrows(&metadata, &order),
            ["multifuse-schema depends on multifuse-data, which does not stand above it"]
        );
    }
}
