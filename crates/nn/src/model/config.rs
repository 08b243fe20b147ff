//! The settings of a network, from an expert's settings table.

use std::collections::BTreeMap;

use schema::{Code, Column, Modality, Preparation, Problem, Settings, Task, known};
use serde::{Deserialize, Serialize};

use crate::{
    NnError,
    encoder::{self, EncoderConfig, EncoderRow},
    fusion::{self, FUSIONS, FusionConfig, FusionRow},
    head::HeadConfig,
    loss::LossConfig,
    settings::{self, Check},
};

/// The settings of a network. Every key has a default, so an empty table is the recipe's joint network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkConfig {
    /// Width to which embeddings are projected, where they are; 1 to 65536, default 128.
    pub embed_dim: usize,
    /// How often a present modality is hidden in training, in [0, 1), default 0.15.
    pub modality_dropout_rate: f64,
    /// Weight of the loss of each input's own head, 0 (no such heads) to 10, default 0.5. With more than two inputs
    /// their sum is kept at that of two.
    pub aux_weight: f64,
    /// Dropout before each input's own head, in [0, 1), default 0.3.
    pub aux_dropout_rate: f64,
    /// Settings of encoders by column; a column that is not named gets the usual encoder of its modality.
    /// Beside the encoder's own keys: `type`, and `project` (whether to project to `embed_dim`; by default only
    /// where the fusion needs one width).
    pub encoders: BTreeMap<String, Settings>,
    /// Settings of the fusion with its `type`, default `concat`.
    pub fusion: Settings,
    /// Settings of the head; `type` is the task's name and may be left out.
    pub head: Settings,
    /// Settings of the loss with its `type`, default `auto`.
    pub loss: Settings,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            embed_dim: 128,
            modality_dropout_rate: 0.15,
            aux_weight: 0.5,
            aux_dropout_rate: 0.3,
            encoders: BTreeMap::new(),
            fusion: Settings::new(),
            head: Settings::new(),
            loss: Settings::new(),
        }
    }
}

/// An encoder as chosen for a column.
pub(super) struct EncoderChoice {
    pub(super) row: &'static EncoderRow,
    pub(super) config: Box<dyn EncoderConfig>,
    /// `None` to leave it to the fusion.
    pub(super) project: Option<bool>,
}

impl NetworkConfig {
    /// The keys that belong to the network in an expert's settings; every other key is somebody else's.
    pub const KEYS: &'static [&'static str] = &[
        "embed_dim",
        "modality_dropout_rate",
        "aux_weight",
        "aux_dropout_rate",
        "encoders",
        "fusion",
        "head",
        "loss",
    ];

    /// Reads a table that holds nothing but [`NetworkConfig::KEYS`]; checks nothing but form.
    ///
    /// # Errors
    /// [`NnError::Settings`] with one problem a wrong key.
    pub fn parse(table: &Settings) -> Result<Self, NnError> {
        settings::parse(table, "network").map_err(|problems| {
            let unplaced = |mut problem: Problem| {
                problem.place = problem.place.replacen("network.", "", 1);
                problem
            };
            NnError::Settings(problems.into_iter().map(unplaced).collect())
        })
    }

    /// Takes the network's keys out of an expert's settings and leaves the others.
    ///
    /// # Errors
    /// As [`NetworkConfig::parse`].
    pub fn take(table: &mut Settings) -> Result<Self, NnError> {
        let mut own = Settings::new();
        for key in Self::KEYS {
            if let Some(value) = table.remove(*key) {
                own.insert((*key).to_owned(), value);
            }
        }
        Self::parse(&own)
    }

    /// What the data room must make of a column.
    ///
    /// # Errors
    /// [`NnError::Settings`] if the column's encoder is unknown, cannot read the modality, or has wrong settings.
    pub fn preparation(&self, column: &str, modality: Modality) -> Result<Preparation, NnError> {
        let choice = self.encoder(column, modality).map_err(NnError::Settings)?;
        Ok(choice.config.preparation())
    }

    /// Everything that is wrong for these input columns and this task.
    pub fn check(&self, inputs: &[Column], task: Task) -> Vec<Problem> {
        let mut check = Check::new("network");
        check
            .count("embed_dim", self.embed_dim, 1, 65_536)
            .rate("modality_dropout_rate", self.modality_dropout_rate)
            .number("aux_weight", self.aux_weight, 0.0, 10.0)
            .rate("aux_dropout_rate", self.aux_dropout_rate);
        let mut problems = check.finish();
        for problem in &mut problems {
            problem.place = problem.place.replacen("network.", "", 1);
        }
        let names: Vec<&str> = inputs.iter().map(|column| column.name.as_str()).collect();
        for name in self
            .encoders
            .keys()
            .filter(|name| !names.contains(&name.as_str()))
        {
            let what = format!("no input column \"{name}\"{}", known(name, &names));
            problems.push(Problem::new(Code::Config, what).at(format!("encoders.{name}")));
        }
        for column in inputs {
            match self.encoder(&column.name, column.modality) {
                Err(found) => problems.extend(found),
                Ok(choice) => {
                    problems.extend(choice.config.check(&format!("encoders.{}", column.name)));
                }
            }
        }
        match self.fusion() {
            Err(found) => problems.extend(found),
            Ok((_, config)) => problems.extend(config.check("fusion", self.embed_dim)),
        }
        match self.head(task) {
            Err(found) => problems.extend(found),
            Ok(head) => problems.extend(head.check("head")),
        }
        match LossConfig::parse(&self.loss, "loss") {
            Err(found) => problems.extend(found),
            Ok(loss) => problems.extend(loss.check("loss", task)),
        }
        problems
    }

    /// The same network with every setting written out.
    ///
    /// # Errors
    /// [`NnError::Settings`] if [`NetworkConfig::check`] finds something.
    pub fn complete(&self, inputs: &[Column], task: Task) -> Result<Self, NnError> {
        let problems = self.check(inputs, task);
        if !problems.is_empty() {
            return Err(NnError::Settings(problems));
        }
        self.written_out(inputs, task).map_err(NnError::Settings)
    }

    fn written_out(&self, inputs: &[Column], task: Task) -> Result<Self, Vec<Problem>> {
        let mut complete = self.clone();
        let (row, config) = self.fusion()?;
        for column in inputs {
            let choice = self.encoder(&column.name, column.modality)?;
            let mut table = named(choice.row.name, choice.config.table()?);
            let project = choice.project.unwrap_or(row.needs_one_width);
            table.insert("project".to_owned(), toml::Value::Boolean(project));
            complete.encoders.insert(column.name.clone(), table);
        }
        complete.fusion = named(row.name, config.table()?);
        complete.head = named(task.name(), settings::table(&self.head(task)?)?);
        let loss = LossConfig::parse(&self.loss, "loss")?;
        complete.loss = settings::table(&loss)?;
        Ok(complete)
    }

    /// The encoder of a column.
    pub(super) fn encoder(
        &self,
        column: &str,
        modality: Modality,
    ) -> Result<EncoderChoice, Vec<Problem>> {
        let place = format!("encoders.{column}");
        let mut table = self.encoders.get(column).cloned().unwrap_or_default();
        let name = settings::take_text(&mut table, "type", &place)?;
        let row = match &name {
            Some(name) => encoder::find(name, &format!("{place}.type"))?,
            None => encoder::default_for(modality).ok_or_else(|| {
                let what = format!("no encoder reads {modality}");
                vec![Problem::new(Code::Config, what).at(&place)]
            })?,
        };
        if !encoder::reads(row, modality) {
            let what = format!("encoder \"{}\" does not read {modality}", row.name);
            let fitting = encoder::ENCODERS
                .iter()
                .filter(|row| encoder::reads(row, modality))
                .map(|row| row.name)
                .collect::<Vec<_>>()
                .join(", ");
            return Err(vec![
                Problem::new(Code::Config, what)
                    .at(format!("{place}.type"))
                    .expected(fitting),
            ]);
        }
        let project = match table.remove("project") {
            None => None,
            Some(toml::Value::Boolean(project)) => Some(project),
            Some(other) => {
                return Err(vec![
                    Problem::new(Code::Config, "wrong kind of value")
                        .at(format!("{place}.project"))
                        .expected("true or false")
                        .got(other.to_string()),
                ]);
            }
        };
        let config = (row.parse)(&table, &place)?;
        Ok(EncoderChoice {
            row,
            config,
            project,
        })
    }

    /// The fusion.
    pub(super) fn fusion(
        &self,
    ) -> Result<(&'static FusionRow, Box<dyn FusionConfig>), Vec<Problem>> {
        let mut table = self.fusion.clone();
        let row = match settings::take_text(&mut table, "type", "fusion")? {
            Some(name) => fusion::find(&name, "fusion.type")?,
            None => &FUSIONS[0],
        };
        Ok((row, (row.parse)(&table, "fusion")?))
    }

    /// The head's settings.
    pub(super) fn head(&self, task: Task) -> Result<HeadConfig, Vec<Problem>> {
        let mut table = self.head.clone();
        if let Some(name) = settings::take_text(&mut table, "type", "head")?
            && name != task.name()
        {
            let problem = settings::unknown(
                &format!("head for task {task}"),
                &name,
                &[task.name()],
                "head.type",
            );
            return Err(vec![problem]);
        }
        settings::parse(&table, "head")
    }
}

/// A component's table with its `type` in front.
pub(super) fn named(name: &str, table: Settings) -> Settings {
    let mut with_type = Settings::new();
    with_type.insert("type".to_owned(), toml::Value::String(name.to_owned()));
    with_type.extend(table);
    with_type
}

#[cfg(test)]
mod tests {
    use schema::Role;

    use super::*;

    fn columns() -> Vec<Column> {
        let column = |name: &str, modality| Column {
            name: name.to_owned(),
            modality,
            role: Role::Input,
        };
        vec![
            column("photo", Modality::Image),
            column("title", Modality::Text),
        ]
    }

    #[test]
    fn an_experts_other_settings_stay_behind() {
        let mut table =
            toml::from_str("epochs = 3\naux_weight = 0\n[fusion]\ntype = \"gated\"\n").unwrap();
        let config = NetworkConfig::take(&mut table).unwrap();
        assert_eq!(config.aux_weight, 0.0);
        assert_eq!(table.keys().collect::<Vec<_>>(), ["epochs"]);
        assert!(config.check(&columns(), Task::Class).is_empty());
    }

    #[test]
    fn every_mistake_is_found_at_once_with_its_key() {
        let table = toml::from_str(
            "embed_dim = 0\n\
             [encoders.photo]\ntype = \"text_ngram\"\n\
             [encoders.titel]\nembed_dim = 8\n\
             [fusion]\ntype = \"transformer\"\nnum_blocks = 0\nblock = { num_heads = 5 }\n\
             [head]\ntype = \"regression\"\n\
             [loss]\nlabel_smoothing = 1.5\n",
        )
        .unwrap();
        let config = NetworkConfig::parse(&table).unwrap();
        let found: Vec<String> = config
            .check(&columns(), Task::Class)
            .iter()
            .map(|problem| problem.place.clone())
            .collect();
        assert_eq!(
            found,
            [
                "embed_dim",
                "encoders.titel",
                "encoders.photo.type",
                "fusion.num_blocks",
                "head.type",
                "loss.label_smoothing",
            ]
        );
    }

    #[test]
    fn written_out_settings_mean_the_same() {
        let complete = NetworkConfig::default()
            .complete(&columns(), Task::Class)
            .unwrap();
        assert_eq!(complete.fusion["type"].as_str(), Some("concat"));
        assert_eq!(complete.encoders["photo"]["size_px"].as_integer(), Some(64));
        assert_eq!(
            complete.complete(&columns(), Task::Class).unwrap(),
            complete
        );
        let (photo, image) = ("photo", Modality::Image);
        assert_eq!(
            complete.preparation(photo, image).unwrap(),
            NetworkConfig::default().preparation(photo, image).unwrap()
        );
    }
}
