//! `multifuse list`: what can be named in a configuration.

use multifuse::listing;
use schema::{Code, Problem, known};
use serde_json::{Map, Value};

use super::{args::List, output::Output};

pub(crate) fn run(options: &List, output: Output) -> Result<(), Problem> {
    let sections = listing();
    let names: Vec<&str> = sections.iter().map(|section| section.name).collect();
    let wanted: Vec<_> = match &options.what {
        None => sections.iter().collect(),
        Some(what) => {
            let found = sections
                .iter()
                .find(|section| section.name == what)
                .ok_or_else(|| {
                    Problem::new(
                        Code::Config,
                        format!(
                            "nothing to list by the name \"{what}\"{}",
                            known(what, &names)
                        ),
                    )
                })?;
            vec![found]
        }
    };
    let mut text = String::new();
    let mut value = Map::new();
    for section in wanted {
        let width = section
            .entries
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or(0);
        text.push_str(&format!("{}\n", section.name));
        for (name, about) in &section.entries {
            text.push_str(&format!("  {name:<width$}  {about}\n"));
        }
        let entries: Map<String, Value> = section
            .entries
            .iter()
            .map(|(name, about)| (name.clone(), Value::from(about.clone())))
            .collect();
        value.insert(section.name.to_owned(), Value::Object(entries));
    }
    output.result(text.trim_end(), &Value::Object(value))
}
