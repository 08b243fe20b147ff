//! Everything that a run needs to go on exactly where it was: one safetensors file.
//!
//! Tensors are named `weights/..`, `average/..`, `best/..` and `optimizer/..`; where the run stands is JSON in the
//! file's metadata. A file is written whole or not at all, and its content is checked before it is used.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use engine::{Parameters, Tensor};
use safetensors::{Dtype, SafeTensorError, SafeTensors, View, tensor::TensorView};
use serde::{Deserialize, Serialize};

use crate::{error::TrainError, history::History, schedule::PlateauState, stop::EarlyStop};

/// Version of the layout of the file.
const FORMAT: u32 = 1;
/// Room for the header: names, shapes and the history.
const HEADER_BYTES: u64 = 64 << 20;
/// Copies of the weights in a file at most: weights, average, best, two moments of the optimiser and its counters.
const MOST_COPIES: u64 = 6;

/// Where a run stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// Whole epochs done.
    pub epoch: usize,
    /// Batches of the next epoch that are done.
    pub batch: usize,
    /// Optimiser steps done.
    pub step: usize,
    /// Sum of the loss over the records of the unfinished epoch.
    pub loss_sum: f64,
    /// Records of the unfinished epoch that are done.
    pub num_records: usize,
    /// Seconds spent on them.
    pub secs: f64,
    /// Seconds of these in which the loop waited for batches.
    #[serde(default)]
    pub data_wait_secs: f64,
}

/// The part of a checkpoint that is no tensor.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Version of the layout.
    pub format: u32,
    /// Where the run stands.
    pub cursor: Cursor,
    /// Updates of the average.
    pub num_averaged: u64,
    /// Reductions of the `plateau` schedule.
    pub schedule: PlateauState,
    /// Best value and patience.
    pub early_stop: EarlyStop,
    /// The epochs done.
    pub history: History,
    /// What must be the same in the run that goes on: settings, seed, number of records.
    pub settings: serde_json::Value,
}

/// A run that can go on.
pub struct Checkpoint {
    /// Where it stands.
    pub progress: Progress,
    /// The weights of the last step, by name.
    pub weights: BTreeMap<String, Tensor>,
    /// The average of the weights, by name.
    pub average: BTreeMap<String, Tensor>,
    /// The weights of the best epoch, by name; empty without early stopping.
    pub best: BTreeMap<String, Tensor>,
    /// The optimiser's memory, by name.
    pub optimizer: BTreeMap<String, Tensor>,
}

/// The values of parameters by name; shares their memory.
pub(crate) fn tensors_of(parameters: &Parameters) -> BTreeMap<String, Tensor> {
    parameters
        .iter()
        .map(|(_, name, _, value)| (name.to_owned(), value.clone()))
        .collect()
}

/// Puts saved values into parameters of the same names and shapes.
///
/// # Errors
/// A reason if a name is missing or too many, or a shape differs.
pub(crate) fn put_into(
    parameters: &mut Parameters,
    mut saved: BTreeMap<String, Tensor>,
) -> Result<(), String> {
    let places: Vec<_> = parameters
        .iter()
        .map(|(id, name, ..)| (id, name.to_owned()))
        .collect();
    for (id, name) in places {
        let value = saved
            .remove(&name)
            .ok_or_else(|| format!("it lacks the weight `{name}`"))?;
        parameters
            .set(id, value)
            .map_err(|error| format!("weight `{name}`: {error}"))?;
    }
    match saved.keys().next() {
        Some(name) => Err(format!("it holds a weight `{name}` that the network lacks")),
        None => Ok(()),
    }
}

/// A tensor on its way to disk, little-endian.
struct Stored<'a>(&'a Tensor);

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values = self.0.data();
        if cfg!(target_endian = "little") {
            Cow::Borrowed(bytemuck::cast_slice(values))
        } else {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        }
    }

    fn data_len(&self) -> usize {
        size_of_val(self.0.data())
    }
}

impl Checkpoint {
    /// Name of the file in a run's checkpoint folder.
    pub const FILE: &'static str = "last.safetensors";

    /// Where the checkpoint of a folder lies.
    pub fn path(folder: &Path) -> PathBuf {
        folder.join(Self::FILE)
    }

    /// Writes the file. An earlier one stays as it is until the new one is complete.
    ///
    /// # Errors
    /// [`TrainError::Write`] if the disk refuses.
    pub fn save(&self, folder: &Path) -> Result<(), TrainError> {
        let path = Self::path(folder);
        std::fs::create_dir_all(folder).map_err(|error| TrainError::write(folder, error))?;
        schema::write_atomic_with(&path, |temporary| self.write(temporary))
            .map_err(|error| TrainError::write(&path, error))
    }

    /// Reads and checks the file of a folder for a network of `num_values` numbers; `None` if there is none.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] if it cannot be read, is larger than such a network's can be, of another version,
    /// or damaged.
    pub fn open(folder: &Path, num_values: usize) -> Result<Option<Self>, TrainError> {
        let path = Self::path(folder);
        let refuse = |reason: String| TrainError::checkpoint(&path, reason);
        let size = match std::fs::metadata(&path) {
            Ok(file) => file.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refuse(format!("cannot be read: {error}"))),
        };
        let limit = HEADER_BYTES + MOST_COPIES * 4 * num_values as u64;
        if size > limit {
            return Err(refuse(format!(
                "{size} bytes, more than the {limit} of this network"
            )));
        }
        let bytes =
            std::fs::read(&path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
        Self::decode(&bytes).map(Some).map_err(refuse)
    }

    /// Writes tensor by tensor: a copy of them all would be the largest thing in memory.
    fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut tensors = BTreeMap::new();
        for (group, values) in self.groups() {
            let named = values.iter();
            tensors.extend(named.map(|(name, it)| (format!("{group}/{name}"), Stored(it))));
        }
        let progress = Progress {
            format: FORMAT,
            ..self.progress.clone()
        };
        let progress = serde_json::to_string(&progress)?;
        let content = tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor.data()));
        let checksum = checksum(&progress, content);
        let metadata = HashMap::from([
            ("progress".to_owned(), progress),
            ("crc32c".to_owned(), format!("{checksum:08x}")),
        ]);
        safetensors::serialize_to_file(tensors, Some(metadata), path).map_err(|error| match error {
            SafeTensorError::IoError(error) => error,
            other => std::io::Error::other(other),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let damaged = |error: &dyn std::fmt::Display| format!("damaged: {error}");
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| damaged(&error))?;
        let file = SafeTensors::deserialize(bytes).map_err(|error| damaged(&error))?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let text = metadata
            .get("progress")
            .ok_or("no checkpoint of a training run")?;
        let progress: Progress = serde_json::from_str(text).map_err(|error| damaged(&error))?;
        if progress.format != FORMAT {
            let format = progress.format;
            return Err(format!(
                "layout version {format}; this program reads {FORMAT}"
            ));
        }
        let sorted: BTreeMap<&str, TensorView<'_>> = file.iter().collect();
        let content = sorted
            .iter()
            .map(|(name, view)| (*name, Cow::Borrowed(view.data())));
        let found = format!("{:08x}", checksum(text, content));
        if metadata.get("crc32c") != Some(&found) {
            return Err("damaged: its checksum does not fit its content".to_owned());
        }
        let mut groups: HashMap<&str, BTreeMap<String, Tensor>> = HashMap::new();
        for (name, view) in &sorted {
            let (group, name) = name.split_once('/').unwrap_or(("", name));
            let tensor = tensor_of(view).map_err(|reason| format!("`{name}`: {reason}"))?;
            groups
                .entry(group)
                .or_default()
                .insert(name.to_owned(), tensor);
        }
        let mut take = |group: &str| groups.remove(group).unwrap_or_default();
        let (weights, average) = (take("weights"), take("average"));
        let (best, optimizer) = (take("best"), take("optimizer"));
        match groups.keys().next() {
            Some(group) => Err(format!("unknown group of tensors \"{group}\"")),
            None => Ok(Self {
                progress,
                weights,
                average,
                best,
                optimizer,
            }),
        }
    }

    fn groups(&self) -> [(&'static str, &BTreeMap<String, Tensor>); 4] {
        [
            ("weights", &self.weights),
            ("average", &self.average),
            ("best", &self.best),
            ("optimizer", &self.optimizer),
        ]
    }
}

fn tensor_of(view: &TensorView<'_>) -> Result<Tensor, String> {
    if view.dtype() != Dtype::F32 {
        return Err(format!("is {:?}, expected F32", view.dtype()));
    }
    let values = view.data().chunks_exact(4).map(|bytes| {
        let [a, b, c, d] = [bytes[0], bytes[1], bytes[2], bytes[3]];
        f32::from_le_bytes([a, b, c, d])
    });
    Tensor::from_vec(view.shape(), values.collect()).map_err(|error| error.to_string())
}

/// Over the progress, then names and bytes of the tensors in the order of their names.
fn checksum<'a>(progress: &str, content: impl Iterator<Item = (&'a str, Cow<'a, [u8]>)>) -> u32 {
    content.fold(crc32c::crc32c(progress.as_bytes()), |sum, (name, bytes)| {
        crc32c::crc32c_append(crc32c::crc32c_append(sum, name.as_bytes()), &bytes)
    })
}

#[cfg(test)]
mod tests {
    use engine::ParamKind;

    use super::*;

    fn checkpoint(value: f32) -> Checkpoint {
        let tensors = |value| {
            let tensor = Tensor::from_vec(&[2, 1], vec![value, 1.0 / 3.0]).unwrap();
            BTreeMap::from([("fc.weight".to_owned(), tensor)])
        };
        let cursor = Cursor {
            epoch: 2,
            step: 7,
            loss_sum: 0.1 + 0.2,
            ..Cursor::default()
        };
        let progress = Progress {
            format: FORMAT,
            cursor,
            ..Progress::default()
        };
        Checkpoint {
            progress,
            weights: tensors(value),
            average: tensors(-value),
            best: BTreeMap::new(),
            optimizer: tensors(f32::MIN_POSITIVE / 4.0),
        }
    }

    #[test]
    fn what_was_saved_opens_with_the_same_bits() {
        let folder = tempfile::tempdir().unwrap();
        let saved = checkpoint(0.1);
        assert!(Checkpoint::open(folder.path(), 2).unwrap().is_none());
        saved.save(folder.path()).unwrap();
        let opened = Checkpoint::open(folder.path(), 2).unwrap().unwrap();
        assert_eq!(opened.progress, saved.progress);
        for ((_, opened), (_, saved)) in opened.groups().iter().zip(saved.groups()) {
            assert_eq!(opened.len(), saved.len());
            for (name, tensor) in saved {
                assert_eq!(opened[name].shape(), tensor.shape());
                assert_eq!(opened[name].data(), tensor.data());
            }
        }
    }

    #[test]
    fn a_damaged_cut_or_foreign_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = Checkpoint::path(folder.path());
        checkpoint(0.1).save(folder.path()).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let reason = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            Checkpoint::open(folder.path(), 2)
                .err()
                .unwrap()
                .to_string()
        };
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        assert!(reason(&flipped).contains("checksum"));
        assert!(reason(&whole[..whole.len() - 1]).contains("damaged"));
        assert!(reason(b"").contains("damaged"));
        assert!(reason(&u64::MAX.to_le_bytes()).contains("damaged"));
        let none = Vec::<(String, TensorView<'_>)>::new();
        let foreign = safetensors::serialize(none, None).unwrap();
        assert!(reason(&foreign).contains("no checkpoint"));
    }

    #[test]
    fn a_file_larger_than_the_network_allows_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(Checkpoint::path(folder.path())).unwrap();
        file.set_len(HEADER_BYTES + MOST_COPIES * 8 + 1).unwrap();
        let error = Checkpoint::open(folder.path(), 2).err().unwrap();
        assert!(error.to_string().contains("more than the"), "{error}");
    }

    #[test]
    fn weights_of_another_network_are_refused() {
        let mut parameters = Parameters::new();
        parameters
            .add("fc.weight", ParamKind::Weight, Tensor::zeros(&[2, 1]))
            .unwrap();
        assert_eq!(put_into(&mut parameters, checkpoint(0.5).weights), Ok(()));
        assert_eq!(tensors_of(&parameters)["fc.weight"].data()[0], 0.5);
        let mut more = checkpoint(0.5).weights;
        more.insert("x".to_owned(), Tensor::zeros(&[1]));
        assert!(put_into(&mut parameters, more).unwrap_err().contains("`x`"));
        assert!(
            put_into(&mut parameters, BTreeMap::new())
                .unwrap_err()
                .contains("lacks")
        );
        let other = BTreeMap::from([("fc.weight".to_owned(), Tensor::zeros(&[3]))]);
        assert!(
            put_into(&mut parameters, other)
                .unwrap_err()
                .contains("fc.weight")
        );
    }
}
