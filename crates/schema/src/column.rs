//! What a column is and what it is for.

use std::{fmt, str::FromStr};

use crate::{Code, Problem, suggest};

/// The kind of thing that the cells of a column hold.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Modality {
    /// Words, sentences, documents.
    Text,
    /// A picture: a path relative to the table, or its bytes.
    Image,
    /// A sound: a path, its bytes, or the path of a video with a sound track.
    Audio,
    /// Moving pictures: a path of a file or of a folder of frames, or bytes.
    Video,
    /// A series of measurements of one or more channels: a path, bytes, or a list of numbers.
    Series,
    /// A volume of voxels, such as a scan: a path or bytes.
    Volume,
    /// A finite number.
    Number,
    /// One of few values.
    Category,
    /// A day or a moment.
    Date,
}

impl Modality {
    /// Every modality, in the order in which `list` shows them.
    pub const ALL: [Self; 9] = [
        Self::Text,
        Self::Image,
        Self::Audio,
        Self::Video,
        Self::Series,
        Self::Volume,
        Self::Number,
        Self::Category,
        Self::Date,
    ];

    /// The name that stands in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Series => "series",
            Self::Volume => "volume",
            Self::Number => "number",
            Self::Category => "category",
            Self::Date => "date",
        }
    }

    /// Whether cells of this kind are files (or their bytes) that must be decoded.
    pub fn is_media(self) -> bool {
        matches!(
            self,
            Self::Image | Self::Audio | Self::Video | Self::Series | Self::Volume
        )
    }

    /// Whether a column of this kind belongs to the table part of a record (number, category, date).
    pub fn is_tabular(self) -> bool {
        matches!(self, Self::Number | Self::Category | Self::Date)
    }
}

impl fmt::Display for Modality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Modality {
    type Err = Problem;

    fn from_str(name: &str) -> Result<Self, Problem> {
        let names = Self::ALL.map(Self::name);
        Self::ALL
            .into_iter()
            .find(|modality| modality.name() == name)
            .ok_or_else(|| {
                Problem::new(
                    Code::Config,
                    format!("no modality \"{name}\"{}", suggest::known(name, &names)),
                )
            })
    }
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The model reads it.
    Input,
    /// The model predicts it.
    Target,
    /// Records that share its value stay on one side of a split.
    Group,
    /// Weight of the record in the loss.
    Weight,
    /// Names the record; copied to predictions, never read by a model.
    Id,
    /// Left out.
    Ignored,
}

/// A named field of a record.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Column {
    /// Name as it stands in the table.
    pub name: String,
    /// What its cells hold.
    pub modality: Modality,
    /// What it is for.
    pub role: Role,
}

/// What is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of two classes.
    Binary,
    /// One of several classes.
    Class,
    /// Any subset of several labels.
    Multilabel,
    /// A number.
    Regression,
}

impl Task {
    /// Every task, in the order in which `list` shows them.
    pub const ALL: [Self; 4] = [
        Self::Binary,
        Self::Class,
        Self::Multilabel,
        Self::Regression,
    ];

    /// The name that stands in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Class => "class",
            Self::Multilabel => "multilabel",
            Self::Regression => "regression",
        }
    }

    /// Whether exactly one class is right (binary or class).
    pub fn is_single_label(self) -> bool {
        matches!(self, Self::Binary | Self::Class)
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Task {
    type Err = Problem;

    fn from_str(name: &str) -> Result<Self, Problem> {
        let names = Self::ALL.map(Self::name);
        Self::ALL
            .into_iter()
            .find(|task| task.name() == name)
            .ok_or_else(|| {
                Problem::new(
                    Code::Config,
                    format!("no task \"{name}\"{}", suggest::known(name, &names)),
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for modality in Modality::ALL {
            assert_eq!(modality.name().parse(), Ok(modality));
        }
        for task in Task::ALL {
            assert_eq!(task.name().parse(), Ok(task));
        }
    }

    #[test]
    fn a_mistyped_modality_gets_the_closest_name() {
        let error = "imge".parse::<Modality>().unwrap_err();
        assert_eq!(
            error.what,
            "no modality \"imge\"; closest \"image\" (known: text, image, audio, video, series, \
             volume, number, category, date)"
        );
    }
}
