//! `multifuse init`: a configuration with every setting, ready to edit.

use data::Table;
use multifuse::{Trainer, template};
use schema::Problem;
use serde_json::json;

use super::{
    args::{Common, Init},
    choices,
    output::Output,
};

pub(crate) fn run(options: &Init, common: &Common, output: Output) -> Result<(), Problem> {
    let text = match (&options.template, &options.data) {
        (Some(name), _) => template::by_name(name)?.text.to_owned(),
        (None, Some(data)) => {
            let mut config =
                choices::config(None, options.target.as_deref(), &options.choices, common)?;
            config.data.train = Some(data.clone());
            let trainer = choices::trainer(Trainer::from_config(config), &options.choices)?;
            trainer.commented_config(&Table::open(data)?)?
        }
        // The parser requires one of the two.
        (None, None) => String::new(),
    };
    output.result(&text, &json!({ "config": text }))
}
