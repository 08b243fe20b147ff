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

/// Every template, one line each; those of generated sets bear their names.
pub const TEMPLATES: &[Template] = &[
    Template {
        name: "clips",
        about: "video analysis: a video and a sound to one of several events",
        text: include_str!("../templates/clips.toml"),
    },
    Template {
        name: "sentiment",
        about: "multimodal sentiment: text, voice and face to a class or a score in [-3, 3]",
        text: include_str!("../templates/sentiment.toml"),
    },
    Template {
        name: "patients",
        about: "healthcare: a picture, a series, a note and a record to ill or healthy, any of them missing",
        text: include_str!("../templates/patients.toml"),
    },
    Template {
        name: "seed",
        about: "the seed document's network: 100 token numbers and a 64x64 picture to one of two classes",
        text: include_str!("../templates/seed.toml"),
    },
];

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

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Config;

    #[test]
    fn every_template_is_a_configuration_of_a_generated_set_with_experts() {
        for template in TEMPLATES {
            let config = Config::parse(template.text).unwrap();
            assert!(!config.experts.is_empty(), "{}", template.name);
            assert!(data::sample::by_name(template.name).is_ok());
            assert_eq!(config.data.target.as_deref(), Some("label"));
            for name in &config.data.inputs {
                assert!(config.columns.contains_key(name), "{name}");
            }
        }
    }

    #[test]
    fn a_mistyped_name_gets_the_closest_template() {
        let problem = by_name("patient").err().unwrap();
        assert!(problem.what.contains("closest \"patients\""), "{problem}");
    }
}
