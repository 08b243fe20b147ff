//! Named configurations: `multifuse init --template NAME`.

use schema::{Code, Problem, known};

/// A named configuration.
pub struct Template {
    /// Name.
    pub name: &'static str,
    /// One sentence: what it trains.
    pub about: &'static str,
    /// The configuration as TOML.
    pub text: &'static str,
}

/// Every template, one line each.
pub const TEMPLATES: &[Template] = &[Template {
    name: "seed",
    about: "the seed document's network: 100 token numbers and a 64x64 picture to one of two classes",
    text: include_str!("../templates/seed.toml"),
}];

/// The template of a name.
///
/// # Errors
/// With the nearest name, if there is none.
pub fn by_name(name: &str) -> Result<&'static Template, Problem> {
    TEMPLATES
        .iter()
        .find(|template| template.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = TEMPLATES.iter().map(|template| template.name).collect();
            Problem::new(
                Code::Config,
                format!("no template \"{name}\"{}", known(name, &names)),
            )
        })
}
