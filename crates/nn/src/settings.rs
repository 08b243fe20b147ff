//! Settings tables to typed configurations, with every mistake named at its key.

use schema::{Code, Problem, Settings, known};
use serde::{Serialize, de::DeserializeOwned};

/// Reads the settings of a component, placed at a dotted key for messages; checks nothing but form.
pub type Parse<C> = fn(&Settings, &str) -> Result<Box<C>, Vec<Problem>>;

/// Reads a component's configuration; every key has a default, so each wrong key is found on its own.
///
/// # Errors
/// One problem a wrong key, placed at `place.key`.
pub(crate) fn parse<C: DeserializeOwned>(
    settings: &Settings,
    place: &str,
) -> Result<C, Vec<Problem>> {
    let whole = match settings.clone().try_into::<C>() {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    let mut problems = Vec::new();
    for (key, value) in settings {
        let mut alone = Settings::new();
        alone.insert(key.clone(), value.clone());
        if let Err(error) = alone.try_into::<C>() {
            problems.push(explain(error.message(), value).at(format!("{place}.{key}")));
        }
    }
    if problems.is_empty() {
        problems.push(Problem::new(Code::Config, whole.message().to_owned()).at(place));
    }
    Err(problems)
}

/// The settings table of a configuration.
///
/// # Errors
/// If a value has no form in TOML.
pub(crate) fn table<C: Serialize>(config: &C) -> Result<Settings, Vec<Problem>> {
    Settings::try_from(config).map_err(|error| {
        let what = format!("configuration does not serialise: {error}");
        vec![Problem::new(Code::Internal, what)]
    })
}

/// Removes a text value such as `type`.
///
/// # Errors
/// If it is there but no text.
pub(crate) fn take_text(
    settings: &mut Settings,
    key: &str,
    place: &str,
) -> Result<Option<String>, Vec<Problem>> {
    match settings.remove(key) {
        None => Ok(None),
        Some(toml::Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(vec![
            Problem::new(Code::Config, "wrong kind of value")
                .at(format!("{place}.{key}"))
                .expected("a text")
                .got(other.to_string()),
        ]),
    }
}

/// A name that no registry row has, with the nearest that has one.
pub(crate) fn unknown(kind: &str, name: &str, names: &[&str], place: &str) -> Problem {
    Problem::new(
        Code::Config,
        format!("no {kind} \"{name}\"{}", known(name, names)),
    )
    .at(place)
}

/// Serde's own sentence, with the nearest name where it lists candidates.
fn explain(message: &str, value: &toml::Value) -> Problem {
    let sentence = message.lines().next().unwrap_or_default().trim();
    let mut quoted = sentence.split('`').skip(1).step_by(2);
    let unknown_kind = ["unknown field", "unknown variant"]
        .into_iter()
        .find(|start| sentence.starts_with(start));
    match (unknown_kind, quoted.next()) {
        (Some(kind), Some(name)) => {
            let candidates: Vec<&str> = quoted.collect();
            let kind = if kind == "unknown field" {
                "setting"
            } else {
                "value"
            };
            Problem::new(
                Code::Config,
                format!("no {kind} \"{name}\"{}", known(name, &candidates)),
            )
        }
        _ => Problem::new(Code::Config, sentence.to_owned()).got(value.to_string()),
    }
}

/// Collects the settings of one component that lie outside their range.
#[derive(Debug)]
pub struct Check {
    place: String,
    problems: Vec<Problem>,
}

impl Check {
    /// Nothing found yet at a dotted place such as `encoders.photo`.
    pub fn new(place: &str) -> Self {
        Self {
            place: place.to_owned(),
            problems: Vec::new(),
        }
    }

    /// A count or width must lie in a closed range.
    pub fn count(&mut self, key: &str, got: usize, least: usize, most: usize) -> &mut Self {
        let holds = (least..=most).contains(&got);
        self.claim(key, holds, &format!("{least} to {most}"), got)
    }

    /// A rate must lie in [0, 1).
    pub fn rate(&mut self, key: &str, got: f64) -> &mut Self {
        let holds = (0.0..1.0).contains(&got);
        self.claim(key, holds, "0 to below 1", got)
    }

    /// A number must lie in a closed range.
    pub fn number(&mut self, key: &str, got: f64, least: f64, most: f64) -> &mut Self {
        let holds = (least..=most).contains(&got);
        self.claim(key, holds, &format!("{least} to {most}"), got)
    }

    /// Any other condition.
    pub fn claim(
        &mut self,
        key: &str,
        holds: bool,
        expected: &str,
        got: impl std::fmt::Display,
    ) -> &mut Self {
        if !holds {
            let problem = Problem::new(Code::Config, "outside its range")
                .at(format!("{}.{key}", self.place))
                .expected(expected)
                .got(got.to_string());
            self.problems.push(problem);
        }
        self
    }

    /// Adds what a part of the component found.
    pub fn extend(&mut self, problems: Vec<Problem>) -> &mut Self {
        self.problems.extend(problems);
        self
    }

    /// Everything found, in the order of checking.
    pub fn finish(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Sample {
        embed_dim: usize,
        dropout_rate: f64,
        activation: crate::layer::ActivationKind,
    }

    fn problems(text: &str) -> Vec<String> {
        let settings: Settings = toml::from_str(text).unwrap();
        parse::<Sample>(&settings, "encoders.photo")
            .unwrap_err()
            .iter()
            .map(Problem::to_string)
            .collect()
    }

    #[test]
    fn every_wrong_key_is_found_at_once() {
        assert_eq!(
            problems("embed_dm = 3\ndropout_rate = \"x\"\nactivation = \"rely\""),
            [
                "encoders.photo.embed_dm: no setting \"embed_dm\"; closest \"embed_dim\" \
                 (known: embed_dim, dropout_rate, activation)",
                "encoders.photo.dropout_rate: invalid type: string \"x\", expected f64: got \"x\"",
                "encoders.photo.activation: no value \"rely\"; closest \"relu\" \
                 (known: none, relu, gelu, gelu_tanh, silu, sigmoid, tanh)",
            ]
        );
    }

    #[test]
    fn a_whole_number_is_a_fine_rate() {
        let settings: Settings = toml::from_str("dropout_rate = 0").unwrap();
        assert_eq!(parse::<Sample>(&settings, "x").unwrap(), Sample::default());
    }

    #[test]
    fn a_value_outside_its_range_says_the_range() {
        let found = Check::new("fusion")
            .count("embed_dim", 0, 1, 4096)
            .rate("dropout_rate", f64::NAN)
            .finish();
        assert_eq!(
            found[0].to_string(),
            "fusion.embed_dim: outside its range: expected 1 to 4096, got 0"
        );
        assert_eq!(found.len(), 2);
    }
}
