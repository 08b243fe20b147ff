//! Components that stand in a configuration as a name or as a table with `type`.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};

/// Reads `"name"` or `{ type = "name", .. }` as the table of the second form, its name put right by `usual_name`.
///
/// # Errors
/// If it is neither, or no name of `names`: then the nearest one is named.
pub(crate) fn read<'de, D: Deserializer<'de>>(
    deserializer: D,
    kind: &str,
    names: &[&str],
    usual_name: fn(&str) -> &str,
) -> Result<Map<String, Value>, D::Error> {
    let mut table = match Value::deserialize(deserializer)? {
        Value::String(name) => Map::from_iter([("type".to_owned(), Value::String(name))]),
        Value::Object(table) => table,
        other => {
            let message = format!("{kind}: expected a name or a table with `type`, got {other}");
            return Err(D::Error::custom(message));
        }
    };
    let typed = match table.get("type") {
        Some(Value::String(name)) => name.to_lowercase(),
        Some(other) => {
            return Err(D::Error::custom(format!(
                "{kind}.type: expected a name, got {other}"
            )));
        }
        None => {
            let list = names.join(", ");
            return Err(D::Error::custom(format!(
                "{kind}: `type` is missing (known: {list})"
            )));
        }
    };
    let name = usual_name(&typed);
    if !names.contains(&name) {
        let tail = schema::known(name, names);
        return Err(D::Error::custom(format!("no {kind} \"{name}\"{tail}")));
    }
    table.insert("type".to_owned(), Value::from(name));
    Ok(table)
}

/// The component of a table that [`read`] gave.
///
/// # Errors
/// If a key is unknown or of the wrong type.
pub(crate) fn parse<T: serde::de::DeserializeOwned, E: serde::de::Error>(
    kind: &str,
    table: Map<String, Value>,
) -> Result<T, E> {
    let name = table
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    serde_json::from_value(Value::Object(table))
        .map_err(|error| E::custom(format!("{kind} {name}: {error}")))
}
