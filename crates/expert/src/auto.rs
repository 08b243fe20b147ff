//! The automatic recipe: which experts, with which settings, from what is known before training.
//!
//! Own design, from the measurements in `docs/adr/0002-experts-and-stack.md`. Epochs are not decided here: a network
//! is planned by the ensemble when the cheap experts have shown how much time is left.

use std::collections::BTreeMap;

use data::{ImageAugment, MediaShape};
use schema::{Column, ExpertConfig, Modality, Settings, Task};

/// What the recipe looks at.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// Input columns.
    pub columns: &'a [Column],
    /// What is predicted.
    pub task: Task,
    /// Records to fit on, held-out ones included.
    pub num_records: usize,
    /// Median of the longer side of the pictures of the image columns, in pixels; 0 if there are none.
    pub picture_px: usize,
    /// Usual sizes of the sounds, series and videos, by column.
    pub media: &'a BTreeMap<String, MediaShape>,
    /// Columns that tell which of a few groups a record belongs to, such as the age of one of twenty patients.
    pub group_constants: &'a [String],
    /// Whether a time limit is set, within which a second network may be trained.
    pub has_time_limit: bool,
}

/// The experts for a situation, cheapest first.
pub fn recipe(situation: &Situation<'_>) -> Vec<ExpertConfig> {
    let mut experts = Vec::new();
    for column in columns_of(situation, |modality| modality == Modality::Text) {
        experts.push(expert(
            "text_ngram",
            &column.name,
            &[column],
            Settings::new(),
        ));
    }
    let tabular = columns_of(situation, Modality::is_tabular);
    if !tabular.is_empty() {
        experts.push(expert("table", "table", &tabular, Settings::new()));
        experts.push(expert("boost", "boost", &tabular, Settings::new()));
    }
    experts.extend(boosted_series(situation, &tabular));
    for column in columns_of(situation, |modality| {
        modality.is_media() && modality != Modality::Image
    }) {
        let settings = feature_settings(situation, column);
        experts.push(expert("media_feature", &column.name, &[column], settings));
    }
    for column in columns_of(situation, |modality| modality == Modality::Image) {
        experts.push(expert(
            "image_feature",
            &column.name,
            &[column],
            Settings::new(),
        ));
    }
    if wants_network(situation) {
        experts.extend(sounds_alone(situation));
        experts.push(joint(situation));
        if situation.has_time_limit {
            experts.push(second(situation));
        }
    }
    experts
}

/// Whether the stack's weights should go by every record: a fifth of a few records says too little, and fitting quick
/// experts several times on a few records takes seconds.
pub fn wants_cross_fit(num_records: usize, time_limit_secs: Option<f64>) -> bool {
    const FEW_RECORDS: usize = 2_500;
    const LEAST_SECS: f64 = 20.0;
    num_records <= FEW_RECORDS && time_limit_secs.is_none_or(|limit| limit >= LEAST_SECS)
}

/// Trees over every series beside the fields of its record.
fn boosted_series(situation: &Situation<'_>, tabular: &[&Column]) -> Option<ExpertConfig> {
    let series = columns_of(situation, |modality| modality == Modality::Series);
    let mut settings = shape_settings(situation, series.first()?);
    settings.insert("pairs".to_owned(), toml::Value::Boolean(true));
    let inputs: Vec<&Column> = tabular.iter().chain(&series).copied().collect();
    let inputs = within_groups(situation, inputs);
    Some(expert("boost", "boost_series", &inputs, settings))
}

/// The columns without those that only tell the group of a record: what is strong enough to learn a few groups by heart
/// does so, and fails on a new one. Measured on heart beats of 27 patients, by patient: 0.848 without age and sex,
/// 0.817 with them.
fn within_groups<'a>(situation: &Situation<'_>, columns: Vec<&'a Column>) -> Vec<&'a Column> {
    let differs = |column: &&&Column| !situation.group_constants.contains(&column.name);
    let kept: Vec<&Column> = columns.iter().filter(differs).copied().collect();
    if kept.is_empty() { columns } else { kept }
}

/// One joint network of every input and nothing else.
pub fn joint_alone(situation: &Situation<'_>) -> Vec<ExpertConfig> {
    let situation = Situation {
        group_constants: &[],
        ..situation.clone()
    };
    vec![joint(&situation)]
}

fn columns_of<'a>(situation: &Situation<'a>, wanted: impl Fn(Modality) -> bool) -> Vec<&'a Column> {
    situation
        .columns
        .iter()
        .filter(|column| wanted(column.modality))
        .collect()
}

fn expert(kind: &str, name: &str, columns: &[&Column], settings: Settings) -> ExpertConfig {
    let inputs = columns.iter().map(|column| column.name.clone()).collect();
    ExpertConfig {
        kind: kind.to_owned(),
        name: name.to_owned(),
        inputs,
        settings,
    }
}

/// A network learns what n-grams and picture features cannot; with few records of a numeric target it only adds
/// noise (measured on 321 records with four photos: the stack was better without).
fn wants_network(situation: &Situation<'_>) -> bool {
    const FEWEST_FOR_VALUES: usize = 1_000;
    const FEWEST_FOR_CLASSES: usize = 200;
    const FEWEST_TEXTS: usize = 20_000;
    let has_media = situation
        .columns
        .iter()
        .any(|column| column.modality.is_media());
    let kinds = {
        let mut kinds: Vec<_> = situation
            .columns
            .iter()
            .map(|column| column.modality)
            .collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds.len()
    };
    let fewest = if situation.task == Task::Regression {
        FEWEST_FOR_VALUES
    } else {
        FEWEST_FOR_CLASSES
    };
    situation.num_records >= fewest
        && (has_media || kinds > 1 || situation.num_records >= FEWEST_TEXTS)
}

/// A network for each sound beside a video: frames cost so much time that the joint network alone would leave the
/// sound half learned.
fn sounds_alone(situation: &Situation<'_>) -> Vec<ExpertConfig> {
    let has_video = situation
        .columns
        .iter()
        .any(|column| column.modality == Modality::Video);
    if !has_video {
        return Vec::new();
    }
    columns_of(situation, |modality| modality == Modality::Audio)
        .into_iter()
        .map(|column| network(situation, &format!("{}_network", column.name), &[column]))
        .collect()
}

fn joint(situation: &Situation<'_>) -> ExpertConfig {
    let columns = within_groups(situation, situation.columns.iter().collect());
    match columns.as_slice() {
        [only] => network(situation, &format!("{}_network", only.name), &columns),
        _ => network(situation, "joint", &columns),
    }
}

/// Below so many records of sounds, videos or series a network takes more and smaller steps.
const FEW_CLIPS: usize = 1_000;

fn network(situation: &Situation<'_>, name: &str, columns: &[&Column]) -> ExpertConfig {
    let mut trainer = Settings::new();
    // Often enough for a curve and a number beside the progress bar, seldom enough to cost next to nothing.
    trainer.insert("evaluate_every_epochs".to_owned(), toml::Value::Integer(5));
    if situation.picture_px >= PHOTO_PX
        && let Ok(mild) = Settings::try_from(ImageAugment::mild())
    {
        trainer.insert("augment".to_owned(), toml::Value::Table(mild));
    }
    let has_clips = columns
        .iter()
        .any(|column| column.modality.is_media() && column.modality != Modality::Image);
    if has_clips && situation.num_records < FEW_CLIPS {
        // Measured on 308 spoken sentences: 0.88 with 64 and 40 epochs, 0.94 with 32 and 40, 0.98 with 32 and 80.
        trainer.insert("batch_size".to_owned(), toml::Value::Integer(32));
        trainer.insert("epochs".to_owned(), toml::Value::Integer(80));
    }
    let mut settings = Settings::new();
    settings.insert("trainer".to_owned(), toml::Value::Table(trainer));
    let mut encoders = Settings::new();
    for column in columns {
        let mut shape = shape_settings(situation, column);
        if let (false, Some(encoder)) = (shape.is_empty(), default_encoder(column.modality)) {
            shape.insert("type".to_owned(), encoder.into());
            encoders.insert(column.name.clone(), toml::Value::Table(shape));
        }
    }
    if !encoders.is_empty() {
        settings.insert("encoders".to_owned(), toml::Value::Table(encoders));
    }
    expert("network", name, columns, settings)
}

fn default_encoder(modality: Modality) -> Option<&'static str> {
    nn::encoder::default_for(modality).map(|row| row.name)
}

/// Settings that bring the media of a column to their usual size, the same words for experts and encoders; empty where
/// the defaults will do.
fn shape_settings(situation: &Situation<'_>, column: &Column) -> Settings {
    let mut settings = Settings::new();
    let mut set = |key: &str, value: i64| {
        settings.insert(key.to_owned(), toml::Value::Integer(value));
    };
    match situation.media.get(&column.name) {
        Some(&MediaShape::Sound { rate_hz, len_ms }) => {
            let len_ms = len_ms.next_multiple_of(100).clamp(200, MOST_SOUND_MS);
            set("rate_hz", i64::from(rate_hz.clamp(4000, 16_000)));
            set("len_ms", i64::from(len_ms));
        }
        Some(&MediaShape::Series { len }) => {
            set("len", len.next_multiple_of(16).clamp(32, 1024) as i64);
        }
        Some(&MediaShape::Frames { num_frames, .. }) => {
            set("num_frames", num_frames.clamp(2, MOST_FRAMES) as i64);
        }
        None => {}
    }
    settings
}

/// Most records of which every part is tried: a cell is decoded once more for each.
const MOST_IN_PARTS: usize = 5_000;

/// Settings of the linear expert for the media of a column.
fn feature_settings(situation: &Situation<'_>, column: &Column) -> Settings {
    let mut settings = shape_settings(situation, column);
    let shape = situation.media.get(&column.name);
    if let Some(&MediaShape::Frames { num_frames, len_ms }) = shape {
        let every_ms = i64::from(len_ms) / num_frames.clamp(2, MOST_FRAMES) as i64;
        let every_ms = toml::Value::Integer(every_ms.clamp(1, 60_000));
        settings.insert("every_ms".to_owned(), every_ms);
    }
    let has_parts = matches!(column.modality, Modality::Audio | Modality::Video);
    if has_parts && shape.is_some() && situation.num_records <= MOST_IN_PARTS {
        let parts = ["whole", "start", "end"].map(toml::Value::from);
        settings.insert("parts".to_owned(), toml::Value::Array(parts.into()));
    }
    settings
}

/// Longest sound that the recipe looks at as a whole, in milliseconds; of longer ones the middle.
const MOST_SOUND_MS: u32 = 10_000;
/// Most frames of a video that the recipe looks at.
const MOST_FRAMES: usize = 24;

/// The same network from other first weights: two of them err less than one, where there is time for both.
fn second(situation: &Situation<'_>) -> ExpertConfig {
    let mut expert = joint(situation);
    expert.name.push_str("_2");
    expert
        .settings
        .insert("optional".to_owned(), toml::Value::Boolean(true));
    expert
}

/// Pictures of at least so many pixels are taken for photos, smaller ones for drawings and icons. Photos show their
/// subject in the middle and upright: random changes of half the usual size were better on catalogue photos.
const PHOTO_PX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Role;

    fn column(name: &str, modality: Modality) -> Column {
        Column {
            name: name.into(),
            modality,
            role: Role::Input,
        }
    }

    fn kinds(columns: &[Column], task: Task, num_records: usize) -> Vec<String> {
        let situation = Situation {
            columns,
            task,
            num_records,
            picture_px: 64,
            media: &BTreeMap::new(),
            group_constants: &[],
            has_time_limit: false,
        };
        recipe(&situation)
            .into_iter()
            .map(|expert| expert.kind)
            .collect()
    }

    #[test]
    fn words_and_pictures_get_their_experts_and_a_joint_network() {
        let columns = [
            column("text", Modality::Text),
            column("image", Modality::Image),
        ];
        assert_eq!(
            kinds(&columns, Task::Class, 2000),
            ["text_ngram", "image_feature", "network"]
        );
    }

    #[test]
    fn few_records_with_a_number_to_predict_get_no_network() {
        let columns = [
            column("photo", Modality::Image),
            column("area", Modality::Number),
        ];
        assert_eq!(
            kinds(&columns, Task::Regression, 321),
            ["table", "boost", "image_feature"]
        );
    }

    #[test]
    fn photos_are_changed_less_than_drawings() {
        let columns = [column("photo", Modality::Image)];
        let shift = |picture_px: usize| {
            let situation = Situation {
                columns: &columns,
                task: Task::Class,
                num_records: 900,
                picture_px,
                media: &BTreeMap::new(),
                group_constants: &[],
                has_time_limit: false,
            };
            let network = recipe(&situation).pop().unwrap();
            let augment = network.settings["trainer"].get("augment")?;
            augment["shift"].as_float()
        };
        assert_eq!((shift(64), shift(224)), (None, Some(0.06)));
    }

    #[test]
    fn media_get_their_feature_expert_and_sounds_beside_videos_a_network_of_their_own() {
        let columns = [
            column("clip", Modality::Video),
            column("voice", Modality::Audio),
        ];
        let media = BTreeMap::from([(
            "voice".to_owned(),
            MediaShape::Sound {
                rate_hz: 44_100,
                len_ms: 1_830,
            },
        )]);
        let situation = Situation {
            columns: &columns,
            task: Task::Class,
            num_records: 384,
            picture_px: 0,
            media: &media,
            group_constants: &[],
            has_time_limit: false,
        };
        let experts = recipe(&situation);
        let names: Vec<_> = experts.iter().map(|expert| expert.name.as_str()).collect();
        assert_eq!(names, ["clip", "voice", "voice_network", "joint"]);
        let encoder = &experts[2].settings["encoders"]["voice"];
        assert_eq!(encoder["rate_hz"].as_integer(), Some(16_000));
        assert_eq!(encoder["len_ms"].as_integer(), Some(1_900));
        let batch_size = &experts[2].settings["trainer"]["batch_size"];
        assert_eq!(batch_size.as_integer(), Some(32));
    }

    #[test]
    fn trees_see_series_beside_the_numbers_that_do_not_just_name_the_patient() {
        let columns = [
            column("signal", Modality::Series),
            column("distance_s", Modality::Number),
            column("age", Modality::Number),
        ];
        let situation = Situation {
            columns: &columns,
            task: Task::Class,
            num_records: 2141,
            picture_px: 0,
            media: &BTreeMap::new(),
            group_constants: &["age".to_owned()],
            has_time_limit: false,
        };
        let inputs = |experts: &[ExpertConfig], name: &str| {
            let expert = experts.iter().find(|expert| expert.name == name);
            expert
                .map(|expert| expert.inputs.join(" "))
                .unwrap_or_default()
        };
        let experts = recipe(&situation);
        assert_eq!(inputs(&experts, "boost"), "distance_s age");
        assert_eq!(inputs(&experts, "boost_series"), "distance_s signal");
        assert_eq!(inputs(&experts, "joint"), "signal distance_s");
        // Who asks for one network of every input gets it.
        let alone = joint_alone(&situation);
        assert_eq!(inputs(&alone, "joint"), "signal distance_s age");
    }

    #[test]
    fn few_short_texts_alone_need_no_network() {
        let columns = [column("text", Modality::Text)];
        assert_eq!(kinds(&columns, Task::Class, 2000), ["text_ngram"]);
        assert_eq!(
            kinds(&columns, Task::Class, 30_000),
            ["text_ngram", "network"]
        );
    }
}
